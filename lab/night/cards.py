"""One card for each run of a night, in the morning report."""

from collections.abc import Sequence

from lab.night.html import clock, moment, own, preformatted, span, table, text
from lab.night.pictures import embedded
from lab.night.runs import RunFacts
from lab.wording import count


def cards(runs: Sequence[RunFacts]) -> str:
    """Every run with its picture; below them those that others went on with."""
    whole = "".join(card(run) for run in runs if not run.continued_by)
    parts = [run for run in runs if run.continued_by]
    shown = f'<div class="runs">{whole}</div>' if whole else ""
    if not parts:
        return shown
    rows = (
        (
            clock(run.began_s),
            name(run),
            text(run.exit_status),
            own(run.reason, 200),
            code(run.uid),
            code(run.continued_by),
        )
        for run in parts
    )
    listed = table(("began", "run", "ended as", "why", "uid", "continued by"), rows)
    return f"{shown}<details><summary>{count(len(parts), 'run')} cut off and continued</summary>{listed}</details>"


def row(run: RunFacts) -> tuple[str, ...]:
    """A run that another went on with."""
    why = own(run.reason.removeprefix("interrupted: "), 200)
    return (clock(run.began_s), name(run), text(run.exit_status), why, code(run.uid), code(run.continued_by))


def code(uid: str) -> str:
    return f"<code>{text(uid[:8])}</code>"


def name(run: RunFacts) -> str:
    return f"{text(run.plan_name)} {own(run.about, 80)}".strip()


def card(run: RunFacts) -> str:
    """One run: what, when, how it ended, its picture, its result in full, its uids."""
    state = "done" if run.exit_status == "success" else "interrupted" if run.interrupted else "failed"
    wide = " wide" if run.plan_name == "flim_raster" and run.figure else ""
    why = f'<p class="small why">{own(run.reason, 600)}</p>' if run.reason else ""
    full = f"<details><summary>the result in full</summary>{preformatted(run.text)}</details>" if run.text else ""
    derived = f"<br>analysis <code>{text(run.derived_uid)}</code>" if run.derived_uid else ""
    return (
        f'<article class="run{wide}"><h3>{name(run)}</h3>'
        f'<p class="small"><span class="state {state}">{text(run.exit_status)}</span> '
        f'<span class="soft">{moment(run.began_s)}, {span(run.ended_s - run.began_s)}</span></p>{why}'
        f"{embedded(run.figure, f'{run.plan_name} of {run.about}')}{full}"
        f'<p class="small soft">run <code>{text(run.uid)}</code>{derived}</p></article>'
    )
