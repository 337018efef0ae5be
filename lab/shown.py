"""What stands at the prompt as lines of text, as a small card of HTML in a notebook: the same words, and the picture.

A text card is a title, then lines of a label in eleven letters and what is told; a line without a label goes on with
the one before.
"""

import base64
import html
import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image as Bitmap

LABEL = slice(2, 14)
WIDEST_PX = 1200
DPI = 160
STYLE = """
.lum{max-width:52rem;margin:.4rem 0;padding:.7rem 1rem;border:1px solid rgba(128,128,128,.4);border-radius:.5rem;
font:14px/1.45 system-ui,sans-serif;color:inherit;background:transparent}
.lum h4{margin:0 0 .35rem;font-size:1.05em;font-weight:600}
.lum dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1rem .9rem;margin:0}
.lum dt{opacity:.65}.lum dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.lum dd.code{font-family:ui-monospace,monospace;font-size:.92em;overflow-x:auto;white-space:pre}
.lum .warn{border-left:3px solid #c85200;padding-left:.5rem}
.lum img{display:block;max-width:100%;height:auto;margin-top:.6rem;border-radius:.25rem;background:#fff}
.lum table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.lum th,.lum td{padding:.15rem .6rem .15rem 0;text-align:left;vertical-align:top}
.lum th{opacity:.65;font-weight:500;border-bottom:1px solid rgba(128,128,128,.4)}
.lum .wide{overflow-x:auto}
"""
MONOSPACED = ("next", "stored", "has")

Picture = Path | Figure | None


class Shown:
    """Its repr is a card of text; notebooks show the same card with its picture."""

    def picture(self) -> Picture:
        """What is shown under the text: by default the figure that a result knows."""
        return getattr(self, "figure", None)

    def _repr_html_(self) -> str:
        return html_card(repr(self), self.picture())


def html_card(text: str, picture: Picture = None) -> str:
    """A card of text as HTML; it takes the colours of the page it stands in, light or dark."""
    title, *lines = text.splitlines() or [""]
    rows = "".join(row(label, told) for label, told in told_lines(lines))
    return framed(title, f"<dl>{rows}</dl>" if rows else "", image(picture))


def framed(title: str, *parts: str) -> str:
    """A title and pieces of HTML under it, in a frame."""
    return f'<div class="lum"><style>{STYLE}</style><h4>{html.escape(title)}</h4>{"".join(parts)}</div>'


def told_lines(lines: list[str]) -> list[tuple[str, str]]:
    r"""Labels and what they tell, lines without a label added to the one before.

    >>> told_lines(["  bands       540 nm", "              620 nm", "  WARNING     dim"])
    [('bands', '540 nm\n620 nm'), ('WARNING', 'dim')]
    """
    found: list[tuple[str, str]] = []
    for line in lines:
        label, told = line[LABEL].strip(), line[LABEL.stop :].rstrip()
        if not is_labelled(line):
            label, told = "", line.strip()
        if label or not found:
            found.append((label, told))
        else:
            found[-1] = found[-1][0], f"{found[-1][1]}\n{told}"
    return found


def is_labelled(line: str) -> bool:
    """Whether a line keeps to the columns of a card."""
    return line.startswith("  ") and (len(line) <= LABEL.stop or line[LABEL.stop - 1] == " ")


def row(label: str, told: str) -> str:
    """One label and what it tells."""
    is_table = any("   " in line.strip() for line in told.splitlines())
    kind = "code" if label in MONOSPACED or is_table else "warn" if label == "WARNING" else ""
    about = f' class="{kind}"' if kind else ""
    name = "warning" if label == "WARNING" else label
    return f"<dt>{html.escape(name)}</dt><dd{about}>{html.escape(told)}</dd>"


def image(picture: Picture) -> str:
    """A picture within the page, no larger than a screen; nothing if there is none, or its file is gone."""
    drawn = bitmap(picture)
    if drawn is None:
        return ""
    with io.BytesIO() as kept:
        drawn.save(kept, format="PNG", optimize=True)
        data = base64.b64encode(kept.getvalue()).decode("ascii")
    return f'<img alt="overview" src="data:image/png;base64,{data}">'


def bitmap(picture: Picture) -> Bitmap.Image | None:
    """The pixels of a picture."""
    try:
        with io.BytesIO(drawn_bytes(picture)) as file, Bitmap.open(file) as opened:
            opened.thumbnail((WIDEST_PX, WIDEST_PX))
            return opened.convert("RGB").quantize(256)  # a fifth of the size, and the eye sees none of it
    except (OSError, ValueError):
        return None


def drawn_bytes(picture: Any) -> bytes:
    """A picture as a file."""
    if isinstance(picture, Figure):
        with io.BytesIO() as file:
            picture.savefig(file, format="png", dpi=DPI)
            return file.getvalue()
    if picture is None:
        raise ValueError("there is no picture")
    return Path(picture).read_bytes()
