"""Filter IOC: one wheel per detection route. The shutter is closed before a wheel moves."""

from devices.iocs.instrument import InstrumentIOC, Refused, guarded, text


class FiltersIOC(InstrumentIOC):
    """The filter in front of each SPAD, by name; `Positions` lists what a route can hold, one name a line."""

    perovskite = text("Perovskite", read_only=False, length=80, doc="filter in front of the perovskite SPAD")
    qd = text("Qd", read_only=False, length=80, doc="filter in front of the QD SPAD")
    perovskite_positions = text("Perovskite:Positions", doc="names this wheel holds, one a line")
    qd_positions = text("Qd:Positions", doc="names this wheel holds, one a line")

    def __init__(self, *args, filters, darken, **kwargs):
        super().__init__(*args, **kwargs)
        self.filters, self.darken = filters, darken

    async def turn(self, route: str, position: str):
        allowed = self.filters.positions[route]
        if position not in allowed:
            raise Refused(f"no filter {position!r} on the {route} wheel; it holds {', '.join(allowed)}")
        if position != self.filters.get(route):
            await self.darken()
            await self.off_the_loop(self.filters.set, route, position)

    @perovskite.putter
    @guarded
    async def perovskite(self, instance, value):
        await self.turn("perovskite", value)

    @qd.putter
    @guarded
    async def qd(self, instance, value):
        await self.turn("qd", value)

    @perovskite_positions.startup
    async def perovskite_positions(self, instance, async_lib):
        for route, names in self.filters.positions.items():
            await getattr(self, f"{route}_positions").write("\n".join(names))
            await getattr(self, route).write(self.filters.get(route), verify_value=False)
