"""From a table of lab.toml to the options of a driver: every key known, every type right, nothing forgotten."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from devices.iocs.config import ConfigError

DO = "Correct the file and start again."


def read_options(cls: type, table: Mapping[str, Any], *, key: str, what: str, house: Path) -> Any:
    """The options dataclass `cls` of a driver from its table.

    key : file and place of the table, for messages; what : the driver as lab.toml names it
    house : where relative folders start

    Raises
    ------
    ConfigError : an unknown or missing key, a wrong type, or a value that the driver refuses.
    """
    known = {one.name: one for one in dataclasses.fields(cls) if one.init}
    if unknown := sorted(set(table) - set(known)):
        raise ConfigError(f"{key}.{unknown[0]} is no option of {what}; it has {', '.join(known)}. {DO}")
    kinds, values = get_type_hints(cls), {}
    for name, one in known.items():
        if table.get(name, "") != "":
            values[name] = _converted(kinds[name], table[name], key=f"{key}.{name}", house=house)
        elif one.default is one.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{key}.{name} is missing: {what} needs it, {name} = {_said(kinds[name])}. {DO}")
    try:
        return cls(**values)
    except ValueError as why:
        raise ConfigError(f"{key}: {why}. {DO}") from why


def _converted(kind: Any, value: Any, *, key: str, house: Path) -> Any:
    """The value as the type that the options want; ConfigError naming the key."""
    origin, inner, at = get_origin(kind), get_args(kind), {"key": key, "house": house}
    if origin in (Union, types.UnionType):
        return _converted(next(one for one in inner if one is not type(None)), value, **at)
    if origin is Literal:
        return _known(value in inner, value, key, f"one of: {', '.join(map(repr, inner))}")
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        _known(isinstance(value, dict), value, key, "a table, {...}")
        return read_options(kind, value, key=key, what=key.rsplit(".", 1)[-1], house=house)
    if origin in (dict, Mapping):
        _known(isinstance(value, dict), value, key, "a table, {...}")
        of = inner[1] if inner else Any
        return {name: _converted(of, one, key=f"{key}.{name}", house=house) for name, one in value.items()}
    if origin in (tuple, list, typing.get_origin(typing.Sequence[int])):
        return _listed(inner, value, **at)
    return _plain(kind, value, **at)


def _listed(inner: tuple, value: Any, *, key: str, house: Path) -> tuple:
    """A list as a tuple of converted elements; of a given length where each has a type of its own."""
    _known(isinstance(value, list | tuple), value, key, "a list, [...]")
    if len(inner) > 1 and inner[-1] is not Ellipsis:
        _known(len(value) == len(inner), value, key, f"a list of {len(inner)}")
    else:
        inner = (inner[0] if inner else Any,) * len(value)
    pairs = enumerate(zip(inner, value, strict=True))
    return tuple(_converted(kind, one, key=f"{key}[{n}]", house=house) for n, (kind, one) in pairs)


def _plain(kind: Any, value: Any, *, key: str, house: Path) -> Any:
    if kind is Path:
        return house / Path(_known(isinstance(value, str), value, key, "the name of a file or folder")).expanduser()
    if kind is float:
        good = type(value) in (int, float) and math.isfinite(value)
        return float(_known(good, value, key, "a number", does="must be"))
    if kind in (int, str, bool):
        allowed = {int: "a whole number", str: "text", bool: "true or false"}[kind]
        return _known(type(value) is kind, value, key, allowed, does="must be")
    return value


def _known(good: bool, value: Any, key: str, allowed: str, does: str = "allowed:") -> Any:
    """The value if it is good; ConfigError otherwise."""
    if not good:
        raise ConfigError(f"{key} = {value!r}: {does} {allowed}. {DO}")
    return value


def _said(kind: Any) -> str:
    """What a value of this type looks like in lab.toml."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is Literal:
        return " or ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in get_args(kind))
    words = {str: '"..."', Path: '"..."', int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(kind, "[...]" if get_origin(kind) in (tuple, list) else "{...}")
