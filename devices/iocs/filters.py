"""Filter IOC: one wheel per detection route and the beamsplitter. The shutter is closed before one of them moves, and
the light process is told what stands there: it decides what may shine."""

import asyncio

from devices.iocs.instrument import InstrumentIOC, Refused, guarded, text
from devices.iocs.light_link import LightLink
from devices.iocs.measuring import Measuring
from devices.iocs.pairing import Optics

BOOTING_S, SHOW_PERIOD_S = 0.02, 0.5
PLACES = {"perovskite": "on the perovskite wheel", "qd": "on the qd wheel", "splitter": "in the splitter's holder"}


class FiltersIOC(InstrumentIOC):
    """What stands before each SPAD, and before both, by name; `Positions` lists what can stand there, one a line."""

    perovskite = text("Perovskite", read_only=False, length=80, doc="filter in front of the perovskite SPAD")
    qd = text("Qd", read_only=False, length=80, doc="filter in front of the QD SPAD")
    splitter = text("Splitter", read_only=False, length=80, doc="before both: dichroic (by colour) or 50:50 (halves)")
    perovskite_positions = text("Perovskite:Positions", doc="names this wheel holds, one a line")
    qd_positions = text("Qd:Positions", doc="names this wheel holds, one a line")
    splitter_positions = text("Splitter:Positions", doc="names of the beamsplitters, one a line")

    def __init__(self, *args, filters, link: LightLink, measuring: Measuring, **kwargs):
        super().__init__(*args, **kwargs)
        self.filters, self.link, self.measuring = filters, link, measuring
        self.moving = False

    def optics(self) -> Optics:
        """What stands in the detection now."""
        at = {place: self.filters.get(place) for place in PLACES}
        return Optics(self.boot_id.value, **at, moving=self.moving, measuring=self.measuring.measures)

    async def turn(self, place: str, position: str):
        allowed = self.filters.positions[place]
        if position not in allowed:
            what = "beamsplitter" if place == "splitter" else "filter"
            raise Refused(f"no {what} {position!r} {PLACES[place]}; it holds {', '.join(allowed)}")
        if position != self.filters.get(place):
            async with self.measuring.still("no filter turns"):
                await self.move(place, position)

    async def move(self, place: str, position: str):
        """In the dark, and nothing may shine from before the start until it stands."""
        self.moving = True
        try:
            await self.link.darken()
            await self.link.tell(self.optics())
            await self.off_the_loop(self.filters.set, place, position)
        finally:
            self.moving = False
            await self.link.tell(self.optics())

    @perovskite.putter
    @guarded
    async def perovskite(self, instance, value):
        await self.turn("perovskite", value)

    @qd.putter
    @guarded
    async def qd(self, instance, value):
        await self.turn("qd", value)

    @splitter.putter
    @guarded
    async def splitter(self, instance, value):
        await self.turn("splitter", value)

    @splitter_positions.startup
    async def splitter_positions(self, instance, async_lib):
        while not self.boot_id.value:
            await asyncio.sleep(BOOTING_S)
        await self.link.keep_telling(self.optics)

    @perovskite_positions.startup
    async def perovskite_positions(self, instance, async_lib):
        for place in PLACES:
            await getattr(self, f"{place}_positions").write("\n".join(self.filters.positions[place]))
        await self.show()
        while True:
            await asyncio.sleep(SHOW_PERIOD_S)
            await self.follow()

    async def follow(self):
        """Tell what was turned by hand, or can no longer be read."""
        for place in () if self.moving else PLACES:
            if getattr(self, place).value != (at := self.filters.get(place)):
                await getattr(self, place).write(at, verify_value=False)

    async def show(self):
        """Tell what is in."""
        for place in PLACES:
            await getattr(self, place).write(self.filters.get(place), verify_value=False)
        if self.boot_id.value:
            await self.link.tell(self.optics())
