"""Records of samples: what they may hold, and what is wrong with one."""

import datetime
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
ROLES = ("sample", "blank", "reference")
NUMBERS = {
    "doping_percent": (0.0, 100.0),
    "thickness_nm": (0.0, 1e5),
    "excitation_w_cm2": (1e-3, 1e6),
    "rate_cps": (1.0, 1e8),
}
TEXTS = ("notes", "substrate")
LINKS = {"blank": "blank", "reference": "reference"}  # key -> role of the record it names
KEYS = (*NUMBERS, "date", "role", *LINKS, *TEXTS)


class SampleError(ValueError):
    """A record that cannot be used; the message names sample, key, value, what is allowed."""


def checked(records: dict[str, Any], otherwise: str) -> dict[str, dict[str, Any]]:
    """The records, or one SampleError that begins with `otherwise` and lists everything wrong with them."""
    problems = [problem for name, facts in records.items() for problem in problems_of(name, facts, records)]
    if problems:
        raise SampleError(f"{otherwise}:\n  - " + "\n  - ".join(problems))
    return records


def problems_of(name: str, facts: Any, records: Mapping[str, Any]) -> list[str]:
    """What is wrong with one record."""
    if not NAME.fullmatch(name):
        return [f"the name {name!r}: must be 1 to 40 letters, digits, _ or -, beginning with a letter or digit"]
    if not isinstance(facts, dict):
        return [f"{name} = {facts!r}: must be a table of facts, [{name}]"]
    return [problem for key, value in facts.items() if (problem := problem_with(name, key, value, records))]


def problem_with(name: str, key: str, value: Any, records: Mapping[str, Any]) -> str | None:
    """The problem with one fact, or None."""
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"{name}.{key} = {value!r}: there is no such key; allowed are {', '.join(KEYS)}.{hint}"
    if key in NUMBERS:
        low, high = NUMBERS[key]
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return None if number and low <= value <= high else f"{name}.{key} = {value!r}: must be {low:g}..{high:g}"
    if key == "role":
        return None if value in ROLES else f"{name}.role = {value!r}: must be one of {', '.join(ROLES)}"
    if key == "date":
        return None if is_date(value) else f"{name}.date = {value!r}: must be a date like 2026-03-31"
    if not isinstance(value, str):
        return f"{name}.{key} = {value!r}: must be text"
    return None if key in TEXTS else link_problem(name, key, value, records)


def link_problem(name: str, key: str, value: str, records: Mapping[str, Any]) -> str | None:
    """Whether the blank or reference of a record is a record of that role."""
    able = [other for other in records if role_of(records, other) == LINKS[key]]
    if value in able:
        return None
    there = f"there are {', '.join(able)}" if able else f"there is none: add it with role={LINKS[key]!r}"
    return f"{name}.{key} = {value!r}: must be a sample of role {LINKS[key]!r}; {there}"


def role_of(records: Mapping[str, Any], name: str) -> str:
    facts = records[name]
    return facts.get("role", "sample") if isinstance(facts, dict) else ""


def is_date(value: Any) -> bool:
    """Whether a value is a date, without a time of day, or text that reads as one."""
    if isinstance(value, datetime.date):
        return not isinstance(value, datetime.datetime)
    try:
        datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def completed(record: Mapping[str, Any], records: Mapping[str, Any]) -> dict[str, Any]:
    """A record with role, blank and reference said: those of the lab where it names none; dates as text."""
    full = {key: str(value) if isinstance(value, datetime.date) else value for key, value in record.items()}
    role = full.setdefault("role", "sample")
    needed = {"sample": ("blank", "reference"), "reference": ("blank",), "blank": ()}[role]
    for key in needed:
        first = next((name for name in records if role_of(records, name) == LINKS[key]), None)
        if first is not None:
            full.setdefault(key, first)
    return full


def check_name(name: Any, records: Mapping[str, Any]):
    """Refuse a name that is no name, or that is taken, also by one that differs only in capitals."""
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise SampleError(f"samples.add({name!r}): a name is 1 to 40 letters, digits, _ or -, e.g. 'E' or 'film-12'")
    taken = next((other for other in records if other.lower() == name.lower()), None)
    if taken is not None:
        raise SampleError(f"samples.add({name!r}): there is already a sample {taken!r}; choose another name")


def missing(name: object, records: Iterable[str]) -> str:
    """The sentence for a sample that has no record."""
    words = list(records)
    near = difflib.get_close_matches(str(name), words, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"there is no sample {name!r}; there are {', '.join(words)}.{hint} A new one: samples.add({name!r}, ...)"
