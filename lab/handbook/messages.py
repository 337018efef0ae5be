"""Every message that the code can give a user: what is raised, what plans find wrong, why a shutter is latched."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.handbook.public import parsed
from lab.handbook.sentences import Known, sentences, texts_of

ROOMS = ("analysis", "devices", "plans", "lab")
NOT_READ = ("lab/handbook", "devices/iocs/twin/truth")
FINDS = re.compile(
    r"(\w+_)?(problems?|refusals?)(_of|_with)?|objection|outside|unknown|unmeasurable|unrecordable|missing\w*"
)
WARNS = re.compile(r"\w*(warnings?|cautions?)(_of)?")
LISTS = re.compile(r"problems?|wrong")
LATCHES = {"latch_closed": "latch", "latch.write": "latch"}
INNER = {"AttributeError", "SystemExit", "Gone", "_SaidAgainError", "StopIteration", "NotImplementedError"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Message:
    """One message as it stands in the code. `kind` is the exception, "problem" (a PlanError lists it),
    "warning" (a result shows it) or "latch"."""

    file: str
    text: str
    kind: str
    function: str

    @property
    def room(self) -> str:
        """The folder it comes from."""
        return str(Path(self.file).parent.as_posix())


@cache
def messages(house: Path) -> tuple[Message, ...]:
    """All messages of a source tree, by file; equal ones of a function once. No module is imported; read once."""
    files = (path for room in ROOMS for path in sorted((house / room).rglob("*.py")))
    names = ((path, path.relative_to(house).as_posix()) for path in files)
    found = (each for path, name in names if not name.startswith(NOT_READ) for each in of_module(path, name))
    return tuple(sorted(dict.fromkeys(found)))


def of_module(path: Path, name: str) -> Iterator[Message]:
    """The messages of one file."""
    module = parsed(path)
    helpers = {each.name: each for each in ast.walk(module) if isinstance(each, Function)}
    constants = texts_of(ast.Module(body=[n for n in module.body if isinstance(n, ast.Assign)], type_ignores=[]))
    for function in helpers.values():
        known = constants | texts_of(function)
        for kind, text in _of_function(function, known, helpers):
            if re.search(r"[a-z]{2}", re.sub(r"{\w+}", "", text)):
                yield Message(name, " ".join(text.split()), kind, function.name)


def _of_function(function: Function, known: Known, helpers: dict[str, Function]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        match node:
            case ast.Raise(exc=ast.Call() as call):
                yield from _raised(call, known, helpers)
            case ast.Call(func=called, args=[*_, told]) if kind := LATCHES.get(_dotted(called)):
                yield from ((kind, text) for text in sentences(told, known) if text)
            case ast.Call(func=ast.Name(id="require"), args=[ast.List(elts=each)]):
                yield from (("problem", text) for one in each for text in sentences(one, known))
            case ast.expr() | ast.Return() if FINDS.fullmatch(function.name.strip("_")) or WARNS.fullmatch(
                function.name
            ):
                kind = "warning" if WARNS.fullmatch(function.name) else "problem"
                yield from ((kind, text) for one in _found(node) for text in sentences(one, known) if " " in text)
            case ast.stmt() | ast.Call():
                yield from (("problem", text) for one in _listed(node) for text in sentences(one, known) if " " in text)


def _found(node: ast.AST) -> list[ast.expr]:
    """What a function that looks for problems returns, yields, lists or adds to a list."""
    match node:
        case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
            return [value]
        case ast.Dict(keys=keys):
            return [key for key in keys if key is not None]
        case ast.List(elts=every) | ast.Tuple(elts=every):
            return every
        case ast.ListComp(elt=value) | ast.GeneratorExp(elt=value):
            return [value]
        case ast.Call(func=ast.Attribute(attr="append"), args=[value]):
            return [value]
    return []


def _listed(node: ast.AST) -> list[ast.expr]:
    """What is added to a list of problems, in any function."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AugAssign(target=ast.Name(id=name), value=value)
            | ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value])
        ) if LISTS.fullmatch(name):
            return _found(value) or [value]
    return []


def _raised(call: ast.Call, known: Known, helpers: dict[str, Function]) -> Iterator[tuple[str, str]]:
    name = _dotted(call.func)
    if name in INNER:
        return
    if name.rsplit(".", 1)[-1] in helpers:
        yield from _by_helper(call, known, helpers[name.rsplit(".", 1)[-1]])
    elif name[0].isupper() or name in ("type", "kind"):
        kind = name if name[0].isupper() else "LaserError"
        yield from ((kind, text) for text in _about(call, known))
    else:
        yield from (("ValueError", "{file}: byte {offset}: " + text) for text in _about(call, known))


def _about(call: ast.Call, known: Known) -> list[str]:
    """The sentences of the first argument that has any with a blank in it."""
    told = (sentences(each, known) for each in call.args)
    return next((texts for texts in told if any(" " in text for text in texts)), [])


def _by_helper(call: ast.Call, known: Known, helper: Function) -> Iterator[tuple[str, str]]:
    """The sentence of a function that makes the exception, with what it is told here."""
    names = [each.arg for each in helper.args.args if each.arg != "self"]
    told = dict(known) | {n: texts for n, a in zip(names, call.args, strict=False) if (texts := sentences(a, known))}
    told = texts_of(helper) | told
    for node in ast.walk(helper):
        match node:
            case ast.Return(value=ast.Call(func=kind) as made) if _dotted(kind)[0].isupper():
                yield from ((_dotted(kind), text) for text in _about(made, told))


def _dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            before = _dotted(inner)
            return name if before in ("self", "?") else f"{before}.{name}"
    return "?"
