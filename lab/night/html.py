"""Text, times and numbers as HTML: what comes from outside is escaped, cut, and cannot turn the line around."""

import html
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

LONGEST = 300
STYLE = Path(__file__).with_name("style.css")


def text(value: object, longest: int = LONGEST) -> str:
    """Any text for a page: no markup of its own, no control or direction marks, at most `longest` characters.

    >>> text("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in str(value)[: longest + 1])
    return html.escape(shown if len(shown) <= longest else shown[: longest - 1] + "…")


def own(value: object, longest: int = LONGEST) -> str:
    """A text in its own direction: what is written from right to left stays within its place."""
    return f"<bdi>{text(value, longest)}</bdi>"


def preformatted(value: object, longest: int = 6000) -> str:
    """Text of several lines."""
    lines = str(value)[:longest].splitlines()
    return f"<pre>{chr(10).join(text(line) for line in lines)}</pre>" if lines else ""


def listed(items: Iterable[str], kind: str = "ul", about: str = "") -> str:
    """A list of HTML pieces, nothing if there are none."""
    rows = "".join(f"<li>{item}</li>" for item in items)
    return f"<{kind}{about}>{rows}</{kind}>" if rows else ""


def known(value: float | None) -> bool:
    """Whether there is such a number."""
    return value is not None and math.isfinite(value)


def clock(time_s: float | None) -> str:
    """Local time of day."""
    return f"{datetime.fromtimestamp(time_s):%H:%M}" if time_s is not None and math.isfinite(time_s) else "–"


def moment(time_s: float | None) -> str:
    """Local day and time."""
    if time_s is None or not math.isfinite(time_s):
        return "–"
    return f"{datetime.fromtimestamp(time_s):%Y-%m-%d %H:%M}"


def span(duration_s: float | None) -> str:
    """A duration in the words of a watch.

    >>> span(3.2), span(95), span(25500), span(None), span(-2)
    ('3 s', '2 min', '7 h 05 min', '–', '0 s')
    """
    if duration_s is None or not math.isfinite(duration_s):
        return "–"
    if duration_s < 60:
        return f"{max(duration_s, 0):.0f} s"
    minutes = round(duration_s / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def amount(value: float) -> str:
    """A number for people: thousands apart, three digits where there are decimals.

    >>> amount(124000.0), amount(2.3456), amount(0.0)
    ('124,000', '2.35', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def document(title: str, body: str, *, head: str = "") -> str:
    """A whole page that needs nothing from anywhere."""
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(title: str, body: str, *, about: str = "") -> str:
    """A part of a page, left out if it has nothing in it."""
    return f'<section class="card {about}"><h2>{text(title)}</h2>{body}</section>' if body else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML pieces; nothing without rows."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f"<th>{text(each)}</th>" for each in heads)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>' if body else ""
    )
