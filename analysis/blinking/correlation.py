"""Blinking without a threshold: the autocorrelation of the intensity from one bin to a good part of the recording.

Sources: Schätzel, Drewel & Stimac, J. Mod. Opt. 35, 711 (1988) (lags in octaves, symmetric normalisation); Houel et
al., ACS Nano 9, 886 (2015), and Verberk & Orrit, J. Chem. Phys. 119, 2214 (2003) (exponents of blinking from it).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

Array = NDArray[np.float64]
LAGS_PER_OCTAVE = 8
N_BLOCKS = 16
FEWEST_PAIRS = 4 * N_BLOCKS
FEWEST_LAGS = 5


@dataclass(frozen=True, eq=False)
class Autocorrelation:
    """g2(lag) - 1 of the intensity: the square of its relative fluctuation that is left after a time.

    lag_s, value, err : (n_lags,) about eight per octave. Photon noise has no part in it: no bin meets itself.
    blocks : (n_blocks, n_lags) from consecutive parts of the recording; err, one standard deviation, is their scatter

    Errors of neighbouring lags are strongly correlated. Fluctuations slower than a sixteenth of the recording are
    measured too few times for any error, and all values lie low by the variance of the mean intensity over the whole.
    """

    lag_s: Array
    value: Array
    err: Array
    bin_s: float
    n_photons: int
    blocks: Array = field(repr=False)


@dataclass(frozen=True)
class CorrelationExponent:
    """amplitude lag^-slope exp(-lag / cutoff_s), fitted to an autocorrelation.

    exponent : 2 - slope, the exponent of the dark durations *if* bright periods are much shorter than the lags and
        dark ones reach much longer; even then it is pulled towards 1.5, by 0.2 at 1.3 and 1.7, and the error does not
        contain that. An emitter that is mostly bright has no such range: fit its durations
    slope_err : one standard deviation, from leaving out one part of the recording after the other; NaN of few lags
    """

    slope: float
    slope_err: float
    exponent: float
    exponent_err: float
    amplitude: float
    cutoff_s: float
    n_lags: int


def intensity_autocorrelation(counts: ArrayLike, *, bin_s: float, max_lag_s: float | None = None) -> Autocorrelation:
    """Return the normalised autocorrelation of a binned trace.

    Parameters
    ----------
    counts : (n_bins,) whole numbers; a trace after bleaching has no place here
    max_lag_s : an eighth of the trace by default

    Notes
    -----
    Bins are added in pairs after every octave, so the work is proportional to their number. Empty result if the trace
    is shorter than 64 bins or dark. ValueError for counts that are negative or missing.

    >>> flicker = np.tile([30, 30, 30, 30, 10, 10, 10, 10], 100)  # a square wave of 50 %
    >>> correlation = intensity_autocorrelation(flicker, bin_s=0.001)
    >>> [f"{value:.2f}" for value in correlation.value[[3, 7]]]
    ['-0.25', '0.25']
    """
    trace = np.asarray(counts, dtype=float)
    if trace.ndim != 1 or not np.isfinite(trace).all() or np.any(trace < 0):
        raise ValueError(
            f"counts of shape {trace.shape} hold negative or missing values, or are not one trace: give (n,) counts"
        )
    if not 0 < bin_s < np.inf:
        raise ValueError(f"bin_s is {bin_s}: give a positive number of seconds")
    longest = trace.size // 8 if max_lag_s is None else int(max_lag_s / bin_s)
    lag, rows, bins, width = [], [], trace, 1
    while bins.sum() > 0:
        first = 1 if width == 1 else LAGS_PER_OCTAVE
        steps = [k for k in range(first, 2 * LAGS_PER_OCTAVE) if k * width <= longest and bins.size - k >= FEWEST_PAIRS]
        lag += [k * width for k in steps]
        rows += [_block_means(bins, k) for k in steps]
        if not steps:
            break
        bins, width = bins[: bins.size // 2 * 2].reshape(-1, 2).sum(axis=1), 2 * width
    blocks = np.array(rows).reshape(len(lag), N_BLOCKS).T
    return Autocorrelation(
        lag_s=np.array(lag) * bin_s,
        value=blocks.mean(axis=0),
        err=blocks.std(axis=0, ddof=1) / np.sqrt(N_BLOCKS),
        bin_s=bin_s,
        n_photons=int(trace.sum()),
        blocks=blocks,
    )


def _block_means(bins: Array, k: int) -> Array:
    """Mean product of relative deviations k bins apart, in each part of the trace; (N_BLOCKS,).

    The second term is how the mean intensity of the part moves the normalisation; it is zero over the whole trace.
    """
    size = (bins.size - k) // N_BLOCKS
    early, late = bins[: size * N_BLOCKS], bins[k : k + size * N_BLOCKS]
    early, late = early / early.mean() - 1, late / late.mean() - 1
    product = early * late
    return (product - product.mean() * (early + late)).reshape(N_BLOCKS, size).mean(axis=1)


def correlation_exponent(
    correlation: Autocorrelation, *, min_lag_s: float, max_lag_s: float, cutoff: bool = False
) -> CorrelationExponent:
    """Return the power law that an autocorrelation follows between two lags.

    cutoff : let it end exponentially

    Notes
    -----
    Least squares weighted by the errors of the lags. Choose lags well above the bright and below the longest dark
    durations. ValueError if the lags make no range.
    """
    if not 0 < min_lag_s < max_lag_s < np.inf:
        raise ValueError(f"lags from {min_lag_s} to {max_lag_s} s make no range: give 0 < min_lag_s < max_lag_s")
    lag = correlation.lag_s
    use = (lag >= min_lag_s) & (lag <= max_lag_s) & (correlation.err > 0)
    n_lags = int(use.sum())
    if n_lags < FEWEST_LAGS or correlation.value[use][0] <= 0:
        return CorrelationExponent(*[np.nan] * 6, n_lags=n_lags)
    blocks, err = correlation.blocks[:, use], correlation.err[use]
    amplitude, slope, rate = _fit(lag[use], blocks.mean(axis=0), err, cutoff)
    total, n = blocks.sum(axis=0), len(blocks)
    without = [_fit(lag[use], (total - block) / (n - 1), err, cutoff)[1] for block in blocks]
    slope_err = float(np.sqrt((n - 1) * np.var(without)))
    cutoff_s = 1 / rate if rate > 0 else np.inf
    return CorrelationExponent(slope, slope_err, 2 - slope, slope_err, amplitude, cutoff_s, n_lags)


def _fit(lag: Array, value: Array, err: Array, cutoff: bool) -> tuple[float, float, float]:
    """Amplitude, slope and decay rate of the power law."""
    middle = np.sqrt(lag[0] * lag[-1])
    log_lag = np.log(lag / middle)

    def residual(x: Array) -> Array:
        return (np.exp(x[0] - x[1] * log_lag - x[2] * lag / middle) - value) / err

    start = np.array([np.log(max(np.mean(value), 1e-12)), 0.5, 0.1 if cutoff else 0.0])
    bounds = [-np.inf, -np.inf, 0.0], [np.inf, np.inf, np.inf if cutoff else 1e-12]
    start[2] = 0.1 if cutoff else 5e-13
    log_height, slope, rate = optimize.least_squares(residual, start, bounds=bounds, x_scale=[1.0, 0.1, 1.0]).x
    return float(np.exp(log_height) * middle**slope), float(slope), float(rate / middle) if cutoff else 0.0
