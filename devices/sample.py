"""The sample on the stage. The twin swaps it on command; on real instruments the operator declares it."""

from typing import Any

from ophyd import Component as Cpt

from devices.signals import Instrument, Setting, reading, setting


class Label(Setting):
    """A text that may be empty: a blank is sent for it, because no empty array of letters arrives."""

    def put(self, value: Any, *args, **kwargs):
        super().put(value or " ", *args, **kwargs)


class SampleHolder(Instrument):
    """`mounted` by name; `available` lists what the holder knows, one name a line (empty: anything).

    `step` says what the next measurements belong to, such as "2026-11-22/3", item 3 of a night; "" is nothing. Real
    instruments only keep it; the twin begins a step that is begun again in the world in which it was begun first, and
    `again` tells that all stands as it did then.
    """

    mounted = setting("Mounted", string=True)
    step = Cpt(Label, "Step", kind="config", string=True)
    again = reading("Again", kind="omitted")
    available = reading("Available", kind="omitted", string=True)
