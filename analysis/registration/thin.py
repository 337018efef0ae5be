"""An image moved by a fraction of a pixel, photon by photon."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.registration.parts import Array, wide
from analysis.registration.scatter import exposure, scatter


@dataclass(frozen=True, eq=False)
class Thinned:
    """Counts moved by a fraction of a pixel: still integers, still Poisson.

    `coverage`, shape (ny, nx): the share of each pixel that was in view; expected counts are in proportion.
    `n_photons` are still in the frame, `n_lost` left it. The same `seed` gives the same counts again.
    """

    counts: NDArray
    coverage: Array
    n_photons: int
    n_lost: int
    seed: int


def thin_shift(
    counts: ArrayLike, shift_px: ArrayLike, *, axes: tuple[int, int] = (0, 1), seed: int | None = None
) -> Thinned:
    """Return counts whose scene is moved by `shift_px` (row, column), photon by photon.

    Parameters
    ----------
    counts : integers; an image (ny, nx), a cube (ny, nx, n_bins), or any other with rows and columns at `axes`
    shift_px : by how much; minus the shift of a drift puts an image back on image 0
    seed : of the random numbers, not negative; one is drawn, and recorded, by default

    Notes
    -----
    Every photon goes to one of the four pixels that its own would overlap, with the shares of the overlap as
    probabilities. A thinned Poisson process is a Poisson process: pixels stay independent, with variance equal to
    the mean, which interpolation destroys. The price is a blur by one pixel at most. ValueError for what are not
    whole counts, or a shift that is not finite. Source: Kingman, Poisson Processes (1993), sections 2.2 and 5.1.

    >>> moved = thin_shift(np.array([[8, 0, 0]]), (0, 1.5), seed=1)
    >>> moved.counts.sum(), moved.counts[0, 0], moved.coverage
    (np.int64(8), np.int64(0), array([[0. , 0.5, 1. ]]))
    """
    photons, shift = np.asarray(counts), np.asarray(shift_px, dtype=float)
    if photons.dtype.kind not in "biu" or photons.ndim < 2 or (photons.size and photons.min() < 0):
        raise ValueError(f"counts of type {photons.dtype}, shape {photons.shape}: must be integers >= 0, 2-D or more")
    if shift.shape != (2,) or not np.isfinite(shift).all():
        raise ValueError(f"shift_px={shift_px}: must be two finite numbers, row and column")
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    cube = np.moveaxis(photons, axes, (0, 1))
    limit = np.maximum(cube.shape[:2], 1)
    flat = cube.reshape(*cube.shape[:2], math.prod(cube.shape[2:]))
    shift = np.clip(shift, -limit - 1, limit + 1)
    moved = scatter(flat, shift, np.random.default_rng(seed))
    kept, total = int(moved.sum()), int(photons.sum(dtype=np.int64))
    moved = np.moveaxis(moved.reshape(cube.shape).astype(wide(photons.dtype)), (0, 1), axes)
    return Thinned(moved, exposure(cube.shape[:2], shift), kept, total - kept, seed)
