"""The light path of the twin is that of every lab: see `devices.iocs.beam`."""

from devices.iocs.beam import (
    DARK,
    HOLD_S,
    BeamReader,
    BeamState,
    BeamWriter,
    set_interlock,
    set_room_light,
)

__all__ = ["DARK", "HOLD_S", "BeamReader", "BeamState", "BeamWriter", "set_interlock", "set_room_light"]
