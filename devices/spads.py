"""The two single-photon avalanche diodes."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal

from devices.signals import PUT_TIMEOUT_S, Instrument, put_and_wait, reading, setting


class Spads(Instrument):
    """Count rates ten times a second; the IOC closes the shutter, and `overload` says why, over `trip_cps`, over
    `room_light_cps` in the dark, and when a SPAD counts nothing under light.
    """

    perovskite_rate = reading("Perovskite:Rate", kind="normal")
    qd_rate = reading("Qd:Rate", kind="normal")
    level = reading("Level", kind="normal", string=True)
    overload = reading("Overload", kind="config", string=True)
    warning = reading("Warning", kind="config", string=True)
    warn_cps = setting("Warn")
    trip_cps = setting("Trip")
    room_light_cps = setting("RoomLight")
    acknowledge = Cpt(EpicsSignal, "Reset", kind="omitted")

    def reset(self):
        """Acknowledge a trip; refused while the room is bright (the shutter has a `reset` of its own)."""
        boot_id = self.boot_id.get()
        put_and_wait(self.acknowledge, 1, PUT_TIMEOUT_S)
        self.object_if_failed(boot_id, self.acknowledge)
