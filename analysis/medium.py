"""Radiative lifetime of an emitter near interfaces: the medium it feels is a mixture within some 80 nm around it.

A sphere around the emitter is cut by the substrate below and the ambient above the film. Their volumes are mixed into
one refractive index n; the radiative rate is n times a local-field factor that says how the field enters the emitter.
Sources: Pillonnet et al., Opt. Express 20, 3200 (2012) (sphere, index, golden rule); LeBihan et al., Phys. Rev. B 78,
113405 (2008) (its radius); Duan & Reid, arXiv:cond-mat/0505587 (real and virtual cavities).
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Mixing = Literal["bruggeman", "linear_index", "linear_permittivity", "lorentz_lorenz"]
LocalField = Literal["nanocrystal", "virtual_cavity", "empty_cavity", "microscopic", "none"]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
MOST_STEPS = 50


def effective_lifetime(
    tau_ref_ns: ArrayLike,
    *,
    film_index: float,
    substrate_index: float,
    thickness_nm: float,
    radius_nm: float = 80.0,
    height_nm: ArrayLike | None = None,
    ambient_index: float = 1.0,
    emitter_index: float = 2.5,
    mixing: Mixing = "bruggeman",
    local_field: LocalField = "nanocrystal",
    reference: Literal["half_space"] | float = "half_space",
    average: Literal["rate", "lifetime"] = "rate",
) -> float | Array:
    """Return the lifetime in a film (ns) of emitters that live tau_ref_ns in the reference.

    Parameters
    ----------
    tau_ref_ns : one lifetime, or many; the result has their shape, with height_nm that of tau_ref_ns * height_nm
    radius_nm : of the sphere that makes up the medium
    height_nm : of the emitter above the substrate, any shape; by default an average over emitters at all heights
    emitter_index : of the emitter's own material; for the nanocrystal field alone
    mixing : see `effective_index`
    local_field : of the emitter in the medium n; its rate goes as n L^2, and L is
        nanocrystal 3 n^2 / (2 n^2 + emitter_index^2), virtual_cavity (n^2 + 2) / 3, empty_cavity 3 n^2 / (2 n^2 + 1),
        none 1; microscopic: L^2 is (n^2 + 2) / 3
    reference : "half_space" is the surface of the bare substrate; or the index of a uniform medium
    average : over the heights, of the rate (what an ensemble decay begins with) or of the lifetime (the mean of
        emitters measured one by one, 4 % longer in the film of the paper)

    Notes
    -----
    Purely radiative decay of unit yield in both places. ValueError for impossible sizes, indices or names.

    >>> quantum_dots = effective_lifetime(39, film_index=2.10, substrate_index=1.515, thickness_nm=88)
    >>> print(f"{quantum_dots:.1f} ns")  # the paper predicts 11 ns
    11.5 ns
    """
    tau_ref = _lifetimes(tau_ref_ns, height_nm)
    _check_positive(emitter_index=emitter_index)
    height, weight = _all_heights(thickness_nm, radius_nm) if height_nm is None else (height_nm, None)
    index = effective_index(
        height,
        film_index=film_index,
        substrate_index=substrate_index,
        thickness_nm=thickness_nm,
        radius_nm=radius_nm,
        ambient_index=ambient_index,
        mixing=mixing,
    )
    n_ref = _reference_index(reference, np.array([substrate_index, ambient_index]), mixing)
    speed_up = _rate(np.asarray(index), local_field, emitter_index) / _rate(n_ref, local_field, emitter_index)
    tau = np.asarray(tau_ref / (speed_up if weight is None else _average(speed_up, weight, average)))
    return float(tau) if tau.ndim == 0 else tau


def effective_index(
    height_nm: ArrayLike,
    *,
    film_index: float,
    substrate_index: float,
    thickness_nm: float,
    radius_nm: float = 80.0,
    ambient_index: float = 1.0,
    mixing: Mixing = "bruggeman",
) -> float | Array:
    """Return the refractive index of the sphere around emitters at height_nm above the substrate, same shape.

    mixing : bruggeman solves sum_i f_i (e_i - e) / (e_i + 2 e) = 0 for the permittivity e = n^2 and the volume shares
        f_i; linear_index averages n; linear_permittivity n^2; lorentz_lorenz (n^2 - 1) / (n^2 + 2)
    ValueError for impossible sizes, indices or names.

    >>> n = effective_index(44, film_index=2.10, substrate_index=1.515, thickness_nm=88)
    >>> print(f"{n:.3f}")
    1.877
    """
    _check_positive(thickness_nm=thickness_nm, radius_nm=radius_nm)
    _check_positive(film_index=film_index, substrate_index=substrate_index, ambient_index=ambient_index)
    height = np.asarray(height_nm, dtype=float)
    if not np.all((height >= 0) & (height <= thickness_nm)):
        raise ValueError(f"height_nm {height_nm} is not inside the film: give 0 to {thickness_nm} nm")
    below, above = _beyond(height, radius_nm), _beyond(thickness_nm - height, radius_nm)
    shares = np.stack([below, 1 - below - above, above], axis=-1)
    n = _mix(shares, np.array([substrate_index, film_index, ambient_index]), mixing)
    return float(n) if n.ndim == 0 else n


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if np.ndim(value) > 0:
            raise ValueError(f"{name} has shape {np.shape(value)}: give one number, and call once for each")
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}: give a positive number")


def _lifetimes(tau_ref_ns: ArrayLike, height_nm: ArrayLike | None) -> Array:
    tau = np.asarray(tau_ref_ns, dtype=float)
    if not np.all((tau > 0) & (tau < np.inf)):
        raise ValueError(f"tau_ref_ns is {tau_ref_ns}: give positive numbers")
    heights = () if height_nm is None else np.shape(height_nm)
    try:
        np.broadcast_shapes(tau.shape, heights)
    except ValueError:
        shapes = f"{tau.shape} and {heights}"
        raise ValueError(f"tau_ref_ns and height_nm have shapes {shapes}: give one of each, or equal shapes") from None
    return tau


def _reference_index(reference: str | float, either_side: Array, mixing: Mixing) -> Array:
    if isinstance(reference, str):
        if reference != "half_space":
            raise ValueError(f"reference is {reference!r}: give half_space or a refractive index")
        return _mix(np.array([0.5, 0.5]), either_side, mixing)
    _check_positive(reference=reference)
    return np.asarray(float(reference))


def _beyond(distance_nm: Array, radius_nm: float) -> Array:
    """Share of a sphere's volume beyond a plane at a distance from its centre: the cap pi h^2 (3 R - h) / 3."""
    h = np.clip(1 - distance_nm / radius_nm, 0, None)
    return h * h * (3 - h) / 4


