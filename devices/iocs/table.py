"""The bench process: everything in the room but the laser light, and its one wire to the light process."""

import asyncio
import logging
from pathlib import Path

from caproto.sync.client import write

from devices.iocs.counters import CountersIOC
from devices.iocs.filters import FiltersIOC
from devices.iocs.instrument import InstrumentIOC
from devices.iocs.measuring import Measuring
from devices.iocs.piezo import StageIOC
from devices.iocs.sample import SampleIOC
from devices.iocs.scanner import ScannerIOC
from devices.iocs.spads import SpadsIOC
from devices.iocs.spectrofluorometer import SpectrofluorometerIOC
from devices.iocs.timeharp import TimeHarpIOC

log = logging.getLogger(__name__)

LINK_TIMEOUT_S = 1.0


class LightLink:
    """What the bench may ask of the light process over Channel Access: be dark."""

    def __init__(self, prefix: str):
        self.prefix = prefix

    async def put(self, name: str, value: str):
        try:
            await asyncio.to_thread(
                write, f"{self.prefix}shutter:{name}", value, timeout=LINK_TIMEOUT_S, notify=True, repeater=False
            )
        except Exception as why:
            log.error("the light process does not answer (%s); its own dead-man closes the shutter", why)

    async def darken(self):
        await self.put("Command", "closed")

    async def trip(self, reason: str):
        await self.put("Trip", reason)


def table_groups(prefix: str, bench, fs5, *, raw_folder: Path, wiring: str, delay_ns: float) -> list[InstrumentIOC]:
    """Build the IOC groups around their backends (see `devices.iocs.backends`: `Bench`, `Spectrofluorometer`)."""
    link = LightLink(prefix)
    spads = SpadsIOC(f"{prefix}spads:", spads=bench.spads, trip=link.trip)
    shared = {"bench": bench, "spads": spads, "measuring": Measuring()}
    card = TimeHarpIOC(f"{prefix}timeharp:", raw_folder=raw_folder, wiring=wiring, delay_ns=delay_ns, **shared)
    scanner = card.scanner = ScannerIOC(f"{prefix}scanner:", card=card, **shared)
    return [
        StageIOC(f"{prefix}piezo:", stage=bench.stage),
        FiltersIOC(f"{prefix}filters:", filters=bench.filters, darken=link.darken),
        SampleIOC(f"{prefix}sample:", bench=bench, darken=link.darken),
        spads,
        card,
        CountersIOC(f"{prefix}counters:", raw_folder=raw_folder, **shared),
        scanner,
        SpectrofluorometerIOC(f"{prefix}fs5:", backend=fs5),
    ]
