"""The filters in front of the two SPADs, by name."""

from devices.signals import Instrument, reading, setting


class Filters(Instrument):
    """One wheel per route; the IOC closes the shutter before it turns one."""

    perovskite = setting("Perovskite", string=True)
    qd = setting("Qd", string=True)
    perovskite_positions = reading("Perovskite:Positions", kind="omitted", string=True)
    qd_positions = reading("Qd:Positions", kind="omitted", string=True)
