"""What the paper says about the luminescence of films and quantum dots, computed from fitted bands."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.spectra import BandFit, PlSeries, doublet_spread, perovskite, qd, red_shift
from lab.report.rows import Measured

DOUBLET = 2


def undoped_film(fit: BandFit, regions: Sequence[BandFit]) -> dict[str, Measured]:
    """PL-01 to PL-05 of the film without dots: all regions together, and region by region."""
    film = perovskite(fit)
    if film is None:
        nothing = Measured(math.inf, note="no band of the perovskite")
        return dict.fromkeys(["PL-01", "PL-02", "PL-03", "PL-04", "PL-05"], nothing)
    rows = {
        "PL-01": Measured(film.peak_nm, film.peak_err_nm),
        "PL-02": Measured(film.peak_fwhm_nm, film.peak_fwhm_err_nm),
        "PL-05": variation(regions),
    }
    for i, name in enumerate(("PL-03", "PL-04")):
        rows[name] = component(film, i)
    return rows


def component(film: BandFit, i: int) -> Measured:
    """One of the two bands; infinite where the data do not show two."""
    if film.n_bands != DOUBLET:
        return Measured(math.inf, note=f"bands that the data tell apart: {film.n_bands}")
    note = "" if film.identified[i] else "hardly told apart from the other band"
    return Measured(film.centre_nm[i], film.centre_err_nm[i], note=note)


def variation(regions: Sequence[BandFit]) -> Measured:
    """Significance with which the ratio of the two bands differs between regions; `also` counts the regions."""
    films = [film for film in map(perovskite, regions) if film is not None and film.n_bands == DOUBLET]
    if len(films) < 2:
        return Measured(math.nan, note=f"regions whose two bands are told apart: {len(films)}")
    found = doublet_spread(films)
    ratios = ", ".join(f"{ratio:.2g}" for ratio in found.ratio)
    return Measured(found.significance, math.nan, float(len(films)), f"height ratios {ratios}")


def doped_films(series: PlSeries, roles: Mapping[str, str], bare: BandFit | None) -> dict[str, Measured]:
    """PL-11 and QD-01 to QD-09; roles: sample name of "A" to "D" in the series."""
    at = {role: series.names.index(name) for role, name in roles.items() if name in series.names}
    if set(at) != set("ABCD"):
        return {}
    rows = {
        "PL-11": narrowest(series, at["B"]),
        "QD-01": alike(series.qd_centre_nm, series.qd_centre_err_nm, at),
        "QD-02": alike(series.qd_fwhm_nm, series.qd_fwhm_err_nm, at),
        "QD-05": spread(series, [at[role] for role in "BCD"]),
        "QD-06": rescaled(series, at["A"], at["B"]),
        "QD-07": deviations(series, at),
        "QD-08": Measured(*over_matrix(series, at["D"]), over_matrix(series, at["A"])[0]),
        "QD-09": factors(series, at),
    }
    rows |= against_glass(series, bare)
    return {name: one if math.isfinite(one.value) else unseen(one) for name, one in rows.items()}


def unseen(one: Measured) -> Measured:
    """Of a band that the data do not show."""
    return replace(one, value=math.inf, error=math.nan, note="not in every sample")


def narrowest(series: PlSeries, b: int) -> Measured:
    """Peak of B's perovskite band in the normalisation that makes that of the narrowest band 1."""
    note = f"narrowest band: {series.narrowest}"
    error = 0.0 if series.narrowest == series.names[b] else series.perovskite_height_err[b]
    return Measured(series.perovskite_height[b], error, note=note)


def alike(values: np.ndarray, errors: np.ndarray, at: Mapping[str, int]) -> Measured:
    """Weighted mean of B to D; then the lowest and highest of them, and A."""
    three = [at[role] for role in "BCD"]
    weight = 1 / errors[three] ** 2
    mean = float((weight * values[three]).sum() / weight.sum())
    others = float(values[three].min()), float(values[three].max()), float(values[at["A"]])
    return Measured(mean, float(weight.sum() ** -0.5), others, f"A +- {errors[at['A']]:.2g}")


def spread(series: PlSeries, three: Sequence[int]) -> Measured:
    """Largest width less the smallest."""
    values, errors = series.qd_fwhm_nm[three], series.qd_fwhm_err_nm[three]
    high, low = int(np.argmax(values)), int(np.argmin(values))
    return Measured(float(values[high] - values[low]), math.hypot(errors[high], errors[low]))


def rescaled(series: PlSeries, i: int, reference: int) -> Measured:
    """Height of a QD band as if the sample were doped like another, over that other's."""
    value, error = series.rescaled_height[i], series.rescaled_height_err[i]
    other, other_err = series.rescaled_height[reference], series.rescaled_height_err[reference]
    ratio = float(value / other)
    return Measured(ratio, abs(ratio) * math.hypot(error / value, other_err / other))


def deviations(series: PlSeries, at: Mapping[str, int]) -> Measured:
    """How far C and D are from proportionality with B, percent: the larger of the two, the smaller in `also`."""
    ratios = {role: rescaled(series, at[role], at["B"]) for role in "CD"}
    small, large = sorted(ratios, key=lambda role: abs(ratios[role].value - 1))
    told = ", ".join(f"{role} {100 * (ratio.value - 1):+.1f} %" for role, ratio in ratios.items())
    off = {role: 100 * abs(ratio.value - 1) for role, ratio in ratios.items()}
    return Measured(off[large], 100 * ratios[large].error, off[small], told)


def over_matrix(series: PlSeries, i: int) -> tuple[float, float]:
    """Height of the QD band over that of the perovskite, and its error."""
    above, below = series.qd_height[i], series.perovskite_height[i]
    ratio = float(above / below)
    relative = math.hypot(series.qd_height_err[i] / above, series.perovskite_height_err[i] / below)
    return ratio, abs(ratio) * relative


def factors(series: PlSeries, at: Mapping[str, int]) -> Measured:
    """What the samples' doping multiplies their spectra with to compare them with B; infinite without doping."""
    percent = {role: float(series.doping_percent[i]) for role, i in at.items()}
    a, c, d = (percent["B"] / percent[role] if percent[role] else math.inf for role in "ACD")
    return Measured(a, also=(c, d))


def against_glass(series: PlSeries, bare: BandFit | None) -> dict[str, Measured]:
    """QD-03 and QD-04: the bare dots, and how much farther to the red all films emit."""
    dots = None if bare is None else qd(bare)
    if bare is None:
        return {}
    if dots is None:
        return dict.fromkeys(["QD-03", "QD-04"], Measured(math.inf, note="no band of bare quantum dots"))
    return {
        "QD-03": Measured(*red_shift(series.fits, bare)),
        "QD-04": Measured(dots.peak_nm, dots.peak_err_nm),
    }
