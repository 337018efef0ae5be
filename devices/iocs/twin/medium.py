"""Lifetimes of quantum dots in a film: an effective medium around each dot, and its local field.

A sphere around the dot contains film, substrate and air in proportions that follow from its height; their
mixture sets the emission rate. Reference: a dot on the substrate, half of the sphere in air.
Sources: Opt. Express 20, 3200 (2012) (effective medium), Opt. Express 20, 3144 (2012) (field inside the dot).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AIR_INDEX = 1.0
BISECTIONS = 50


def lifetime_ratio(
    z_nm: NDArray[np.float64],
    *,
    thickness_nm: float,
    film_index: float,
    substrate_index: float,
    dot_index: float,
    radius_nm: float,
) -> NDArray[np.float64]:
    """Lifetime at height `z_nm` in the film over the lifetime on the bare substrate, shape of `z_nm`.

    >>> ratio = lifetime_ratio(np.array([44.0]), thickness_nm=88, film_index=2.10, substrate_index=1.515,
    ...                        dot_index=2.5, radius_nm=80)
    >>> round(float(39 * ratio[0]), 1)
    10.2
    """
    substrate = cap_fraction(z_nm, radius_nm)
    air = cap_fraction(thickness_nm - z_nm, radius_nm)
    shares = np.stack([substrate, air, 1 - substrate - air], axis=-1)
    indices = np.array([substrate_index, AIR_INDEX, film_index])
    reference = bruggeman_index(np.array([0.5, 0.5, 0.0]), indices)
    return emission_rate(reference, dot_index) / emission_rate(bruggeman_index(shares, indices), dot_index)


def cap_fraction(distance_nm: NDArray[np.float64], radius_nm: float) -> NDArray[np.float64]:
    """Share of a sphere's volume beyond a plane at `distance_nm` from its centre."""
    height_nm = np.clip(radius_nm - distance_nm, 0, 2 * radius_nm)
    return height_nm**2 * (3 * radius_nm - height_nm) / (4 * radius_nm**3)


def bruggeman_index(shares: NDArray[np.float64], indices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Refractive index of a mixture; `shares` (..., n) sum to 1 over `indices` (n,)."""
    parts = indices**2
    low = np.full(shares.shape[:-1], parts.min())
    high = np.full(shares.shape[:-1], parts.max())
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        excess = (shares * (parts - middle[..., None]) / (parts + 2 * middle[..., None])).sum(axis=-1)
        low, high = np.where(excess > 0, middle, low), np.where(excess > 0, high, middle)
    return np.sqrt((low + high) / 2)


def emission_rate(index: NDArray[np.float64], dot_index: float) -> NDArray[np.float64]:
    """Relative rate of a lossless dielectric dot in a medium: n (3 n^2 / (2 n^2 + n_dot^2))^2."""
    return index * (3 * index**2 / (2 * index**2 + dot_index**2)) ** 2
