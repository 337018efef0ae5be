"""What the lab can do, as sentences: every plan takes the devices first, then quantities with their unit."""

from plans.imaging import flim_raster, irf
from plans.parking import park

__all__ = ["flim_raster", "irf", "park"]
