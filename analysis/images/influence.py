"""How far the influence of clusters reaches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import spatial

from analysis.images.parts import Array, pixels_of

N_BOOT = 500
FAR_SHARE = 0.02  # of the pixels must lie beyond the profile, to tell the background
CLEAR = 3  # sigma of the first bin; below, there is no influence to measure


@dataclass(frozen=True, eq=False)
class RadialExcess:
    """Mean counts around clusters above those far away, against distance to the nearest cluster.

    `relative` is the excess in units of its first bin. `significance` is that of the first bin: excess over its
    scatter when the image is moved against the clusters, so lumps that have nothing to do with the clusters do not
    pass for influence. `radius_um` is where the profile first falls below a tenth
    of its first bin: NaN unless that bin is significant (3 sigma, either sign), inf if it never falls so low.
    `n_photons` is the sum over the pixels that count. Errors are one standard deviation.
    """

    r_um: Array
    excess: Array
    excess_err: Array
    relative: Array
    background: float
    background_err: float
    significance: float
    radius_um: float
    radius_err_um: float
    n_clusters: int
    n_photons: float


def radial_excess(
    p: ArrayLike,
    x_um: ArrayLike,
    y_um: ArrayLike,
    *,
    pixel_um: float,
    bin_um: float = 0.5,
    r_max_um: float | None = None,
    mask: ArrayLike | None = None,
    seed: int = 0,
) -> RadialExcess:
    """Return how the counts `p` around clusters exceed those far from any, against distance.

    Parameters
    ----------
    p : counts, shape (ny, nx)
    x_um, y_um : centres of the clusters, from the corner of the image (as `blobs` gives them)
    r_max_um : end of the profile; beyond is background. By default the largest that leaves 2 % of the pixels there

    Notes
    -----
    A pixel belongs to its nearest cluster. Errors come from resampling whole clusters with their pixels, so they
    contain the differences between clusters. Nothing is assumed about sign or shape.
    """
    image = np.asarray(p, dtype=float)
    centres = np.column_stack([np.ravel(np.asarray(y_um, float)), np.ravel(np.asarray(x_um, float))])
    centres = centres[np.isfinite(centres).all(axis=1)]
    use = pixels_of(image, mask)
    if len(centres) == 0 or not use.any():
        return _no_profile(len(centres), float(image[use].sum()))
    distance, owner = spatial.KDTree(centres).query((np.argwhere(use) + 0.5) * pixel_um)
    n_bins = _bins(distance, bin_um, r_max_um)
    ring = np.minimum((distance / bin_um).astype(int), n_bins)
    counts, pixels = (
        np.bincount(owner * (n_bins + 1) + ring, w, len(centres) * (n_bins + 1)).reshape(len(centres), -1)
        for w in (image[use], np.ones(ring.size))
    )
    if n_bins == 0 or not pixels.sum(axis=0).all():
        return _no_profile(len(centres), float(image[use].sum()))
    chance = _chance(image, use, ring == 0, ring == n_bins)
    return _profile(counts.astype(float), pixels.astype(float), chance, bin_um, np.random.default_rng(seed))


def _bins(distance: Array, bin_um: float, r_max_um: float | None) -> int:
    """Return the number of bins of the profile."""
    if r_max_um is not None:
        return round(r_max_um / bin_um)
    return int(np.quantile(distance, 1 - FAR_SHARE) / bin_um)


def _chance(image: Array, use: NDArray[np.bool_], near: NDArray[np.bool_], far: NDArray[np.bool_]) -> float:
    """Return the rms excess of the first bin over all cyclic shifts of the image against the clusters."""
    rates, weights = np.zeros_like(image), np.zeros_like(image)
    rates[use] = image[use] - image[use].mean()
    weights[use] = near / near.sum() - far / far.sum()
    excess = np.fft.ifft2(np.fft.fft2(rates) * np.fft.fft2(weights).conj()).real
    return float(np.sqrt(np.mean(excess**2)))


def _no_profile(n_clusters: int, n_photons: float) -> RadialExcess:
    """Return the profile of an image that has no clusters, or no pixels far from them."""
    none = np.empty(0)
    return RadialExcess(none, none, none, none, *[np.nan] * 5, n_clusters=n_clusters, n_photons=n_photons)


def _profile(counts: Array, pixels: Array, chance: float, bin_um: float, rng: np.random.Generator) -> RadialExcess:
    """Return the profile from counts and pixels per (cluster, ring); the last ring is the background."""
    n = len(counts)
    draws = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=N_BOOT)])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (draws @ counts) / (draws @ pixels)
    excess = means[:, :-1] - means[:, -1:]
    error = np.nanstd(excess[1:], axis=0) if n > 1 else np.full(excess.shape[1], np.nan)
    significance = float(excess[0, 0] / chance) if chance > 0 else np.nan
    r = (np.arange(excess.shape[1]) + 0.5) * bin_um
    radii = np.array([_falls_below(r, row, 0.1 * row[0]) for row in excess])
    known = np.isfinite(radii[1:])
    clear = abs(significance) >= CLEAR
    return RadialExcess(
        r_um=r, excess=excess[0], excess_err=error, relative=excess[0] / excess[0, 0] if excess[0, 0] else excess[0],
        background=float(means[0, -1]), background_err=float(np.nanstd(means[1:, -1])) if n > 1 else np.nan,
        significance=significance, radius_um=float(radii[0]) if clear else np.nan,
        radius_err_um=float(radii[1:][known].std()) if clear and known.sum() > N_BOOT / 2 else np.nan,
        n_clusters=n, n_photons=float(counts.sum()),
    )  # fmt: skip


def _falls_below(r: Array, excess: Array, level: float) -> float:
    """Return where a profile first crosses `level`, by straight lines between its points; inf if never.

    >>> _falls_below(np.array([0.25, 0.75, 1.25]), np.array([1.0, 0.2, 0.0]), 0.1)
    1.0
    """
    sign = np.sign(excess[0]) or 1.0
    below = np.flatnonzero(sign * excess < sign * level)
    if below.size == 0 or below[0] == 0:
        return np.inf
    i = below[0]
    return float(r[i - 1] + (r[i] - r[i - 1]) * (excess[i - 1] - level) / (excess[i - 1] - excess[i]))
