"""The chapters of the morning report, each from the facts of a night alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab.night.cards import name
from lab.night.entry import FAILED, SKIPPED, Entry, Night
from lab.night.html import clock, moment, own, span, table, text
from lab.night.plots import curves
from lab.night.runs import ROUTES, RunFacts
from lab.night.suggestions import remedy
from lab.wording import count

GAP_S = 900.0


def evening(night: Night) -> str:
    """What was planned, and what became of it."""
    return table(
        ("", "item", "state", "began", "took", "expected", "attempts"), (planned(entry) for entry in night.entries)
    )


def planned(entry: Entry) -> tuple[str, ...]:
    state = f'<span class="state {entry.state}">{text(entry.state)}</span>'
    took = span(entry.ended_s - entry.began_s)
    known = (clock(entry.began_s), took, span(entry.expected_s), str(entry.attempts or "–"))
    return (str(entry.index + 1), own(entry.item.title, 160), state, *known)


def failures(night: Night, runs: Sequence[RunFacts]) -> str:
    """Each item that did not succeed: why, what helps, what to type."""
    return "".join(trouble(entry, runs) for entry in night.of_state(FAILED, SKIPPED))


def trouble(entry: Entry, runs: Sequence[RunFacts]) -> str:
    advice, typed = remedy(entry)
    mine = [run for run in runs if run.item == entry.index]
    kept = f'<p class="soft small">What was measured before is kept: {links(mine)}</p>' if mine else ""
    tries = f" after {count(entry.attempts, 'attempt')}" if entry.attempts > 1 else ""
    helps = f'<p>{text(advice)}</p><code class="command">{text(typed, 1000)}</code>'
    return (
        f'<div class="trouble {entry.state}"><h3>{entry.index + 1} {own(entry.item.title, 160)}</h3>'
        f'<p><span class="state {entry.state}">{text(entry.state)}{tries}</span></p>'
        f"<p>{own(entry.reason or 'no reason was noted', 1500)}</p>{helps if entry.state == FAILED else ''}{kept}</div>"
    )


def links(runs: Sequence[RunFacts]) -> str:
    """Runs as they are asked for at the prompt."""
    shown = ", ".join(f"<code>db[&quot;{text(run.uid[:8])}&quot;]</code>" for run in runs[:6])
    return shown + (f" and {len(runs) - 6} more" if len(runs) > 6 else "")


def interruptions(night: Night, runs: Sequence[RunFacts]) -> str:
    """When which process died, and what was lost."""
    told = [cut(run, after(run, runs), night) for run in runs if run.interrupted]
    seen = {run.item for run in runs if run.interrupted}
    told += [
        interruption(f"{clock(entry.began_s)} or later", entry, entry.reason or "a process died", "no run was cut off")
        for entry in night.entries
        if entry.interruptions and entry.index not in seen
    ]
    return "".join(told)


def interruption(when: str, entry: Entry | None, why: str, lost: str) -> str:
    """One interruption; `lost` is HTML."""
    item = f", {entry.index + 1} {own(entry.item.title, 80)}" if entry is not None else ""
    return (
        f'<div class="trouble interrupted"><h3>{when}{item}</h3><p>{own(why, 600)}</p>'
        f'<p class="soft">Lost: {lost}.</p></div>'
    )


def after(run: RunFacts, runs: Sequence[RunFacts]) -> RunFacts | None:
    """The run that goes on with an interrupted one, or takes its item again."""
    named = next((each for each in runs if each.start.get("continues") == run.uid), None)
    later = (each for each in runs if each.item == run.item and each.began_s > run.began_s)
    return named or next(later, None)


def cut(run: RunFacts, following: RunFacts | None, night: Night) -> str:
    """One interrupted run."""
    entry = night.entries[run.item] if 0 <= run.item < len(night.entries) else None
    why = run.reason.removeprefix("interrupted: ") or "it never ended: a process died"
    kept = f"; <code>{text(run.uid[:8])}</code> keeps {count(run.n_events, 'event')}"
    return interruption(clock(run.ended_s), entry, why, f"{lost(run, following)}{kept}")


def lost(run: RunFacts, following: RunFacts | None) -> str:
    """What an interruption cost."""
    if following is None:
        return "what was being taken, and it was not taken again"
    other = f"<code>{text(following.uid[:8])}</code>"
    if following.start.get("continues") == run.uid:
        line = following.start.get("first_line")
        where = f" from line {text(line)} on" if line is not None else ""
        return f"nothing that was announced, the line being taken was taken again: {other} goes on{where}"
    return f"nothing, it was taken again as {other}"


def results(runs: Sequence[RunFacts]) -> str:
    """The numbers with their errors, one table for each kind of run."""
    told = [run for run in runs if run.numbers and not run.continued_by]
    kinds = dict.fromkeys(run.plan_name for run in told)
    return "".join(numbers(kind, [run for run in told if run.plan_name == kind]) for kind in kinds)


def numbers(kind: str, runs: Sequence[RunFacts]) -> str:
    """Runs of one kind below each other."""
    quantities = list(dict.fromkeys(number.quantity for run in runs for number in run.numbers))
    rows = ((clock(run.began_s), own(run.about, 80), *cells(run, quantities)) for run in runs)
    return f"<h3>{text(kind)}</h3>{table(('when', 'of', *quantities), rows)}"


def cells(run: RunFacts, quantities: Sequence[str]) -> list[str]:
    """The numbers of a run in the order of the columns."""
    known = {number.quantity: number.value for number in run.numbers}
    return [f'<span class="num">{text(known.get(each, "–").replace("+-", "±"))}</span>' for each in quantities]


def trends(runs: Sequence[RunFacts]) -> str:
    """Count rates and drift over the night."""
    rates = {route: [point for run in runs for point in run.rates_cps.get(route, ())] for route in ROUTES}
    steps = sorted(move for run in runs for move in run.moves_um)
    x_um, y_um = 0.0, 0.0
    x, y = [], []
    for time_s, dx_um, dy_um in steps:
        x_um, y_um = x_um + dx_um, y_um + dy_um
        x.append((time_s, x_um))
        y.append((time_s, y_um))
    bright, far = curves(rates, "cps", gap_s=GAP_S), curves({"x": x, "y": y}, "um")
    return (f"<h3>Count rates</h3>{bright}" if bright else "") + (f"<h3>Drift of the sample</h3>{far}" if far else "")


CALIBRATIONS = {
    "irf_uid": "instrument response",
    "blank_uid": "blank",
    "reference_uid": "reference",
    "absorption_uid": "absorption",
}


def calibrations(runs: Sequence[RunFacts]) -> str:
    """Which calibrations the runs were made with, and by how many."""
    used: dict[tuple[str, str, str], int] = {}
    for run in runs:
        for what in used_by(run.start):
            used[what] = used.get(what, 0) + 1
    tonight = {run.uid: run for run in runs}
    return table(
        ("calibration", "value", "measured", "used by"),
        (
            (text(kind), text(value), f"{measured(uid, tonight)}<br><code>{text(uid)}</code>", count(n, "run"))
            for (kind, value, uid), n in used.items()
        ),
    )


def used_by(start: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Kind, value and uid of each calibration of a run."""
    found = [(kind, "", str(start[key])) for key, kind in CALIBRATIONS.items() if start.get(key)]
    delay, offsets = start.get("delay") or {}, start.get("calibration") or {}
    if delay.get("uid"):
        found.append(("time zero", f"{delay['t0_ns']:.3f} ns", str(delay["uid"])))
    if offsets.get("uid"):
        values = (f"{kind} {offsets[f'{kind}_offset_nm']:+.3f} nm" for kind in ("excitation", "emission"))
        found.append(("wavelengths", ", ".join(values), str(offsets["uid"])))
    return found


