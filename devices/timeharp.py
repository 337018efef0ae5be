"""The TimeHarp 200: one converter for both SPADs, and three ways to use it, after what is cabled to it."""

from typing import Any

from ophyd import Component as Cpt
from ophyd import Kind, Signal
from ophyd.status import Status

from devices.rows import Layout, RowStream
from devices.signals import Setting, done, reading, setting

GRACE_S = 30.0
METER_TIMEOUT_S = 15.0
N_ROUTES = 2
RECORDS_CHUNK = 65536
RESULTS = {"point": (), "hbt": ("coincidences", "trace"), "records": ("n_records", "overrun")}  # beside the common ones


class Meter(Setting):
    """A command that takes as long as the rate meter needs to settle."""

    def set(self, value, *, timeout: float | None = None, settle_time=None) -> Status:
        return super().set(value, timeout=timeout or METER_TIMEOUT_S)


class Mode(Signal):
    """What the next file holds: one of the words of RESULTS."""

    def check_value(self, value: Any):
        if value not in RESULTS:
            raise ValueError(f"{self.name} = {value!r}: must be one of {', '.join(RESULTS)}")

    def set(self, value: Any, **kwargs) -> Status:
        self.put(value)  # checks it
        return done(self)


class TimeHarp(RowStream):
    """`set(i)` integrates once, at one place, into row i of the file. What a row is says `mode`, put before staging.

    "point" : histograms (route, channel) of pulsed light, wiring "raster"
    "hbt" : one histogram (channel,) of the times from a click of SPAD 1 to the first one of SPAD 2, wiring "hbt"
    "records" : photon records as in a T3R file, zeros behind the last one, wiring "clock"
    """

    mode = Cpt(Mode, value="point", kind="omitted")
    serial = reading("Serial", kind="config", string=True)
    base_resolution = reading("BaseResolution", kind="config")
    bin_width = reading("BinWidth", kind="config")
    n_channels = reading("NChannels", kind="omitted")
    range_code = setting("RangeCode")
    range_codes = reading("RangeCodes", kind="omitted", string=True)
    offset = setting("Offset", rounds=True)
    wiring = setting("Wiring", string=True)
    delay = setting("Delay")
    integration_time = setting("IntegrationTime")
    sync_rate = reading("SyncRate", kind="config")
    read_sync = Cpt(Meter, "ReadSync", kind="omitted", rounds=True)
    counts = reading("Counts", kind="normal")
    coincidences = reading("Coincidences", kind="omitted")
    trace = reading("Trace", kind="omitted")
    n_records = reading("NRecords", kind="omitted")
    overrun = reading("Overrun", kind="omitted")
    max_records = reading("MaxRecords", kind="omitted")
    lit = reading("Lit", kind="normal")
    started = reading("Started", kind="normal")
    elapsed = reading("Elapsed", kind="normal")
    overflow = reading("Overflow", kind="normal")
    free_bytes = reading("FreeBytes", kind="omitted")

    @property
    def file_kind(self) -> str:
        return str(self.mode.get())

    def layout(self) -> Layout:
        n_channels, mode = int(self.n_channels.get()), self.file_kind
        if mode == "records":
            n = int(self.max_records.get())
            return Layout("records", "records", "<u4", (n,), (min(n, RECORDS_CHUNK),), ("record",), units="")
        if mode == "hbt":
            return Layout("histograms", "histograms", "<u2", (n_channels,), (n_channels,), ("channel",))
        shape = (N_ROUTES, n_channels)
        return Layout("histograms", "histograms", "<u2", shape, shape, ("route", "channel"))

    def stage(self) -> list[object]:
        staged = super().stage()
        self.show(self.file_kind)
        return staged

    def unstage(self) -> list[object]:
        self.show("point")
        return super().unstage()

    def show(self, mode: str):
        """Have readings hold the results of this mode, beside those of all."""
        for kind, names in RESULTS.items():
            for name in names:
                getattr(self, name).kind = Kind.normal if kind == mode else Kind.omitted

    def set(self, index: int) -> Status:
        timeout_s = GRACE_S + 2 * self.integration_time.get()
        self.mark(index)
        return self.begin_row(index, timeout_s)
