"""How a film changes what its dots emit, by excitation wavelength: the relative spectral difference, eqs (1), (2)."""

from dataclasses import dataclass, replace

import numpy as np

from analysis.spectra._local import step_of
from analysis.spectra._scaling import normalised_pair
from analysis.spectra._zeros import Crossing, find_crossings, find_maximum
from analysis.spectra.absorption import Absorption
from analysis.spectra.curve import Curve
from analysis.spectra.equations import absorption_factor, absorption_slope, expected_ple, relative_difference
from analysis.spectra.own_light import OwnLight, fully_absorbed

REGIONS = ("I", "II", "III")
WINDOW_NM = (550.0, 600.0)  # where MAPbBr3 is transparent, and spectra are scaled
SIGN_SIGMA = 3.0
LEAK_ERR = 0.02  # films of 0.025 % dots: 2e-4 of their luminescence at its peak is up to 4 % of the dots
LEAST_SIGMA = 3.0  # a reference that is less above zero says nothing
CLEAR = 0.02  # mean alpha d up to which the window passes as transparent
Array = np.ndarray


@dataclass(frozen=True)
class Region:
    """Mean of Delta S over the points from low_nm to below high_nm; sign is 0 below three standard deviations."""

    name: str
    low_nm: float
    high_nm: float
    mean: float
    mean_err: float
    significance: float
    sign: int
    n_points: int


@dataclass(frozen=True, eq=False)
class Coupling:
    """Relative spectral difference of a film against bare dots; `coupling` makes it. NaN where something was dark.

    wavelength_nm : (n,) of the film's PLE
    s, reference : (n,) normalised PLE of film and bare dots; s_covariance : (n, n), normalisation included
    factor : (n,) what absorption leaves of the light; s0 : (n,) eqn (1), reference times factor
    ds, ds_err, covariance : (n,), (n,), (n, n) eqn (2), with the errors of counting, dark counts, normalisation and
        alpha d; reference_covariance : the share of the reference spectrum in it
    window : the normalisation window, as a region; its mean is 0 within the noise, by construction
    regions : I, II, III; crossings : where ds changes its sign for sure
    maximum, maximum_nm : of ds, if it is positive for sure, else NaN; NaN too at the edge of a dark sector
    own_light : of the film itself, if it absorbed all, over the mean PLE in the window; subtracted. 0 if not known
    n_photons : in the PLE of the film
    """

    wavelength_nm: Array
    s: Array
    s_err: Array
    s_covariance: Array
    reference: Array
    reference_err: Array
    factor: Array
    s0: Array
    s0_err: Array
    ds: Array
    ds_err: Array
    covariance: Array
    reference_covariance: Array
    window: Region
    regions: tuple[Region, ...]
    crossings: tuple[Crossing, ...]
    maximum: float
    maximum_err: float
    maximum_nm: float
    maximum_err_nm: float
    own_light: float
    own_light_err: float
    n_photons: float
    uids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def lit(self) -> Array:
        """(n,) where ds is known."""
        return np.isfinite(self.ds)

    def at(self, wavelength_nm: float, *, width_nm: float = 5.0) -> tuple[float, float]:
        """Return ds and its error at one wavelength: the mean of the points in a window of that width, NaN if none."""
        weights = _near(self, wavelength_nm, width_nm)
        return float(weights @ np.nan_to_num(self.ds)), _spread(weights, self.covariance)


