"""The TimeHarp 200: start-stop histograms, one converter for both routes."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal
from ophyd.status import Status

from devices.histograms import HistogramStream
from devices.signals import Setting, in_background, reading, setting

GRACE_S = 30.0
METER_TIMEOUT_S = 15.0


class Meter(Setting):
    """A command that takes as long as the rate meter needs to settle."""

    def set(self, value, *, timeout: float | None = None, settle_time=None) -> Status:
        return super().set(value, timeout=timeout or METER_TIMEOUT_S)


class TimeHarp(HistogramStream):
    """`set(i)` integrates once, at one place, into row i of the file; `histograms` is (route, channel)."""

    serial = reading("Serial", kind="config", string=True)
    base_resolution = reading("BaseResolution", kind="config")
    bin_width = reading("BinWidth", kind="config")
    range_code = setting("RangeCode")
    range_codes = reading("RangeCodes", kind="omitted", string=True)
    offset = setting("Offset", rounds=True)
    wiring = setting("Wiring", string=True)
    integration_time = setting("IntegrationTime")
    sync_rate = reading("SyncRate", kind="config")
    read_sync = Cpt(Meter, "ReadSync", kind="omitted", rounds=True)
    counts = reading("Counts", kind="normal")
    lit = reading("Lit", kind="normal")
    started = reading("Started", kind="normal")
    elapsed = reading("Elapsed", kind="normal")
    overflow = reading("Overflow", kind="normal")
    acquire = Cpt(Setting, "Acquire", kind="omitted")
    free_bytes = reading("FreeBytes", kind="omitted")
    halt = Cpt(EpicsSignal, "Stop", kind="omitted")

    def row_shape(self) -> tuple[int, ...]:
        return (2, int(self.n_channels.get()))

    def stage(self) -> list[object]:
        self.open_file()
        return super().stage()

    def set(self, index: int) -> Status:
        timeout_s = GRACE_S + 2 * self.integration_time.get()
        self.mark(index)
        return in_background(self, lambda: self.acquire.prove(index, timeout_s))

    def stop(self, *, success: bool = False):
        self.halt.put(1)
