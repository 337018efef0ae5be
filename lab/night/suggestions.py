"""What to do about a night: rules from what went wrong to what helps, and the next line to type."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab.night.entry import FAILED, SKIPPED, Entry, Night
from lab.night.runs import RunFacts
from lab.spectra.derivation import PLANS as SPECTRA_PLANS
from lab.wording import count
from plans.item import Item

FS5_PLANS = (*SPECTRA_PLANS, "warm_up")
HIGH_DRIFT_UM = 1.0
# what a reason says -> what helps, and what to type; {again} is the item itself
REMEDIES: tuple[tuple[str, str, str], ...] = (
    (r"time.?zero", "Put time_zero before it in the queue.", "RE(time_zero(microscope))"),
    (r"\birf\b|instrument response", "Put irf before it in the queue.", "RE(irf(microscope))"),
    (r"\bblank\b", "Put the blank before it in the queue.", "RE(blank(fs5))"),
    (r"reference", "Measure what it is compared with first.", "explain({call})"),
    (r"lamp is off|warm", "Warm the lamp up first.", "RE(warm_up(fs5))"),
    (
        r"overload|over-?rate|tripped|room light",
        "Less light on the detectors: lower intensity_w_cm2, and see that the room is dark.",
        "microscope.spads.reset(); microscope.shutter.reset()",
    ),
    (r"interlock|latch|dead-man|panic", "See to what closed the shutter, then clear it.", "microscope.shutter.reset()"),
    (r"dose|budget", "Fewer scans, shorter dwell, less light, or a larger max_dose_kj_cm2.", "explain({call})"),
    (r"disk|\bfree\b|no space|make room", "Make room on the disk of the data folder.", "{again}"),
    (
        r"time-?out|did not answer|no answer|disconnected|restarted|not connected",
        "A process or an instrument did not answer; data/run/iocs.log says more.",
        "lab",
    ),
    (
        r"not found|lost",
        "The emitter was not where it was expected: look at the sample again.",
        "RE(find_emitters(microscope))",
    ),
)


def remedy(entry: Entry) -> tuple[str, str]:
    """What helps an item that did not succeed, and what to type next."""
    call = call_of(entry.item)
    again = f"RE({call})"
    for pattern, advice, typed in REMEDIES:
        if re.search(pattern, entry.reason, re.IGNORECASE):
            return advice, typed.format(call=call, again=again)
    return "Try it by itself, with somebody watching.", again


def call_of(item: Item) -> str:
    """An item as it is typed.

    >>> call_of(Item("flim_raster", {"sample": "A", "n_scans": 2}))
    'flim_raster(microscope, sample="A", n_scans=2)'
    """
    device = "fs5" if item.plan in FS5_PLANS else "microscope"
    return f"{item.plan}({', '.join([device, *arguments(item.arguments)])})"


def arguments(given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        yield f"{name}={typed(value)}"


def typed(value: Any) -> str:
    """A value as Python has it, text in double quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)


Rule = Callable[[Night, Sequence[RunFacts]], Iterable[str]]


def suggestions(night: Night, runs: Sequence[RunFacts]) -> list[str]:
    """What the night suggests for the next one, each once."""
    return list(dict.fromkeys(line for rule in RULES for line in rule(night, runs)))


def pile_up(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    found = [run for run in runs if "pile-up" in run.text]
    if found:
        yield f"Pile-up in {named(found)}: lifetimes come out too short there; lower intensity_w_cm2."


def unfitted(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    found = [run for run in runs if re.search(r"only \d+% of the pixels could be fitted", run.text)]
    if found:
        yield f"Too few photons in most pixels of {named(found)}: more scans, or larger pixels."


def drifted(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    for run in runs:
        if (far := re.search(r"drift\s+([\d.]+) \+- [\d.]+ um", run.text)) and float(far[1]) > HIGH_DRIFT_UM:
            yield f"{named([run])} drifted by {far[1]} um: shorter dwell_ms and more n_scans follow the sample better."
        if "could not be placed" in run.text:
            yield f"Scans of {named([run])} could not be placed: brighter scans or a larger extent_um show more."


def bleached(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    seen = {run.about for run in runs if run.plan_name in ("hbt", "blinking")}
    gone = {
        run.about for run in runs if run.plan_name in ("hbt", "blinking") and re.search(r"bleached after", run.text)
    }
    if gone and 4 * len(gone) >= len(seen):
        yield f"{len(gone)} of {count(len(seen), 'dot')} bleached: less light (intensity_w_cm2) keeps them alive."


def undecided(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    found = [run for run in runs if run.plan_name == "hbt" and "no dip identified" in run.text]
    if found:
        yield f"No dip was identified in {named(found)}: a smaller target_err_ns or a longer max_time_s would decide."


def left_over(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    late = [entry for entry in night.of_state(SKIPPED) if re.search(r"until|could not end|too late|time", entry.reason)]
    if late:
        yield f"{count(len(late), 'item')} had no time left: begin earlier, change the order, or take fewer scans."
    if night.left and not night.finished:
        yield f"{count(len(night.left), 'item')} still to be done: make night goes on where it was cut off."


def cut_off(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    n = sum(entry.interruptions for entry in night.entries)
    if n > 2:
        yield f"{n} interruptions in one night: data/run/iocs.log and data/run/storage.log say why processes ended."


def not_stored(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    waiting = [run for run in runs if run.start and not run.stored]
    if waiting:
        yield (
            f"Storage is behind by {count(len(waiting), 'run')}: nothing is lost, the journal has them; "
            "the next session (make lab) brings them in."
        )


def not_dark(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    if any(run.dark is False for run in runs[-1:]):
        yield "A shutter was read back open at the end of the last run: look at the instrument; panic() closes it."


def retried(night: Night, runs: Sequence[RunFacts]) -> Iterable[str]:
    hopeless = [entry for entry in night.of_state(FAILED) if entry.attempts > 2]
    if hopeless:
        yield f"{count(len(hopeless), 'item')} failed however often tried: fewer retries leave more of the night."


def named(runs: Sequence[RunFacts]) -> str:
    """The first few runs by name."""
    each = [f"{run.plan_name} of {run.about} ({run.uid[:8]})" for run in runs[:3]]
    more = [f"{len(runs) - 3} more"] if len(runs) > 3 else []
    return ", ".join([*each, *more])


RULES: tuple[Rule, ...] = (
    not_dark, left_over, pile_up, unfitted, drifted, bleached, undecided, retried, cut_off, not_stored,
)  # fmt: skip
