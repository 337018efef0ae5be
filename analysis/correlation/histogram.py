"""A coincidence histogram on its way into a fit: checked, cut to the bins where the card was live."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.correlation import kernels
from analysis.correlation.kernels import STOP
from analysis.counts import check_counts

Array = NDArray[np.float64]
ESTIMATORS = ("start_stop", "all_pairs")
DEEPEST = 1.3  # contrast: above 1 by noise alone, but a bound at 1 would bias the fit
LEAST_BINS = 8
IMPROBABLE = 20.0  # expected counts where none are seen: the card was blind there (chance e^-20)


@dataclass(frozen=True, eq=False)
class Histogram:
    """The live bins of a coincidence histogram, and what is known of the card."""

    edges_ns: Array
    counts: Array
    sigma_ns: float
    tau_bounds_ns: tuple[float, float]
    n_starts: float = 0.0  # armed when the first live bin begins; 0 if unknown
    stop_per_ns: float | None = None  # rate of stops, 0 if all pairs are counted; None if free
    stop_err_per_ns: float = 0.0  # of that rate
    t0_ns: float | None = None
    t0_margin_ns: float = 0.0  # to both ends of the window, where t0 is not

    @property
    def width_ns(self) -> float:
        return float(self.edges_ns[1] - self.edges_ns[0])

    @property
    def span_ns(self) -> float:
        return float(self.edges_ns[-1] - self.edges_ns[0])

    @property
    def centres_ns(self) -> Array:
        return (self.edges_ns[1:] + self.edges_ns[:-1]) / 2

    @cached_property
    def observed(self) -> Array:
        """Counts per bin and, where the starts are known, those that found no stop."""
        return np.append(self.counts, self.n_starts - self.counts.sum()) if self.n_starts else self.counts

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which of (log A, C, log tau, t0, R) are fitted."""
        stop_known = self.stop_per_ns is not None and not self.stop_err_per_ns
        return np.array([True, True, True, self.t0_ns is None, not (self.n_starts or stop_known)])

    @cached_property
    def prior(self) -> Array:
        """What is known of the stop rate: its value, and 1 / error^2 where it is fitted."""
        return np.array([self.stop_per_ns or 0.0, 1 / self.stop_err_per_ns**2 if self.stop_err_per_ns else 0.0])

    @cached_property
    def low(self) -> Array:
        t0 = self.edges_ns[0] + self.t0_margin_ns if self.t0_ns is None else self.t0_ns
        stop = 0.0 if self.free[STOP] else self.stop_per_ns or 0.0
        return np.array([-50.0, 0.0, np.log(self.tau_bounds_ns[0]), t0, stop])

    @cached_property
    def high(self) -> Array:
        t0 = self.edges_ns[-1] - self.t0_margin_ns if self.t0_ns is None else self.t0_ns
        stop = 1 / self.width_ns if self.stop_per_ns is None or self.free[STOP] else self.stop_per_ns
        return np.array([50.0, DEEPEST, np.log(self.tau_bounds_ns[1]), t0, stop])

    def maximise(self, x: Array, free: NDArray[np.bool_]) -> tuple[Array, float, bool]:
        """The likeliest parameters, climbing from x along the free ones; their deviance; whether it is the top."""
        x = x.copy()
        deviance, done = kernels.maximise(
            self.edges_ns, self.observed, self.sigma_ns, self.n_starts, self.prior, self.low, self.high, free, x
        )
        return x, deviance, done

    def expected(self, x: Array) -> tuple[Array, Array]:
        """Counts per bin (n,) and Fisher information (5, 5)."""
        mu, fisher = kernels.expected(self.edges_ns, self.sigma_ns, self.n_starts, x)
        fisher[STOP, STOP] += self.prior[1]
        return mu[: self.counts.size], fisher


