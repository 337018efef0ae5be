"""Sentences that plans are made of: light as a context, checks before anything moves, readings by message."""

import difflib
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope

GIVEN = ("uid", "time", "scan_id", "purpose", "analysis_of", "twin", "bench_check", "code_version", "hints", "versions")
TEXTS = ("campaign", "power_series", "operator")
SYNC_TOLERANCE = 1e-3
LINE_TIMEOUT_S = 3600.0 * 12


class PlanError(ValueError):
    """A plan that must not start. The message lists every problem: what was given, what is allowed, what to do."""


class MeasurementError(RuntimeError):
    """A measurement that cannot go on; what was measured so far is kept, the light is off."""


def require(problems: Iterable[str | None]):
    """Raise one PlanError naming all problems, or do nothing.

    >>> require([None, "dwell_ms=-1: must be 1..3600000"])
    Traceback (most recent call last):
    plans.stubs.PlanError: nothing has moved, no run was opened:
      - dwell_ms=-1: must be 1..3600000
    """
    found = dict.fromkeys(problem for problem in problems if problem)
    if found:
        raise PlanError("nothing has moved, no run was opened:\n  - " + "\n  - ".join(found))


def outside(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> str | None:
    """The problem with a number that must lie in low..high, or None.

    >>> outside("n_pixels", 0, 1, 2048, whole=True)
    'n_pixels=0: must be a whole number 1..2048'
    >>> outside("dwell_ms", 100, 1, 3.6e6) is None
    True
    """
    kind = "a whole number" if whole else "a number"
    if is_number(value) and low <= value <= high and (not whole or float(value).is_integer()):
        return None
    return f"{name}={value!r}: must be {kind} {low:g}..{high:g}"


def is_number(value: Any) -> bool:
    """Whether it is a real number, Python's or numpy's; True and False are none, nor is what no float can hold."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, (float, np.integer, np.floating))


def plain(value: Any) -> Any:
    """A number of numpy as one of Python, for documents and instruments; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def md_problem(md: Any) -> str | None:
    """The problem with what the user wants noted in the start document, or None.

    >>> md_problem({"uid": "mine"})
    "md has the key 'uid': the RunEngine gives it; choose another name"
    """
    if md is None:
        return None
    if not isinstance(md, Mapping) or not all(isinstance(key, str) for key in md):
        return f"md={md!r}: must be a dictionary with text keys"
    if given := next((key for key in md if key in GIVEN), None):
        return f"md has the key {given!r}: the RunEngine gives it; choose another name"
    if other := next((key for key in TEXTS if not isinstance(md.get(key, ""), str)), None):
        return f"md has {other}={md[other]!r}: must be text"
    return unrecordable("md", md)


def unrecordable(name: str, value: Any) -> str | None:
    """The problem with something that no document can hold, or None.

    >>> unrecordable("md", {"film": {"spin coated": {3: "times"}}})
    "md['film']['spin coated'] has the key 3: must be text, not empty, without '.' and '/'"
    """
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not (isinstance(key, str) and key and not set(key) & {".", "/"})]:
            return f"{name} has the key {wrong[0]!r}: must be text, not empty, without '.' and '/'"
        return next((why for key, each in value.items() if (why := unrecordable(f"{name}[{key!r}]", each))), None)
    if isinstance(value, (list, tuple)):
        return next((why for k, each in enumerate(value) if (why := unrecordable(f"{name}[{k}]", each))), None)
    array = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU"
    if array or value is None or isinstance(value, (str, bool, int, float)):
        return None
    return (
        f"{name} is {value!r}: must be text, a number, true, false, None, a list, a dictionary or an array of numbers"
    )


