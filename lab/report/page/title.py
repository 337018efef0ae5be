"""The title page: what was compared, how it came out, what the twin is; what missed and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.night.html import listed, moment, own, section, text
from lab.report.page.chapters import CHAPTERS
from lab.report.page.numbers import numbers, photons
from lab.report.text import MISSING
from lab.wording import count

if TYPE_CHECKING:
    from lab.report.page.sheet import Sheet

PAPER = '<a href="https://doi.org/10.1039/d1nr08473a">Nanoscale 2022, 14, 5769</a>'
HONEST = (
    "No photon here is real. The digital twin simulates the samples, the optics, the detectors and the cards; its "
    "photons travel the path of real ones through acquisition and analysis, which are told nothing of what was put in. "
    "A number that agrees says that this program would have found it in such a sample; it says nothing new of nature."
)


def title_page(sheet: Sheet) -> str:
    """Title, headline, facts, contents."""
    facts = [
        (verdicts(sheet, "ok"), "within the stated tolerance"),
        (verdicts(sheet, "missed"), "missed"),
        (verdicts(sheet, "open"), "open: too few emitters to decide"),
        (verdicts(sheet, MISSING), "not measured"),
        (verdicts(sheet, "setting"), "choices, followed as printed"),
        (str(sheet.n_runs or len(sheet.uids)), "runs stored"),
        (photons(sheet.n_photons) if sheet.n_photons else "–", "simulated photons, at least"),
    ]
    glance = "".join(f"<div><b>{text(value)}</b><span>{label}</span></div>" for value, label in facts)
    return (
        '<header class="card title"><h1>The paper, measured on the twin</h1>'
        f'<p class="soft">Baronnier et al., {PAPER}: every number that can be checked, measured again with Luminescope '
        f'{own(sheet.code_version)} on simulated samples{when(sheet)}.</p><p class="headline">{headline(sheet)}</p>'
        f'<div class="facts">{glance}</div><p class="honest">{HONEST}</p>{contents()}</header>'
    )


def when(sheet: Sheet) -> str:
    """When the runs were made."""
    times = [start["time"] for uid in sheet.uids if (start := sheet.starts.get(uid)) is not None]
    return f", {moment(min(times))} to {moment(max(times))}" if times else ""


def verdicts(sheet: Sheet, name: str) -> str:
    return str(sum(one.verdict == name for one in sheet.rows))


def headline(sheet: Sheet) -> str:
    """The outcome in a sentence."""
    judged = [one for one in sheet.rows if one.verdict in ("ok", "missed")]
    good = sum(one.verdict == "ok" for one in judged)
    left = sum(one.verdict == MISSING for one in sheet.rows)
    if not judged:
        return "Nothing could be measured."
    told = f"{'All ' if good == len(judged) else f'{good} of '}{count(len(judged), 'number')} agree with the paper"
    missed = len(judged) - good
    rest = [f"{missed} missed the tolerance"] if missed else []
    undecided = sum(one.verdict == "open" for one in sheet.rows)
    rest += [f"{undecided} open: too few emitters to decide"] if undecided else []
    rest += [f"{left} could not be measured"] if left else []
    return f"{told}{'; ' + ', '.join(rest) if rest else ' within the stated tolerances'}."


def contents() -> str:
    links = (
        f'<a href="#section-{one.number}"><b>{one.number}</b> {text(one.title)}'
        f'<span class="soft"> {text(", ".join(plate.title for plate in one.plates))}</span></a>'
        for one in CHAPTERS
    )
    return listed(links, about=' class="contents"')


def troubles(sheet: Sheet) -> str:
    """What missed, is open, or was not measured, before anything else."""
    missed = [one for one in sheet.rows if one.verdict == "missed"]
    left = [one for one in sheet.rows if one.verdict == MISSING]
    plainly = "" if missed else '<p class="soft">Nothing missed its tolerance.</p>'
    reasons = (f"<b>{text(step)}</b> {own(reason)}" for step, reason in sheet.missing.items())
    why = listed(reasons, about=' class="plain"')
    unmeasured = f'<h3 class="named">Not measured</h3>{why}{numbers(left, anchored=False)}' if left or why else ""
    undecided = [one for one in sheet.rows if one.verdict == "open"]
    few = f'<h3 class="named">Open: too few emitters to decide</h3>{numbers(undecided, anchored=False)}'
    body = plainly + numbers(missed, anchored=False) + (few if undecided else "") + unmeasured
    return section("Misses", body, about="trouble" if missed or left else "")


def rebuilding(sheet: Sheet) -> str:
    """What to type for the same report, the same figures, new photons."""
    lines = [
        "<code>python -m lab.report demo</code> computes every number and this page again from the stored runs; no "
        "instrument, no photon is needed",
        "<code>make figures FOLDER=demo</code> draws every figure again and says whether it is identical",
        "<code>make demo SEED=7</code> measures it all anew, on other simulated photons",
        "<code>results.json</code> and <code>results.csv</code> beside this page hold all of it, uids in full",
    ]
    return listed(lines, about=' class="plain"')
