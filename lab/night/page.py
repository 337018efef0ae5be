"""The page of a night: what runs, what is left, what failed and why, on one screen of any size.

It is a file that needs no server and no script: without scripts the browser loads it again every five seconds. With
scripts it changes in place and tells loudly when nobody has written it for half a minute.
"""

import os
import re
from pathlib import Path
from urllib.parse import quote

from devices import portable
from lab.night.html import clock, document, known, listed, moment, own, section, span, text
from lab.night.plots import curves
from lab.night.status import ItemStatus, NightStatus

PAGE, STATUS, REPORTS = "index.html", "status.json", "../nights"
REFRESH_S = 5
STALE_S = 30
GAP_S = 120.0
HIDDEN = 'id="stale" hidden'
WORDS = {
    "running": "Running",
    "waiting": "Waiting",
    "paused": "Paused",
    "recovering": "Recovering",
    "finished": "Finished",
    "stopped": "Stopped",
}
SCRIPT = Path(__file__).with_name("page.js")
PICTURE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}\.png")


def write(folder: Path, status: NightStatus) -> Path:
    """Write the page and `status.json`; a reader never sees half of either."""
    folder.mkdir(parents=True, exist_ok=True)
    replaced(folder / STATUS, status.as_json())
    return replaced(folder / PAGE, render(status))


