"""What pages are made of: templates with everything in them escaped, and the words that all pages share."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lab.night import page as night_page
from lab.night.html import STYLE, clock, moment, span, text
from lab.night.plots import curves
from lab.view import charts, dots, images
from lab.view.growing import age_s

HERE = Path(__file__).parent
TURNING = {chr(code) for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def clean(value: object) -> str:
    """Any text without signs that turn the line around, or that no font has."""
    return "".join(each for each in str(value) if each not in TURNING and (each.isprintable() or each == "\n"))


def ago(time_s: float) -> str:
    """How long ago, in words."""
    age = age_s(time_s)
    return f"{age / 86400:.0f} days ago" if age > 2 * 86400 else f"{span(age)} ago"


def drawn(sight: Any) -> Markup:
    """A plot or an image as SVG."""
    return Markup(images.svg(sight) if isinstance(sight, images.Picture) else charts.svg(sight))


def safe(function: Any) -> Any:
    """A function that escapes by itself."""
    return lambda *args, **kwargs: Markup(function(*args, **kwargs))


@cache
def environment() -> Environment:
    """Templates of this folder; what they are given is escaped, what they lack is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else clean(value),
    )
    made.filters |= {"moment": moment, "clock": clock, "span": span, "ago": ago, "drawn": drawn}
    made.globals |= {
        "curves": safe(curves),
        "map_of": safe(dots.map_of),
        "queue_row": safe(night_page.row),
        "state_of": night_page.kind,
        "escaped": text,
    }
    return made


def page(name: str, **given: Any) -> str:
    """One page."""
    return environment().get_template(name).render(**given)


@cache
def style() -> str:
    """The look of the house, and what this view adds."""
    return STYLE.read_text(encoding="utf-8") + (HERE / "view.css").read_text(encoding="utf-8")


@cache
def script() -> str:
    return (HERE / "view.js").read_text(encoding="utf-8")
