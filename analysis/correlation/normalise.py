"""A fitted coincidence histogram as g2, for a figure: plateau 1, the loss of later stops undone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.correlation.dip import AntibunchingFit

Array = NDArray[np.float64]
MOST_STARTS = 1e18  # where the histogram shows no loss of later stops


@dataclass(frozen=True, eq=False)
class NormalisedG2:
    """g2 in the live bins; `g2_err` (one standard deviation) of at least one count; `model` is the fit behind it."""

    delay_ns: Array
    g2: Array
    g2_err: Array
    model: Array


def normalised(fit: AntibunchingFit) -> NormalisedG2:
    """Return the g2 of a fitted histogram, on the axis it was fitted on.

    Stops per armed start, -log(1 - counts / armed) (Coates, J. Phys. E 1, 878 (1968)), over those without antibunching;
    the starts and the plateau are those of the fit.
    """
    histogram = fit.histogram
    counts, expected = histogram.counts, histogram.expected(fit.scan.average()[0])[0]
    per_bin = max(fit.baseline, 1e-12)
    per_start = fit.stop_cps * 1e-9 * histogram.width_ns
    starts = min(per_bin / per_start, MOST_STARTS) if per_start > 0 else MOST_STARTS
    starts = max(starts, 1.001 * counts.sum() + 1, 1.001 * expected.sum() + 1)
    armed = starts - np.cumsum(counts) + counts
    return NormalisedG2(
        delay_ns=histogram.centres_ns,
        g2=_stops(counts, starts) * starts / per_bin,
        g2_err=np.sqrt(np.maximum(counts, 1)) * starts / armed / per_bin,
        model=_stops(expected, starts) * starts / per_bin,
    )


def _stops(counts: Array, starts: float) -> Array:
    return -np.log1p(-counts / (starts - np.cumsum(counts) + counts))