def measured(uid: str, tonight: Mapping[str, RunFacts]) -> str:
    return f"this night, {clock(tonight[uid].began_s)}" if uid in tonight else "before this night"


def provenance(night: Night, runs: Sequence[RunFacts]) -> str:
    """Code, bench, photons, files; every uid in full."""
    codes = sorted({str(run.start["code_version"]) for run in runs if run.start.get("code_version")})
    twins = sorted({bench(run.start.get("twin")) for run in runs if "twin" in run.start})
    rows = [
        ("night", own(night.name)),
        ("began", moment(night.began_s)),
        ("ended", moment(night.ended_s)),
        ("code", ", ".join(f"<code>{text(code)}</code>" for code in codes) or "–"),
        ("bench", own(", ".join(twins) or "–")),
        ("find them again", f"<code>db(night=&quot;{text(night.name)}&quot;)</code>"),
        ("runs", "<br>".join(f"<code>{text(run.uid)}</code> {name(run)}" for run in runs) or "none"),
    ]
    return table(("", ""), rows)


def bench(twin: Any) -> str:
    """The instruments, or the preset and seed of their twin."""
    if not isinstance(twin, Mapping):
        return "real instruments"
    named = f"twin, preset {twin.get('preset')}, seed {twin.get('seed')}"
    return f"{named}, for {', '.join(twin['instruments'])}" if "instruments" in twin else named
