"""Lifetime intervals from the profile likelihood, for the few photons with which an error bar is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.decay import kernels
from analysis.decay.counts import PIXELS_PER_TASK
from analysis.decay.likelihood import bounds_of, interpolation, maximise
from analysis.threads import in_threads, stretches

if TYPE_CHECKING:
    from analysis.decay.model import DecayModel

TOLERANCE = 1e-4  # of the log-likelihood, whose drop is 0.5


def profile(model: DecayModel, compressed: np.ndarray) -> np.ndarray:
    """Shortest and longest likely lifetime of each row, (n_pixels, n_components, 2) ns.

    A lifetime belongs to the interval if some other decay with it, the lifetimes in their order, explains the counts
    almost as well: its log-likelihood is at most 0.5 below the best. For the error of t0, which the rows share, the
    drop grows with the variance. Covers 64 to 70 % from 200 photons on, degenerate rows included.
    Source: Venzon & Moolgavkar, J. R. Stat. Soc. C 37, 87 (1988).
    """
    found = maximise(model, compressed)
    ends = np.full((len(compressed), model.n_components, 2), np.nan)
    bank, width, bounds = interpolation(model), model.live_fraction, np.array(bounds_of(model))
    lit = np.flatnonzero(compressed.sum(axis=1))
    parameters, covariance, likelihood = (found[name][lit] for name in ("parameters", "covariance", "log_likelihood"))

    def task(first: int, stop: int) -> None:
        part = slice(first, stop)
        at, counts = np.empty((stop - first, *ends.shape[1:])), compressed[lit[part]].astype(float)
        kernels.profile_pixels(
            counts, parameters[part], covariance[part], likelihood[part], bank, width, bounds, TOLERANCE, at
        )
        ends[lit[part]] = np.exp(at)

    in_threads(task, stretches(len(lit), PIXELS_PER_TASK))
    return ends
