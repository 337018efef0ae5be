"""Sentences as they stand in source code: an expression becomes text with {placeholders}."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

MOST = 6  # alternatives of one expression
Known = Mapping[str, Sequence[str]]


def sentences(node: ast.AST | None, known: Known) -> list[str]:
    """What an expression may read as; values are {named}. `known` holds the sentences of names; [] if it is no text."""
    found: list[str] = []
    match node:
        case ast.Constant(value=str() as text):
            found = [text]
        case ast.JoinedStr(values=parts):
            found = _joined([_part(part, known) for part in parts])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = _joined([sentences(side, known) or [placeholder(side)] for side in (left, right)])
        case ast.BinOp(left=left, op=ast.Mult()) if either := sentences(left, known):
            found = [*either, ""]
        case ast.IfExp(body=body, orelse=other):
            found = [*sentences(body, known), *sentences(other, known)]
        case ast.BoolOp(values=values):
            found = [text for value in values for text in sentences(value, known)]
        case ast.Name(id=name):
            found = list(known.get(name, []))
    return found


def _part(part: ast.expr, known: Known) -> list[str]:
    if not isinstance(part, ast.FormattedValue):
        return sentences(part, known)
    inner = part.value
    told = sentences(inner, known) if isinstance(inner, ast.Name | ast.IfExp | ast.BinOp) else []
    return told or [placeholder(inner)]


def _joined(parts: list[list[str]]) -> list[str]:
    return ["".join(pieces) for pieces in islice(product(*parts), MOST)]


def placeholder(node: ast.AST) -> str:
    """The name that stands for a value: its variable, attribute, key or function.

    >>> [placeholder(ast.parse(code, mode="eval").body) for code in ("self.wire.url", "told['time']", "', '.join(all)")]
    ['{url}', '{time}', '{all}']
    """
    return "{" + _name(node) + "}"


def _name(node: ast.AST) -> str:
    named: str | ast.AST = node
    while isinstance(named, ast.AST):
        named = _within(named)
    return named


def _within(node: ast.AST) -> str | ast.AST:
    """The name of an expression, or the part of it whose name is to be taken."""
    found: str | ast.AST = "value"
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name not in ("get", "value"):
            found = name.strip("_")
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            found = key
        case ast.Call(func=ast.Attribute(attr="join"), args=[inner, *_]):
            found = inner
        case ast.Call(func=ast.Name(id="str" | "int" | "float" | "len" | "list" | "type" | "tuple"), args=[inner, *_]):
            found = inner
        case ast.BinOp(left=ast.Constant(), right=inner) | ast.BinOp(left=inner) | ast.BoolOp(values=[inner, *_]):
            found = inner
        case ast.GeneratorExp(generators=[ast.comprehension(iter=inner), *_]):
            found = inner
        case ast.ListComp(generators=[ast.comprehension(iter=inner), *_]) | ast.UnaryOp(operand=inner):
            found = inner
        case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.IfExp(body=inner):
            found = inner
    return found


def texts_of(block: ast.AST) -> dict[str, list[str]]:
    """The sentences of names that are assigned in a block, later ones beside earlier ones."""
    known: dict[str, list[str]] = {}
    for name, value in _assigned(block):
        if found := [text for text in sentences(value, known) if text not in known.get(name, [])]:
            known[name] = [*known.get(name, []), *found][:MOST]
    return known


def _assigned(block: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(block):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from ((n.id, v) for n, v in zip(names, values, strict=False) if isinstance(n, ast.Name))
