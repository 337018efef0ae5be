"""Filter IOC: one wheel per detection route and the beamsplitter. The shutter is closed before one of them moves."""

from devices.iocs.instrument import InstrumentIOC, Refused, guarded, text

PLACES = {"perovskite": "on the perovskite wheel", "qd": "on the qd wheel", "splitter": "in the splitter's holder"}


class FiltersIOC(InstrumentIOC):
    """What stands before each SPAD, and before both, by name; `Positions` lists what can stand there, one a line."""

    perovskite = text("Perovskite", read_only=False, length=80, doc="filter in front of the perovskite SPAD")
    qd = text("Qd", read_only=False, length=80, doc="filter in front of the QD SPAD")
    splitter = text("Splitter", read_only=False, length=80, doc="before both: dichroic (by colour) or 50:50 (halves)")
    perovskite_positions = text("Perovskite:Positions", doc="names this wheel holds, one a line")
    qd_positions = text("Qd:Positions", doc="names this wheel holds, one a line")
    splitter_positions = text("Splitter:Positions", doc="names of the beamsplitters, one a line")

    def __init__(self, *args, filters, darken, **kwargs):
        super().__init__(*args, **kwargs)
        self.filters, self.darken = filters, darken

    async def turn(self, place: str, position: str):
        allowed = self.filters.positions[place]
        if position not in allowed:
            what = "beamsplitter" if place == "splitter" else "filter"
            raise Refused(f"no {what} {position!r} {PLACES[place]}; it holds {', '.join(allowed)}")
        if position != self.filters.get(place):
            await self.darken()
            await self.off_the_loop(self.filters.set, place, position)

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

    @perovskite_positions.startup
    async def perovskite_positions(self, instance, async_lib):
        for place in PLACES:
            await getattr(self, f"{place}_positions").write("\n".join(self.filters.positions[place]))
            await getattr(self, place).write(self.filters.get(place), verify_value=False)
