"""How lifetimes are distributed over an image, each pixel counting by its photons.

Conventions: weights are intensities (photons per pixel) and act as frequencies. The mode and the FWHM are those
of the kernel density, so they contain the bandwidth and the fit noise of the pixels; the median, the moments and
the shares are those of the pixels. Moments are the population ones: skewness m3 / m2^(3/2), kurtosis m4 / m2^2 - 3.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy import fft
from numpy.typing import ArrayLike, NDArray

STEPS_PER_BANDWIDTH = 16
MAX_GRID = 2**17
LARGEST = 1e60  # lifetime or weight: its fourth power is still a number
REACH = 5  # bandwidths the grid goes beyond the data
BLUR = 0.6  # bandwidths by which resampled pixels are moved: where a peak is sharp by chance, its errors are too small
VALUES = ("mode_ns", "median_ns", "fwhm_ns", "skewness", "central_skewness", "excess_kurtosis")
ERRORS = ("mode_err_ns", "median_err_ns", "fwhm_err_ns", "skewness_err", "central_skewness_err", "excess_kurtosis_err")

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LifetimeDistribution:
    """Intensity-weighted distribution of a lifetime over the pixels of an image.

    `density` (per ns, on `grid_ns`) integrates to 1. Errors are one standard deviation, from resampled pixels;
    NaN without resampling. `central_skewness` is that of the pixels left when a share of the weight (2 % by
    default) is cut from the tails. `n_photons` is the sum of weights; `n_dropped` pixels had no lifetime.
    """

    grid_ns: Array
    density: Array
    bandwidth_ns: float
    mode_ns: float
    mode_err_ns: float
    median_ns: float
    median_err_ns: float
    fwhm_ns: float
    fwhm_err_ns: float
    skewness: float
    skewness_err: float
    central_skewness: float
    central_skewness_err: float
    excess_kurtosis: float
    excess_kurtosis_err: float
    n_pixels: int
    n_dropped: int
    n_photons: float
    tau_ns: Array = field(repr=False)
    weights: Array = field(repr=False)

    def share_above(self, limit_ns: float) -> float:
        """Return the share of the weight in pixels with a lifetime longer than `limit_ns`."""
        return float(self.weights[self.tau_ns > limit_ns].sum() / self.n_photons) if self.n_pixels else np.nan

    def share_above_err(self, limit_ns: float) -> float:
        """Return the standard deviation of `share_above` over samples of as many pixels."""
        off = (self.tau_ns > limit_ns) - self.share_above(limit_ns)
        return float(np.sqrt(np.sum((self.weights * off) ** 2)) / self.n_photons) if self.n_pixels else np.nan


def distribution(
    tau_ns: ArrayLike,
    weights: ArrayLike,
    *,
    bandwidth_ns: float | None = None,
    trim: float = 0.02,
    n_boot: int = 200,
    seed: int = 0,
) -> LifetimeDistribution:
    """Return the intensity-weighted distribution of lifetimes.

    Parameters
    ----------
    tau_ns : lifetime of each pixel, any shape; pixels that are not finite are dropped
    weights : photons of each pixel, same shape; pixels without are dropped
    bandwidth_ns : standard deviation of the Gaussian kernel; by default that of `bandwidth`
    trim : share of the weight left out, half at each end, for `central_skewness`
    n_boot : resampled images for the errors, drawn pixel by pixel with `seed` (mode and FWHM: smoothed bootstrap);
        0 to skip

    Notes
    -----
    Neighbouring pixels are taken as independent: blur and drift make the errors somewhat too small. ValueError for
    shapes that differ, a bandwidth that is not positive, and numbers beyond 1e60.
    Source: Silverman, Density Estimation (1986), section 3.5 (binned FFT estimate) and eq. 3.31 (bandwidth).
    """
    tau, weight = np.ravel(np.asarray(tau_ns, dtype=float)), np.ravel(np.asarray(weights, dtype=float))
    if tau.shape != weight.shape:
        raise ValueError(f"{tau.size} lifetimes do not go with {weight.size} weights: give one of each per pixel")
    good = np.isfinite(tau) & np.isfinite(weight) & (weight > 0)
    _check_size(lifetimes=tau[good], weights=weight[good])
    order = np.argsort(tau[good], kind="stable")
    tau, weight = tau[good][order], weight[good][order]
    h = bandwidth(tau, weight) if bandwidth_ns is None else float(bandwidth_ns)
    if bandwidth_ns is not None and not 0 < h < np.inf:
        raise ValueError(f"bandwidth_ns is {bandwidth_ns}: give a positive number, or leave it out")
    grid, bins, h = _grid(tau, h)
    values = _statistics(tau, weight, grid, bins, h, trim)
    draws = _draws(tau.size, n_boot if tau.size > 1 else 0, seed)
    resampled = [
        _statistics(tau, weight * drawn, grid, _bins(tau + BLUR * h * moved, grid), h, trim) for drawn, moved in draws
    ]
    errors = np.std(resampled, axis=0, ddof=1) if len(resampled) > 1 else np.full(len(values), np.nan)
    return LifetimeDistribution(
        grid_ns=grid,
        density=_density(weight, bins, grid, h),
        bandwidth_ns=h,
        n_pixels=tau.size,
        n_dropped=good.size - tau.size,
        n_photons=float(weight.sum()),
        tau_ns=tau,
        weights=weight,
        **dict(zip(VALUES, map(float, values), strict=True)),
        **dict(zip(ERRORS, map(float, errors), strict=True)),
    )


def _check_size(**values: Array) -> None:
    for name, value in values.items():
        if np.abs(value).max(initial=0.0) > LARGEST:
            raise ValueError(f"{name} reach {np.abs(value).max():.3g}: leave out what is beyond {LARGEST:.0e}")


def _draws(n_pixels: int, n_boot: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield how often each pixel is drawn when as many are drawn with replacement, and a normal deviate for each."""
    rng = np.random.default_rng(seed)
    for _ in range(n_boot):
        drawn = np.bincount(rng.integers(n_pixels, size=n_pixels), minlength=n_pixels).astype(float)
        yield drawn, rng.standard_normal(n_pixels)


