"""How far a scene moved between its images: first the pixel, then its fraction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.registration.outliers import capped, hot_pixels, without, without_flashes
from analysis.registration.parts import Array, checked_counts, noise_variance
from analysis.registration.pixel import place
from analysis.registration.subpixel import refine

MIN_PAIRS = 10  # chance coincidences per lag with image 0; fewer have no Gaussian scatter
BRIGHT = 1000  # counts per pixel above which the model of the scene, not the noise, is the limit
MAX_ERR_PX = 0.5  # beyond this not even the pixel is known


@dataclass(frozen=True, eq=False)
class Drift:
    """How far the scene moved since image 0, in pixels (row, column).

    `shift_px` and `shift_err_px` (one standard deviation, with the share of image 0), shape (n, 2), are NaN
    where `reliable`, shape (n,), is False. Image 0 is the origin: shift and error zero, always reliable.
    """

    shift_px: Array
    shift_err_px: Array
    reliable: NDArray[np.bool_]


def register(images: ArrayLike, *, max_shift_px: float | None = None) -> Drift:
    """Return how far the scene moved since image 0.

    Parameters
    ----------
    images : counts, shape (n, ny, nx); Poisson noise is assumed to judge what is structure
    max_shift_px : largest shift on each axis, an image that moved farther is refused; half of that axis by default

    Notes
    -----
    An image without structure (a slope of light is none), or one that fits equally well elsewhere (periodic,
    striped), is refused: `reliable` is False. A flash in one image and pixels that are hot in all of them are not
    taken for the scene. Translation only: drift while an image is scanned shears and stretches it, see
    `line_shifts`; the shift is then that of the features, not of the stage averaged over the scan.
    The fraction of a pixel is right also where detail is finer than a pixel: see `subpixel`.
    ValueError for another shape, for negative or fractional counts, or a negative shift.
    Source: Guizar-Sicairos et al., Opt. Lett. 33, 156 (2008); Knapp & Carter, IEEE Trans. ASSP 24, 320 (1976).
    """
    counts = checked_counts(images)
    if max_shift_px is not None and not max_shift_px >= 0:
        raise ValueError(f"max_shift_px={max_shift_px:g}: must not be negative; leave it out for half of the image")
    noise = np.array([noise_variance(image) for image in counts])
    stable = 2 * np.sqrt(counts + 3 / 8)
    photons = counts.sum(axis=(1, 2))
    brightness = np.maximum(1, photons / counts[0].size / BRIGHT)
    enough = photons * photons[0] >= MIN_PAIRS * counts[0].size
    whole, placed = place(capped(stable), noise, enough, max_shift_px)
    hot = hot_pixels(stable[placed], whole[placed])
    if hot.any():
        stable = without(stable, hot)
        whole, placed = place(capped(stable), noise, enough, max_shift_px)
    shift, error = np.full((len(counts), 2), np.nan), np.full((len(counts), 2), np.nan)
    shift[placed], error[placed] = refine(
        without_flashes(stable[placed], whole[placed]), (noise * brightness)[placed], whole[placed]
    )
    reliable = placed & (error <= MAX_ERR_PX).all(axis=1)
    if max_shift_px is not None:
        reliable &= (np.abs(shift) <= max_shift_px).all(axis=1)
    reliable[0] = True
    shift[0] = error[0] = 0
    shift[~reliable] = error[~reliable] = np.nan
    return Drift(shift, error, reliable)
