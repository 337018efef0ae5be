"""Points of a spectrum as a likelihood sees them: what was measured, what a model expects, how far apart they are."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar

Array = NDArray[np.float64]
LEAST, MOST = 1e-9, 1e15  # expected counts; a search may stray beyond
MOST_FLICKER = 0.5
DARK_DOUBT = 0.5
NEAR = 1e-3  # below this many sigma the deviance is the square of the distance


@dataclass(frozen=True, eq=False)
class Points:
    """Points with light, in ascending order.

    wavelength_nm : (n,)
    counts : (n,) raw counts, background included
    gain : (n,) counts per unit of the model
    dark : (n,) counts expected without light
    flicker : relative noise of each point that is not counting noise
    """

    wavelength_nm: Array
    counts: Array
    gain: Array
    dark: Array
    flicker: float

    @property
    def n_photons(self) -> float:
        """Counts less those of the dark."""
        return float((self.counts - self.dark).sum())

    @property
    def value(self) -> Array:
        """(n,) the spectrum in units of the model."""
        return (self.counts - self.dark) / self.gain

    @property
    def unit(self) -> float:
        """The order of magnitude of the spectrum."""
        return float(np.max(self.counts / self.gain, initial=0.0)) or 1.0

    @property
    def floor(self) -> float:
        """The lowest flat background: the dark may be told too high, but not by half."""
        return float(-DARK_DOUBT * np.min(self.dark / self.gain))

    def variance(self, model: Array) -> Array:
        """(n,) of the value, if the model holds."""
        mu = self._expected(model)
        return (mu + (self.flicker * mu) ** 2) / self.gain**2

    def residuals(self, model: Array) -> Array:
        """(n,) signed roots of the deviance.

        Counts of light that flickers by a Gamma-distributed factor of relative spread f are negative binomial, with
        variance mu + (f mu)^2: Poisson for f = 0.
        """
        mu, y = self._expected(model), self.counts
        distance = (y - mu) / np.sqrt(mu + (self.flicker * mu) ** 2)
        deviance = 2 * (np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mu), 0.0) - self._excess(y, mu))
        return np.where(np.abs(distance) < NEAR, distance, np.sign(distance) * np.sqrt(np.maximum(deviance, 0)))

    def residual_slopes(self, model: Array, residuals: Array) -> Array:
        """(n,) derivatives of the residuals with the model."""
        mu = self._expected(model)
        variance = mu + (self.flicker * mu) ** 2
        near = np.abs(residuals) < NEAR
        far = (self.counts - mu) / (variance * np.where(near, 1.0, residuals))
        return -np.where(near, 1 / np.sqrt(variance), far) * self.gain

    def excess_kurtosis(self, model: Array) -> Array:
        """(n,) of the counts, for the scatter of chi-squared."""
        return 1 / self._expected(model)

    def flickering(self, model: Array, n_parameters: int) -> "Points":
        """The same counts with the flicker that makes chi-squared about a model what it should be."""
        square, mu = (self.counts - self._expected(model)) ** 2, self._expected(model)
        freedom = max(mu.size - n_parameters, 1)

        def excess(flicker: float) -> float:
            return float(np.sum(square / (mu + (flicker * mu) ** 2)) - freedom)

        if excess(self.flicker) <= 0 or excess(MOST_FLICKER) >= 0:
            return self
        return replace(self, flicker=float(root_scalar(excess, bracket=(self.flicker, MOST_FLICKER)).root))

    def _expected(self, model: Array) -> Array:
        return np.clip(self.dark + self.gain * model, LEAST, MOST)

    def _excess(self, y: Array, mu: Array) -> Array:
        if self.flicker == 0:
            return y - mu
        shape = self.flicker**-2
        return (y + shape) * np.log1p((y - mu) / (mu + shape))


@dataclass(frozen=True, eq=False)
class Levels:
    """Points that were not counted: values with known errors, all finite."""

    wavelength_nm: Array
    value: Array
    err: Array
    flicker: float = 0.0

    @property
    def n_photons(self) -> float:
        """Unknown."""
        return float("nan")

    @property
    def unit(self) -> float:
        """The order of magnitude of the spectrum."""
        return float(np.max(np.abs(self.value) + self.err, initial=0.0)) or 1.0

    @property
    def floor(self) -> float:
        """None: values may be negative."""
        return float("-inf")

    def variance(self, model: Array) -> Array:
        """(n,) of the value, whatever the model."""
        return np.broadcast_to(self.err**2, model.shape)

    def residuals(self, model: Array) -> Array:
        """(n,) in standard deviations."""
        return (self.value - model) / self.err

    def residual_slopes(self, model: Array, residuals: Array) -> Array:
        """(n,) derivatives of the residuals with the model."""
        return -1 / self.err

    def excess_kurtosis(self, model: Array) -> Array:
        """(n,) none: the errors are Gaussian."""
        return np.zeros(model.shape)