def unknown(name: str, value: str, allowed: Iterable[str]) -> str | None:
    """The problem with a word that is not among `allowed`, with the nearest one, or None.

    >>> unknown("sample", "a", ["A", "B"])
    "sample='a': there is no such sample; there are A, B. Did you mean 'A'?"
    """
    words = list(allowed)
    if isinstance(value, str) and value in words:
        return None
    near = [w for w in words if w.lower() == str(value).lower()] or difflib.get_close_matches(str(value), words, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{name}={value!r}: there is no such {name}; there are {', '.join(words)}.{hint}"


def unmeasurable(name: str, value: Any, travel_um: Iterable[tuple[float, float]], reach_um: float) -> str | None:
    """The problem with a place (x, y) that must lie `reach_um` inside the travel, or None.

    >>> unmeasurable("at_um", (0.1, 50.0), [(0, 100), (0, 100)], 0.36)
    'at_um=(0.1, 50.0): x must be a number 0.36..99.64 (um), to scan a patch around it'
    """
    if not (isinstance(value, (tuple, list, np.ndarray)) and np.ndim(value) and len(value) == 2):
        return f"{name}={value!r}: must be a pair (x, y) in um"
    for axis, place, (low, high) in zip("xy", value, travel_um, strict=True):
        if outside(name, place, low + reach_um, high - reach_um):
            allowed = f"{low + reach_um:g}..{high - reach_um:g} (um)"
            return f"{name}={value!r}: {axis} must be a number {allowed}, to scan a patch around it"
    return None


def sample_problem(name: Any, records: Mapping[str, Any], available: Iterable[str]) -> str | None:
    """The problem with a sample that has no record, or that the holder has not; None if there is none.

    available : what the holder knows; empty: anything, the operator declares

    >>> sample_problem("E", {"A": {}, "E": {}}, ["A"])
    "sample='E': it has a record, but the holder has only A"
    >>> sample_problem("F", {"A": {}}, ["A", "F"])
    "sample='F': it has no record; samples.add('F', doping_percent=..., thickness_nm=...) first"
    """
    if not isinstance(name, str):
        return f"sample={name!r}: must be the name of a sample, or None for the one that is mounted"
    held = list(available)
    known = [word for word in held if word in records] if held and records else held or list(records)
    if name in known:
        return None
    if name in records:
        return f"sample={name!r}: it has a record, but the holder has only {', '.join(held)}"
    if name in held:
        return f"sample={name!r}: it has no record; samples.add({name!r}, doping_percent=..., thickness_nm=...) first"
    return unknown("sample", name, known)


def read(signal) -> Generator[Msg, Any, Any]:
    """The value of a signal, by message; 0 where there is no engine."""
    value = yield from bps.rd(signal, default_value=None)
    if value is None:  # a pause came in between, and the answer went to nobody
        value = yield from bps.rd(signal)
    return value


def readings(device) -> Generator[Msg, Any, dict[str, Any]]:
    """All readings of a device by the names of its signals, by message; empty where there is no engine."""
    values = yield Msg("read", device)
    if values is None:  # as in `read`
        values = yield Msg("read", device)
    return {key.removeprefix(f"{device.name}_"): entry["value"] for key, entry in (values or {}).items()}


def take(device, index: int) -> MsgGenerator:
    """Let an instrument measure row `index`, and wait for it."""
    yield from bps.abs_set(device, index, group="row")
    yield from bps.wait("row", timeout=LINE_TIMEOUT_S)


def note(stream: str, *devices) -> MsgGenerator:
    """One Event in `stream` with what these devices read, then a checkpoint: a resumed plan does not say it again."""
    try:
        yield from bps.create(stream)
        for device in devices:
            yield from bps.read(device)
    except Exception:
        yield from bps.drop()  # or the end of the run would stumble over the open Event and hide why
        raise
    yield from bps.save()
    yield from bps.checkpoint()


def lines_of(signal) -> Generator[Msg, Any, list[str]]:
    """The words of a signal that holds one a line."""
    return [word for word in (yield from read(signal)).splitlines() if word]


def lit(microscope: Microscope, laser, w_cm2: float, plan: Callable[[], MsgGenerator]) -> MsgGenerator:
    """Run `plan` with `laser` at `w_cm2` on the sample; however it ends, the shutter closes and the laser rests.

    The shutter itself is opened by `shine`, at the start of each line: after a pause the light comes back with the
    next line and not before.
    """

    def bright():
        yield from bps.mv(laser.intensity, w_cm2)
        yield from bps.mv(laser.emission, "on")
        return (yield from plan())

    def rest():
        yield from bps.mv(laser.emission, "standby")

    # Two nested finalizers: the second barrier is tried even if the first one raises.
    protected = bpp.finalize_wrapper(bright(), dark(microscope))
    return (yield from bpp.finalize_wrapper(protected, rest()))


def staged(device, plan: MsgGenerator) -> MsgGenerator:
    """Run `plan` with this device staged. (The stock wrapper stages the root of the device, the whole microscope.)"""

    def prepared():
        yield from bps.stage(device)
        return (yield from plan)

    return (yield from bpp.finalize_wrapper(prepared(), bps.unstage(device)))


def dark(microscope: Microscope) -> MsgGenerator:
    """Close the shutter, and see it closed."""
    yield from bps.mv(microscope.shutter, "closed")


def shine(microscope: Microscope) -> MsgGenerator:
    """Open the shutter; raises with the reason if it is latched.

    Said before each measurement, open or not: what is resumed after a pause is said again, in the dark.
    """
    yield from bps.mv(microscope.shutter, "open")


def went_dark(microscope: Microscope, what: str, share: float) -> MsgGenerator:
    """The light went out while `what` was measured: say why. It is stored, with its share of light."""
    reason = (yield from read(microscope.shutter.latch)) or (yield from read(microscope.shutter.reason))
    raise MeasurementError(f"the light went out in {what} (lit for {share:.0%} of it): {reason}")


def sync_problem(microscope: Microscope) -> Generator[Msg, Any, str | None]:
    """Measure the sync rate with the pulsed laser on and the shutter closed; the problem with it, or None."""
    pulsed, card = microscope.pulsed, microscope.timeharp

    def measure():
        yield from bps.mv(pulsed.emission, "on")
        yield from bps.mv(card.read_sync, 1)

    def rest():
        yield from bps.mv(pulsed.emission, "standby")

    yield from bpp.finalize_wrapper(measure(), rest())
    declared = yield from read(pulsed.repetition)
    measured = yield from read(card.sync_rate)
    if measured <= 0:
        return "the card sees no sync: is the laser's trigger cable on SYNC, and the key turned?"
    # The meter counts in steps of 128 Hz.
    if abs(measured - declared) > SYNC_TOLERANCE * declared + 128:
        return (
            f"the laser is declared at {declared:g} Hz but the card measures {measured:g} Hz: set the front panel, "
            f"or declare the true rate with RE(bps.mv(microscope.pulsed.repetition, ...))"
        )
    return None


def wiring_problem(microscope: Microscope, needed: str) -> Generator[Msg, Any, str | None]:
    """The card has one converter: what is cabled decides what can be measured."""
    cabled = yield from read(microscope.timeharp.wiring)
    if cabled == needed:
        return None
    return (
        f"this plan needs the wiring {needed!r}, but the card is cabled for {cabled!r}: re-cable it, then "
        f"RE(bps.mv(microscope.timeharp.wiring, {needed!r}))"
    )


def counters_problem(microscope: Microscope, n_bins: int = 1) -> Generator[Msg, Any, str | None]:
    """Why the clicks of both SPADs cannot be counted as the card is cabled, or None."""
    most = dict(line.split() for line in (yield from lines_of(microscope.counters.most_bins)))
    cabled = yield from read(microscope.timeharp.wiring)
    if not most or n_bins <= int(most.get(cabled, 0)):
        return None
    what = "both SPADs" if n_bins == 1 else f"both SPADs in {n_bins} bins"
    able = ", ".join(repr(wiring) for wiring, n in most.items() if n_bins <= int(n))
    return (
        f"this lab counts with the card, which cannot count {what} in the wiring {cabled!r}, only in {able or 'none'}: "
        're-cable it, or give the lab pulse counters (driver = "serial_counter" for spads in lab.toml)'
    )


def light_problem(microscope: Microscope) -> Generator[Msg, Any, str | None]:
    """Why the shutter would refuse to open, or None."""
    if (yield from read(microscope.shutter.interlock)) != "closed":
        return "the laser interlock is open: close the enclosure and turn the key"
    if latch := (yield from read(microscope.shutter.latch)):
        return f"the shutter is latched ({latch}): remove the cause, then microscope.shutter.reset()"
    if overload := (yield from read(microscope.spads.overload)):
        cure = "darken the room" if overload.startswith("room light") else "less light"
        return f"a SPAD was tripped ({overload}): {cure}, then microscope.spads.reset()"
    return None


def recover(timeout_s: float = 90.0) -> Generator[Msg, Any, tuple[str, ...]]:
    """Wait until all instruments answer again; the names of those that restarted since the plan began or last asked.

    Light stays off; the session takes its lease again where an instrument has forgotten it. CommandError names what
    is still missing after `timeout_s`.
    """
    restarted = yield Msg("recover", None, timeout_s=timeout_s)
    return tuple(restarted or ())
