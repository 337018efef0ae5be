"""The cheat sheet: what one types, on two printed pages, from the table in cheat_sheet.toml."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

HERE = Path(__file__).resolve().parent
SOURCE, TEMPLATE = HERE / "cheat_sheet.toml", "cheat_sheet.html"
SHELL = "$ "
KEYS = ("Ctrl-C", "exit")


@dataclass(frozen=True)
class Row:
    """What is typed, and what it does."""

    typed: str
    about: str

    @property
    def is_python(self) -> bool:
        """Whether it is typed at the prompt, and is neither a key nor a question mark."""
        return not self.typed.startswith(SHELL) and self.typed not in KEYS and not self.typed.endswith("?")


@dataclass(frozen=True)
class Part:
    """A box of the sheet."""

    title: str
    rows: tuple[Row, ...]
    note: str = ""


def parts(source: Path = SOURCE) -> tuple[Part, ...]:
    """The boxes, in the order in which they are read."""
    told = tomllib.loads(source.read_text(encoding="utf-8"))["part"]
    return tuple(Part(each["title"], tuple(Row(*row) for row in each["rows"]), each.get("note", "")) for each in told)


def page(house: Path) -> str:
    """The sheet as HTML that needs no other file."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["breakable"] = breakable
    environment.filters["marked"] = marked
    return environment.get_template(TEMPLATE).render(parts=parts(), version=version(house)) + "\n"


def version(house: Path) -> str:
    """The release that the sheet is of."""
    return tomllib.loads((house / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def breakable(code: str) -> Markup:
    """Code that may be broken behind commas and opening brackets, and nowhere inside a word or a number.

    >>> breakable('a(b="c")')
    Markup('a(<wbr>b=&#34;c&#34;)')
    """
    return Markup("<wbr>").join(escape(piece) for piece in re.split(r"(?<=[(,])(?=\S)", code))


def marked(text: str) -> Markup:
    """Text with `code` and *emphasis*.

    >>> marked("see `db` *now* <1")
    Markup('see <code>db</code> <em>now</em> &lt;1')
    """
    told = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*([^*]+)\*", r"<em>\1</em>", told))
