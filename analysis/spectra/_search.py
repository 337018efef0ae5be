"""The likeliest sums of one, two, three bands, each found from the one before."""

import numpy as np
from numpy.typing import NDArray

from analysis.spectra._maximise import Maximum, maximise
from analysis.spectra._points import Levels, Points
from analysis.spectra._starts import extra_bands, step_below

Array = NDArray[np.float64]
WORTH_TRYING = 10.0  # deviance that one more band must promise before it is fitted


def likeliest_sums(points: Points | Levels, at_most: int, *, tail: bool, forced: bool = False) -> list[Maximum]:
    """Fits with 0, 1, 2 ... bands; fewer than `at_most` if the points are too few or promise nothing more.

    tail : every fit with a band has one, where the points reach past it
    forced : go on even where a further band promises nothing, as far as the points allow
    """
    flat = np.array([max(float(np.median(points.value)), points.floor), 0.0])
    found = [maximise(points, flat)]
    distinct = np.unique(points.wavelength_nm).size
    while len(found) <= at_most and distinct > found[-1].n_parameters + 3:
        best = _one_band_more(points, found[-1], forced)
        if best is None:
            break
        step = step_below(points, best.x) if tail else None
        found.append(best if step is None else maximise(points, best.x, step))
    return found


def without_tail(points: Points | Levels, fit: Maximum) -> Maximum:
    """The same number of bands on a background as high on either side."""
    return fit if fit.step is None else maximise(points, fit.x)


def _one_band_more(points: Points | Levels, fit: Maximum, forced: bool) -> Maximum | None:
    extras = extra_bands(points, fit)
    starts = [np.append(fit.x, band) for gain, band in extras if gain > WORTH_TRYING or forced]
    if not starts and forced and fit.x.size > 2:
        starts = [_split(fit.x)]
    return min((maximise(points, start, fit.step) for start in starts), key=lambda trial: trial.deviance, default=None)


def _split(x: Array) -> Array:
    """The highest band in two halves."""
    bands = x[2:].reshape(-1, 3).copy()
    top = int(np.argmax(bands[:, 0]))
    bands[top, 0] /= 2
    right = bands[top] + [0, bands[top, 2] / 4, 0]
    bands[top, 1] -= bands[top, 2] / 4
    return np.concatenate([x[:2], bands.ravel(), right])