def _all_heights(thickness_nm: float, radius_nm: float) -> tuple[Array, Array]:
    """Heights and weights of an average over the film; Gauss-Legendre between the points where a cap begins."""
    _check_positive(thickness_nm=thickness_nm, radius_nm=radius_nm)
    ends = np.unique(np.clip([0, radius_nm, thickness_nm - radius_nm, thickness_nm], 0, thickness_nm))
    width = np.diff(ends)[:, None]
    height = ends[:-1, None] + width * (1 + NODES) / 2
    return height.ravel(), (width * WEIGHTS / (2 * thickness_nm)).ravel()


def _average(speed_up: Array, weight: Array, average: str) -> float:
    match average:
        case "rate":
            return float(np.sum(weight * speed_up))
        case "lifetime":
            return 1 / float(np.sum(weight / speed_up))
    raise ValueError(f"average is {average!r}: give rate or lifetime")


def _mix(shares: Array, index: Array, mixing: Mixing) -> Array:
    """Index of a mixture; shares (..., n_media) of the volume."""
    permittivity = index**2
    match mixing:
        case "linear_index":
            return shares @ index
        case "linear_permittivity":
            return np.sqrt(shares @ permittivity)
        case "lorentz_lorenz":
            polarisability = shares @ ((permittivity - 1) / (permittivity + 2))
            return np.sqrt((1 + 2 * polarisability) / (1 - polarisability))
        case "bruggeman":
            return np.sqrt(_bruggeman(shares, permittivity))
    raise ValueError(f"mixing is {mixing!r}: give bruggeman, linear_index, linear_permittivity or lorentz_lorenz")


def _bruggeman(shares: Array, permittivity: Array) -> Array:
    """Newton's method from the lower Wiener bound: the equation is convex, so every step stays below the root."""
    mixed = 1 / (shares @ (1 / permittivity))
    for _ in range(MOST_STEPS):
        there = permittivity + 2 * mixed[..., None]
        step = np.sum(shares * (permittivity - mixed[..., None]) / there, axis=-1)
        step /= np.sum(shares * 3 * permittivity / there**2, axis=-1)
        mixed = mixed + step
        if np.all(np.abs(step) < 1e-14 * mixed):
            break
    return mixed


def _rate(n: Array, local_field: LocalField, emitter_index: float) -> Array:
    """Radiative rate in a medium, up to a constant."""
    e = n**2
    match local_field:
        case "nanocrystal":
            return n * (3 * e / (2 * e + emitter_index**2)) ** 2
        case "virtual_cavity":
            return n * ((e + 2) / 3) ** 2
        case "empty_cavity":
            return n * (3 * e / (2 * e + 1)) ** 2
        case "microscopic":
            return n * (e + 2) / 3
        case "none":
            return n
    raise ValueError(
        f"local_field is {local_field!r}: give nanocrystal, virtual_cavity, empty_cavity, microscopic or none"
    )
