"""The paper's equations (1) and (2), and the absorbance that goes into them. Arrays in, arrays out."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def absorbance(sample: ArrayLike, blank: ArrayLike) -> Array:
    """Return the optical density -log10(sample / blank) of transmitted intensities; any shapes that go together.

    NaN where either is not positive: no light is no measurement.

    >>> absorbance([10, 1], 100)
    array([1., 2.])
    """
    sample, blank = np.broadcast_arrays(np.asarray(sample, float), np.asarray(blank, float))
    lit = (sample > 0) & (blank > 0)
    return -np.log10(np.divide(sample, blank, out=np.full(sample.shape, np.nan), where=lit))


def absorption_factor(alpha_d: ArrayLike) -> Array:
    """Return (1 - exp(-alpha d)) / (alpha d), the mean light in a film in units of that at its surface; 1 if clear.

    alpha_d : absorption coefficient times thickness (natural logarithm: ln 10 times the absorbance), any shape

    >>> absorption_factor([0, 1]).round(4)
    array([1.    , 0.6321])
    """
    ad = np.asarray(alpha_d, float)
    return np.divide(-np.expm1(-ad), ad, out=np.ones_like(ad), where=ad != 0)


def absorption_slope(alpha_d: ArrayLike) -> Array:
    """Return the derivative of `absorption_factor`, -1/2 for a clear film."""
    ad = np.asarray(alpha_d, float)
    thin = np.abs(ad) < 1e-4
    safe = np.where(thin, 1.0, ad)
    return np.where(thin, -0.5 + ad / 3, (np.exp(-safe) - absorption_factor(safe)) / safe)


def expected_ple(reference: ArrayLike, alpha_d: ArrayLike) -> Array:
    """Return S0 of eqn (1): the PLE of dots that share the light with the film around them, and nothing else.

    reference : normalised PLE spectrum of bare dots; alpha_d : of the film; shapes that go together
    """
    return np.asarray(reference, float) * absorption_factor(alpha_d)


def relative_difference(s: ArrayLike, s0: ArrayLike) -> Array:
    """Return (s - s0) / s0, eqn (2); NaN where nothing is expected (s0 is 0)."""
    s, s0 = np.broadcast_arrays(np.asarray(s, float), np.asarray(s0, float))
    return np.divide(s - s0, s0, out=np.full(s.shape, np.nan), where=s0 != 0)
