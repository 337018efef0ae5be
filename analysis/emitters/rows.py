"""Emitters of a raster of which some rows are missing or were dark."""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.emitters.spots import Emitters, find, judged

LEAST_ROWS = 5
NOTHING = np.zeros((LEAST_ROWS, LEAST_ROWS))


def find_in_rows(
    image: ArrayLike,
    usable: ArrayLike,
    *,
    pixel_um: float,
    psf_fwhm_um: float = 0.24,
    false_alarm: float = 0.01,
    largest_fwhm_um: float = 0.32,
    least_distance_um: float = 0.6,
    origin_um: tuple[float, float] = (0.0, 0.0),
    **settings,
) -> Emitters:
    """Return the emitters of an image (ny, nx) in the rows that are usable (ny,); see `find`.

    Each stretch of rows is an image of its own: a row that is missing is no dark background, and a spot cut by it is
    not whole. Stretches of under 5 rows, or narrower than a spot, are left out.
    """
    counts, rows = np.asarray(image), np.asarray(usable, bool)
    parts = [
        find(
            counts[first:stop],
            pixel_um=pixel_um,
            psf_fwhm_um=psf_fwhm_um,
            false_alarm=false_alarm * (stop - first) / rows.sum(),
            largest_fwhm_um=largest_fwhm_um,
            least_distance_um=least_distance_um,
            origin_um=(origin_um[0], origin_um[1] + first * pixel_um),
            **settings,
        )
        for first, stop in _stretches(rows)
        if stop - first >= max(LEAST_ROWS, psf_fwhm_um / pixel_um)
    ]
    if not parts:
        width = max(psf_fwhm_um / LEAST_ROWS, pixel_um)
        return find(NOTHING, pixel_um=width, psf_fwhm_um=psf_fwhm_um, **settings)[np.zeros(0, int)]
    if len(parts) == 1:
        return parts[0]
    table = replace(parts[0], **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Emitters)})
    table = table[np.argsort(-table.rate_cps, kind="stable")]
    return judged(table, psf_fwhm_um, largest_fwhm_um, least_distance_um)


def _stretches(usable: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, stop) of the runs of usable rows."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]]).astype(np.int8)))
    return list(zip(change[::2].tolist(), change[1::2].tolist(), strict=True))