def bandwidth(tau_ns: ArrayLike, weights: ArrayLike) -> float:
    """Return the bandwidth 0.9 min(sd, IQR / 1.34) n^(-1/5) in ns, n = (sum w)^2 / sum w^2 being the effective size.

    NaN without pixels, 0 if all lifetimes are equal.
    """
    tau, weight = np.asarray(tau_ns, dtype=float), np.asarray(weights, dtype=float)
    if tau.size == 0:
        return np.nan
    order = np.argsort(tau)
    low, high = _quantile(tau[order], weight[order], np.array([0.25, 0.75]))
    spread = np.sqrt(np.average((tau - np.average(tau, weights=weight)) ** 2, weights=weight))
    robust = (high - low) / 1.34
    return float(0.9 * (min(spread, robust) or spread) * (weight.sum() ** 2 / (weight**2).sum()) ** -0.2)


def _quantile(tau: Array, weight: Array, share: Array) -> Array:
    """Return quantiles of sorted lifetimes; each pixel stands in the middle of its weight."""
    position = np.cumsum(weight) - weight / 2
    some = weight > 0
    return np.interp(share, position[some] / weight.sum(), tau[some])


def _grid(tau: Array, h: float) -> tuple[Array, tuple[NDArray[np.int64], Array], float]:
    """Return an even grid, the (left bin, share of the right bin) of each lifetime, and the bandwidth in use."""
    if tau.size == 0:
        return np.empty(0), (np.empty(0, dtype=np.int64), np.empty(0)), np.nan
    h = max(h, np.ptp(tau) * STEPS_PER_BANDWIDTH / MAX_GRID, 1e-9 * max(1, np.abs(tau).max()))
    step = h / STEPS_PER_BANDWIDTH
    start = tau[0] - REACH * h
    n = int(np.ceil((np.ptp(tau) + 2 * REACH * h) / step)) + 2
    grid = start + step * np.arange(n)
    return grid, _bins(tau, grid), h


def _bins(tau: Array, grid: Array) -> tuple[NDArray[np.int64], Array]:
    """Return the left bin of each lifetime, and the share of the right one."""
    position = np.clip((tau - grid[0]) / (grid[1] - grid[0]), 0, grid.size - 1.001)
    left = position.astype(np.int64)
    return left, position - left


def _density(weight: Array, bins: tuple[NDArray[np.int64], Array], grid: Array, h: float) -> Array:
    """Return the Gaussian kernel density on the grid, per ns, by FFT of linearly binned weights."""
    if grid.size == 0:
        return grid
    left, right_share = bins
    n, step = grid.size, grid[1] - grid[0]
    mass = np.bincount(left, weight * (1 - right_share), n) + np.bincount(left + 1, weight * right_share, n)
    size = 1 << (n + 2 * REACH * STEPS_PER_BANDWIDTH).bit_length()
    narrower = h**2 - step**2 / 6  # the binning itself is a kernel
    kernel = np.exp(-2 * np.pi**2 * narrower * fft.rfftfreq(size, step) ** 2)
    smooth = fft.irfft(fft.rfft(mass, size) * kernel, size)[:n]
    return np.clip(smooth, 0, None) / (weight.sum() * step)


def _statistics(
    tau: Array, weight: Array, grid: Array, bins: tuple[NDArray[np.int64], Array], h: float, trim: float
) -> Array:
    """Return the numbers of `VALUES`, in that order."""
    if tau.size == 0:
        return np.full(6, np.nan)
    mode, fwhm = _peak(grid, _density(weight, bins, grid, h))
    low, median, high = _quantile(tau, weight, np.array([trim / 2, 0.5, 1 - trim / 2]))
    skewness, kurtosis = _shape(tau, weight)
    central = (tau >= low) & (tau <= high)
    return np.array([mode, median, fwhm, skewness, _shape(tau[central], weight[central])[0], kurtosis])


def _shape(tau: Array, weight: Array) -> tuple[float, float]:
    """Return skewness and excess kurtosis; NaN without spread."""
    if not weight.sum() > 0:
        return np.nan, np.nan
    share = weight / weight.sum()
    away = tau - np.sum(share * tau)
    square = away * away
    m2, m3, m4 = np.sum(share * square), np.sum(share * square * away), np.sum(share * square * square)
    if m2 <= 1e-24 * np.max(tau**2):
        return np.nan, np.nan
    return m3 / m2**1.5, m4 / m2**2 - 3


def _peak(grid: Array, density: Array) -> tuple[float, float]:
    """Return where the density is highest, and the width of that peak at half its height."""
    top = int(np.argmax(density))
    below, peak, above = np.log(density[top - 1 : top + 2])
    bend = below - 2 * peak + above
    offset = 0.5 * (below - above) / bend if bend < 0 else 0.0
    half = 0.5 * np.exp(peak - 0.25 * (below - above) * offset)
    left = top - int(np.argmax(density[top::-1] < half))
    right = top + int(np.argmax(density[top:] < half))
    step = grid[1] - grid[0]
    low = grid[left] + step * (half - density[left]) / (density[left + 1] - density[left])
    high = grid[right] - step * (half - density[right]) / (density[right - 1] - density[right])
    return float(grid[top] + offset * step), float(high - low)
