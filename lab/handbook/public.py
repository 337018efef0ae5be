"""What a room offers: its public functions and classes, found in the source without importing it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Public:
    """A public name: where it is imported from, the file that defines it, and its definition."""

    name: str
    room: str
    file: str
    node: Definition


def file_of(house: Path, module: str) -> Path:
    """The file of a module or package, by its dotted name; LookupError if there is none."""
    path = house / Path(*module.split(".")) if module else house / "of no module"
    for found in (path / "__init__.py", path.with_suffix(".py")):
        if found.is_file():
            return found
    raise LookupError(f"{module}: there is no such module in {house}; correct PAGES in lab/handbook/reference.py")


@cache
def parsed(file: Path) -> ast.Module:
    """The source of a file as a tree."""
    return ast.parse(file.read_text(encoding="utf-8"))


def public_names(house: Path, room: str) -> list[Public]:
    """What `room` exports: the names of its `__all__`, else what it defines itself and does not begin with _."""
    file = file_of(house, room)
    module = parsed(file)
    defined = {node.name: node for node in module.body if isinstance(node, Definition)}
    exported = _exported(module)
    if exported is None:
        own = [name for name in defined if not name.startswith("_")]
        return [Public(name, room, file.relative_to(house).as_posix(), defined[name]) for name in own]
    origin = dict(_imports(module)) | dict.fromkeys(defined, room)
    found = (_defined(house, room, name, origin.get(name, "")) for name in exported)
    return [each for each in found if each is not None]


def _exported(module: ast.Module) -> list[str] | None:
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names)):
                return [name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str)]
    return None


def _imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((each.asname or each.name, node.module) for each in node.names)


def _defined(house: Path, room: str, name: str, module: str) -> Public | None:
    """The definition of an exported name; None for a constant, or what another package defines."""
    try:
        file = file_of(house, module)
    except LookupError:  # of another package
        return None
    source = parsed(file)
    for node in source.body:
        if isinstance(node, Definition) and node.name == name:
            return Public(name, room, file.relative_to(house).as_posix(), node)
    return _defined(house, room, name, dict(_imports(source)).get(name, ""))
