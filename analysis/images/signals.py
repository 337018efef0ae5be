"""Signals of regions, their ratio, structure above the shot noise, and correlation of two images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.images.parts import Array, pixels_of


@dataclass(frozen=True)
class Signal:
    """Counts of an image after dark and crosstalk; `err` is one standard deviation, of photon noise alone."""

    counts: float
    err: float
    exposure_s: float
    crosstalk_counts: float
    n_photons: float

    @property
    def rate_cps(self) -> float:
        """Return the mean signal rate of a pixel."""
        return self.counts / self.exposure_s if self.exposure_s else np.nan


@dataclass(frozen=True)
class Ratio:
    """Ratio of two signal rates; `err` is one standard deviation, of photon noise."""

    value: float
    err: float
    n_photons: float


@dataclass(frozen=True)
class Structure:
    """Coefficient of variation of the signal between pixels, photon noise subtracted; cv = sqrt(max(0, cv2));
    errors are one standard deviation."""

    cv: float
    cv_err: float
    cv2: float
    cv2_err: float
    mean: float
    n_pixels: int
    n_photons: float


@dataclass(frozen=True)
class Correlation:
    """Pearson correlation, with its shuffled control.

    `r_chance` is the scatter of r between unrelated images of the same texture: r / r_chance is the significance.
    `r_err` is one standard deviation.
    """

    r: float
    r_err: float
    r_control: float
    r_chance: float
    n_effective: float
    n_pixels: int


def signal(
    counts: ArrayLike,
    *,
    exposure_s: ArrayLike,
    dark_cps: float = 0.0,
    crosstalk: float = 0.0,
    other: Signal | None = None,
    mask: ArrayLike | None = None,
) -> Signal:
    """Return the signal of an image: counts - dark_cps * time - crosstalk * signal of the other channel.

    Parameters
    ----------
    exposure_s : time spent on each pixel (all scans together), one number or shape (ny, nx)
    crosstalk : share of the other channel's signal that this detector sees
    other : signal of the other channel, under the same mask and exposure
    """
    image = np.asarray(counts, dtype=float)
    use = pixels_of(image, mask)
    time = float(np.broadcast_to(np.asarray(exposure_s, dtype=float), image.shape)[use].sum())
    photons = float(image[use].sum())
    leaked, leaked_err = (crosstalk * other.counts, crosstalk * other.err) if other else (0.0, 0.0)
    error = float(np.hypot(np.sqrt(photons), leaked_err))
    return Signal(photons - dark_cps * time - leaked, error, time, other.counts if other else 0.0, photons)


def background_subtracted_ratio(
    b: Signal, a: Signal, *, dark_err_cps: float = 0.0, crosstalk_err: float = 0.0
) -> Ratio:
    """Return the ratio B/A of the signal rates: of the integrated images, if both had the same exposure.

    The error is photon noise and that of dark rate and crosstalk, which both images share and which partly cancels.
    NaN if A has no signal.
    """
    photons = a.n_photons + b.n_photons
    if not (a.counts > 0 and a.exposure_s > 0 and b.exposure_s > 0):
        return Ratio(np.nan, np.nan, photons)
    value = b.rate_cps / a.rate_cps
    slope = 1 / (a.rate_cps * b.exposure_s)  # of the ratio, per count of B
    noise = slope * np.hypot(b.err, a.err * value * b.exposure_s / a.exposure_s)
    dark = dark_err_cps * (1 - value) / a.rate_cps
    leak = crosstalk_err * (b.crosstalk_counts * slope - value * a.crosstalk_counts / a.counts)
    return Ratio(float(value), float(np.sqrt(noise**2 + dark**2 + leak**2)), photons)


def structure(
    counts: ArrayLike,
    *,
    coverage: ArrayLike | None = None,
    background: float = 0.0,
    mask: ArrayLike | None = None,
) -> Structure:
    """Return how much the signal differs from pixel to pixel, beyond photon noise.

    Parameters
    ----------
    coverage : scans that saw each pixel; pixels without are left out, and the mean is per scan
    background : counts per pixel (and scan) that are not signal

    Notes
    -----
    The error is photon noise for this very scene: another place on the sample differs by more. Without structure
    cv2 scatters around 0 with cv2_err; cv is then 0 with error sqrt(cv2_err).
    """
    image = np.asarray(counts, dtype=float)
    scans = np.ones_like(image) if coverage is None else np.asarray(coverage, dtype=float)
    use = pixels_of(image, mask) & (scans > 0)
    n, c = image[use], scans[use]
    mean = n.sum() / c.sum() if n.size else np.nan
    if n.size < 2 or not mean > background:
        return Structure(np.nan, np.nan, np.nan, np.nan, float(mean), n.size, float(n.sum()))
    excess, excess_err, mean_err, covariance = _excess_variance(n, c, mean)
    level = mean - background
    cv2 = excess / level**2
    slope = -2 * cv2 / level
    variance = (excess_err / level**2) ** 2 + (slope * mean_err) ** 2 + 2 * slope * covariance / level**2
    cv2_err = np.sqrt(max(variance, 0.0))
    cv = np.sqrt(max(cv2, 0.0))
    cv_err = cv2_err / (cv + np.sqrt(cv**2 + cv2_err)) if cv2_err else 0.0
    return Structure(float(cv), float(cv_err), float(cv2), float(cv2_err), float(mean), n.size, float(n.sum()))


def _excess_variance(n: Array, c: Array, mean: float) -> tuple[float, float, float, float]:
    """Return variance of the rates beyond Poisson, its error, the error of the mean, and their covariance.

    Falling factorials of the counts estimate the powers of their expectation without bias.
    """
    first, second, third = n / c, n * (n - 1) / c**2, n * (n - 1) * (n - 2) / c**3
    excess = np.mean(second - 2 * mean * first + mean**2) + n.sum() / c.sum() ** 2
    away = third - 2 * mean * second + mean**2 * first
    variance = np.mean(2 * second / c**2 + 4 * away / c) / n.size
    covariance = np.mean(2 * (second - mean * first) / c) / n.size
    return float(excess), float(np.sqrt(max(variance, 0.0))), float(np.sqrt(n.sum()) / c.sum()), float(covariance)


def correlation(q: ArrayLike, p: ArrayLike, *, mask: ArrayLike | None = None, seed: int = 0) -> Correlation:
    """Return the correlation of log Q with P, pixel by pixel.

    Parameters
    ----------
    q, p : counts of the two channels, same shape (ny, nx); half a count is added to Q before the logarithm
    seed : of the control, in which the pixels of P are shuffled

    Notes
    -----
    Neighbouring pixels are alike, so N pixels are worth fewer: n_effective = 1 + 1 / r_chance^2, r_chance being the
    rms correlation over all cyclic shifts of P. The error is that of Fisher's z, (1 - r^2) / sqrt(n_effective - 3).
    Photon noise lowers r; it is not corrected. Source: Clifford, Richardson & Hemon, Biometrics 45, 123 (1989).
    """
    first, second = np.log(np.asarray(q, dtype=float) + 0.5), np.asarray(p, dtype=float)
    if first.shape != second.shape:
        raise ValueError(
            f"images of shape {first.shape} and {second.shape} have no common pixels: give two of one raster"
        )
    use = pixels_of(first, mask)
    x, y = _standard(first, use), _standard(second, use)
    n = int(use.sum())
    if n < 2 or not x.any() or not y.any():
        return Correlation(np.nan, np.nan, np.nan, np.nan, np.nan, n)
    r = float((x * y).sum() / n)
    shuffled = np.random.default_rng(seed).permutation(y[use])
    shifts = np.fft.ifft2(np.fft.fft2(x).conj() * np.fft.fft2(y)).real / n
    chance = float(np.sqrt(np.mean(shifts**2)))
    effective = 1 + 1 / chance**2
    error = float(max(0.0, 1 - r**2) / np.sqrt(effective - 3)) if effective > 4 else 1.0
    return Correlation(r, error, float((x[use] * shuffled).sum() / n), chance, effective, n)


def _standard(image: Array, use: NDArray[np.bool_]) -> Array:
    """Return the image with mean 0 and variance 1 over the pixels that count, and 0 elsewhere."""
    values = image[use]
    spread = values.std() if values.size else 0.0
    out = np.zeros_like(image)
    if spread > 0:
        out[use] = (values - values.mean()) / spread
    return out
