"""Two figures compared by what was kept of them: identical, or which panel is different, and by how much."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """What is not as it was: in which panel, which array or text, and how."""

    panel: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.panel}, {self.what}: {self.how}"


def differences(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    """What two figures do not share; nothing if they are identical. then, now : their `prints`"""
    if len(then) != len(now):
        return (Difference("page", "panels", f"{len(then)} then, {len(now)} now"),)
    return tuple(found for old, new in zip(then, now, strict=True) for found in in_panel(old, new))


def in_panel(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """What is not as it was in one panel."""
    for key in dict.fromkeys([*then["arrays"], *now["arrays"]]):
        old, new = then["arrays"].get(key), now["arrays"].get(key)
        if old is None or new is None:
            yield Difference(now["panel"], key, "not there then" if old is None else "not there now")
        elif old[1] != new[1]:
            yield Difference(now["panel"], key, how_much(old, new))
    old, new = then["texts"], now["texts"]
    for text in [text for text in old if text not in new]:
        yield Difference(now["panel"], "text", f"{text!r} is gone")
    for text in [text for text in new if text not in old]:
        yield Difference(now["panel"], "text", f"{text!r} is new")


def how_much(then: Sequence[Any], now: Sequence[Any]) -> str:
    """By how much an array has changed, as its summaries tell."""
    if list(then[0]) != list(now[0]):
        return f"shape {tuple(then[0])} then, {tuple(now[0])} now"
    pairs = zip(("least", "mean", "largest"), then[2:], now[2:], strict=True)
    told = [changed(name, old, new) for name, old, new in pairs if old != new]
    return "; ".join(told) or "other values of the same least, mean and largest"


def changed(name: str, old: float | None, new: float | None) -> str:
    """One number then and now.

    >>> changed("mean", 2.0, 2.5), changed("mean", None, 2.5)
    ('mean 2 then, 2.5 now (+0.5)', 'mean unknown then, 2.5 now')
    """
    words = [f"{value:.6g}" if value is not None else "unknown" for value in (old, new)]
    step = f" ({new - old:+.2g})" if old is not None and new is not None else ""
    return f"{name} {words[0]} then, {words[1]} now{step}"
