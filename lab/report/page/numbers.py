"""The numbers of a section as a table: a picture of each, measured, published, the verdict, what stands behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lab.night.html import text
from lab.report.page.graphic import picture
from lab.report.rows import Row
from lab.report.text import MISSING, told

HEADS = ("number", "accepted and measured", "measured", "published", "verdict", "evidence")
STATES = {"ok": "done", "missed": "failed", "setting": "skipped", "open": "waiting", MISSING: "waiting"}
SHOWN_RUNS = 2


def numbers(rows: Sequence[Row], *, anchored: bool = True) -> str:
    """A table of rows; nothing without any. anchored : links to a number lead here"""
    if not rows:
        return ""
    head = "".join(f"<th>{text(each)}</th>" for each in HEADS)
    body = "".join(line(one, anchored) for one in rows)
    return f'<table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def line(one: Row, anchored: bool) -> str:
    """One row."""
    about = f'<b class="id">{text(one.id)}</b> {text(one.quantity)}' + soft(typeset(one.note), 600)
    cells = [
        f'<td class="what">{about}</td>',
        f'<td class="graphic">{picture(one)}</td>',
        f'<td class="measured"><b>{measured(one)}</b></td>',
        f'<td class="published">{text(typeset(one.published))}{soft(accepted(one))}</td>',
        f'<td class="verdict">{verdict(one)}</td>',
        f'<td class="evidence">{evidence(one)}</td>',
    ]
    anchor = f' id="{text(one.id)}"' if anchored else ""
    return f'<tr{anchor} class="{STATES[one.verdict]}">{"".join(cells)}</tr>'


def measured(one: Row) -> str:
    """The value in the signs of print, or what stands in its place."""
    if one.verdict == MISSING:
        return "not measured"
    if one.measured is None:
        return "not seen" if one.verdict == "missed" else "as in print"
    return text(typeset(told(one)))


def typeset(value: str) -> str:
    """Signs of print for those of the keyboard.

    >>> typeset("-1.5 +- 0.2 um")
    '−1.5 ± 0.2 µm'
    """
    value = value.replace("+-", "±").replace(" um", " µm")
    return re.sub(r"(?<![\w])-(?=\d)", "−", value)


def accepted(one: Row) -> str:
    """The tolerance, but of a choice that has none; what is asked besides stands with its value in the note."""
    first = one.asked.partition(";")[0]
    exact = first == "as in print" or (one.verdict == "setting" and first.startswith("exactly"))
    return "" if exact else f"accepted: {typeset(first)}"


def verdict(one: Row) -> str:
    return f'<span class="state {STATES[one.verdict]}">{text(one.verdict)}</span>'


def soft(value: str, longest: int = 300) -> str:
    return f'<span class="soft small block">{text(value, longest)}</span>' if value else ""


def evidence(one: Row) -> str:
    """Photons, quality of fit, runs."""
    facts = [
        f"{photons(one.n_photons)} photons" if one.n_photons else "",
        f"deviance {one.quality:.2f}" if one.quality is not None else "",
    ]
    facts += [runs(one.uids) if one.uids else "" if one.verdict == MISSING else "no run: a choice of the analysis"]
    return "".join(f'<span class="block">{each}</span>' for each in facts if each)


def photons(n: float) -> str:
    """A number of photons in words.

    >>> photons(1234.4), photons(2_540_000), photons(1.13e8)
    ('1,234', '2.5 million', '113 million')
    """
    if n < 1e5:
        return f"{n:,.0f}"
    return f"{n / 1e6:.1f} million" if n < 2e7 else f"{n / 1e6:.0f} million"


def runs(uids: Sequence[str]) -> str:
    """The first runs, each linked to its line at the end, and how many more there are."""
    shown = [linked(uid) for uid in uids[:SHOWN_RUNS]]
    more = len(uids) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more > 0 else "")


def linked(uid: str) -> str:
    return f'<a class="uid" href="#run-{text(uid[:8])}"><code>{text(uid[:8])}</code></a>'


def all_runs(uids: Iterable[str]) -> str:
    return " ".join(linked(uid) for uid in uids)
