"""Sample holder IOC: which sample lies on the stage. Operators declare it, the twin swaps it."""

from devices.iocs.instrument import InstrumentIOC, Refused, guarded, text


class SampleIOC(InstrumentIOC):
    """The mounted sample by name; `Available` lists what can be mounted, one name a line."""

    mounted = text("Mounted", read_only=False, length=80, doc="name of the sample on the stage")
    available = text("Available", doc="samples that can be mounted, one a line; empty: any, the operator declares")

    def __init__(self, *args, bench, darken, **kwargs):
        super().__init__(*args, **kwargs)
        self.bench, self.darken = bench, darken

    @mounted.putter
    @guarded
    async def mounted(self, instance, value):
        allowed = tuple(self.bench.samples)
        if allowed and value not in allowed:
            raise Refused(f"no sample {value!r} in the holder; there are {', '.join(allowed)}")
        if value != self.bench.mounted:
            await self.darken()
            await self.off_the_loop(self.bench.mount, value)

    @available.startup
    async def available(self, instance, async_lib):
        await instance.write("\n".join(self.bench.samples))
        await self.mounted.write(self.bench.mounted, verify_value=False)
