"""Thin callbacks: documents in, science out. They cannot tell a running plan from a stored run.

A live callback must never hold up the RunEngine, so the work is done in a thread of its own; a replay does the same
work in place. The result does not depend on which.
"""

from analysis.callbacks.blinks import LiveBlinking
from analysis.callbacks.field import LiveField
from analysis.callbacks.flim import LiveFlim
from analysis.callbacks.hbt import LiveHbt
from analysis.callbacks.irf import IrfSum
from analysis.callbacks.spectrum import LiveSpectrum, StoredSpectrum
from analysis.callbacks.summed import LiveSum

__all__ = ["IrfSum", "LiveBlinking", "LiveField", "LiveFlim", "LiveHbt", "LiveSpectrum", "LiveSum", "StoredSpectrum"]
