"""Interpolation and local polynomials of spectra, through which values and covariances go alike.

Both touch a few neighbours of each place, so no large matrices are multiplied.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np

MOST_STEPS = 30
SAME_NM = 1e-6
GAP_NM, EDGE_NM = 6.0, 2.5  # an extremum so near to so wide a gap in the axis may as well lie in it
LEAST_WEIGHT = 1e-3  # a point on the very edge determines nothing
Array = np.ndarray


def step_of(wavelength_nm: Array) -> float:
    """Return the usual distance of neighbours on an axis; 0 if there are none."""
    return float(np.median(np.diff(wavelength_nm))) if len(wavelength_nm) > 1 else 0.0


def at_gap(wavelength_nm: Array, place_nm: float) -> bool:
    """Return whether a place lies in a wide gap of an axis, or at its edge."""
    left = np.flatnonzero(np.diff(wavelength_nm) > max(GAP_NM, 2.1 * step_of(wavelength_nm)))
    low, high = wavelength_nm[left] - EDGE_NM, wavelength_nm[left + 1] + EDGE_NM
    return bool(np.any((low <= place_nm) & (place_nm <= high)))


def interpolate(from_nm: Array, value: Array, covariance: Array, to_nm: Array, *, widest_gap_nm: float):
    """Return values (m,) on another axis, linear between points, and their covariance (m, m).

    from_nm : (n,) ascending; value, covariance : (n,), (n, n)
    widest_gap_nm : what is not bridged, nor extrapolated, is NaN, with 0 covariance
    """
    if len(from_nm) < 2:
        return np.full(len(to_nm), np.nan), np.zeros((len(to_nm), len(to_nm)))
    right = np.clip(np.searchsorted(from_nm, to_nm), 1, len(from_nm) - 1)
    gap = from_nm[right] - from_nm[right - 1]
    share = (to_nm - from_nm[right - 1]) / gap
    share = np.where(np.abs(share - np.rint(share)) * gap < SAME_NM, np.rint(share), share)
    able = (share >= 0) & (share <= 1) & ((gap <= widest_gap_nm) | (share == 0) | (share == 1))
    a, b = np.where(able, 1 - share, 0.0), np.where(able, share, 0.0)
    half = a[:, None] * covariance[right - 1] + b[:, None] * covariance[right]
    return np.where(able, a * value[right - 1] + b * value[right], np.nan), half[:, right - 1] * a + half[:, right] * b


@dataclass(frozen=True, eq=False)
class LocalPolynomials:
    """Least-squares polynomials about some places, as weights of the points near each.

    near : (m, k) indices of the points; rows : (m, degree + 1, k) what gives value, slope, curvature... from them; NaN
    where the points do not determine them
    """

    near: Array
    rows: Array

    def of(self, y: Array) -> Array:
        """Return value, slope, curvature... of y at each place, (m, degree + 1)."""
        return np.einsum("mdk,mk->md", self.rows, y[self.near])

    def covariance(self, covariance: Array) -> Array:
        """Return their covariance at each place, (m, degree + 1, degree + 1), given that of the points."""
        near = covariance[self.near[:, :, None], self.near[:, None, :]]
        return np.einsum("mdk,mkl,mel->mde", self.rows, near, self.rows, optimize=True)

    def weights(self, place: int, n: int) -> Array:
        """Return what gives the value at one place as weights of all n points."""
        row = np.zeros(n)
        row[self.near[place]] = self.rows[place, 0]
        return row


def local_polynomials(x: Array, at: Array, *, half_width: float, degree: int) -> LocalPolynomials:
    """Return the local polynomials of points at x (n,) about places (m,), weighted by a parabola of that half width."""
    at = np.asarray(at, float)
    first = np.searchsorted(x, at - half_width)
    most = int(np.max(np.searchsorted(x, at + half_width) - first, initial=0)) if len(x) else 0
    near = np.clip(first, 0, len(x) - most)[:, None] + np.arange(most)
    u = (x[near] - at[:, None]) / half_width
    weight = np.where(1 - u**2 > LEAST_WEIGHT, 1 - u**2, 0.0)
    powers = np.where(weight[..., None] > 0, u[..., None] ** np.arange(degree + 1), 0.0)
    weighted = np.swapaxes(powers * weight[..., None], 1, 2)
    normal, enough = weighted @ powers, (weight > 0).sum(axis=1) > degree
    normal[~enough] = np.eye(degree + 1)
    rows = np.linalg.solve(normal, weighted)
    rows *= np.array([factorial(k) / half_width**k for k in range(degree + 1)])[:, None]
    rows[~enough] = np.nan
    return LocalPolynomials(near, rows)


def find_root(x, y, covariance, start: float, *, half_width: float, degree: int) -> tuple[float, float, float]:
    """Return where the local polynomial of y is zero, the error, and its slope there; NaN if nowhere near."""
    at = start
    for _ in range(MOST_STEPS):
        local = local_polynomials(x, np.array([at]), half_width=half_width, degree=degree)
        value, slope = local.of(y)[0, :2]
        step = np.clip(-value / slope, -half_width / 2, half_width / 2) if slope else np.nan
        at += step
        if not abs(at - start) < 2 * half_width:
            return np.nan, np.nan, np.nan
        if abs(step) < 1e-4 * half_width:
            break
    return float(at), float(np.sqrt(local.covariance(covariance)[0, 0, 0]) / abs(slope)), float(slope)


def find_extremum(
    x, y, covariance, start: float, *, half_width: float, degree: int
) -> tuple[float, float, float, float]:
    """Return place, its error, value and its error of the extremum of the local polynomial of y; NaN if nowhere near.

    The extremum of a noisy curve lies beyond that of the true one by half the variance of the slope over the
    curvature; this is taken off.
    """
    at = start
    for _ in range(MOST_STEPS):
        local = local_polynomials(x, np.array([at]), half_width=half_width, degree=degree)
        value, slope, curvature = local.of(y)[0, :3]
        step = np.clip(-slope / curvature, -half_width / 2, half_width / 2) if curvature else np.nan
        at += step
        if not abs(at - start) < 2 * half_width:
            return np.nan, np.nan, np.nan, np.nan
        if abs(step) < 1e-4 * half_width:
            break
    variance = np.diag(local.covariance(covariance)[0])
    beyond = variance[1] / (2 * curvature)
    return float(at), float(np.sqrt(variance[1]) / abs(curvature)), float(value + beyond), float(np.sqrt(variance[0]))
