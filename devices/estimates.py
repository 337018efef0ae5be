"""What the live analysis knows, as signals: a plan reads a number and its error like any other reading.

    yield from bps.trigger(microscope.g2, wait=True)          # everything emitted so far is digested
    tau_err_ns = yield from bps.rd(microscope.g2.tau_err_ns)

Nothing here speaks to hardware. Numbers that are not known are NaN.
"""

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import Status

from devices.signals import done, in_background

NOT_KNOWN = math.nan
UNDECIDED = -1


class Quantity(Signal):
    """One soft value of a fixed type, with its unit; `default` is what it holds when nothing is known."""

    def __init__(self, *args, units: str = "", **kwargs):
        super().__init__(*args, **kwargs)
        self.units, self.default = units, self.get()

    def check_value(self, value: Any):
        self.of_my_type(value)

    def put(self, value: Any, **kwargs):
        super().put(self.of_my_type(value), **kwargs)

    def set(self, value: Any, **kwargs) -> Status:
        """Hold this value now. (ophyd would wait until it reads what it put, which NaN never does.)"""
        self.put(value)
        return done(self)

    def of_my_type(self, value: Any) -> Any:
        """The value as text, whole number or number, after the default; ValueError if it is none."""
        kind = type(self.default)
        if isinstance(value, str) == (kind is str):
            try:
                same = kind(value)  # pyright: ignore[reportCallIssue]
            except (TypeError, ValueError, OverflowError):
                same = None
            if same is not None and (kind is not int or same == value):
                return same
        names = {str: "text", int: "a whole number", float: "a number"}
        raise ValueError(f"{self.name} = {value!r}: must be {names[kind]}")

    def describe(self) -> dict:
        description = super().describe()
        if self.units:
            description[self.name]["units"] = self.units
        return description


def number(units: str = "", *, kind: str = "normal") -> Cpt:
    return Cpt(Quantity, value=NOT_KNOWN, units=units, kind=kind)


def whole(value: int = 0) -> Cpt:
    return Cpt(Quantity, value=value, kind="normal")


def word() -> Cpt:
    return Cpt(Quantity, value="", kind="normal")


class Estimate(Device):
    """Numbers that an analysis gives; without one, `trigger` finishes at once.

    ask : for whoever runs the analysis: called by `trigger`, must not block; the Future gives the values by name. What
        the answer covers is settled when it is called, and not by how fast threads are
    """

    ask: Callable[[], "Future[Mapping[str, Any]]"] | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._turn, self._asked, self._answered = threading.Lock(), 0, 0

    def trigger(self) -> Status:
        """Bring the numbers up to date; fails with the reason if the analysis does. An old answer never wins."""
        self._asked += 1
        number, asked = self._asked, self.ask() if self.ask is not None else None
        return in_background(self, lambda: self.answer(number, asked.result() if asked is not None else {}))

    def answer(self, number: int, values: Mapping[str, Any]):
        with self._turn:
            if number > self._answered:
                self.update(values)
                self._answered = number

    def set(self, values: Mapping[str, Any]) -> Status:
        """Hold these values and no others: `bps.mv(microscope.g2, {})` forgets everything."""
        with self._turn:
            self.update({name: getattr(self, name).default for name in self.component_names} | dict(values))
            self._answered = self._asked  # what was asked for before belongs to the past
        return done(self)

    def update(self, values: Mapping[str, Any]):
        """Put values by name; ValueError, and nothing is put, if one is unknown or of a wrong type."""
        if unknown := sorted(set(values) - set(self.component_names)):
            raise ValueError(f"{self.name} has no {unknown[0]!r}; it has {', '.join(self.component_names)}")
        checked = {name: getattr(self, name).of_my_type(value) for name, value in values.items()}
        for name, value in checked.items():
            getattr(self, name).put(value)


class Antibunching(Estimate):
    """Photon pairs of one emitter so far. single : 1, 0, or -1 as long as it is not decided."""

    tau_ns = number("ns", kind="hinted")
    tau_err_ns = number("ns", kind="hinted")
    contrast = number(kind="hinted")
    contrast_err = number()
    g2_zero = number()
    g2_zero_err = number()
    corrected_contrast = number()
    corrected_contrast_err = number()
    signal_fraction = number()
    signal_fraction_err = number()
    single = whole(UNDECIDED)
    significance_sigma = number()
    n_coincidences = whole()
    coincidences_per_ns = number("1/ns")
    deviance = number()
    identified = whole()
    live_s = number("s", kind="hinted")
    rate_cps = number("cps", kind="hinted")
    rate_err_cps = number("cps")
    background_cps = number("cps")
    bleached = whole()
    stopped_by = word()


class Intermittency(Estimate):
    """Blinking of one emitter so far."""

    on_fraction = number(kind="hinted")
    on_fraction_err = number(kind="hinted")
    rate_on_cps = number("cps", kind="hinted")
    rate_cps = number("cps", kind="hinted")
    n_photons = whole()
    live_s = number("s", kind="hinted")
    bleached = whole()
    bleached_at_s = number("s")
    stopped_by = word()


class Field(Estimate):
    """What the last search found; the spots themselves are in the registry of emitters."""

    n_found = whole()
    n_isolated = whole()
    run_uid = word()


class Target(Estimate):
    """Where the emitter in focus was seen last, and how bright; plans put it at every re-centring."""

    emitter = word()
    x_um = number("um", kind="hinted")
    y_um = number("um", kind="hinted")
    x_err_um = number("um")
    y_err_um = number("um")
    rate_cps = number("cps", kind="hinted")
    rate_err_cps = number("cps")
    background_cps = number("cps")
    background_err_cps = number("cps")
    fwhm_um = number("um")
    found = whole()
    attempts = whole()
