"""Drift between scans of one scene, and the drift-corrected sum.

A scene that moved by `d` shows the feature of pixel `p` of image 0 at pixel `p + d`. Shifts are found in two
steps: a whitened cross-correlation finds the pixel and says whether it can be trusted; the likelihood of all images
together finds the fraction. Sums use whole pixels, finer shifts move photons one by one: counts stay Poisson counts.
"""

from analysis.registration.drift import Drift, register
from analysis.registration.line_drift import LineDrift, line_shifts
from analysis.registration.sums import add_aligned, sum_aligned
from analysis.registration.thin import Thinned, thin_shift

__all__ = [
    "Drift",
    "LineDrift",
    "Thinned",
    "add_aligned",
    "line_shifts",
    "register",
    "sum_aligned",
    "thin_shift",
]
