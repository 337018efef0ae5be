"""A spectrum with errors, whatever it is a spectrum of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum on a calibrated wavelength axis.

    wavelength_nm : (n,) ascending
    value, err : (n,) and one standard deviation of each point by itself; NaN where the instrument had no light
    counts, scale : (n,) raw counts (dark included, dead time put right) and `value` per net count; None if not counted
    background : (n,) dark counts expected among `counts`; background_err : shared relative error of them
    flicker : relative noise of each point that is not counting noise (reference detector), already in `err`
    unit : of `value`
    uids : the runs it comes from; warnings : what a careful reader must know of it
    wavelength_err_nm : shared error of the axis, that of the calibration
    """

    wavelength_nm: np.ndarray
    value: np.ndarray
    err: np.ndarray
    counts: np.ndarray | None = None
    scale: np.ndarray | None = None
    background: np.ndarray | None = None
    background_err: float = 0.0
    flicker: float = 0.0
    unit: str = ""
    uids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    wavelength_err_nm: float = 0.0

    @property
    def lit(self) -> np.ndarray:
        """(n,) where the value is known."""
        return np.isfinite(self.value) & np.isfinite(self.err)

    @property
    def n_photons(self) -> float:
        """Net counts of the known points; NaN if they were not counted."""
        if self.counts is None:
            return float("nan")
        net = self.counts - (0.0 if self.background is None else self.background)
        return float(np.sum(net[self.lit]))

    @property
    def shared_err(self) -> np.ndarray:
        """(n,) error that all points have in common, that of the background; not in `err`."""
        if self.background is None or self.scale is None:
            return np.zeros(len(self.value))
        return np.nan_to_num(self.background * self.scale * self.background_err)

    @property
    def covariance(self) -> np.ndarray:
        """(n, n) of the values; 0 where they are not known."""
        return np.diag(np.where(self.lit, self.err, 0.0) ** 2) + np.outer(self.shared_err, self.shared_err)

    def within(self, low_nm: float, high_nm: float) -> np.ndarray:
        """(n,) which known points lie in a window, edges included."""
        return self.lit & (self.wavelength_nm >= low_nm) & (self.wavelength_nm <= high_nm)
