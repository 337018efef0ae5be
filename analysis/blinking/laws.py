"""Which law the durations of bright and dark periods follow.

Laws are fitted by maximum likelihood: lines through log-log histograms are biased by 0.2 at 50 durations.
Sources: Hoogenboom et al., J. Chem. Phys. 125, 204713 (2006); Clauset, Shalizi & Newman, SIAM Rev. 51, 661 (2009).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.blinking.goodness import Law, p_value_of
from analysis.blinking.likelihood import EXPONENT_BOUNDS, Seen, maximise, seen

Array = NDArray[np.float64]
SHORTEST_BINS = 2
FREE = {"power_law": (True, False), "exponential": (False, True), "truncated_power_law": (True, True)}


@dataclass(frozen=True)
class PowerLawFit:
    """Density t^-exponent exp(-t / cutoff_s) of durations between t_min_s and t_max_s.

    exponent : 0 for an exponential law; cutoff_s : inf for a pure power law, and where the data ask for no cut-off
    n, n_censored : durations in range, and those of them whose end was not seen
    p_value : of the Kolmogorov-Smirnov distance, among samples of this law fitted alike; NaN if not asked for
    bic : Bayesian information criterion: the law with the least describes the data best

    Errors are one standard deviation, NaN at a bound. NaN where there is nothing to fit: no duration in range for the
    law's parameters.
    """

    law: str
    exponent: float
    exponent_err: float
    cutoff_s: float
    cutoff_err_s: float
    n: int
    n_censored: int
    log_likelihood: float
    bic: float
    p_value: float
    t_min_s: float
    t_max_s: float

    def __str__(self) -> str:
        cut = f", cut off at {self.cutoff_s:.3g} ± {self.cutoff_err_s:.2g} s" if np.isfinite(self.cutoff_s) else ""
        return f"{self.law}: exponent {self.exponent:.3f} ± {self.exponent_err:.2g}{cut} ({self.n} durations)"


def fit_power_law(
    durations_s: ArrayLike,
    *,
    t_min_s: float,
    t_max_s: float | None = None,
    observed: ArrayLike | None = None,
    bin_s: float | None = None,
    n_boot: int = 100,
    seed: int = 0,
) -> PowerLawFit:
    """Return the exponent of a power law of durations, by maximum likelihood.

    Parameters
    ----------
    durations_s : (n,); those outside t_min_s...t_max_s are left out
    t_min_s, t_max_s : range of the law; give the length of the recording as t_max_s, since nothing longer can be seen
    observed : (n,) False where a duration was cut by the recording; all seen by default
    bin_s : if the durations are whole bins, then t_min_s must be two bins or more: what one bin shows depends on
        durations much shorter than it
    n_boot : samples for `p_value`, drawn with `seed`; 0 to skip

    Notes
    -----
    Error from the curvature of the likelihood. ValueError for durations, limits or bins that are not positive.

    >>> fit = fit_power_law([1.0, 2.0, 4.0, 8.0], t_min_s=1.0)  # Hill: 1 + n / sum of log(t / t_min)
    >>> print(f"{fit.exponent:.4f}, {1 + 4 / np.log(64):.4f}")
    1.9618, 1.9618
    """
    return _fit("power_law", durations_s, t_min_s, t_max_s, observed, bin_s, n_boot, seed)


def fit_truncated_power_law(
    durations_s: ArrayLike,
    *,
    t_min_s: float,
    t_max_s: float | None = None,
    observed: ArrayLike | None = None,
    bin_s: float | None = None,
    n_boot: int = 100,
    seed: int = 0,
) -> PowerLawFit:
    """Return exponent and cut-off of a power law that ends exponentially; arguments (n,) as for `fit_power_law`."""
    return _fit("truncated_power_law", durations_s, t_min_s, t_max_s, observed, bin_s, n_boot, seed)


def fit_exponential(
    durations_s: ArrayLike,
    *,
    t_min_s: float,
    t_max_s: float | None = None,
    observed: ArrayLike | None = None,
    bin_s: float | None = None,
    n_boot: int = 100,
    seed: int = 0,
) -> PowerLawFit:
    """Return the time constant (cutoff_s) of an exponential law; arguments as for `fit_power_law`."""
    return _fit("exponential", durations_s, t_min_s, t_max_s, observed, bin_s, n_boot, seed)


def compare_laws(
    durations_s: ArrayLike,
    *,
    t_min_s: float,
    t_max_s: float | None = None,
    observed: ArrayLike | None = None,
    bin_s: float | None = None,
    n_boot: int = 0,
    seed: int = 0,
) -> list[PowerLawFit]:
    """Return the fits of all three laws, the best (least BIC) first; arguments as for `fit_power_law`."""
    fits = [_fit(law, durations_s, t_min_s, t_max_s, observed, bin_s, n_boot, seed) for law in FREE]
    return sorted(fits, key=lambda fit: fit.bic)


def _fit(law, durations_s, t_min_s, t_max_s, observed, bin_s, n_boot, seed) -> PowerLawFit:
    time, ended, window = _checked(durations_s, observed, t_min_s, t_max_s, bin_s)
    unit, limits = window[0], (1.0, window[1] / window[0])
    m = m_err = rate = rate_err = likelihood = goodness = np.nan
    if np.unique(time[ended]).size >= sum(FREE[law]):
        bin_width = None if bin_s is None else bin_s / unit
        data = seen(time / unit, ended, limits, bin_width)
        (m, rate), likelihood, information = _best(law, data)
        m_err, rate_err = _errors(law, m, rate, information)
        likelihood -= ended.sum() * np.log(unit)
        if n_boot > 0:
            drawn = Law(m, rate, data.window, bin_width, limits)
            goodness = p_value_of(drawn, time / unit, ended, lambda t, e: _refit(law, t, e, drawn), n_boot, seed)
    return PowerLawFit(
        law=law,
        exponent=float(m),
        exponent_err=m_err,
        cutoff_s=float(unit / rate) if rate != 0 else np.inf,
        cutoff_err_s=float(unit * rate_err / rate**2) if rate != 0 else np.nan,
        n=time.size,
        n_censored=int((~ended).sum()),
        log_likelihood=likelihood,
        bic=sum(FREE[law]) * np.log(max(time.size, 1)) - 2 * likelihood,
        p_value=goodness,
        t_min_s=window[0],
        t_max_s=window[1],
    )


def _checked(durations_s, observed, t_min_s, t_max_s, bin_s) -> tuple[Array, NDArray[np.bool_], tuple[float, float]]:
    """Durations in range, whether they ended, and the range."""
    time = np.asarray(durations_s, dtype=float)
    ended = np.ones(time.shape, dtype=bool) if observed is None else np.asarray(observed, dtype=bool)
    low, high = float(t_min_s), np.inf if t_max_s is None else float(t_max_s)
    if time.ndim != 1 or ended.shape != time.shape:
        raise ValueError(f"durations of shape {time.shape} and observed of {ended.shape}: give two lists alike")
    if not (np.isfinite(time) & (time > 0)).all():
        raise ValueError("durations_s holds values that are not positive numbers of seconds: leave them out")
    if not 0 < low < high:
        raise ValueError(f"t_min_s {t_min_s} and t_max_s {t_max_s} make no range: give 0 < t_min_s < t_max_s")
    if bin_s is not None:
        time, (low, high) = _whole_bins(time, low, high, bin_s)
    inside = (time >= low) & (time <= high)
    return time[inside], ended[inside], (low, high)


def _whole_bins(time: Array, low: float, high: float, bin_s: float) -> tuple[Array, tuple[float, float]]:
    if not 0 < bin_s < np.inf:
        raise ValueError(f"bin_s is {bin_s}: give a positive number of seconds")
    n_bins = np.rint(time / bin_s)
    if np.any(np.abs(time / bin_s - n_bins) > 1e-3 * np.maximum(n_bins, 1)):
        raise ValueError(f"durations_s are not whole bins of {bin_s} s: leave bin_s out if they are exact")
    first, last = np.ceil(low / bin_s - 1e-6), np.floor(high / bin_s + 1e-6)
    if first < SHORTEST_BINS:
        raise ValueError(f"t_min_s {low} is less than {SHORTEST_BINS} bins of {bin_s} s: raise it or bin finer")
    if last <= first:
        raise ValueError(f"t_max_s {high} leaves no more than one bin of {bin_s} s: raise it")
    return n_bins * bin_s, (first * bin_s, last * bin_s)


def _best(law: str, data: Seen) -> tuple[Array, float, Array]:
    start = {"power_law": (1.5, 0.0), "exponential": (0.0, 0.01), "truncated_power_law": (1.2, 1e-3)}[law]
    return maximise(data, np.array(FREE[law]), np.array(start))


def _errors(law: str, m: float, rate: float, information: Array) -> tuple[float, float]:
    """Standard deviations of (m, rate); 0 for what the law fixes, NaN at a bound."""
    free = np.array(FREE[law]) & np.array([True, rate > 0])
    error = np.zeros(2)
    block = information[np.ix_(free, free)]
    inside = EXPONENT_BOUNDS[0] < m < EXPONENT_BOUNDS[1] and free.any() and np.linalg.det(block) > 0
    error[free] = np.sqrt(np.diagonal(np.linalg.inv(block)).clip(0)) if inside else np.nan
    return float(error[0]), float(error[1])


def _refit(law: str, time: Array, ended: NDArray[np.bool_], drawn: Law) -> Law:
    data = seen(time, ended, drawn.window, drawn.bin_width)
    (m, rate), _, _ = _best(law, data)
    return Law(m, rate, data.window, drawn.bin_width, drawn.window)
