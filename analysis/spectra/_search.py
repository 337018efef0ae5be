"""The likeliest sums of one, two, three bands, each found from the one before."""

import numpy as np
from numpy.typing import NDArray

from analysis.spectra._maximise import Maximum, maximise
from analysis.spectra._points import Levels, Points
from analysis.spectra._starts import extra_bands, step_below

Array = NDArray[np.float64]
WORTH_TRYING = 10.0  # deviance that one more band must promise before it is fitted


def likeliest_sums(
    points: Points | Levels, at_most: int, *, tail: bool, forced: bool = False, beam: int = 1
) -> list[Maximum]:
    """Fits with 0, 1, 2 ... bands; fewer than `at_most` if the points are too few or promise nothing more.

    tail : every fit with a band has one, where the points reach past it
    forced : go on even where a further band promises nothing, as far as the points allow
    beam : how many of the best sums get a further band. The best sum of two may hold a band that lies between two of
        the best sum of three
    """
    flat = np.array([max(float(np.median(points.value)), points.floor), 0.0])
    kept = [maximise(points, flat)]
    found = kept[:1]
    distinct = np.unique(points.wavelength_nm).size
    while len(found) <= at_most and distinct > kept[0].n_parameters + 3:
        larger = [trial for fit in kept for trial in _with_a_band_more(points, fit, forced)]
        if not larger:
            break
        kept = [_with_tail(points, fit, tail) for fit in sorted(larger, key=lambda fit: fit.deviance)[:beam]]
        kept.sort(key=lambda fit: fit.deviance)
        found.append(kept[0])
    return found


def _with_tail(points: Points | Levels, fit: Maximum, tail: bool) -> Maximum:
    step = step_below(points, fit.x) if tail else None
    return fit if step is None else maximise(points, fit.x, step)


def without_tail(points: Points | Levels, fit: Maximum) -> Maximum:
    """The same number of bands on a background as high on either side."""
    return fit if fit.step is None else maximise(points, fit.x)


def _with_a_band_more(points: Points | Levels, fit: Maximum, forced: bool) -> list[Maximum]:
    """Fits of one band more, from each place that promises enough."""
    extras = extra_bands(points, fit)
    starts = [np.append(fit.x, band) for gain, band in extras if gain > WORTH_TRYING or forced]
    if not starts and forced and fit.x.size > 2:
        starts = [_split(fit.x)]
    return [maximise(points, start, fit.step) for start in starts]


def _split(x: Array) -> Array:
    """The highest band in two halves."""
    bands = x[2:].reshape(-1, 3).copy()
    top = int(np.argmax(bands[:, 0]))
    bands[top, 0] /= 2
    right = bands[top] + [0, bands[top, 2] / 4, 0]
    bands[top, 1] -= bands[top, 2] / 4
    return np.concatenate([x[:2], bands.ravel(), right])
