"""One item of a night: which plan, with what, when, and what becomes of the night if it fails."""

import inspect
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from datetime import time as time_of_day
from typing import Any

import numpy as np
from bluesky.utils import Plan

from plans.known import PLANS, argument_problems, defaults, plan_problem
from plans.moments import moment_of
from plans.stubs import PlanError, outside, plain, require, unknown

SKIP, STOP = "skip", "stop"
POLICIES = (SKIP, STOP)
WAITING, RUNNING, DONE, FAILED, SKIPPED, INTERRUPTED = (  # what becomes of an item
    "waiting",
    "running",
    "done",
    "failed",
    "skipped",
    "interrupted",
)
POLICY = ("name", "on_failure", "retries", "not_before", "until", "max_time_s", "max_dose_kj_cm2")
MOST_RETRIES = 100
LONGEST_NAME = 200
RESERVED = ("night", "item")  # of the start documents: the night writes them


@dataclass(frozen=True)
class Item:
    """One item; equal items are the same work.

    plan, arguments : name of the plan and its keyword arguments, without the devices (they are those of the lab)
    on_failure : "skip" goes on with the next item, "stop" ends the night
    retries : how often an item that failed is tried again; an interruption (a killed process) is no failure
    not_before, until : seconds of Unix time; it is not begun earlier, and left out if it cannot end by then
    max_time_s, max_dose_kj_cm2 : budgets; an item that is expected to need more is refused with the whole night
    """

    plan: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    on_failure: str = SKIP
    retries: int = 0
    not_before: float | None = None
    until: float | None = None
    max_time_s: float | None = None
    max_dose_kj_cm2: float | None = None

    @property
    def title(self) -> str:
        """For people: the name, or what it is."""
        about = self.arguments.get("sample") or self.arguments.get("emitter") or ""
        return self.name or " ".join(word for word in (self.plan, str(about)) if word)

    @property
    def work(self) -> "Item":
        """Without its times: "02:00" is another moment tomorrow, the work is the same."""
        return replace(self, not_before=None, until=None)


def item(
    what: Any,
    *,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
    on_failure: str = SKIP,
    retries: int = 0,
    not_before: Any = None,
    until: Any = None,
    max_time_s: float | None = None,
    max_dose_kj_cm2: float | None = None,
    now_s: float | None = None,
    **more: Any,
) -> Item:
    """An item of a night: `item(flim_raster(microscope, sample="A"), retries=1)`, or `item("flim_raster", sample="A")`.

    `max_time_s` and `max_dose_kj_cm2` are budgets of the item; a plan's own arguments of these names go into
    `arguments={...}`. PlanError names everything that is wrong.
    """
    plan, given, problems = asked(what, {**(arguments or {}), **more})
    moment_s = time.time() if now_s is None else now_s
    begin_s, wrong_begin = moment_of("not_before", not_before, moment_s)
    end_s, wrong_end = moment_of("until", until, moment_s)
    problems += [wrong_begin, wrong_end, window_problem(begin_s, end_s), name_problem(name)]
    problems.append(None if on_failure in POLICIES else unknown("on_failure", on_failure, POLICIES))
    problems.append(outside("retries", retries, 0, MOST_RETRIES, whole=True))
    budgets = {"max_time_s": max_time_s, "max_dose_kj_cm2": max_dose_kj_cm2}
    problems += [outside(key, value, 1e-3, 1e9) for key, value in budgets.items() if value is not None]
    require(problems)
    kept = {key: None if value is None else float(value) for key, value in budgets.items()}
    return Item(plan, given, (name or "").strip(), on_failure, int(retries), begin_s, end_s, **kept)


def as_item(element: Any, now_s: float | None = None) -> Item:
    """An element of a queue as an item: an item, a called plan, or a dictionary of the arguments of `item`."""
    if isinstance(element, Item):
        return element
    if not isinstance(element, Mapping):
        return item(element, now_s=now_s)
    told = {str(key): value for key, value in element.items()}
    what, nested = told.pop("plan", None), told.pop("arguments", {})
    policy = {key: told.pop(key) for key in POLICY if key in told}
    if not isinstance(nested, Mapping):
        raise PlanError(f"arguments={nested!r}: must be a table of the plan's own arguments")
    if twice := sorted(nested.keys() & told.keys()):
        raise PlanError(f"{twice[0]}: it is given twice, also among the arguments")
    return item(what, arguments={**nested, **told}, now_s=now_s, **policy)


