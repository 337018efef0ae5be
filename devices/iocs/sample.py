"""Sample holder IOC: which sample lies on the stage. Operators declare it, the twin swaps it."""

from collections.abc import Iterable

from caproto.server import pvproperty

from devices.iocs.instrument import InstrumentIOC, Refused, guarded, text
from devices.iocs.measuring import Measuring

STEP_LENGTH = 200


class SampleIOC(InstrumentIOC):
    """The mounted sample by name; `Available` lists what can be mounted, one name a line.

    `Step` says what the next measurements belong to. A twin that is told a step again goes back to where it was when it
    was told first; `others` are the groups that then tell their state anew. Any other bench only keeps it.
    """

    mounted = text("Mounted", read_only=False, length=80, doc="name of the sample on the stage")
    available = text("Available", doc="samples that can be mounted, one a line; empty: any, the operator declares")

    step = text("Step", read_only=False, length=STEP_LENGTH, doc="what the next measurements belong to, or empty")
    again = pvproperty(
        value=0, name="Again", read_only=True, doc="1: all stands as it did when this step was begun first"
    )

    def __init__(self, *args, bench, darken, measuring: Measuring, others: Iterable = (), **kwargs):
        super().__init__(*args, **kwargs)
        self.bench, self.darken, self.measuring, self.others = bench, darken, measuring, tuple(others)

    @mounted.putter
    @guarded
    async def mounted(self, instance, value):
        allowed = tuple(self.bench.samples)
        if allowed and value not in allowed:
            raise Refused(f"no sample {value!r} in the holder; there are {', '.join(allowed)}")
        if value != self.bench.mounted:
            async with self.measuring.still("no other sample is mounted"):
                await self.darken()
                await self.off_the_loop(self.bench.mount, value)

    @step.putter
    @guarded
    async def step(self, instance, value):
        value = value.strip()
        if not (len(value) < STEP_LENGTH and (value == "" or value.isprintable())):
            raise Refused(f"a step is told in fewer than {STEP_LENGTH} printable letters, not {value[:40]!r}")
        if hasattr(self.bench, "begin_step"):
            again = await self.off_the_loop(self.bench.knows_step, value)
            await self.begin(value)
            await self.again.write(int(again))
        return value

    async def begin(self, step: str):
        """Begin a step in the dark; everything is told anew if the bench is not as it was."""
        if step:
            await self.darken()
        async with self.measuring.ended():
            if await self.off_the_loop(self.bench.begin_step, step):
                for group in (self, *self.others):
                    await group.show()

    async def show(self):
        """Tell what is mounted."""
        await self.mounted.write(self.bench.mounted, verify_value=False)

    @available.startup
    async def available(self, instance, async_lib):
        await instance.write("\n".join(self.bench.samples))
        await self.show()
