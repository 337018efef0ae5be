"""What the lab can do, as sentences: every plan takes the devices first, then quantities with their unit."""

from plans.calibration import calibrate
from plans.imaging import flim_raster, irf
from plans.parking import park
from plans.recorded import import_scan
from plans.spectroscopy import absorption, blank, pl, ple, warm_up

__all__ = ["absorption", "blank", "calibrate", "flim_raster", "import_scan", "irf", "park", "pl", "ple", "warm_up"]
