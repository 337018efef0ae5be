"""The numbers of a lifetime image under flat names, as one types them: `result.tau2_ns`. NaN where none is trusted."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from analysis.flim import FlimMap
from analysis.lifetimes import LifetimeDistribution, distribution


class OfImage:
    """Images are (ny, nx), row 0 at the smallest y; lifetimes are of the perovskite, errors one standard deviation.

    Medians are weighted by photons, as the paper's are: a plain one counts a dim pixel as much as a bright one.
    """

    map: FlimMap

    @property
    def tau1_ns(self) -> np.ndarray:
        """Fast lifetime."""
        return trusted(self.map, self.map.fit.tau_ns[..., 0])

    @property
    def tau1_err_ns(self) -> np.ndarray:
        return trusted(self.map, self.map.fit.tau_err_ns[..., 0])

    @property
    def tau2_ns(self) -> np.ndarray:
        """Slow lifetime."""
        return trusted(self.map, self.map.fit.tau_ns[..., -1])

    @property
    def tau2_err_ns(self) -> np.ndarray:
        return trusted(self.map, self.map.fit.tau_err_ns[..., -1])

    @property
    def deviance(self) -> np.ndarray:
        """Of each pixel, per degree of freedom."""
        return self.map.fit.deviance

    @property
    def perovskite_cps(self) -> np.ndarray:
        return self.map.perovskite_cps

    @property
    def qd_cps(self) -> np.ndarray:
        return self.map.qd_cps

    @property
    def n_photons(self) -> int:
        """Perovskite photons of all pixels."""
        return int(self.map.perovskite_counts.sum())

    @cached_property
    def spread(self) -> tuple[LifetimeDistribution, ...]:
        """Distribution of each lifetime over the image, weighted by photons; the slow one last."""
        weights = self.map.trusted_photons.ravel()
        tau_ns = self.map.fit.tau_ns
        return tuple(distribution(tau_ns[..., k].ravel(), weights) for k in range(tau_ns.shape[-1]))

    @property
    def tau2_median_ns(self) -> float:
        return float(self.spread[-1].median_ns)

    @property
    def tau2_median_err_ns(self) -> float:
        return float(self.spread[-1].median_err_ns)


def trusted(image: FlimMap, values: np.ndarray) -> np.ndarray:
    """An image of fitted numbers, NaN where the fit cannot be believed."""
    return np.where(image.trusted_photons > 0, values, np.nan)
