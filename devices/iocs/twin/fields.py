"""Places and fields of a sample: clustered emitters, and the crystallinity they seed.

Clusters are a Neyman-Scott process; crystallinity saturates where the influence of nuclei adds up, with
grains on top. Lengths in um, everything drawn from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.signal import fftconvolve
from scipy.spatial import KDTree

from devices.iocs.twin.preset import CrystallinityPreset, QdPreset

Floats = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]  # x from, x to, y from, y to


@dataclass(frozen=True)
class Nuclei:
    """Where crystals start: positions (n, 2) in um and how many dots started each."""

    xy_um: Floats
    n_dots: NDArray[np.int64]


def scatter_dots(preset: QdPreset, area: Rectangle, rng: np.random.Generator) -> tuple[Floats, Nuclei]:
    """Dot positions (n, 2) and the clusters and singles they belong to."""
    centres_um = _uniform(preset.cluster_density_um2, area, rng)
    sizes = _cluster_sizes(len(centres_um), preset, rng)
    members_um = np.repeat(centres_um, sizes, axis=0)
    members_um += preset.cluster_sigma_um * rng.standard_normal(members_um.shape)
    singles_um = _thinned(_uniform(preset.single_density_um2, area, rng), preset.hard_core_um)
    nuclei = Nuclei(
        np.concatenate([centres_um[sizes > 0], singles_um]),
        np.concatenate([sizes[sizes > 0], np.ones(len(singles_um), dtype=np.int64)]),
    )
    return np.concatenate([members_um, singles_um]), nuclei


def _uniform(density_um2: float, area: Rectangle, rng: np.random.Generator) -> Floats:
    x0, x1, y0, y1 = area
    count = rng.poisson(density_um2 * (x1 - x0) * (y1 - y0))
    return rng.uniform([x0, y0], [x1, y1], (count, 2))


def _cluster_sizes(count: int, preset: QdPreset, rng: np.random.Generator) -> NDArray[np.int64]:
    """Dots per cluster: lognormal, rounded up or down at random so that the mean survives."""
    if preset.cluster_mean == 0:
        return np.zeros(count, dtype=np.int64)
    ln_mean = np.log(preset.cluster_mean) - preset.cluster_ln_sd**2 / 2
    return np.floor(rng.lognormal(ln_mean, preset.cluster_ln_sd, count) + rng.random(count)).astype(np.int64)


def _thinned(points_um: Floats, distance_um: float) -> Floats:
    """The points without the later one of each pair closer than `distance_um`."""
    if distance_um == 0 or len(points_um) == 0:
        return points_um
    pairs = KDTree(points_um).query_pairs(distance_um, output_type="ndarray")
    return np.delete(points_um, np.unique(pairs[:, 1]), axis=0)


@dataclass(frozen=True)
class Field:
    """A function of x and y known on a grid (ny, nx), interpolated linearly, constant outside."""

    values: NDArray[np.float32]
    origin_um: tuple[float, float]
    step_um: float

    def __call__(self, x_um: Floats, y_um: Floats) -> Floats:
        """The field at the positions, shape of `x_um`."""
        x, y = np.broadcast_arrays(np.asarray(x_um, float), np.asarray(y_um, float))
        rows, columns = (y - self.origin_um[1]) / self.step_um, (x - self.origin_um[0]) / self.step_um
        places = np.stack([rows.ravel(), columns.ravel()])
        return map_coordinates(self.values, places, np.float64, order=1, mode="nearest").reshape(x.shape)


def crystallinity(
    preset: CrystallinityPreset,
    nuclei: Nuclei,
    influence: int,
    area: Rectangle,
    step_um: float,
    rng: np.random.Generator,
) -> Field:
    """The crystallinity 0..1 around nuclei; `influence` -1 makes it fall where it would rise."""
    x0, x1, y0, y1 = area
    shape = (round((y1 - y0) / step_um) + 1, round((x1 - x0) / step_um) + 1)
    seeds = _deposit(nuclei.xy_um, np.sqrt(nuclei.n_dots), shape, (x0, y0), step_um)
    reach = fftconvolve(seeds, _influence(preset, step_um), mode="same")
    remaining = np.exp(-np.clip(reach, 0, None) / preset.saturation)
    risen = remaining if influence < 0 else 1 - remaining
    grains = _noise(shape, preset.grain_um / step_um, rng)
    grains *= np.exp(preset.tail_ln_sd * _noise(shape, preset.tail_um / step_um, rng))
    field = preset.maximum * risen + preset.grain_sd * grains
    blurred = gaussian_filter(field, preset.blur_sigma_um / step_um, mode="nearest")
    return Field(np.clip(blurred, 0, 1).astype(np.float32), (x0, y0), step_um)


def _influence(preset: CrystallinityPreset, step_um: float) -> Floats:
    """How far one nucleus reaches: an exponential of the distance, cut off."""
    half = int(preset.cutoff_um / step_um)
    offset_um = np.arange(-half, half + 1) * step_um
    distance_um = np.hypot(offset_um[:, None], offset_um)
    return np.where(distance_um < preset.cutoff_um, np.exp(-distance_um / preset.reach_um), 0.0)


def _deposit(
    xy_um: Floats, weight: Floats, shape: tuple[int, int], origin_um: tuple[float, float], step_um: float
) -> Floats:
    """Weights of points shared among their four grid neighbours."""
    place = (xy_um - origin_um) / step_um
    column, row = np.floor(place).astype(np.intp).T
    right, down = (place - np.floor(place)).T
    grid = np.zeros(shape[0] * shape[1])
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.where(dy, down, 1 - down) * np.where(dx, right, 1 - right)
        rows, columns = np.clip(row + dy, 0, shape[0] - 1), np.clip(column + dx, 0, shape[1] - 1)
        grid += np.bincount(rows * shape[1] + columns, weight * share, minlength=grid.size)
    return grid.reshape(shape)


def _noise(shape: tuple[int, int], correlation_px: float, rng: np.random.Generator) -> Floats:
    """Gaussian noise of unit variance whose correlation falls to 1/sqrt(e) at `correlation_px`."""
    noise = gaussian_filter(rng.standard_normal(shape), correlation_px / np.sqrt(2), mode="wrap")
    return noise / noise.std()
