"""Which runs are wanted: what a person typed into the search form, checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from lab.view.entry import Entry

PER_PAGE = 50
KINDS = {"": "measurements", "analysis": "analyses", "all": "both"}
LONGEST = 200


@dataclass(frozen=True)
class Wish:
    """A search; empty texts wish for nothing. `problems` : what could not be understood, in words."""

    words: str = ""
    sample: str = ""
    plan: str = ""
    status: str = ""
    since: str = ""
    until: str = ""
    kind: str = ""
    page: int = 1
    problems: tuple[str, ...] = ()

    def __call__(self, entry: Entry) -> bool:
        """Whether a run is wanted."""
        if self.kind != "all" and entry.is_analysis != (self.kind == "analysis"):
            return False
        if self.sample and entry.sample != self.sample:
            return False
        if (self.plan and entry.plan_name != self.plan) or (self.status and entry.exit_status != self.status):
            return False
        if not self.first_s <= entry.began_s < self.behind_s:
            return False
        return all(word in entry.words for word in self.words.casefold().split())

    @property
    def first_s(self) -> float:
        """The beginning of the first day, in Unix seconds."""
        return day_s(self.since) if self.since else float("-inf")

    @property
    def behind_s(self) -> float:
        """The end of the last day."""
        return day_s(self.until, 1) if self.until else float("inf")

    @property
    def narrow(self) -> bool:
        """Whether it asks for anything but the page."""
        return any((self.words, self.sample, self.plan, self.status, self.since, self.until, self.kind))

    def on_page(self, page: int) -> str:
        """The address of another page of what was found."""
        keys = ("words", "sample", "plan", "status", "since", "until", "kind")
        given = {key: getattr(self, key) for key in keys if getattr(self, key)}
        return "/runs?" + urlencode({**given, "page": page})


def wish(given: Mapping[str, str]) -> Wish:
    """A search from the fields of a form; what cannot be understood is told, and left out."""
    texts = {key: given.get(key, "").strip()[:LONGEST] for key in ("words", "sample", "plan", "status")}
    problems: list[str] = []
    days = {}
    for key in ("since", "until"):
        text = given.get(key, "").strip()[:LONGEST]
        try:
            days[key] = date.fromisoformat(text).isoformat() if text else ""
        except ValueError:
            days[key] = ""
            problems.append(f"{key} = {text!r} is no day; write it as {date.today().isoformat()}")
    kind = given.get("kind", "")
    if kind not in KINDS:
        problems.append(f"kind = {kind!r}; allowed: {', '.join(filter(None, KINDS))}")
        kind = ""
    number = given.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    return Wish(**texts, **days, kind=kind, page=max(1, page), problems=tuple(problems))


def day_s(day: str, later: int = 0) -> float:
    """Local midnight of a day, or of one some days later."""
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time())
    try:
        return (midnight + timedelta(days=later)).timestamp()
    except (OverflowError, OSError, ValueError):
        return float("inf") if later or midnight.year > 2000 else float("-inf")


@dataclass(frozen=True)
class Found:
    """One page of what a search found."""

    total: int
    page: int
    pages: int
    runs: tuple[Entry, ...]


def found(runs: Iterable[Entry], wanted: Wish) -> Found:
    """The page of a search; the last one, if it asks for one behind it."""
    fitting = [entry for entry in runs if wanted(entry)]
    pages = max(1, -(-len(fitting) // PER_PAGE))
    page = min(wanted.page, pages)
    return Found(len(fitting), page, pages, tuple(fitting[(page - 1) * PER_PAGE : page * PER_PAGE]))
