"""The paper's equations (1) and (2), and the absorbance that goes into them. Arrays in, arrays out."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def absorbance(sample: ArrayLike, blank: ArrayLike) -> Array:
    """Return the optical density -log10(sample / blank) of transmitted intensities; any shapes that go together.

    NaN where either is not positive and finite: no light is no measurement.

    >>> absorbance([10, 1], 100)
    array([1., 2.])
    """
    sample, blank = _together(sample=sample, blank=blank)
    lit = (sample > 0) & (blank > 0) & np.isfinite(sample + blank)
    return np.log10(np.divide(blank, sample, out=np.full(sample.shape, np.nan), where=lit))


def absorption_factor(alpha_d: ArrayLike) -> Array:
    """Return (1 - exp(-alpha d)) / (alpha d), the mean light in a film in units of that at its surface; 1 if clear.

    alpha_d : absorption coefficient times thickness (natural logarithm: ln 10 times the absorbance), any shape

    >>> absorption_factor([0, 1]).round(4)
    array([1.    , 0.6321])
    """
    ad = np.asarray(alpha_d, float)
    with np.errstate(over="ignore"):  # no film amplifies by e^700
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
    reference, depth = _together(reference=reference, alpha_d=alpha_d)
    return reference * absorption_factor(depth)


def relative_difference(s: ArrayLike, s0: ArrayLike) -> Array:
    """Return (s - s0) / s0, eqn (2); NaN where nothing is expected (s0 is 0) or either is not finite."""
    s, s0 = _together(s=s, s0=s0)
    told = np.isfinite(s) & np.isfinite(s0) & (s0 != 0)
    difference = np.subtract(s, s0, out=np.full(s.shape, np.nan), where=told)
    return np.divide(difference, s0, out=difference, where=told)


def _together(**given: ArrayLike) -> list[Array]:
    """Arrays of one shape; ValueError if they have none in common."""
    arrays = {name: np.asarray(values, float) for name, values in given.items()}
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = " and ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{shapes}: give spectra on the same wavelengths") from None
