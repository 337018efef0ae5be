"""Reference pages from signatures and docstrings, one a room."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lab.handbook.docstrings import markdown
from lab.handbook.public import Public, file_of, parsed, public_names

FOLDER = "docs/reference/api"
PAGES = {
    "decay": ("Decays", ("analysis.decay",)),
    "correlation": ("Correlation", ("analysis.correlation",)),
    "blinking": ("Blinking", ("analysis.blinking",)),
    "spectra": ("Spectra", ("analysis.spectra",)),
    "registration": ("Registration", ("analysis.registration",)),
    "emitters": ("Emitters and images", ("analysis.emitters", "analysis.images")),
    "lifetimes": ("Lifetimes, medium, counters", ("analysis.lifetimes", "analysis.medium", "analysis.counters")),
    "formats": ("File formats", ("analysis.formats", "analysis.formats.ptu", "analysis.formats.timeharp")),
    "plans": ("Plans", ("plans",)),
    "session": ("Session", ("lab.session", "lab.samples", "lab.refit")),
    "catalog": ("Catalog and journal", ("lab.catalog", "lab.journal")),
}
OF_A_ROOM = {  # where a module offers less than it defines
    "lab.session": ("start", "Session"),
    "lab.samples": ("Sample", "Samples"),
    "lab.refit": ("refit", "analyse", "Analysed"),
    "lab.journal": ("Journal", "JournalError", "read", "paths", "path_of", "state", "close_interrupted"),
}
WIDTH = 100
HIDDEN = ("__repr__", "__str__")


def pages(house: Path) -> dict[str, str]:
    """Every page by its path in the repository, with an index of them."""
    made = {f"{FOLDER}/{key}.md": page(house, title, rooms) for key, (title, rooms) in PAGES.items()}
    return made | {f"{FOLDER}/README.md": index(house)}


def offered_by(house: Path, room: str) -> list[Public]:
    """The public names of a room that have an entry."""
    names = public_names(house, room)
    return [each for each in names if each.name in OF_A_ROOM.get(room, (each.name,))]


def index(house: Path) -> str:
    """One line for each page: what is in it."""
    lines = ["# Interfaces", "", "Signatures and docstrings of what may be imported, a page for each room.", ""]
    for key, (title, rooms) in PAGES.items():
        names = ", ".join(f"`{each.name}`" for room in rooms for each in offered_by(house, room))
        lines.append(f"- [{title}]({key}.md): {names}")
    return "\n".join(lines) + "\n"


def page(house: Path, title: str, rooms: tuple[str, ...]) -> str:
    """One page: what each room says of itself, a table of contents, then every name."""
    offered = {room: offered_by(house, room) for room in rooms}
    lines, seen = [f"# {title}", ""], Counter([title.lower().replace(" ", "-")])
    for room, names in offered.items():
        lines += [f"`{room}`: {contents(names, seen)}", ""]
    for room, names in offered.items():
        said = ast.get_docstring(parsed(file_of(house, room)))
        lines += [f"## {room}", "", markdown(said) if said else "", ""]
        lines += [line for each in names for line in entry(each)]
    return "\n".join(lines).rstrip() + "\n"


def contents(names: list[Public], seen: Counter[str]) -> str:
    """Links to the entries; of names that differ in capitals only, the later ones are numbered, as GitHub does."""
    links = []
    for name in (each.name for each in names):
        again = f"-{seen[name.lower()]}" if seen[name.lower()] else ""
        links.append(f"[{name}](#{name.lower()}{again})")
        seen[name.lower()] += 1
    return ", ".join(links) or "nothing public"


def entry(each: Public) -> Iterator[str]:
    """A name with its signature, its docstring and, for a class, its fields and methods."""
    yield from (f"### {each.name}", "", f"```python\n{declared(each)}\n```", "")
    if said := ast.get_docstring(each.node):
        yield from (markdown(said), "")
    if isinstance(each.node, ast.ClassDef):
        yield from members(each.node)
    yield from (f"Source: [{each.file}](../../../{each.file})", "")


def declared(each: Public) -> str:
    """The signature; a class by its fields or its constructor."""
    if isinstance(each.node, ast.FunctionDef):
        return signature(each.node)
    fields = [ast.unparse(node) for node in each.node.body if isinstance(node, ast.AnnAssign)]
    made = next((node for node in each.node.body if _is(node, "__init__")), None)
    if made is not None and isinstance(made, ast.FunctionDef):
        return signature(made, each.name, skip=1)
    bases = ", ".join(map(ast.unparse, each.node.bases))
    head = f"class {each.name}({bases})" if bases else f"class {each.name}"
    return "\n".join([head + ":" * bool(fields), *(f"    {field}" for field in fields)])


def members(node: ast.ClassDef) -> Iterator[str]:
    """Public methods and properties, each with the first paragraph of its docstring."""
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]
    for each in methods:
        said = (ast.get_docstring(each) or "").split("\n\n")[0].replace("\n", " ")
        plain = any(ast.unparse(mark).endswith("property") for mark in each.decorator_list)
        shown = each.name if plain else " ".join(signature(each, skip=1, width=10_000).split())
        yield f"- `.{shown}`" + (f": {said}" if said else "")
    if methods:
        yield ""


def signature(node: ast.FunctionDef, name: str = "", *, skip: int = 0, width: int = WIDTH) -> str:
    """`name(arguments) -> what`, in lines of one argument if it is long; `skip` leaves out self."""
    told = ast.arguments(**dict(ast.iter_fields(node.args)))
    told.args = told.args[skip:]
    returned = f" -> {ast.unparse(node.returns)}" if node.returns and not name else ""
    each = [re.sub(r"^(\w+: [^=]*)=", r"\1 = ", one) for one in _split(ast.unparse(told))]
    line = f"{name or node.name}({', '.join(each)}){returned}"
    if len(line) <= width:
        return line
    return f"{name or node.name}(\n" + "".join(f"    {one},\n" for one in each) + f"){returned}"


def _split(arguments: str) -> Iterator[str]:
    """Arguments one by one; commas within brackets and quotes do not separate."""
    depth, start, quote = 0, 0, ""
    for at, sign in enumerate(arguments):
        if quote or sign in "\"'":
            quote = "" if sign == quote else quote or sign
        depth += (sign in "([{") - (sign in ")]}") if not quote else 0
        if sign == "," and not depth and not quote:
            yield arguments[start:at].strip()
            start = at + 1
    if rest := arguments[start:].strip():
        yield rest


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == name
