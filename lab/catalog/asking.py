"""What is asked of the catalog: words of a search, checked, with what was meant where they are misspelt."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bluesky_tiled_plugins.queries import TimeRange
from tiled.queries import FullText, In, Key

from lab.catalog.when import since_s, until_s

WORDS = {"sample": "sample_name", "plan": "plan_name"}
KEYS = (
    "sample_name",
    "plan_name",
    "emitter",
    "campaign",
    "power_series",
    "night",
    "operator",
    "purpose",
    "scan_id",
    "backend",
    "irf_uid",
    "continues",
    "protocol_version",
    "code_version",
    "wiring",
)
TOLD = ("sample", "plan", "emitter", "campaign", "since", "until", "exit_status", "night", "operator", "purpose")
OF_RUNS = ("since", "until", "exit_status")  # what no key of a start document says
NAMES = (*WORDS, "sample_name", "plan_name", "emitter", "campaign", "night", "operator")
ENDINGS = ("success", "abort", "fail", "interrupted", "open")
PURPOSES = ("measurement", "analysis", "figure", "any")
GROUPS = ("pl_series",)  # analyses whose name does not say so


@dataclass(frozen=True)
class Asked:
    """One search.

    keys : of the start document, value or list of values; since_s, until_s : seconds since 1970
    text : words that all must occur; exit_status : one of ENDINGS, "" for all
    words : the search as it was typed
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    since_s: float | None = None
    until_s: float | None = None
    text: str = ""
    exit_status: str = ""
    words: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None, words: Mapping[str, Any], *, any_key: bool = False) -> "Asked":
        """A search of measurements; ValueError that names the word that is none, or what is out of its range.

        any_key : words may be any keys of start documents
        """
        given = {word: value for word, value in words.items() if value is not None}
        check_text(text)
        for word in () if any_key else given:
            check_word(word)
            check_names(word, given[word])
        keys = {WORDS.get(word, word): value for word, value in given.items() if word not in OF_RUNS}
        status = str(given.get("exit_status", ""))
        check_value("exit_status", status, ENDINGS)
        since, until = given.get("since"), given.get("until")
        begin, end = (None if since is None else since_s(since)), (None if until is None else until_s(until))
        if begin is not None and end is not None and begin > end:
            raise ValueError(f"since={since!r} is later than until={until!r}: exchange them, or leave one out")
        typed = {**({"text": text} if text else {}), **given}
        return cls(with_purpose(keys), begin, end, text or "", status, typed)

    def without(self, word: str) -> "Asked":
        """The same search without one of its words."""
        kept = {name: value for name, value in self.words.items() if name not in (word, "text")}
        return Asked.of(None if word == "text" else self.text, kept)

    def only(self, word: str) -> "Asked":
        """A search with one of its words alone."""
        return Asked.of(self.text if word == "text" else None, {} if word == "text" else {word: self.words[word]})

    def of_start(self, runs: Any) -> Any:
        """The runs of a catalog whose start documents fit."""
        if self.since_s is not None or self.until_s is not None:
            runs = runs.search(TimeRange(since=self.since_s, until=self.until_s))
        for key, value in self.keys.items():
            many = isinstance(value, (list, tuple, set, frozenset))
            runs = runs.search(In(key, list(value)) if many else Key(key) == value)
        return runs.search(FullText(quoted(self.text))) if self.text else runs


def with_purpose(keys: dict[str, Any]) -> dict[str, Any]:
    """Measurements, unless an analysis is asked for by its purpose or its name."""
    purpose = keys.pop("purpose", None)
    check_value("purpose", purpose or "", PURPOSES)
    plans = keys.get("plan_name", "")
    names = [plans] if isinstance(plans, str) else list(plans)
    of_analyses = any(name.endswith("_analysis") or name in GROUPS for name in names)
    wanted = purpose or ("any" if of_analyses else "measurement")
    return keys if wanted == "any" else {**keys, "purpose": wanted}


def check_word(word: str) -> None:
    """ValueError unless one can search by this word."""
    allowed = (*TOLD, *KEYS)
    if word not in allowed:
        raise ValueError(
            f"find({word}=...): one cannot search by {word!r}{meant(word, allowed)}; search by {', '.join(TOLD)}, "
            'or by words: find("QD film")'
        )


def check_text(text: Any) -> None:
    """ValueError for what is no text."""
    if text is not None and not isinstance(text, str):
        raise ValueError(f'find({text!r}): words are searched: find("QD film"); db[{text!r}] is a run, if there is one')


def check_names(word: str, value: Any) -> None:
    """ValueError unless a name, or names, are given where names are searched."""
    many = isinstance(value, (list, tuple, set, frozenset))
    wrong = word in NAMES and not all(isinstance(one, str) for one in (value if many else [value]))
    if wrong:
        raise ValueError(f'{word}={value!r}: give a name or a list of names, such as {word}="A"')


def check_value(word: str, value: str, allowed: tuple[str, ...]) -> None:
    if value and value not in allowed:
        raise ValueError(f"{word}={value!r}{meant(value, allowed)}: it is one of {', '.join(allowed)}")


def meant(word: str, known: Iterable[str]) -> str:
    """What may have been meant.

    >>> meant("smaple", ["sample", "plan"]), meant("x", ["sample"])
    (', did you mean "sample"?', '')
    """
    lower = {str(one).lower(): str(one) for one in known}
    near = difflib.get_close_matches(str(word).lower(), list(lower), n=3, cutoff=0.65)
    return f", did you mean {' or '.join(chr(34) + lower[one] + chr(34) for one in near)}?" if near else ""


def quoted(text: str) -> str:
    """Return text as quoted words, all of which must occur: bare hyphens are operators of the search."""
    return " ".join(f'"{word}"' for word in text.replace('"', " ").split())
