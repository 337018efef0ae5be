"""Rise times and rates against power: the lifetime at zero power, and saturation.

A two-level emitter that is pumped at the rate k = s I rises with 1 / tau = 1 / tau_0 + s I, and emits in proportion to
I / (I + I_s), I_s = 1 / (s tau_0).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

Array = NDArray[np.float64]
ROUNDS = 5


@dataclass(frozen=True, eq=False)
class ZeroPower:
    """Straight line through 1 / tau; `_err` is one standard deviation.

    tau_ns : rise time without power, the lifetime
    pump_hz_per_w_cm2 : excitations per second and W/cm2
    covariance : (2, 2) of the rate without power (Hz) and the slope
    chi2 : per degree of freedom, NaN with two powers
    intensity_w_cm2, rise_ns, rise_err_ns : the data
    """

    tau_ns: float
    tau_err_ns: float
    pump_hz_per_w_cm2: float
    pump_err_hz_per_w_cm2: float
    covariance: Array
    chi2: float
    intensity_w_cm2: Array
    rise_ns: Array
    rise_err_ns: Array

    def rise(self, intensity_w_cm2: ArrayLike) -> Array:
        """Rise time at a power, ns."""
        return 1e9 / (1e9 / self.tau_ns + self.pump_hz_per_w_cm2 * np.asarray(intensity_w_cm2, float))

    def pump_times_tau(self, intensity_w_cm2: float) -> tuple[float, float]:
        """Excitations per lifetime, and its error: far below 1 is far below saturation."""
        rate, slope = 1e9 / self.tau_ns, self.pump_hz_per_w_cm2
        value = slope * intensity_w_cm2 / rate
        gradient = np.array([-value / rate, intensity_w_cm2 / rate])
        return float(value), float(np.sqrt(gradient @ self.covariance @ gradient))


def zero_power(intensity_w_cm2: ArrayLike, tau_ns: ArrayLike, tau_err_ns: ArrayLike) -> ZeroPower:
    """Extrapolate rise times to zero power.

    intensity_w_cm2, tau_ns, tau_err_ns : (n,) at two different powers or more

    Weighted straight line through 1 / tau, with relative errors as given. ValueError for rise times or errors that are
    not positive, and for a single power. Source: Lounis et al., Chem. Phys. Lett. 329, 399 (2000).

    >>> line = zero_power([1250, 2500, 5000], [19.5, 19.02, 18.13], [0.3, 0.3, 0.3])
    >>> print(f"{line.tau_ns:.1f} ns without power")
    20.0 ns without power
    """
    power, tau, err = _columns(intensity_w_cm2, tau_ns, tau_err_ns, "tau_ns")
    if not (tau > 0).all():
        raise ValueError(f"tau_ns holds {tau.min()}: give positive rise times, those that were identified")
    scale = power.max()
    basis, rate = np.stack([np.ones_like(power), power / scale]), 1e9 / tau
    expected = rate
    for _ in range(ROUNDS):
        weight = (tau / (err * expected)) ** 2
        covariance = np.linalg.inv((basis * weight) @ basis.T)
        line = covariance @ ((basis * weight) @ rate)
        expected = np.maximum(line @ basis, 0.1 * rate)
    chi2 = float(weight @ (rate - line @ basis) ** 2)
    unit = np.array([1, 1 / scale])
    if not line[0] > 0:
        raise ValueError(
            f"the rate without power is {line[0] / 1e9:.3g} per ns, not positive: the rise times do not fall as "
            "1 / (1 / tau + s I); add low powers"
        )
    return ZeroPower(
        tau_ns=float(1e9 / line[0]),
        tau_err_ns=float(1e9 * np.sqrt(covariance[0, 0]) / line[0] ** 2),
        pump_hz_per_w_cm2=float(line[1] / scale),
        pump_err_hz_per_w_cm2=float(np.sqrt(covariance[1, 1]) / scale),
        covariance=np.asarray(covariance * np.outer(unit, unit), float),
        chi2=chi2 / (power.size - 2) if power.size > 2 else float("nan"),
        intensity_w_cm2=power,
        rise_ns=tau,
        rise_err_ns=err,
    )


@dataclass(frozen=True, eq=False)
class Saturation:
    """R = R_max I / (I + I_s) + b I; `_err` is one standard deviation.

    saturation_w_cm2 : I_s; infinite, with R_max, where the rates do not bend
    slope_cps_per_w_cm2 : of the emitter at low power, R_max / I_s
    background_cps_per_w_cm2 : b; its error is 0 if the background was given
    chi2 : per degree of freedom, NaN without any
    """

    rate_max_cps: float
    rate_max_err_cps: float
    saturation_w_cm2: float
    saturation_err_w_cm2: float
    slope_cps_per_w_cm2: float
    slope_err_cps_per_w_cm2: float
    background_cps_per_w_cm2: float
    background_err_cps_per_w_cm2: float
    chi2: float
    intensity_w_cm2: Array
    rate_cps: Array
    rate_err_cps: Array

    def rate(self, intensity_w_cm2: ArrayLike) -> Array:
        """Rate at a power, background included, cps."""
        power = np.asarray(intensity_w_cm2, float)
        bend = 1 + power / self.saturation_w_cm2
        return self.slope_cps_per_w_cm2 * power / bend + self.background_cps_per_w_cm2 * power


def saturation(
    intensity_w_cm2: ArrayLike,
    rate_cps: ArrayLike,
    rate_err_cps: ArrayLike,
    background_cps: ArrayLike | None = None,
) -> Saturation:
    """Fit the saturation of an emitter.

    Parameters
    ----------
    intensity_w_cm2, rate_cps, rate_err_cps : (n,) rates of all light, dead time corrected
    background_cps : (n,) measured beside the emitter; without it, a background in proportion to the power is fitted

    Notes
    -----
    The error of the rates should contain what changes from power to power, such as blinking. ValueError for fewer
    powers than parameters.
    """
    power, rate, err = _columns(intensity_w_cm2, rate_cps, rate_err_cps, "rate_cps")
    known = background_cps is not None
    low = np.broadcast_to(np.asarray(0.0 if background_cps is None else background_cps, float), power.shape)
    if not (np.isfinite(low).all() and (low >= 0).all()):
        raise ValueError("background_cps holds negative or missing rates: give one per power, or leave it out")
    n_free = 2 if known else 3
    if np.unique(power).size < n_free:
        raise ValueError(f"{np.unique(power).size} powers: give {n_free} different ones or more")
    unit = power.max()
    found, covariance, chi2 = _bent(power / unit, rate - low, err, n_free)
    slope, bend = found[0] / unit, found[1] / unit
    spread = np.sqrt(np.diag(covariance))
    top, bends = slope / bend if bend > 0 else np.inf, bend > 0
    gradient = np.array([1 / found[1], -found[0] / found[1] ** 2]) if bends else np.full(2, np.nan)
    measured = float(power @ low / (power @ power))
    return Saturation(
        rate_max_cps=float(top),
        rate_max_err_cps=float(np.sqrt(gradient @ covariance[:2, :2] @ gradient)) if bends else np.nan,
        saturation_w_cm2=float(1 / bend) if bends else np.inf,
        saturation_err_w_cm2=float(spread[1] / unit / bend**2) if bends else np.nan,
        slope_cps_per_w_cm2=float(slope),
        slope_err_cps_per_w_cm2=float(spread[0] / unit),
        background_cps_per_w_cm2=measured if known else float(found[2] / unit),
        background_err_cps_per_w_cm2=0.0 if known else float(spread[2] / unit),
        chi2=chi2 / (power.size - n_free) if power.size > n_free else float("nan"),
        intensity_w_cm2=power,
        rate_cps=rate,
        rate_err_cps=err,
    )


def _bent(power: Array, rate: Array, err: Array, n_free: int) -> tuple[Array, Array, float]:
    """Least squares of s I / (1 + u I) + b I: (s, u, b) or (s, u), their covariance, and chi-squared."""
    scale = max(float(np.abs(rate).max()), 1e-300)

    def misfit(x: Array) -> Array:
        line = x[2] * power if n_free == 3 else 0.0
        return (x[0] * power / (1 + x[1] * power) + line - rate / scale) / (err / scale)

    fits = [
        least_squares(misfit, [1 + u, u, 0.0][:n_free], bounds=([0] * n_free, [np.inf] * n_free), x_scale=1.0)
        for u in (0.1, 3.0)
    ]
    best = min(fits, key=lambda fit: fit.cost)
    covariance = np.linalg.pinv(best.jac.T @ best.jac)
    to_rate = np.array([scale, 1.0, scale])[:n_free]
    return best.x * to_rate, covariance * np.outer(to_rate, to_rate), float(2 * best.cost)


def _columns(power: ArrayLike, value: ArrayLike, err: ArrayLike, name: str) -> tuple[Array, Array, Array]:
    columns = [np.asarray(column, float) for column in (power, value, err)]
    if columns[0].ndim != 1 or any(column.shape != columns[0].shape for column in columns):
        raise ValueError(f"intensity_w_cm2, {name} and its error have different lengths: give one of each per power")
    x, y, e = columns
    if not (np.isfinite(y).all() and np.isfinite(e).all() and (e > 0).all()):
        raise ValueError(f"{name} or its error is missing or not positive: leave out what was not measured")
    if not ((x > 0) & np.isfinite(x)).all() or np.unique(x).size < 2:
        raise ValueError("intensity_w_cm2 needs two different positive powers or more")
    return x, y, e
