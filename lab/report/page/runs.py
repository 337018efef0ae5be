"""The runs behind the numbers and figures, each in full, by what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.night.html import moment, table, text
from lab.wording import count

Starts = Mapping[str, Mapping[str, Any]]


def runs(uids: Iterable[str], starts: Starts) -> str:
    """A line for each plan and sample with all uids in full.

    starts : start documents by uid; a run that is not among them is named without its plan
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for uid in dict.fromkeys(uids):
        start = starts.get(uid, {})
        groups.setdefault((start.get("plan_name", "not in the journal"), start.get("sample_name", "")), []).append(uid)
    rows = (line(plan, sample, members, starts) for (plan, sample), members in groups.items())
    return table(("plan", "sample", "measured", "runs"), rows)


def line(plan: str, sample: str, uids: Sequence[str], starts: Starts) -> tuple[str, ...]:
    """One kind of run of one sample."""
    times = [starts[uid]["time"] for uid in uids if uid in starts]
    when = moment(min(times)) if times else "–"
    n = f'<span class="soft small block">{count(len(uids), "run")}</span>' if len(uids) > 1 else ""
    full = "".join(f'<code class="run-uid" id="run-{text(uid[:8])}">{text(uid)}</code>' for uid in uids)
    return text(plan) + n, text(sample), when, f'<div class="uids">{full}</div>'
