"""What a figure is, in words that can be stored: a drawing, the runs in it, what of them is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Uids = str | tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """How to draw a figure again.

    kind : name of the drawing: "figure4", or the plan of the run whose overview it is
    runs : role -> uid, or uids of runs that are taken together
    selection : what of them is shown, and how: anything JSON can say
    """

    kind: str
    runs: Mapping[str, Uids]
    selection: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uids(self) -> tuple[str, ...]:
        """Of all runs, each once."""
        return tuple(dict.fromkeys(_flat(self.runs.values())))

    def told(self) -> dict[str, Any]:
        """As JSON knows it."""
        runs = {role: uids if isinstance(uids, str) else list(uids) for role, uids in self.runs.items()}
        return {"kind": self.kind, "runs": runs, "selection": dict(self.selection)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Recipe:
        """From what was stored; ValueError if that is none."""
        try:
            runs = {str(role): uids if isinstance(uids, str) else tuple(uids) for role, uids in told["runs"].items()}
            return cls(str(told["kind"]), runs, dict(told["selection"]))
        except (AttributeError, KeyError, TypeError) as why:
            raise ValueError(f"{told!r} is no recipe of a figure: it needs kind, runs, selection") from why


class Results(Protocol):
    """Where a drawing finds results: those in hand, or those of stored runs, computed again."""

    def of(self, uid: str) -> Any:
        """The result of a run; LookupError if there is none."""

    def together(self, kind: str, uids: tuple[str, ...], selection: Mapping[str, Any]) -> Any:
        """The result of many runs: a "pl_series", a "power_series" or a "cohort"."""


class Held:
    """Results in hand."""

    def __init__(self, *results: Any, groups: Mapping[str, Any] | None = None):
        self._of = {result.uid: result for result in results}
        self._together = {(kind, tuple(group.uids)): group for kind, group in _named(groups or {})}

    def of(self, uid: str) -> Any:
        if uid not in self._of:
            raise LookupError(f"run {uid[:8]} is not among the results in hand")
        return self._of[uid]

    def together(self, kind: str, uids: tuple[str, ...], selection: Mapping[str, Any]) -> Any:
        if (kind, tuple(uids)) not in self._together:
            raise LookupError(f"no {kind} of {len(uids)} runs is among the results in hand")
        return self._together[kind, tuple(uids)]


def _named(groups: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for kind, given in groups.items():
        yield from ((kind, one) for one in (given if isinstance(given, list) else [given]))


def _flat(values: Any) -> Iterator[str]:
    for uids in values:
        yield from ((uids,) if isinstance(uids, str) else uids)
