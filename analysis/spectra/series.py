"""Luminescence of films that differ in doping, normalised so that their dots can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.spectra._area import Area, area_of
from analysis.spectra._gaussians import slopes_at
from analysis.spectra.band_fit import BandFit, perovskite, qd
from analysis.spectra.curve import Curve
from analysis.spectra.linearity import Linearity, linearity

Array = NDArray[np.float64]
WINDOW_NM = (500.0, 580.0)
MATRIX, DOTS, AREA = 0, 1, 2


@dataclass(frozen=True, eq=False)
class PlSample:
    """A luminescence spectrum, the bands fitted to it, and the nominal doping of the film."""

    name: str
    doping_percent: float
    curve: Curve
    fit: BandFit


@dataclass(frozen=True, eq=False)
class PlSeries:
    """Spectra of films, each divided by its area in 500-580 nm; `_err` is one standard deviation.

    names, doping_percent : (n,) in the order given
    curves : normalised, the highest point of the narrowest perovskite band being 1; errors are those of the points
    fits : as given, before normalisation
    factor, factor_err : (n,) what each spectrum was multiplied by
    narrowest : the film with the narrowest perovskite band, among those with dots if there are any; narrowest_sigma :
        by how many standard deviations it is narrower than the next; NaN if it is the only one
    perovskite_height, perovskite_fwhm_nm, qd_height, qd_centre_nm, qd_fwhm_nm : (n,) of the fitted bands, heights
        normalised; NaN where the fit has none. Errors of heights include those of the area and of the unit, and know
        what these share
    reference : the sample to whose doping heights are rescaled
    rescaled_height : (n,) height of the dots * doping of the reference / doping; NaN without doping or dots
    deviation : (n,) rescaled height over that of the reference, less 1
    linearity : of height with doping
    uids : runs that the spectra come from
    """

    names: tuple[str, ...]
    doping_percent: Array
    curves: tuple[Curve, ...]
    fits: tuple[BandFit, ...]
    factor: Array
    factor_err: Array
    narrowest: str
    narrowest_sigma: float
    perovskite_height: Array
    perovskite_height_err: Array
    perovskite_fwhm_nm: Array
    perovskite_fwhm_err_nm: Array
    qd_height: Array
    qd_height_err: Array
    qd_centre_nm: Array
    qd_centre_err_nm: Array
    qd_fwhm_nm: Array
    qd_fwhm_err_nm: Array
    reference: str
    rescaled_height: Array
    rescaled_height_err: Array
    deviation: Array
    deviation_err: Array
    linearity: Linearity
    uids: tuple[str, ...]

    def index(self, name: str) -> int:
        """Where a sample stands in the arrays."""
        return _index(self.names, name)


def pl_series(
    samples: Sequence[PlSample], *, reference: str | None = None, window_nm: tuple[float, float] = WINDOW_NM
) -> PlSeries:
    """Spectra normalised to the area of the perovskite band, and what that tells of the dots.

    samples : two or more films of different names
    reference : sample to whose doping heights are rescaled; by default the narrowest
    window_nm : of the perovskite band

    The area is that of the points less the background of the fit, which fills gaps; light of the dots in the window
    counts as perovskite, as in the paper (0.1 % for dots as bright as the matrix). ValueError for less than two
    samples, names given twice, negative dopings, no perovskite, or a spectrum that does not cover the window.
    """
    samples = _checked(samples)
    names = tuple(sample.name for sample in samples)
    doping = np.array([sample.doping_percent for sample in samples], float)
    areas = [area_of(sample.curve, sample.fit, window_nm, sample.name) for sample in samples]
    matrix, dots = ([part(sample.fit) for sample in samples] for part in (perovskite, qd))
    first, narrower = _narrowest(*_of_peak(matrix, "peak_fwhm", "_nm"), doping)
    base = first if reference is None else _index(names, reference)
    logs = _Logs.of(samples, areas)
    per_unit = -logs.pick(MATRIX)[first] + logs.pick(AREA)[first]
    factor = logs.exp(per_unit - logs.pick(AREA))
    over_area = logs.pick(DOTS) - logs.pick(AREA)
    rescaling = np.divide(doping[base], doping, out=np.full(doping.shape, np.nan), where=doping > 0)
    height, height_err = logs.exp(over_area + per_unit)
    ratio, ratio_err = logs.exp(over_area - over_area[base])
    return PlSeries(
        names=names,
        doping_percent=doping,
        curves=tuple(_scaled(sample.curve, by) for sample, by in zip(samples, factor[0], strict=True)),
        fits=tuple(sample.fit for sample in samples),
        **_named("factor", factor),
        narrowest=names[first],
        narrowest_sigma=narrower,
        **_named("perovskite_height", logs.exp(logs.pick(MATRIX) - logs.pick(AREA) + per_unit)),
        **_named("perovskite_fwhm", _of_peak(matrix, "peak_fwhm", "_nm"), "_nm"),
        **_named("qd_height", (height, height_err)),
        **_named("qd_centre", _of_peak(dots, "peak", "_nm"), "_nm"),
        **_named("qd_fwhm", _of_peak(dots, "peak_fwhm", "_nm"), "_nm"),
        reference=names[base],
        **_named("rescaled_height", (height * rescaling, height_err * rescaling)),
        **_named("deviation", (ratio * rescaling - 1, ratio_err * rescaling)),
        linearity=linearity(doping, *logs.exp(over_area)),
        uids=tuple(uid for sample in samples for uid in sample.curve.uids),
    )


def _checked(samples: Sequence[PlSample]) -> tuple[PlSample, ...]:
    samples = tuple(samples)
    names = [sample.name for sample in samples]
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} samples: give two or more, to be compared with each other")
    if len(set(names)) < len(names):
        raise ValueError(f"samples are {', '.join(names)}: give each name once")
    for sample in samples:
        if not 0 <= sample.doping_percent < np.inf:
            raise ValueError(f"{sample.name}: doping_percent is {sample.doping_percent}: give a number from 0 up")
        band = perovskite(sample.fit)
        if band is None or not band.peak_height > 0 or not np.isfinite(sample.fit.covariance).all():
            raise ValueError(f"{sample.name}: no perovskite band was fitted below 590 nm; bare dots are no part of it")
    return samples


def _index(names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise ValueError(f"no sample {name!r} in this series: there are {', '.join(names)}")
    return names.index(name)


def _of_peak(parts: Sequence[BandFit | None], what: str, unit: str = "") -> tuple[Array, Array]:
    """Values and errors of the peak of each part; NaN without one."""
    both = [[getattr(part, f"{what}{kind}{unit}", np.nan) for kind in ("", "_err")] for part in parts]
    value, err = np.array(both, float).T
    return value, err


@dataclass(frozen=True, eq=False)
class _Logs:
    """Logarithms of heights and area of every sample, (3 n,), with their covariance: what is made of them by
    multiplication and division has errors in which everything shared drops out by itself."""

    value: Array
    covariance: Array

    @classmethod
    def of(cls, samples: Sequence[PlSample], areas: Sequence[Area]) -> _Logs:
        value, covariance = np.empty(3 * len(samples)), np.zeros((3 * len(samples),) * 2)
        for k, (sample, area) in enumerate(zip(samples, areas, strict=True)):
            own = slice(3 * k, 3 * k + 3)
            value[own], covariance[own, own] = _logs_of(sample, area)
        return cls(value, covariance)

    def pick(self, which: int) -> Array:
        """(n, 3 n) rows that take one of the three of each sample."""
        return np.eye(self.value.size)[which::3]

    def exp(self, rows: Array) -> tuple[Array, Array]:
        """Products that rows of powers make, and their errors; NaN of what was not seen."""
        value = np.exp([row[row != 0] @ self.value[row != 0] for row in rows])
        return value, value * np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, self.covariance, rows), 0))


def _logs_of(sample: PlSample, area: Area) -> tuple[Array, Array]:
    """Log of matrix height, height of the dots and area, NaN if not seen; (3, 3) their covariance."""
    fit = sample.fit
    value, slopes = np.array([np.nan, np.nan, np.log(area.value)]), np.zeros((2, fit.parameters.size))
    for k, part in enumerate((perovskite(fit), qd(fit))):
        if part is not None and part.peak_height > 0:
            value[k] = np.log(part.peak_height)
            rows = np.repeat(np.isin(fit.centre_nm, part.centre_nm), 3)
            slopes[k, 2:][rows] = slopes_at(part.parameters, np.array([part.peak_nm]))[2:, 0] / part.peak_height
    shared = slopes @ area.shared / area.value
    covariance = np.block(
        [[slopes @ fit.covariance @ slopes.T, shared[:, None]], [shared, area.err**2 / area.value**2]]
    )
    return value, covariance


def _narrowest(width: Array, err: Array, doping: Array) -> tuple[int, float]:
    """Which film has the narrowest band, and by how many standard deviations."""
    among = np.flatnonzero(doping > 0) if (doping > 0).any() else np.arange(doping.size)
    first, *others = among[np.argsort(width[among], kind="stable")]
    if not others:
        return int(first), float("nan")
    return int(first), float(np.min((width[others] - width[first]) / np.hypot(err[others], err[first])))


def _named(name: str, both: tuple[Array, Array], unit: str = "") -> dict[str, Array]:
    return {f"{name}{unit}": both[0], f"{name}_err{unit}": both[1]}


def _scaled(curve: Curve, factor: float) -> Curve:
    scale = None if curve.scale is None else curve.scale * factor
    return replace(curve, value=curve.value * factor, err=curve.err * factor, scale=scale, unit="1")
