"""Leaving the table safe."""

from bluesky import plan_stubs as bps
from bluesky.utils import MsgGenerator, plan

from devices.microscope import Microscope
from plans.stubs import dark


@plan
def park(microscope: Microscope) -> MsgGenerator:
    """Dark, lasers on standby, stage at mid-travel."""
    yield from dark(microscope)
    for laser in (microscope.pulsed, microscope.cw):
        yield from bps.mv(laser.emission, "standby")
    for axis in (microscope.piezo.x, microscope.piezo.y, microscope.piezo.z):
        low, high = axis.limits
        yield from bps.mv(axis, (low + high) / 2)
