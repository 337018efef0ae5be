"""Spectra of films and dots, simulated for tests: made of a few Gaussians and steps, with counting noise."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from analysis.spectra import Curve

DARK = 15.0
KNOTS_NM = np.array([400, 445, 485, 490, 505, 521, 527, 530, 538, 550, 600])
QUENCHED = PchipInterpolator(KNOTS_NM, [-0.83, -0.8, -0.7, -0.68, -0.6, -0.42, -0.33, -0.28, -0.3, 0, 0])
BOOSTED = PchipInterpolator(KNOTS_NM, [-0.6, -0.27, -0.05, 0, 0.9, 1.5, 0.8, 0, -0.25, 0, 0])


def gaussian(wavelength_nm, centre_nm, fwhm_nm):
    return np.exp(-4 * np.log(2) * ((wavelength_nm - centre_nm) / fwhm_nm) ** 2)


def step(wavelength_nm, centre_nm, width_nm):
    return 1 / (1 + np.exp((wavelength_nm - centre_nm) / width_nm))


def alpha_d(wavelength_nm):
    """Of a film of 88 nm: an exciton on an edge, together highest at 520.0 nm, clear beyond 550 nm."""
    return 0.55 * gaussian(wavelength_nm, 520.61, 14) + 0.5 * step(wavelength_nm, 511, 3.5)


def transmission(thickness=1.0, *, seed=0, noise=2e-3, uid="film0000-0", stop_nm=701):
    """What a film transmits over the lamp: absorption, reflection, scatter."""
    wavelength_nm = np.arange(400.0, stop_nm)
    od = thickness * alpha_d(wavelength_nm) / np.log(10) + 0.02 + 0.005 * (600 / wavelength_nm) ** 4
    value = 10**-od * (1 + noise * np.random.default_rng(seed).normal(size=wavelength_nm.size))
    return Curve(wavelength_nm, value, noise * value, unit="1", uids=(uid,))


def blank(*, seed=1, noise=2e-3):
    wavelength_nm = np.arange(400.0, 701)
    value = 1 + noise * np.random.default_rng(seed).normal(size=wavelength_nm.size)
    return Curve(wavelength_nm, value, noise * value, unit="1", uids=("blank000-0",))


def counted(wavelength_nm, expected, rng, uid, scale=1.0):
    """Poisson counts over a known dark, as a curve."""
    counts = rng.poisson(expected + DARK).astype(float)
    full, dark = np.full(counts.size, scale), np.full(counts.size, DARK)
    shown = {"counts": counts, "scale": full, "background": dark, "unit": "counts", "uids": (uid,)}
    return Curve(wavelength_nm, scale * (counts - DARK), scale * np.sqrt(np.maximum(counts, 1)), **shown)


def excitation(level, coupled=None, *, seed=0, uid="ple00000-0"):
    """Excitation spectrum of dots; with `coupled`, in a film. `level`: mean counts in 550 to 600 nm."""
    wavelength_nm = np.arange(400.0, 601)
    dots = step(wavelength_nm, 630, 6) + 1.1 * step(wavelength_nm, 520, 28) + 11 * step(wavelength_nm, 455, 20)
    seen = dots
    if coupled is not None:
        depth = alpha_d(wavelength_nm)
        seen = dots * -np.expm1(-depth) / depth * (1 + coupled(wavelength_nm))
    expected = seen / seen[wavelength_nm >= 550].mean() * level
    return counted(wavelength_nm, expected, np.random.default_rng(seed), uid)


def luminescence(qd_height, *, seed=0, width=1.0, ratio=0.2, qd_nm=638.0, peak=6e4, film=1.0, uid="pl000000-0"):
    """Emission of a film: its doublet and the band of the dots, relative to the defects' band."""
    wavelength_nm = np.arange(420.0, 751)
    doublet = ratio * gaussian(wavelength_nm, 533, 17 * width) + gaussian(wavelength_nm, 544, 34.5 * width)
    expected = peak * (film * doublet + qd_height * gaussian(wavelength_nm, qd_nm, 43))
    return counted(wavelength_nm, expected, np.random.default_rng(seed), uid)
