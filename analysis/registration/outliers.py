"""Pixels that are not the scene: flashes in one image, and hot pixels that stay while the scene moves.

A dot smaller than a pixel is also one bright pixel. It is told apart by its company (a few pixels that outshine all
others of an image are not the scene) and by its motion (a pixel that stays bright in every image is not the scene).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analysis.registration.parts import Array

FEW, ONE_IN = 6, 1500  # so many pixels, and one more in so many, cannot claim to be brighter than all
HEADROOM = 1.5  # how much brighter than the next they may be
NOISE = 2.0  # sigmas that noise adds to it
HOT = 6.0  # sigmas that a hot pixel always stands above its neighbours
ALONE = 4.0  # times brighter than its neighbours, or than the same place in other images
APART_PX = 2  # a scene that moved less may itself stay bright
AROUND = np.array([(1, 1, 1), (1, 0, 1), (1, 1, 1)], dtype=bool)


def capped(stable: Array) -> Array:
    """Return variance-stabilised images (n, ny, nx) in which no few pixels outshine all others."""
    return np.minimum(stable, _limit(*_levels(stable))[:, None, None])


def without_flashes(stable: Array, moved: NDArray[np.int64]) -> Array:
    """Return the images with bright pixels capped that no other image shows nearby once it is moved back."""
    out, (level, bright) = stable.copy(), _levels(stable)
    limit = _limit(level, bright)
    contrast = ndimage.maximum_filter(stable - level[:, None, None], size=(1, 3, 3), mode="nearest")
    for i, row, column in np.argwhere(stable > limit[:, None, None]):
        place = np.array([row, column]) - moved[i] + moved
        seen = ((place >= 0) & (place < stable.shape[1:])).all(axis=1) & (np.arange(len(stable)) != i)
        others = contrast[np.flatnonzero(seen), place[seen, 0], place[seen, 1]]
        if not len(others) or stable[i, row, column] - level[i] > ALONE * np.median(others):
            out[i, row, column] = limit[i]
    return out


def _levels(stable: Array) -> tuple[Array, Array]:
    """Return the level of each image, shape (n,), and how bright its pixels are that are not the brightest few."""
    flat = stable.reshape(len(stable), -1)
    few = min(FEW + flat.shape[1] // ONE_IN, flat.shape[1])
    return np.median(flat, axis=1), np.partition(flat, -few, axis=1)[:, -few]


def _limit(level: Array, bright: Array) -> Array:
    return level + HEADROOM * (bright - level) + NOISE


def hot_pixels(stable: Array, moved: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pixels (ny, nx) outshine their neighbours in every image although the scene moved by `moved`."""
    if np.ptp(moved, axis=0).max() < APART_PX:
        return np.zeros(stable.shape[1:], dtype=bool)
    level, bright = _levels(stable)
    lowest = (stable - level[:, None, None]).min(axis=0)
    around = ndimage.maximum_filter(lowest, footprint=AROUND, mode="nearest")
    return lowest > np.maximum(ALONE * np.maximum(around, 0) + HOT, np.median(bright - level) / 2)


def without(stable: Array, hot: NDArray[np.bool_]) -> Array:
    """Return the images with the median of its neighbours in place of each hot pixel."""
    out = stable.copy()
    for image in out:
        image[hot] = ndimage.median_filter(image, footprint=AROUND, mode="nearest")[hot]
    return out
