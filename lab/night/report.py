"""The morning report: one file that tells a whole night, readable anywhere, without a server.

python -m lab.night.report 2026-11-22      writes data/nights/2026-11-22.html again
"""

import argparse
import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.night.cards import cards
from lab.night.chapters import calibrations, evening, failures, interruptions, provenance, results, trends
from lab.night.entry import DONE, FAILED, SKIPPED, Night
from lab.night.html import clock, document, listed, moment, own, section, text
from lab.night.page import replaced
from lab.night.runs import RunFacts, runs_of
from lab.night.suggestions import suggestions
from lab.night.timeline import timeline
from lab.wording import count

log = logging.getLogger(__name__)

FOLDER = "nights"


@dataclass(frozen=True)
class Places:
    """Where the facts of a lab are on disk."""

    journal: Path
    figures: Path
    registry: Path
    ledger: Path
    reports: Path

    @classmethod
    def of(cls, config: Any) -> "Places":
        data = config.folders.data
        registry, ledger = data / "emitters.sqlite", data / "nights.sqlite"
        return cls(config.folders.journal, data / "figures", registry, ledger, data / FOLDER)


def gather(places: Places, night: Night, *, again: bool = True) -> list[RunFacts]:
    """All runs of a night from the journal, with their numbers and pictures.

    again : look at every run again, for its result in full and for pictures that are missing; takes seconds for a run,
        more for a large raster
    """
    from lab.night.retold import pictured, retold

    found = runs_of(places.journal, night)
    return retold(found, places.journal, places.figures, places.registry) if again else pictured(found, places.figures)


def write(path: Path, night: Night, runs: Iterable[RunFacts]) -> Path:
    """Write the report of a night."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return replaced(path, render(night, list(runs)))


def render(night: Night, runs: Sequence[RunFacts], *, clock_s: Callable[[], float] = time.time) -> str:
    """The report of a night, also of one that goes on."""
    end_s = end_of(night, runs)
    title = f"Night {night.name}"
    parts = [
        section("Timeline", timeline(night, runs, end_s)),
        section("Failed or left out", failures(night, runs)),
        section("Interruptions", interruptions(night, runs)),
        section("Suggestions", listed(map(own, suggestions(night, runs)), about=' class="advice"')),
        section("Results", results(runs)),
        section("Over the night", trends(runs)),
        section("Runs", cards(runs)),
        section("Queue", evening(night)),
        section("Calibrations used", calibrations(runs)),
        section("Where it comes from", provenance(night, runs)),
    ]
    head = (
        f'<header><h1>Luminescope · night {own(night.name)}</h1><span class="soft small">'
        f"written {moment(clock_s())}</span></header>"
        f'<section class="card"><p class="headline">{headline(night, runs, end_s)}</p>'
        f"{at_a_glance(night, runs)}</section>"
    )
    return document(title, f"<main>{head}{''.join(parts)}</main>")


def headline(night: Night, runs: Sequence[RunFacts], end_s: float) -> str:
    """The night in a sentence."""
    n, done = len(night.entries), len(night.of_state(DONE))
    failed, skipped, left = len(night.of_state(FAILED)), len(night.of_state(SKIPPED)), len(night.left)
    told = [f"All {n} items done" if done == n > 1 else f"{done} of {count(n, 'item')} done"]
    told += [f"{failed} failed"] if failed else []
    told += [f"{skipped} left out"] if skipped else []
    told += [f"{left} still to be done"] if left else []
    return text(f"{', '.join(told)}, from {clock(night.began_s)} to {clock(end_s)}; {darkness(runs)}.")


def darkness(runs: Sequence[RunFacts]) -> str:
    """Whether it was dark at the end, as far as it was read back."""
    dark = runs[-1].dark if runs else None
    if dark is None:
        return "no run ended with the shutters read back" if runs else "nothing was measured"
    return "dark at the end" if dark else "NOT dark at the end: look at the shutters"


def at_a_glance(night: Night, runs: Sequence[RunFacts]) -> str:
    """A few numbers under the headline."""
    cut = sum(entry.interruptions for entry in night.entries)
    good = sum(run.exit_status == "success" for run in runs)
    ended = {"finished": "came to its end", "until": "time was up", "stop": "stopped by a failure", "abort": "aborted"}
    facts = [
        (f"{good} of {len(runs)}", "runs complete"),
        (str(cut), "interruptions"),
        (str(sum(run.derived_uid != "" for run in runs)), "analyses stored"),
        (ended.get(night.stopped_by, night.stopped_by or "goes on"), "the night"),
    ]
    return f'<div class="facts">{"".join(f"<div><b>{text(a)}</b><span>{b}</span></div>" for a, b in facts)}</div>'


def end_of(night: Night, runs: Sequence[RunFacts]) -> float:
    """When a night ended, or the last that is known of it."""
    if night.ended_s is not None:
        return night.ended_s
    times = [night.began_s, *(run.ended_s for run in runs), *(entry.ended_s for entry in night.entries)]
    return max(time_s for time_s in times if math.isfinite(time_s))


def main(given: Sequence[str] | None = None) -> int:
    """Write the report of a night again."""
    from lab.config import read
    from lab.home import usual_config
    from lab.night.ledger import Ledger

    parser = argparse.ArgumentParser(prog="python -m lab.night.report", description="write the report of a night again")
    parser.add_argument("name", nargs="?", help="of the night; the last one without")
    parser.add_argument("--config", type=Path, default=usual_config(), help="the lab.toml of the lab")
    asked = parser.parse_args(given)
    places = Places.of(read(asked.config))
    if not places.ledger.exists():
        parser.error(f"there was no night yet: {places.ledger} does not exist")
    ledger = Ledger(places.ledger, places.journal)
    names = ledger.names()
    name = asked.name or (names[-1] if names else "")
    if name not in names or Path(name).name != name:
        parser.error(f"there is no night {name!r}; there are {', '.join(names) or 'none'}")
    night, path = ledger.night(name), places.reports / f"{name}.html"
    write(path, night, gather(places, night, again=False))  # whatever happens to the rest, there is a report
    write(path, night, gather(places, night))
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
