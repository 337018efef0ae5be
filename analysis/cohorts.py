"""Many emitters together (paper, section 3.4): rise times in film and on glass, ON fractions, the medium's prediction.

Survival of cohorts is in `analysis.blinking`: `survival` and `compare_survival`.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.lifetimes import distribution
from analysis.medium import LocalField, Mixing, effective_lifetime

Array = NDArray[np.float64]
N_BOOT = 2000
N_HEIGHTS = 41


@dataclass(frozen=True, eq=False)
class Cohort:
    """One number of many emitters; `_err` is one standard deviation, from resampled emitters; NaN with fewer than two.

    mean, median : of the emitters, each counting once
    median_low, median_high : that contain the median of the population with `confidence` at least; infinite where so
        few emitters cannot tell
    scatter : standard deviation as measured; spread : what is left of it without the errors of measurement
    values, errors : (n,) the emitters
    """

    n: int
    mean: float
    mean_err: float
    median: float
    median_err: float
    median_low: float
    median_high: float
    scatter: float
    spread: float
    spread_err: float
    confidence: float
    values: Array = field(repr=False)
    errors: Array = field(repr=False)

    @property
    def relative_spread(self) -> float:
        """Spread over mean."""
        return self.spread / self.mean if self.mean else float("nan")

    def __str__(self) -> str:
        return f"{self.mean:.3g} ± {self.mean_err:.2g}, spread {self.spread:.2g} ± {self.spread_err:.1g}, n = {self.n}"


def cohort(
    values: ArrayLike, errors: ArrayLike | None = None, *, confidence: float = 0.95, n_boot: int = N_BOOT, seed: int = 0
) -> Cohort:
    """Return the mean, the median and the spread of one number of many emitters.

    Parameters
    ----------
    values, errors : (n,); emitters whose value is NaN are left out, an error that is NaN counts as zero
    n_boot, seed : resampled cohorts for the errors

    Notes
    -----
    No weights: errors grow with the value, so that weights would favour small values. The interval of the median is
    that of order statistics, exact for any distribution. ValueError for lengths that differ and negative errors.

    >>> print(cohort([9.0, 11.0, 12.0, 16.0], [1.0, 1.0, 1.0, 1.0]))
    12 ± 1.5, spread 2.8 ± 1, n = 4
    """
    value = np.asarray(values, float)
    error = np.zeros_like(value) if errors is None else np.nan_to_num(np.asarray(errors, float))
    if value.ndim != 1 or error.shape != value.shape:
        raise ValueError(f"{value.size} values do not go with {error.size} errors: give one of each per emitter")
    if (error < 0).any() or not 0 < confidence < 1:
        raise ValueError(f"errors down to {error.min(initial=0)}, confidence {confidence}: give 0 or more, and a share")
    seen = np.isfinite(value)
    value, error = value[seen], error[seen]
    n = value.size
    drawn = np.random.default_rng(seed).integers(n, size=(n_boot, n)) if n > 1 else np.empty((0, n), int)
    many, noise = value[drawn], error[drawn]

    def spread_of_draws(numbers: Array) -> float:
        return float(numbers.std(ddof=1)) if numbers.size > 1 else float("nan")

    low, high = _median_bounds(np.sort(value), confidence)
    scatter = spread_of_draws(value)
    return Cohort(
        n=n,
        mean=float(value.mean()) if n else float("nan"),
        mean_err=scatter / np.sqrt(n) if n > 1 else float("nan"),
        median=float(np.median(value)) if n else float("nan"),
        median_err=spread_of_draws(np.median(many, axis=1)) if n > 1 else float("nan"),
        median_low=low,
        median_high=high,
        scatter=scatter,
        spread=float(_without(scatter**2, error)) if n > 1 else float("nan"),
        spread_err=spread_of_draws(_without(many.var(axis=1, ddof=1), noise)) if n > 1 else float("nan"),
        confidence=confidence,
        values=value,
        errors=error,
    )


def _without(variance: float | Array, error: Array) -> Array:
    """Standard deviation without the part that errors of measurement explain."""
    return np.sqrt(np.maximum(variance - np.mean(error**2, axis=-1), 0.0))


def _median_bounds(ordered: Array, confidence: float) -> tuple[float, float]:
    """Order statistics between which the median lies at least so often."""
    n = ordered.size
    below = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5)) if n else 0
    if below and stats.binom.cdf(below - 1, n, 0.5) > (1 - confidence) / 2:
        below -= 1
    return (float(ordered[below - 1]), float(ordered[n - below])) if below else (-np.inf, np.inf)


@dataclass(frozen=True)
class Ratio:
    """Mean of one cohort over that of another; err : one standard deviation."""

    value: float
    err: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.err:.1g}"


def ratio(a: Cohort, b: Cohort) -> Ratio:
    """Return the mean of cohort a over that of cohort b, such as film over glass."""
    value = a.mean / b.mean if b.mean else float("nan")
    return Ratio(value, float(abs(value) * np.hypot(a.mean_err / a.mean, b.mean_err / b.mean)) if value else np.nan)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the effective medium makes of the emitters of a reference, at unknown heights in the film.

    mean_ns, spread_ns : of such emitters one by one; mean_err_ns : from the mean of the reference
    ratio : mean over that of the reference
    middle_ns : of the mean emitter in the middle of the film
    grid_ns, density : their distribution, per ns
    """

    mean_ns: float
    mean_err_ns: float
    spread_ns: float
    ratio: float
    middle_ns: float
    grid_ns: Array = field(repr=False)
    density: Array = field(repr=False)


def predicted(
    reference: Cohort,
    *,
    film_index: float,
    substrate_index: float,
    thickness_nm: float,
    radius_nm: float = 80.0,
    mixing: Mixing = "bruggeman",
    local_field: LocalField = "nanocrystal",
) -> Prediction:
    """Return the rise times in the film that follow from those of the reference on the bare substrate.

    reference : rise times of emitters on the substrate, ns; others: see `analysis.medium.effective_lifetime`

    Every emitter of the reference is put at all heights of the film alike. Its scatter is first reduced by what errors
    of measurement explain. ValueError for a reference without emitters.
    """
    if not reference.n:
        raise ValueError("the reference has no emitters: measure some on the bare substrate")
    medium = {
        "film_index": film_index,
        "substrate_index": substrate_index,
        "thickness_nm": thickness_nm,
        "radius_nm": radius_nm,
        "mixing": mixing,
        "local_field": local_field,
    }
    shrink = reference.spread / reference.scatter if reference.n > 1 and reference.scatter > 0 else 1.0
    tau = np.maximum(reference.mean + shrink * (reference.values - reference.mean), 1e-3)
    height = (np.arange(N_HEIGHTS) + 0.5) / N_HEIGHTS * thickness_nm
    film = np.ravel(effective_lifetime(tau[:, None], height_nm=height[None, :], **medium))
    shape = distribution(film, np.ones_like(film), n_boot=0)
    share = float(film.mean() / tau.mean())
    return Prediction(
        mean_ns=float(film.mean()),
        mean_err_ns=reference.mean_err * share,
        spread_ns=float(film.std()),
        ratio=share,
        middle_ns=float(effective_lifetime(reference.mean, height_nm=thickness_nm / 2, **medium)),
        grid_ns=shape.grid_ns,
        density=shape.density,
    )