def live_histogram(
    delay_ns: ArrayLike,
    counts: ArrayLike,
    *,
    estimator: str,
    irf_sigma_ns: float | None,
    n_starts: float | None,
    stop_cps: float | None,
    stop_err_cps: float,
    blind_ns: float | None,
    t0_ns: float | None,
    tau_bounds_ns: tuple[float, float],
) -> Histogram:
    """What `fit_antibunching` was given, as a histogram without blind bins; ValueError for nonsense."""
    delay, n = _checked(delay_ns, counts)
    width = float(delay[-1] - delay[0]) / (delay.size - 1)
    sigma = 0.0 if irf_sigma_ns is None else float(irf_sigma_ns)
    if not 0 <= sigma < np.inf:
        raise ValueError(f"irf_sigma_ns is {irf_sigma_ns}: give a width of 0 ns or more, or leave it out")
    one_stop = estimator == "start_stop"
    _check_card(estimator, n.sum(), n_starts, stop_cps, blind_ns)
    if not 0 <= stop_err_cps < np.inf or (stop_err_cps and stop_cps is None):
        raise ValueError(f"stop_err_cps is {stop_err_cps}: give a finite error of stop_cps, 0 if it is exact")
    first, stop = _live_range(n, width, blind_ns) if one_stop else (0, n.size)
    edges = delay[0] + width * (np.arange(first, stop + 1) - 0.5)
    if t0_ns is not None and not edges[0] <= t0_ns <= edges[-1]:
        raise ValueError(f"t0_ns {t0_ns} lies outside the live delays {edges[0]:.6g} to {edges[-1]:.6g} ns")
    known_stop = 0.0 if not one_stop else (None if stop_cps is None else stop_cps * 1e-9)
    armed = 0.0 if n_starts is None else float(n_starts) - n[:first].sum()
    bounds = _bounds(tau_bounds_ns, sigma, width)
    t0 = None if t0_ns is None else float(t0_ns)
    return Histogram(edges, n[first:stop], sigma, bounds, armed, known_stop, stop_err_cps * 1e-9, t0)


def _checked(delay_ns: ArrayLike, counts: ArrayLike) -> tuple[Array, Array]:
    delay, n = np.asarray(delay_ns, dtype=float), np.asarray(counts)
    if delay.ndim != 1 or delay.shape != n.shape or delay.size < LEAST_BINS:
        raise ValueError(
            f"delay_ns has shape {delay.shape} and counts {n.shape}: give both for the same bins, at least {LEAST_BINS}"
        )
    steps = np.diff(delay)
    if not (np.isfinite(delay).all() and steps[0] > 0 and np.ptp(steps) < 1e-3 * steps[0]):
        raise ValueError("delay_ns does not rise in equal steps: give the centres of all bins of one histogram")
    return delay, check_counts(n).astype(float)


def _check_card(estimator, n_coincidences, n_starts, stop_cps, blind_ns) -> None:
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator is {estimator!r}: give one of {ESTIMATORS}")
    given = {"n_starts": n_starts, "stop_cps": stop_cps, "blind_ns": blind_ns}
    for name, value in given.items():
        if value is not None and estimator == "all_pairs":
            raise ValueError(f"{name} is {value}: only a start-stop card has one; leave it out for all pairs")
        if value is not None and not 0 <= value < np.inf:
            raise ValueError(f"{name} is {value}: give a finite number, 0 or more")
    if n_starts is not None and stop_cps is not None:
        raise ValueError(f"n_starts {n_starts} and stop_cps {stop_cps}: the one follows from the other, give one")
    if n_starts is not None and n_starts < max(n_coincidences, 1):
        raise ValueError(f"n_starts {n_starts} is less than the {n_coincidences:.0f} coincidences: give all starts")


def _live_range(n: Array, width: float, blind_ns: float | None) -> tuple[int, int]:
    """First and last (excluded) live bin. A bin of which only a part was live is left out."""
    seen = np.flatnonzero(n)
    if blind_ns is not None and np.ceil(blind_ns / width - 1e-9) > n.size - LEAST_BINS:
        raise ValueError(f"blind_ns {blind_ns} leaves no {LEAST_BINS} of {n.size} bins of {width:.3g} ns: check units")
    given = None if blind_ns is None else int(np.ceil(blind_ns / width - 1e-9))
    if seen.size < 2:
        return given or 0, n.size
    first, last = int(seen[0]), int(seen[-1])
    per_bin = n.sum() / (last - first + 1)
    if given is None:
        given = first + 1 if first * per_bin > IMPROBABLE else 0
    stop = last if (n.size - 1 - last) * per_bin > IMPROBABLE else n.size
    return (given, stop) if stop - given >= LEAST_BINS else (0, n.size)


def _bounds(tau_bounds_ns: tuple[float, float], sigma: float, width: float) -> tuple[float, float]:
    """Lifetimes a fit may reach: none that the response or the bins hide altogether."""
    low, high = tau_bounds_ns
    if not 0 < low < high < np.inf:
        raise ValueError(f"tau_bounds_ns is {tau_bounds_ns}: give 0 < low < high")
    low = max(low, sigma / 2, width / 4)
    if low >= high:
        raise ValueError(
            f"tau_bounds_ns end at {high} ns, where response ({sigma:.3g} ns) or bins hide the dip: raise it"
        )
    return float(low), float(high)