def asked(what: Any, more: Mapping[str, Any]) -> tuple[str, dict[str, Any], list[str | None]]:
    """Name and arguments of the plan that is asked for, and what is wrong with them."""
    if isinstance(what, str):
        if problem := plan_problem(what):
            return what, {}, [problem]
        name, given = what, dict(more)
    elif what is None:
        return "", {}, ['plan: say which, such as plan = "flim_raster"']
    elif isinstance(what, (bool, int, float, list, dict, date, time_of_day)):
        return "", {}, [plan_problem(what)]
    else:
        name, given = called(what)
        if more:
            return name, {}, [f"{next(iter(more))}: the plan is called already; give {name}(...) its arguments"]
    problems = [*argument_problems(name, given), md_reserved(given.get("md"))]
    problems += [wrong for key, value in given.items() if (wrong := unkeepable(key, value))]
    usual = defaults(name)
    kept = {key: keepable(value) for key, value in given.items() if not unkeepable(key, value)}
    return name, {key: value for key, value in kept.items() if not same(value, keepable(usual.get(key, ...)))}, problems


def called(plan: Any) -> tuple[str, dict[str, Any]]:
    """Name and keyword arguments of a plan that was called but not begun, without its device; it can still be run.

    PlanError if it has begun, or is no plan of the lab.
    """
    generator = getattr(plan, "_iter", plan)
    if not inspect.isgenerator(generator) or inspect.getgeneratorstate(generator) != inspect.GEN_CREATED:
        shown = getattr(plan, "__name__", repr(plan))
        raise PlanError(f"{shown} is not a plan that can still begin: write flim_raster(microscope, ...), without RE")
    name, given = generator.gi_code.co_name, dict(inspect.getgeneratorlocals(generator))
    device = generator.gi_code.co_varnames[0] if generator.gi_code.co_argcount else ""
    looked_at(plan)
    if name in PLANS and inspect.unwrap(PLANS[name]).__code__ is not generator.gi_code:
        raise PlanError(f"{name}: this is not the plan of the lab, but another one of the same name")
    require([plan_problem(name)])
    given.pop(device, None)
    usual = defaults(name)
    return name, {key: value for key, value in given.items() if not same(value, usual.get(key, ...))}


def looked_at(plan: Any) -> None:
    """Note that a plan was made to be looked at: bluesky would complain that it was never run."""
    if isinstance(plan, Plan):
        plan._stack = None


def same(one: Any, other: Any) -> bool:
    """Whether two arguments are the same, arrays too; True is not 1."""
    return repr(keepable(one)) == repr(keepable(other))


def keepable(value: Any) -> Any:
    """An argument as files hold it: tuples and arrays as lists, paths as text."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): keepable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [keepable(each) for each in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else plain(value)


def unkeepable(name: str, value: Any) -> str | None:
    """The problem with an argument that no file of a queue can hold, or None.

    >>> unkeepable("dwell_ms", math.nan)
    'dwell_ms=nan: must be a finite number'
    """
    value = keepable(value)
    if isinstance(value, dict):
        return next((why for key, each in value.items() if (why := unkeepable(f"{name}[{key!r}]", each))), None)
    if isinstance(value, list):
        return next((why for k, each in enumerate(value) if (why := unkeepable(f"{name}[{k}]", each))), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"{name}={value!r}: must be a finite number"
    if isinstance(value, int) and abs(value) >= 2**63:
        return f"{name}={value!r}"[:40] + "...: the number is too large"
    if value is None or isinstance(value, (str, bool, int, float)):
        return None
    return f"{name}={value!r}: must be text, a number, true, false, a list or a table of these"


def md_reserved(md: Any) -> str | None:
    """The problem with a key of md that the night writes itself, or None."""
    taken = next((key for key in RESERVED if isinstance(md, Mapping) and key in md), None)
    return f"md has the key {taken!r}: the night gives it; choose another name" if taken else None


def window_problem(begin_s: float | None, end_s: float | None) -> str | None:
    """Whether a window of time closes before it opens."""
    if begin_s is None or end_s is None or begin_s < end_s:
        return None
    return "until is not after not_before: exchange them, or write the day as well"


def name_problem(name: Any) -> str | None:
    """The problem with the name of an item, or None."""
    if name is None or (isinstance(name, str) and name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        return None
    return f"name={name!r}"[:60] + f": must be 1..{LONGEST_NAME} printable letters"
