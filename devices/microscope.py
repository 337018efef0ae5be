"""The confocal microscope: stage, lasers, shutter, filters, SPADs, card, line scanner, and how they are cabled."""

from ophyd import Component as Cpt
from ophyd import Device, Signal

from devices.filters import Filters
from devices.lasers import CWLaser, PulsedLaser
from devices.piezo import Piezo
from devices.sample import SampleHolder
from devices.scanner import LineScanner
from devices.shutter import Shutter
from devices.spads import Spads
from devices.timeharp import TimeHarp


class Microscope(Device):
    """Everything a plan needs, by one name; `microscope.shutter`, `microscope.scanner`, ... are devices themselves.

    `irf_uid` names the instrument response that belongs to the present state of the card; the `irf` plan sets it.
    """

    shutter = Cpt(Shutter, "shutter:")
    pulsed = Cpt(PulsedLaser, "pulsed:")
    cw = Cpt(CWLaser, "cw:")
    piezo = Cpt(Piezo, "piezo:")
    filters = Cpt(Filters, "filters:")
    sample = Cpt(SampleHolder, "sample:")
    spads = Cpt(Spads, "spads:")
    timeharp = Cpt(TimeHarp, "timeharp:")
    scanner = Cpt(LineScanner, "scanner:")
    irf_uid = Cpt(Signal, value="", kind="config")

    def __init__(self, prefix: str, *, name: str, samples: dict[str, dict] | None = None, **kwargs):
        super().__init__(prefix, name=name, **kwargs)
        self.samples = dict(samples or {})
        for _, part in self.walk_subdevices(include_lazy=True):
            part.name = part.name.removeprefix(f"{name}_")
        for item in self.walk_signals(include_lazy=True):
            item.item.name = item.item.name.removeprefix(f"{name}_")

    def stage(self) -> list[object]:
        """Nothing: plans stage the instrument they trigger, not the whole table."""
        return [self]

    def unstage(self) -> list[object]:
        return [self]

    def panic(self):
        """Dark, now, without a RunEngine: shutter closed, both lasers on standby, latched."""
        self.shutter.trip.put("panic: called by the user")
        for laser in (self.pulsed, self.cw):
            laser.emission.put("standby")
        self.scanner.halt.put(1)
        self.timeharp.halt.put(1)
        self.shutter.close()