def replaced(path: Path, content: str) -> Path:
    """Put a text in the place of a file, in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content, encoding="utf-8", errors="replace")
    portable.replace(draft, path)
    return path


def render(status: NightStatus) -> str:
    """The page of a night at one moment."""
    title = f"{WORDS.get(status.state, status.state)} · night {status.name}"
    again = "" if over(status) else f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>\n'
    left = [now(status), failures(status), section("Queue", queue(status))]
    right = [picture(status), section("Detectors", rates(status)), section("Drift", drift(status)), house(status)]
    body = (
        f'<main data-written="{status.written_s:.1f}" data-over="{int(over(status))}">{stale(status)}{heading(status)}'
        f'<div class="columns"><div>{"".join(left)}</div><div>{"".join(right)}</div></div></main>\n'
        f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>"
    )
    return document(title, body, head=again)


def over(status: NightStatus) -> bool:
    """Whether nobody writes the page any more."""
    return status.state in ("finished", "stopped")


def stale(status: NightStatus) -> str:
    """The warning that a browser or the server uncovers when the page is old."""
    return (
        f'<p class="stale" role="alert" {HIDDEN}>This page is old: nothing was written since '
        f"{moment(status.written_s)}. The night may have stopped: look at the PC.</p>"
    )


def heading(status: NightStatus) -> str:
    written = f'<span class="soft small">written {moment(status.written_s)}<span id="age"></span></span>'
    return f"<header><h1>Luminescope · night {own(status.name)}</h1>{written}</header>"


def now(status: NightStatus) -> str:
    """The state in a word, what runs, how far it is."""
    word = text(WORDS.get(status.state, status.state))
    state = kind(status.state)
    what = f'<p class="what">{own(status.now)}</p>' if status.now else ""
    what += f'<p><a href="{REPORTS}/{quote(status.name)}.html">The morning report</a></p>' if over(status) else ""
    return (
        f'<section class="card now {state}"><div class="state {state}">{word}</div>{what}{progress(status)}'
        f'<div class="facts">{"".join(facts(status))}</div></section>'
    )


def kind(state: str) -> str:
    """The class of a state: a word of letters, whatever it was."""
    return re.sub(r"[^a-z]", "", state.lower()) or "unknown"


def progress(status: NightStatus) -> str:
    """A bar for the item that runs."""
    if status.progress is None or not known(status.progress):
        return ""
    percent = 100 * min(max(status.progress, 0.0), 1.0)
    return (
        f'<div class="bar" role="progressbar" aria-label="the present item" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent:.0f}"><i style="width:{percent:.1f}%"></i></div>'
    )


def facts(status: NightStatus) -> list[str]:
    """Numbers under the bar: how much is left of the item and of the night."""
    finished = sum(item.state in ("done", "failed", "skipped") for item in status.items)
    progress = "–" if status.progress is None or not known(status.progress) else f"{status.progress:.0%}"
    told = [
        (f"{finished} of {len(status.items)}", "items ended"),
        (progress, "of the present item"),
        (f"{clock(status.item_end_s)}", f"item ends, in {span(left_s(status, status.item_end_s))}"),
        (f"{clock(status.night_end_s)}", night_ends(status)),
        (f"{clock(status.until_s)}", "the latest"),
    ]
    given = [True, status.progress is not None, *map(known, (status.item_end_s, status.night_end_s, status.until_s))]
    return [
        f"<div><b>{one}</b><span>{what}</span></div>"
        for (one, what), is_known in zip(told, given, strict=True)
        if is_known
    ]


def night_ends(status: NightStatus) -> str:
    return "the night ended" if over(status) else f"night ends, in {span(left_s(status, status.night_end_s))}"


def left_s(status: NightStatus, end_s: float | None) -> float | None:
    return None if end_s is None else end_s - status.written_s


def failures(status: NightStatus) -> str:
    """What failed and why, newest first."""
    return section("Failed", listed((own(why, 600) for why in status.failures), about=' class="plain why"'))


def queue(status: NightStatus) -> str:
    """All items in their order."""
    return listed((row(item) for item in status.items), "ol", ' class="queue"')


def row(item: ItemStatus) -> str:
    """One item: number, name, state, and what is known of it."""
    state = kind("begun" if item.state == "running" else item.state)
    title = f'<span class="title">{own(item.title, 160)}</span><span class="state {state}">{text(item.state)}</span>'
    results = "".join(f'<div class="more small">{own(each)}</div>' for each in item.results)
    tone = "why" if item.state == "failed" else "soft"
    reason = f'<div class="more small {tone}">{own(item.reason, 600)}</div>' if item.reason else ""
    when = f'<div class="more small soft">{text(", ".join(times(item)))}</div>' if times(item) else ""
    return f'<span class="n">{item.index + 1}</span>{title}{results}{reason}{when}'


def times(item: ItemStatus) -> list[str]:
    """When an item ran, how often it was begun and cut off."""
    began = item.began_s if known(item.began_s) else None
    ended = item.ended_s if known(item.ended_s) else None
    told = [f"{clock(began)} to {clock(ended)}"] if began and ended else [f"since {clock(began)}"] if began else []
    told += [f"about {span(item.expected_s)}"] if known(item.expected_s) and not ended else []
    told += [f"attempt {item.attempts}"] if item.attempts > 1 else []
    cut = item.interruptions
    return told + ([f"interrupted {'once' if cut == 1 else f'{cut} times'}, went on"] if cut else [])


def picture(status: NightStatus) -> str:
    """The last image, loaded again whenever the page is."""
    if not PICTURE.fullmatch(status.image):
        return ""
    return section("Last image", f'<img src="{status.image}?{status.written_s:.0f}" alt="the last image">')


def rates(status: NightStatus) -> str:
    """Both SPADs against time."""
    return curves(status.rates_cps, "cps", gap_s=GAP_S)


def drift(status: NightStatus) -> str:
    """Where the sample has moved."""
    x = [(time_s, x_um) for time_s, x_um, _ in status.drift_um]
    y = [(time_s, y_um) for time_s, _, y_um in status.drift_um]
    return curves({"x": x, "y": y}, "um")


def house(status: NightStatus) -> str:
    """Processes and disk."""
    disk = [f"{status.free_gb:.0f} GB free"] if status.free_gb is not None and known(status.free_gb) else []
    told = (own(each) for each in (*status.services, *disk))
    return section("Services", listed(told, about=' class="services"'))
