"""The sample on the stage. The twin swaps it on command; on real instruments the operator declares it."""

from devices.signals import Instrument, reading, setting


class SampleHolder(Instrument):
    """`mounted` by name; `available` lists what the holder knows, one name a line (empty: anything)."""

    mounted = setting("Mounted", string=True)
    available = reading("Available", kind="omitted", string=True)
