"""What the lab can do, as sentences: every plan takes the devices first, then quantities with their unit."""

from plans.antibunching import hbt
from plans.calibration import calibrate
from plans.campaign import qd_campaign
from plans.finding import find_emitters, recentre
from plans.imaging import flim_raster, irf
from plans.intermittency import blinking
from plans.parking import park
from plans.power import power_series
from plans.recorded import import_scan
from plans.single_lifetime import lifetime_at
from plans.spectroscopy import absorption, blank, pl, ple, warm_up
from plans.time_zero import time_zero

__all__ = [
    "absorption",
    "blank",
    "blinking",
    "calibrate",
    "find_emitters",
    "flim_raster",
    "hbt",
    "import_scan",
    "irf",
    "lifetime_at",
    "park",
    "pl",
    "ple",
    "power_series",
    "qd_campaign",
    "recentre",
    "time_zero",
    "warm_up",
]
