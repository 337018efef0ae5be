"""What light the sample has seen, place by place, and the most it may see."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal

from devices.signals import PUT_TIMEOUT_S, Instrument, put_and_wait, reading, setting


class Exposure(Instrument):
    """Doses in kJ/cm2 of places of 0.5 um on the stage, kept for each sample; the IOC refuses what exceeds `budget`."""

    budget = setting("Budget")
    here = reading("Here", kind="normal")
    largest = reading("Largest", kind="normal")
    over = reading("Over", kind="normal")
    forget = Cpt(EpicsSignal, "Reset", kind="omitted", string=True)

    def reset(self, why: str):
        """Begin the mounted sample anew, because it is another piece of film; `why` is kept with what it had seen."""
        boot_id = self.boot_id.get()
        put_and_wait(self.forget, why, PUT_TIMEOUT_S)
        self.object_if_failed(boot_id, self.forget)
