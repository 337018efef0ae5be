"""A figure in the report: the picture, what is to be seen, where it comes from."""

from __future__ import annotations

import logging
from pathlib import Path

from lab.figures.origin import Origin, whence
from lab.night.html import text
from lab.night.pictures import embedded
from lab.report.page.chapters import Plate
from lab.report.page.numbers import linked
from lab.wording import count

log = logging.getLogger(__name__)

WIDTH_PX = 1600
NARROW_PX = 1500  # of the file: a figure of one column is not drawn out to two
SHOWN_RUNS = 10


def plate(one: Plate, folder: Path) -> str:
    """A figure with its caption and its origin; a sentence where it was not drawn."""
    path = folder / f"{one.name}.png"
    if not path.is_file():
        why = "was not drawn: its runs were not measured, or could not be analysed."
        return f'<figure class="plate"><figcaption><b>{text(one.title)}</b> {why}</figcaption></figure>'
    return (
        f'<figure class="plate{" narrow" if narrow(path) else ""}">{embedded(path, one.title, width_px=WIDTH_PX)}'
        f"<figcaption><b>{text(one.title)}</b> {text(one.caption, 900)}{origin(path)}</figcaption></figure>"
    )


def narrow(path: Path) -> bool:
    """Whether a figure is made for one column."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.width < NARROW_PX
    except (OSError, ValueError) as why:
        log.warning("%s cannot be read: %s", path, why)
        return False


def origin(path: Path) -> str:
    """Runs, code, digest of a figure, and how it is drawn again."""
    try:
        found = whence(path)
    except (OSError, ValueError) as why:
        return f'<span class="origin">It does not tell where it comes from: {text(why)}</span>'
    shown = " ".join(linked(uid) for uid in found.runs[:SHOWN_RUNS])
    more = len(found.runs) - SHOWN_RUNS
    told = [
        f"from {count(len(found.runs), 'run')} {shown}" + (f" and {more} more" if more > 0 else ""),
        f"code <code>{text(found.code_version)}</code>" if found.code_version else "",
        f"arrays <code>{text(found.digest[:12])}</code>" if found.digest else "",
        f"<code>{text(command(found))}</code>",
    ]
    return f'<span class="origin">{"; ".join(filter(None, told))}</span>'


def command(found: Origin) -> str:
    """What draws it again."""
    return f'rebuild("{found.path.name}")' if found.recipe is not None else f'whence("{found.path.name}")'
