"""The filters in front of the two SPADs and the beamsplitter before them, by name."""

from devices.signals import Instrument, reading, setting


class Filters(Instrument):
    """One wheel per route, one splitter for both; the IOC closes the shutter before it moves one."""

    perovskite = setting("Perovskite", string=True)
    qd = setting("Qd", string=True)
    splitter = setting("Splitter", string=True)
    perovskite_positions = reading("Perovskite:Positions", kind="omitted", string=True)
    qd_positions = reading("Qd:Positions", kind="omitted", string=True)
    splitter_positions = reading("Splitter:Positions", kind="omitted", string=True)
