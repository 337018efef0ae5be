"""Two excitation spectra on one axis and one scale, with their covariances."""

import numpy as np

from analysis.spectra._local import interpolate, step_of
from analysis.spectra.curve import Curve

FEWEST = 5  # points in the normalisation window
Array = np.ndarray
Window = tuple[float, float]


def normalised_pair(ple: Curve, reference: Curve, window_nm: Window) -> tuple[Array, Array, Array, Array]:
    """Both PLE spectra on the film's axis, scaled to a mean of 1 over the same points, each with its covariance."""
    wavelength = ple.wavelength_nm
    bare, bare_covariance = _on_axis(reference, wavelength)
    both = ple.lit & np.isfinite(bare)
    inside = both & (wavelength >= window_nm[0]) & (wavelength <= window_nm[1])
    _check_window(inside, both, wavelength, window_nm)
    return *_normalised(ple.value, ple.covariance, inside), *_normalised(bare, bare_covariance, inside)


def _on_axis(curve: Curve, wavelength_nm: Array) -> tuple[Array, Array]:
    """Values of a curve on another axis, NaN where it was dark, and their covariance, 0 there."""
    lit = curve.lit
    known = curve.wavelength_nm[lit], curve.value[lit], curve.covariance[np.ix_(lit, lit)]
    return interpolate(*known, wavelength_nm, widest_gap_nm=1.5 * step_of(curve.wavelength_nm))


def _normalised(value: Array, covariance: Array, inside: Array) -> tuple[Array, Array]:
    """A spectrum in units of its mean over some points, and its covariance."""
    mean = float(value[inside].mean())
    if not mean > 0:
        raise ValueError(f"the PLE has a mean of {mean:.3g} in the normalisation window: there is nothing to scale by")
    s, with_mean = value / mean, covariance[:, inside].mean(axis=1)
    known = np.nan_to_num(s)
    shared = np.outer(known, with_mean)
    of_mean = with_mean[inside].mean() * np.outer(known, known)
    return s, (covariance - shared - shared.T + of_mean) / mean**2


def _check_window(inside: Array, both: Array, wavelength: Array, window_nm: Window) -> None:
    if inside.sum() >= FEWEST:
        return
    known, scanned = wavelength[both], (wavelength >= window_nm[0]) & (wavelength <= window_nm[1])
    reach = f"{known[0]:g}-{known[-1]:g} nm" if len(known) else "no wavelength"
    dark = "The lamp was dark there: give window_nm elsewhere, where the film is transparent too"
    advice = dark if scanned.sum() >= FEWEST else f"Scan both up to {window_nm[1]:g} nm"
    raise ValueError(
        f"film and reference are known together at {reach}: {inside.sum()} points lie in the normalisation window "
        f"{window_nm[0]:g}-{window_nm[1]:g} nm, {FEWEST} are needed. {advice}"
    )
