"""The two single-photon avalanche diodes."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal

from devices.signals import PUT_TIMEOUT_S, Instrument, put_and_wait, reading, setting


class Spads(Instrument):
    """Count rates ten times a second; over `trip_cps` the IOC closes the shutter and `overload` says why."""

    perovskite_rate = reading("Perovskite:Rate", kind="normal")
    qd_rate = reading("Qd:Rate", kind="normal")
    level = reading("Level", kind="normal", string=True)
    overload = reading("Overload", kind="config", string=True)
    trip_cps = setting("Trip")
    acknowledge = Cpt(EpicsSignal, "Reset", kind="omitted")

    def reset(self):
        """Acknowledge an overload (the shutter has a `reset` of its own)."""
        put_and_wait(self.acknowledge, 1, PUT_TIMEOUT_S)
