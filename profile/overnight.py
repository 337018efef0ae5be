"""A night: spectra and lifetime images of two films, on their own until the morning.

`make night` runs it; copy it, change the list, and run your own with `make night QUEUE=mine.py`. Nothing is measured
while the list is made: the whole night is examined first, and what could not work is told at once.
"""

from typing import Any

from plans import absorption, blank, calibrate, flim_raster, irf, pl, warm_up
from plans.item import item

RASTER = {"extent_um": 20, "n_pixels": 40, "dwell_ms": 100, "n_scans": 3}


def tonight(lab) -> list[Any]:
    """What is done, in this order; `lab` is the session: lab.microscope, lab.fs5, lab.samples, lab.db."""
    microscope, fs5 = lab.microscope, lab.fs5
    return [
        # Without these two the rest is worth nothing: if one fails twice, the night ends.
        item(irf(microscope), retries=1, on_failure="stop"),
        item(warm_up(fs5), retries=1, on_failure="stop"),
        calibrate(fs5, sample="glass"),
        blank(fs5, sample="glass"),
        absorption(fs5, sample="A"),
        pl(fs5, sample="A"),
        item(absorption(fs5, sample="B"), retries=1),
        item(pl(fs5, sample="B"), retries=1),
        item(flim_raster(microscope, sample="A", **RASTER), retries=1, max_time_s=2 * 3600),
        item(flim_raster(microscope, sample="B", **RASTER), retries=1, until="07:00"),
        # Single emitters need the wiring "hbt", which no program can change: cable it in the evening, measure
        # time_zero instead of irf, leave the rasters out, and add
        #     time_zero(microscope),
        #     item(qd_campaign(microscope, sample="single", extent_um=10, hbt={"target_err_ns": 1.0}), until="07:00"),
    ]
