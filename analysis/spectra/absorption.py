"""Absorption of a film: optical density with the baseline of reflection and scatter taken off, and alpha times d."""

from dataclasses import dataclass

import numpy as np

from analysis.spectra._local import at_gap, find_extremum, interpolate, local_polynomials, step_of
from analysis.spectra.curve import Curve
from analysis.spectra.equations import absorbance

LN10 = np.log(10.0)
TRANSPARENT_NM = (570.0, 700.0)  # for MAPbBr3
SCATTER_NM = 600.0  # the scatter of the baseline is given at this wavelength
FEWEST = 5  # points for two parameters and their scatter
PEAK_SIGMA = 5.0  # what stands less above the valley on its blue side is not called a peak
PEAK_HALF_WIDTH_NM, PEAK_DEGREE = 8.0, 5  # an exciton on its edge is not even about its maximum
SMOOTH_HALF_WIDTH_NM = 6.0
VALLEY_NM = (20.0, 5.0)  # the valley is sought so far to the blue of the peak


@dataclass(frozen=True, eq=False)
class Absorption:
    """Absorption spectrum of a film without its substrate; `film_absorption` makes it.

    wavelength_nm : (n,) ascending, known points only
    absorbance, absorbance_err : (n,) optical density, the baseline taken off
    offset, offset_err : (n,) the baseline; offset_chi2 : of its fit, per degree of freedom
    alpha_d, alpha_d_err, covariance : (n,), (n,), (n, n) absorption coefficient times thickness, ln 10 times absorbance
    peak_nm, peak_absorbance : of the exciton; valley_ratio : of the peak to the lowest absorbance in the 5-20 nm on its
        blue side; NaN if there is no peak that stands out of the noise, or if the lamp was dark there
    uids : of sample and blank; warnings : what a careful reader must know
    _err : one standard deviation, of counting and baseline
    """

    wavelength_nm: np.ndarray
    absorbance: np.ndarray
    absorbance_err: np.ndarray
    offset: np.ndarray
    offset_err: np.ndarray
    offset_chi2: float
    alpha_d: np.ndarray
    alpha_d_err: np.ndarray
    covariance: np.ndarray
    peak_nm: float
    peak_err_nm: float
    peak_absorbance: float
    peak_absorbance_err: float
    valley_ratio: float
    valley_ratio_err: float
    uids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def on(self, wavelength_nm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return alpha d on another axis (m,) and its covariance (m, m), interpolated; NaN where not measured."""
        known = self.wavelength_nm, self.alpha_d, self.covariance
        return interpolate(*known, np.asarray(wavelength_nm, float), widest_gap_nm=2.1 * step_of(self.wavelength_nm))

    def at(self, wavelength_nm: float) -> tuple[float, float]:
        """Return alpha d at one wavelength and its error."""
        value, covariance = self.on(np.array([wavelength_nm]))
        return float(value[0]), float(np.sqrt(covariance[0, 0])) if np.isfinite(value[0]) else float("nan")

    def mean(self, low_nm: float, high_nm: float) -> tuple[float, float]:
        """Return the mean alpha d of the points in a window, edges included, and its error; NaN if there is none."""
        inside = (self.wavelength_nm >= low_nm) & (self.wavelength_nm <= high_nm)
        if not inside.any():
            return float("nan"), float("nan")
        weights = inside / inside.sum()
        return float(weights @ self.alpha_d), float(np.sqrt(weights @ self.covariance @ weights))


def film_absorption(sample: Curve, blank: Curve, *, transparent_nm: tuple[float, float] = TRANSPARENT_NM) -> Absorption:
    """Return the absorption of a film from what it and its blank substrate transmit.

    Parameters
    ----------
    sample, blank : transmitted intensity over the lamp reference; if their axes differ, the blank is interpolated
    transparent_nm : where the film only reflects and scatters

    Notes
    -----
    Reflection and scatter add a + b (600 nm / wavelength)^4 to the optical density. Both are fitted where the film is
    transparent and taken off everywhere; the covariance holds their errors, which all points share. If the points
    scatter about that baseline by significantly more than their errors, all errors are widened to match.
    A film that still absorbs in the window raises the baseline by that. Stray light, 1e-4 of the lamp in a good
    monochromator, matters beyond an absorbance of 2. ValueError if the scans do not reach the transparent window.
    """
    wavelength, od, covariance = _optical_density(sample, blank)
    design = np.stack([np.ones_like(wavelength), (SCATTER_NM / wavelength) ** 4], axis=1)
    solve, chi2, widening = _baseline(wavelength, od, np.diag(covariance), design, transparent_nm)
    covariance, offset = covariance * widening, design @ (solve @ od)
    shared = design @ (solve @ covariance)
    offset_covariance = design @ (shared @ solve.T).T
    clean, clean_covariance = od - offset, covariance - shared - shared.T + offset_covariance
    peak, doubts = _peak(wavelength, clean, clean_covariance)
    return Absorption(
        wavelength_nm=wavelength,
        absorbance=clean,
        absorbance_err=np.sqrt(np.diag(clean_covariance)),
        offset=offset,
        offset_err=np.sqrt(np.diag(offset_covariance)),
        offset_chi2=chi2,
        alpha_d=LN10 * clean,
        alpha_d_err=LN10 * np.sqrt(np.diag(clean_covariance)),
        covariance=LN10**2 * clean_covariance,
        uids=tuple(dict.fromkeys(sample.uids + blank.uids)),
        warnings=tuple(dict.fromkeys((*sample.warnings, *blank.warnings, *doubts, *_flatness(chi2)))),
        **peak,
    )


def _optical_density(sample: Curve, blank: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axis of the points known in both, their optical density, baseline and all, and its covariance."""
    film, bare = sample.lit & (sample.value > 0), blank.lit & (blank.value > 0)
    if min(film.sum(), bare.sum()) < FEWEST:
        raise ValueError(
            "fewer than a dozen points of film or blank hold light, too few to know their noise: scan more of them"
        )
    wavelength, known = sample.wavelength_nm[film], blank.wavelength_nm[bare]
    density, variance = np.log10(blank.value[bare]), (blank.err[bare] / blank.value[bare] / LN10) ** 2
    gap_nm = 2.1 * max(step_of(sample.wavelength_nm), step_of(blank.wavelength_nm))
    light, covariance = interpolate(known, density, np.diag(variance), wavelength, widest_gap_nm=gap_nm)
    covariance += np.diag((sample.err[film] / sample.value[film] / LN10) ** 2)
    both = np.isfinite(light)
    return wavelength[both], absorbance(sample.value[film], 10**light)[both], covariance[np.ix_(both, both)]


def _baseline(wavelength, od, variance, design, transparent_nm) -> tuple[np.ndarray, float, float]:
    """Matrix (2, n) that gives a and b from the optical density, chi-squared per degree of freedom, and widening.

    The widening is what variances are multiplied by: chi-squared where it is beyond three standard deviations of it.
    """
    inside = (wavelength >= transparent_nm[0]) & (wavelength <= transparent_nm[1])
    if inside.sum() < FEWEST:
        reach = f"{wavelength[0]:g}-{wavelength[-1]:g} nm" if len(wavelength) else "no wavelength"
        raise ValueError(
            f"film and blank are known together at {reach}: {inside.sum()} points lie in the transparent window "
            f"{transparent_nm[0]:g}-{transparent_nm[1]:g} nm, the baseline needs {FEWEST}. Scan film and blank up to "
            f"{transparent_nm[1]:g} nm, or give transparent_nm where this film is clear"
        )
    inner = design[inside]
    weighted = inner.T / variance[inside]
    solve = np.zeros((2, len(od)))
    solve[:, inside] = np.linalg.solve(weighted @ inner, weighted)
    rest = od[inside] - inner @ (solve @ od)
    freedom = int(inside.sum()) - 2
    chi2 = float(np.sum(rest**2 / variance[inside]) / freedom)
    return solve, chi2, chi2 if chi2 > 1 + 3 * np.sqrt(2 / freedom) else 1.0


def _peak(wavelength, od, covariance) -> tuple[dict[str, float], tuple[str, ...]]:
    """Place and height of the exciton: of the peaks that stand out of their valley, the reddest; and what to doubt."""
    names = ("peak_nm", "peak_err_nm", "peak_absorbance", "peak_absorbance_err", "valley_ratio", "valley_ratio_err")
    wide = {"half_width": max(PEAK_HALF_WIDTH_NM, 4.5 * step_of(wavelength)), "degree": PEAK_DEGREE}
    unknown: dict[str, float] = dict.fromkeys(names, float("nan"))
    found = _reddest(wavelength, od, covariance)
    if found is None:
        return unknown, ("no absorption peak stands out of the noise",)
    top, low = wavelength[list(found)]
    peak = find_extremum(wavelength, od, covariance, top, **wide)
    if any(at_gap(wavelength, place) for place in (top, peak[0])):
        return unknown, (f"the absorption peak is at {top:.4g} nm or in the dark beside it",)
    valley = float("nan") if at_gap(wavelength, low) else low
    ratio = _ratio(wavelength, od, covariance, np.array([peak[0], valley]), wide)
    return dict(zip(names, (*peak, *ratio), strict=True)), ()


def _reddest(wavelength, od, covariance) -> tuple[int, int] | None:
    """Indices of the reddest maximum that stands out, and of the valley on its blue side; None without one."""
    narrow = {"half_width": max(SMOOTH_HALF_WIDTH_NM, 2.5 * step_of(wavelength)), "degree": 2}
    local = local_polynomials(wavelength, wavelength, **narrow)
    smooth = np.nan_to_num(local.of(od)[:, 0])
    for top in np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]))[::-1] + 1:
        place = wavelength[top]
        blue = np.flatnonzero((wavelength >= place - VALLEY_NM[0]) & (wavelength <= place - VALLEY_NM[1]))
        if not len(blue):
            continue
        low = blue[np.argmin(smooth[blue])]
        above = np.nan_to_num(local.weights(top, len(od)) - local.weights(low, len(od)))
        if above @ od > PEAK_SIGMA * np.sqrt(above @ covariance @ above):
            return int(top), int(low)
    return None


def _ratio(wavelength, od, covariance, places, wide: dict) -> tuple[float, float]:
    """Absorbance at the first of two places over that at the second, and its error."""
    if not np.isfinite(places).all():
        return float("nan"), float("nan")
    local = local_polynomials(wavelength, places, **wide)
    peak, valley = local.of(od)[:, 0]
    gradient = (local.weights(0, len(od)) - peak / valley * local.weights(1, len(od))) / valley
    return float(peak / valley), float(np.sqrt(gradient @ covariance @ gradient))


def _flatness(chi2: float) -> tuple[str, ...]:
    if chi2 <= 2:
        return ()
    return (f"the transparent window is not flat: chi-squared {chi2:.1f} per degree of freedom about the baseline",)