def coupling(
    ple: Curve,
    reference: Curve,
    absorption: Absorption,
    *,
    window_nm: tuple[float, float] = WINDOW_NM,
    edges_nm: tuple[float, float, float] = (490.0, 530.0, 550.0),
    own: OwnLight | None = None,
    leak_err: float = LEAK_ERR,
) -> Coupling:
    """Return Delta S of a film with dots.

    Parameters
    ----------
    ple, reference : corrected PLE of the film and of bare dots on glass; interpolated if the axes differ
    absorption : of the film; its alpha d is the weak point: 30 % too much of it takes 11 % off S0 at 405 nm
    window_nm : where the film is transparent: both spectra are scaled to the same average over the same points of it
    edges_nm : upper edges of regions I, II and III
    own : light of the film itself at the detection wavelength, known from its luminescence spectrum; it is subtracted
    leak_err : without `own`, how much of it there may be if the film absorbed all, in units of the mean PLE in the
        window: one standard deviation; 0 if there is none

    Notes
    -----
    The tail of the film's own luminescence follows what it absorbs, as an energy transfer to the dots does: the PLE of
    a film cannot tell them apart, its luminescence spectrum can.
    As in the paper the scaling comes before the correction for absorption, so what the film absorbs in the window, on
    average alpha d / 2, raises 1 + ds by that share; it is in the errors, as one that all points have in common.
    Errors are propagated to first order; the noise of the reference raises ds by its relative variance, 1e-3 at
    1000 counts. ValueError if fewer than five points of the window are known in both spectra.
    """
    ple, film, film_err = _of_dots(ple, absorption, own, window_nm) or (ple, 0.0, leak_err)
    spectra = _spectra(ple, reference, absorption, window_nm, film_err)
    wavelength, ds, covariance = ple.wavelength_nm, spectra["ds"], spectra["covariance"]
    known = np.isfinite(ds)
    noisy = wavelength[known], ds[known], covariance[np.ix_(known, known)]
    step = step_of(wavelength)
    crossings, doubts = find_crossings(*noisy, step_nm=step, below_nm=window_nm[0] + 10)
    maximum, unplaced = find_maximum(*noisy, step_nm=step, below_nm=window_nm[0])
    doubts = (*_doubts(absorption, window_nm), *doubts, *unplaced)
    edges = (min(float(wavelength[0]), edges_nm[0]), *edges_nm)
    spans = zip(REGIONS, edges[:-1], edges[1:], strict=True)
    warnings = (*ple.warnings, *reference.warnings, *absorption.warnings, *doubts)
    axis_err = ple.wavelength_err_nm
    return Coupling(
        wavelength_nm=wavelength,
        **spectra,
        window=_region("window", *window_nm, wavelength, ds, covariance),
        regions=tuple(_region(*span, wavelength, ds, covariance) for span in spans),
        crossings=tuple(Crossing(c.wavelength_nm, float(np.hypot(c.err_nm, axis_err)), c.rising) for c in crossings),
        maximum=maximum.value,
        maximum_err=maximum.err,
        maximum_nm=maximum.wavelength_nm,
        maximum_err_nm=float(np.hypot(maximum.err_nm, axis_err)),
        own_light=film,
        own_light_err=film_err,
        n_photons=ple.n_photons,
        uids=tuple(dict.fromkeys(ple.uids + reference.uids + absorption.uids)),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def ratio_at(b: Coupling, a: Coupling, wavelength_nm: float, *, width_nm: float = 5.0) -> tuple[float, float]:
    """Return S_B / S_A of two normalised PLE spectra at one wavelength, each averaged over a window, and its error."""
    (s_b, err_b), (s_a, err_a) = (_mean_s(c, wavelength_nm, width_nm) for c in (b, a))
    return _ratio(s_b, err_b, s_a, err_a)


def boost_ratio(b: Coupling, a: Coupling, wavelength_nm: float, *, width_nm: float = 5.0) -> tuple[float, float]:
    """Return (1 + dS_B) / (1 + dS_A) at one wavelength and its error; the noise of a shared reference cancels."""
    shared = a.reference.shape == b.reference.shape and np.array_equal(a.reference, b.reference, equal_nan=True)
    boosts = []
    for c in (b, a):
        weights = _near(c, wavelength_nm, width_nm)
        covariance = c.covariance - c.reference_covariance if shared else c.covariance
        boosts += [1 + float(weights @ np.nan_to_num(c.ds)), _spread(weights, covariance)]
    return _ratio(*boosts)


def _spectra(ple: Curve, reference: Curve, absorption: Absorption, window_nm, leak_err: float) -> dict[str, Array]:
    """The arrays of a `Coupling`, and their covariances."""
    s, s_covariance, r, r_covariance = normalised_pair(ple, reference, window_nm)
    alpha_d, alpha_covariance = absorption.on(ple.wavelength_nm)
    factor, s0, r_err = absorption_factor(alpha_d), expected_ple(r, alpha_d), _errors(r, r_covariance)
    told = np.isfinite(s) & np.isfinite(s0) & (r > LEAST_SIGMA * r_err)
    ds = np.where(told, relative_difference(s, s0), np.nan)
    boost = np.where(told, 1 + ds, 0.0)
    by_reference = _scaled(r_covariance, 1 / np.where(told, r, 1.0), told)
    by_film = _scaled(alpha_covariance, absorption_slope(alpha_d) / factor, told)
    absorbed = max(absorption.mean(*window_nm)[0], 0.0) / 2
    expected_covariance = by_reference + by_film + absorbed**2
    leak = np.where(told, -leak_err * np.expm1(-alpha_d), 0.0)
    own_covariance = s_covariance + np.outer(leak, leak)
    covariance = _scaled(own_covariance, 1 / np.where(told, s0, 1.0), told) + _scaled(expected_covariance, boost, told)
    return {
        "s": s,
        "s_err": _errors(s, s_covariance),
        "s_covariance": s_covariance,
        "reference": r,
        "reference_err": r_err,
        "factor": factor,
        "s0": s0,
        "s0_err": np.where(told, s0 * np.sqrt(np.diag(by_reference + by_film)), np.nan),
        "ds": ds,
        "ds_err": _errors(ds, covariance),
        "covariance": covariance,
        "reference_covariance": _scaled(by_reference, boost, told),
    }


def _of_dots(ple: Curve, absorption: Absorption, own: OwnLight | None, window_nm) -> tuple[Curve, float, float] | None:
    """The PLE without what the film itself emits, and how much that is, as `leak_err` has it; None if not known."""
    if own is None or (full := fully_absorbed(own, absorption)) is None:
        return None
    film = -full[0] * np.expm1(-absorption.on(ple.wavelength_nm)[0])
    dots = replace(ple, value=ple.value - film, uids=(*ple.uids, *own.uids))
    inside = dots.within(*window_nm)
    mean = float(dots.value[inside].mean()) if inside.any() else 0.0
    return (dots, full[0] / mean, full[1] / mean) if mean > 0 else None


def _scaled(covariance: Array, factor: Array, told: Array) -> Array:
    """Covariance of values times a factor each; 0 where they are not told."""
    each = np.where(told, factor, 0.0)
    return each[:, None] * covariance * each


def _region(name: str, low_nm: float, high_nm: float, wavelength: Array, ds: Array, covariance: Array) -> Region:
    inside = np.isfinite(ds) & (wavelength >= low_nm) & (wavelength < high_nm)
    weights = _mean_of(inside)
    mean, err = float(weights @ np.nan_to_num(ds)), _spread(weights, covariance)
    significance = mean / err if err > 0 else float("nan")
    sign = int(np.sign(mean)) if abs(significance) >= SIGN_SIGMA else 0
    return Region(name, low_nm, high_nm, mean, err, significance, sign, int(inside.sum()))


def _near(c: Coupling, wavelength_nm: float, width_nm: float) -> Array:
    """Weights of the mean over a window, shrunk to be even about its middle at the ends of the axis."""
    ends = np.abs(c.wavelength_nm[[0, -1]] - wavelength_nm).min()
    return _mean_of(c.lit & (np.abs(c.wavelength_nm - wavelength_nm) <= min(width_nm / 2, ends + 1e-6) + 1e-6))


def _mean_of(inside: Array) -> Array:
    return inside / inside.sum() if inside.any() else np.full(len(inside), np.nan)


def _mean_s(c: Coupling, wavelength_nm: float, width_nm: float) -> tuple[float, float]:
    weights = _near(c, wavelength_nm, width_nm)
    return float(weights @ np.nan_to_num(c.s)), _spread(weights, c.s_covariance)


def _spread(weights: Array, covariance: Array) -> float:
    return float(np.sqrt(weights @ covariance @ weights))


def _errors(value: Array, covariance: Array) -> Array:
    return np.where(np.isfinite(value), np.sqrt(np.diag(covariance)), np.nan)


def _ratio(b: float, b_err: float, a: float, a_err: float) -> tuple[float, float]:
    if not a > 0:
        return float("nan"), float("nan")
    return b / a, float(np.hypot(b_err / a, b * a_err / a**2))


def _doubts(absorption: Absorption, window_nm) -> tuple[str, ...]:
    alpha_d, err = absorption.mean(*window_nm)
    if alpha_d - 3 * err <= CLEAR:
        return ()
    span = f"{window_nm[0]:g}-{window_nm[1]:g} nm"
    return (f"the film is not transparent in the normalisation window {span}: alpha d is {alpha_d:.3f} there",)
