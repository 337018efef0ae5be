"""The confocal microscope: stage, lasers, shutter, filters, SPADs, card, line scanner, and how they are cabled."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, Signal

from devices.counters import Counters
from devices.estimates import Antibunching, Estimate, Field, Intermittency, Quantity, Target
from devices.exposure import Exposure
from devices.filters import Filters
from devices.lasers import CWLaser, PulsedLaser
from devices.piezo import Piezo
from devices.sample import SampleHolder
from devices.scanner import LineScanner
from devices.shutter import Shutter
from devices.spads import Spads
from devices.timeharp import TimeHarp

log = logging.getLogger(__name__)


class Microscope(Device):
    """Everything a plan needs, by one name; `microscope.shutter`, `microscope.scanner`, ... are devices themselves.

    `irf_uid` names the instrument response of this session and `irf_bin_width_ns`, `irf_period_ns` its time axis; the
    `irf` plan sets them. `time_zero_uid` names the calibration of the cable delay, `time_zero_ns` what it found and
    `pair_sigma_ns` the width of the response to pairs of photons.

    `g2`, `blinking`, `field` hold what the live analysis knows, `target` where the emitter in focus was seen last;
    `emitters` is the registry of emitters, `unfinished` tells what of a raster is left (see `plans.continuing.Left`);
    both are None where there is no session. `earlier` tells forecasts what was measured before (`plans.facts.Earlier`).
    """

    shutter = Cpt(Shutter, "shutter:")
    pulsed = Cpt(PulsedLaser, "pulsed:")
    cw = Cpt(CWLaser, "cw:")
    piezo = Cpt(Piezo, "piezo:")
    filters = Cpt(Filters, "filters:")
    sample = Cpt(SampleHolder, "sample:")
    spads = Cpt(Spads, "spads:")
    exposure = Cpt(Exposure, "exposure:")
    timeharp = Cpt(TimeHarp, "timeharp:")
    counters = Cpt(Counters, "counters:")
    scanner = Cpt(LineScanner, "scanner:")
    g2 = Cpt(Antibunching, "")
    blinking = Cpt(Intermittency, "")
    field = Cpt(Field, "")
    target = Cpt(Target, "")
    irf_uid = Cpt(Signal, value="", kind="config")
    irf_bin_width_ns = Cpt(Signal, value=0.0, kind="config")
    irf_period_ns = Cpt(Signal, value=0.0, kind="config")
    irf_boot_id = Cpt(Signal, value="", kind="omitted")
    time_zero_uid = Cpt(Quantity, value="", kind="config")
    time_zero_ns = Cpt(Quantity, value=math.nan, units="ns", kind="config")
    time_zero_err_ns = Cpt(Quantity, value=math.nan, units="ns", kind="config")
    pair_sigma_ns = Cpt(Quantity, value=math.nan, units="ns", kind="config")
    time_zero_boot_id = Cpt(Signal, value="", kind="omitted")

    emitters: Any = None
    unfinished: Callable[[str], Any] | None = None
    earlier: Any = None

    def __init__(self, prefix: str, *, name: str, samples: Mapping[str, Mapping] | None = None, **kwargs):
        super().__init__(prefix, name=name, **kwargs)
        self.samples = {} if samples is None else samples
        for _, part in self.walk_subdevices(include_lazy=True):
            part.name = part.name.removeprefix(f"{name}_")
        for item in self.walk_signals(include_lazy=True):
            item.item.name = item.item.name.removeprefix(f"{name}_")

    def stage(self) -> list[object]:
        """Nothing: plans stage the instrument they trigger, not the whole table."""
        return [self]

    def unstage(self) -> list[object]:
        return [self]

    def baseline(self) -> list[object]:
        """What is read before and after every run: everything but estimates, and the last line, whose length varies."""
        parts = [getattr(self, name) for name in self.component_names]
        return [part for part in parts if not isinstance(part, (Estimate, LineScanner))]

    def panic(self):
        """Dark, now, without a RunEngine: shutter closed, both lasers on standby, latched."""
        orders = [(self.shutter.trip, "panic: called by the user"), (self.shutter.command, "closed")]
        orders += [(laser.emission, "standby") for laser in (self.pulsed, self.cw)]
        orders += [(self.scanner.halt, 1), (self.timeharp.halt, 1), (self.counters.halt, 1)]
        for signal, value in orders:
            try:
                signal.put(value, wait=False)
            except Exception as why:
                log.error("panic: %s: %s", signal.name, why)
        self.shutter.close()
