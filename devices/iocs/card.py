"""What is set on a TimeHarp 200: range and offset of its time axis, what is cabled to it, and how long the cable is."""

import asyncio
import math
import shutil
from typing import Any

import numpy as np
from caproto.server import pvproperty

from devices.iocs.config import WIRINGS
from devices.iocs.instrument import Refused, choice, guarded, quantity, text
from devices.iocs.recorder import RecorderIOC
from devices.iocs.writer import RowKind

N_RANGES = 6
FREE_SPACE_PERIOD_S = 2.0


class CardIOC(RecorderIOC):
    """One converter, 4096 channels, six ranges, three wirings; range, offset and wiring stay while a file is open."""

    serial = text("Serial", length=40)
    n_channels = pvproperty(value=4096, name="NChannels", read_only=True, doc="channels of one histogram")
    range_code = pvproperty(
        value=2,
        name="RangeCode",
        lower_ctrl_limit=0,
        upper_ctrl_limit=N_RANGES - 1,
        doc="channel width = base resolution times 2^code",
    )
    range_codes = text("RangeCodes", length=80, doc="ranges this card has, one a line")
    offset = quantity("Offset", 0.0, "ns", 0.0, 2000.0, "the card rounds it to its own steps; read back what it took")
    base_resolution = pvproperty(
        value=0.0, name="BaseResolution", units="ps", precision=3, read_only=True, doc="as calibrated; 0: not known yet"
    )
    bin_width = pvproperty(
        value=0.0, name="BinWidth", units="ns", precision=5, read_only=True, doc="as calibrated; 0: not known yet"
    )
    wiring = choice(
        "Wiring",
        WIRINGS,
        doc="what is cabled: both SPADs routed and laser pulses (raster) or a clock stop; SPAD 1 start, 2 stop (hbt)",
    )
    delay = quantity("Delay", 0.0, "ns", 0.0, 2000.0, "declared length of the cable before SYNC in the wiring hbt")
    sync_rate = pvproperty(value=0.0, name="SyncRate", units="Hz", precision=0, read_only=True, doc="steps of 128 Hz")
    read_sync = pvproperty(value=0, name="ReadSync", doc="1 reads the sync meter, which needs half a second to settle")
    max_records = pvproperty(value=0, name="MaxRecords", read_only=True, doc="the most that fit into a row")
    free_bytes = pvproperty(value=0.0, name="FreeBytes", units="B", precision=0, read_only=True)

    def __init__(self, *args, wiring: str, delay_ns: float, **kwargs):
        super().__init__(*args, **kwargs)
        self.declared = {"wiring": wiring, "delay_ns": delay_ns}
        self.asked_offset_ns = 0.0  # what the card took, asked for again, may become the step below
        self.unanswered = ""
        self.scanner: Any = None

    @serial.startup
    async def serial(self, instance, async_lib):
        self.bench.card.wiring = self.declared["wiring"]
        await self.show()
        await self.delay.write(self.declared["delay_ns"])
        self.raw_folder.mkdir(parents=True, exist_ok=True)
        introduced = False
        while True:
            introduced = introduced or await self.introduced()
            await self.free_bytes.write(float(shutil.disk_usage(self.raw_folder).free))
            await asyncio.sleep(FREE_SPACE_PERIOD_S)

    async def introduced(self) -> bool:
        """Show what the card is; False, and why in ``Error``, as long as it does not answer."""
        card = self.bench.card
        try:
            serial = await self.off_the_loop(lambda: str(card.serial))
            await self.configure(card.range_code, self.asked_offset_ns)
        except (OSError, ValueError, Refused) as why:
            self.unanswered = f"{self.prefix}: {why}"[: self.error.max_length]
            if self.error.value != self.unanswered:
                await self.error.write(self.unanswered)
            return False
        await self.n_channels.write(card.n_channels)
        await self.max_records.write(card.max_records)
        await self.range_codes.write("\n".join(map(str, card.range_codes)))
        await self.range_code.write(card.range_code, verify_value=False)
        await self.serial.write(serial)
        if self.unanswered and self.error.value == self.unanswered:
            await self.error.write("")
        return True

    async def show(self):
        """Tell what is cabled."""
        await self.wiring.write(self.bench.card.wiring, verify_value=False)

    async def show_axis(self):
        """Tell how wide a channel is: each calibration changes that a little."""
        card = self.bench.card
        width_ns, base_ps = await self.off_the_loop(lambda: (card.bin_width_ns, card.base_resolution_ps))
        await self.bin_width.write(width_ns)
        await self.base_resolution.write(base_ps)

    async def configure(self, range_code: int, offset_ns: float) -> float:
        self.require_closed("range and offset of the card")
        actual_ns = await self.off_the_loop(self.bench.card.configure, int(range_code), float(offset_ns))
        await self.show_axis()
        return actual_ns

    async def open_file(self, kind: str, row: RowKind):
        """Calibrate the card before, if that is due, so that the file tells the width of its channels."""
        await self.configure(self.range_code.value, self.asked_offset_ns)
        await super().open_file(kind, row)

    async def publish(self, block, counts: np.ndarray):
        await self.show_axis()
        await super().publish(block, counts)

    @range_code.putter
    @guarded
    async def range_code(self, instance, value):
        if value != instance.value:
            await self.configure(value, self.asked_offset_ns)

    @offset.putter
    @guarded
    async def offset(self, instance, value):
        actual_ns = await self.configure(self.range_code.value, value)
        self.asked_offset_ns = float(value)
        return actual_ns

    @wiring.putter
    @guarded
    async def wiring(self, instance, value):
        if value != self.bench.card.wiring:
            async with self.measuring.still("nothing is re-cabled"):
                self.require_closed("the wiring")
                self.bench.card.wiring = value

    @delay.putter
    @guarded
    async def delay(self, instance, value):
        if not (math.isfinite(value) and value >= 0):
            raise Refused(f"a cable of {value} ns: must be a number from 0 on")

    @read_sync.putter
    @guarded
    async def read_sync(self, instance, value):
        async with self.measuring.alone() as stopping:
            await self.sync_rate.write(await self.off_the_loop(self.bench.card.sync_rate_hz, stopping))
        return 0
