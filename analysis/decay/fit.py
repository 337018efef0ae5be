"""Decays to lifetimes in one call, whatever the counts are kept in."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from analysis.decay.counts import as_counts, check_length, is_dask, sum_of_decays
from analysis.decay.model import TAU_BOUNDS_NS, DecayModel
from analysis.decay.pixels import fit_pixels, warn_of_short_window
from analysis.decay.result import DecayFit


def fit_decays(
    counts: Any,
    irf: ArrayLike,
    *,
    bin_width_ns: float,
    period_ns: float,
    n_components: int = 2,
    t0_ns: float | None = None,
    tau_bounds_ns: tuple[float, float] = TAU_BOUNDS_NS,
    intervals: Literal["fisher", "profile"] = "fisher",
) -> DecayFit:
    """Lifetimes, signal shares and background of every decay, with errors.

    Parameters
    ----------
    counts : (..., n_bins) whole numbers of any type: an array, a sparse array of scipy or pydata/sparse, or a dask
        array, which its scheduler fits chunk by chunk. Never copied as a whole; the result is always in memory
    irf : (n_bins,) histogram of scattered laser light, on the same channels
    bin_width_ns, period_ns : of the card and of the laser
    n_components : 1, 2 or 3 lifetimes
    t0_ns : how much later than in `irf` the excitation comes; fitted on the sum of all decays if not given
    tau_bounds_ns : no lifetime leaves these
    intervals : "profile" adds `tau_interval_ns`, which holds below 500 photons too (see `DecayModel.profile`)

    Notes
    -----
    Poisson likelihood; errors from the Fisher information, widened by the error of t0. ValueError if counts are
    negative, fractional or NaN, or shapes disagree; see `DecayModel` for the rest.
    Sources: Bajzer et al., Eur. Biophys. J. 20, 247 (1991); Bouchet et al., Opt. Express 27, 21239 (2019).

    >>> t = np.arange(1000) * 0.1
    >>> irf = np.round(1e5 * np.exp(-0.5 * ((t - 5) / 0.3) ** 2))
    >>> counts = np.round(np.convolve(irf, np.exp(-t / 4))[:1000] / 100)
    >>> fit = fit_decays(counts, irf, bin_width_ns=0.1, period_ns=100.0, n_components=1)
    >>> fit.tau_ns.round(1)
    array([4.])
    """
    if intervals not in ("fisher", "profile"):
        raise ValueError(f"intervals is {intervals!r}: give 'fisher' or 'profile'")
    counts = counts if is_dask(counts) else as_counts(counts)
    model = DecayModel.from_irf(
        irf,
        bin_width_ns=bin_width_ns,
        period_ns=period_ns,
        n_components=n_components,
        t0_ns=0.0 if t0_ns is None else t0_ns,
        tau_bounds_ns=tau_bounds_ns,
    )
    check_length(counts, model.axis.n_bins, "bins of the irf")
    if t0_ns is None:
        model = model.fit_t0(_sum_of(counts, model.axis.n_bins))
    fit = (
        _fit_dask(model, counts, intervals) if is_dask(counts) else fit_pixels(model, model.compress(counts), intervals)
    )
    return warn_of_short_window(model, fit)


def _sum_of(counts: Any, n_bins: int) -> np.ndarray:
    if is_dask(counts):
        from analysis.decay import chunks

        return chunks.sum_of_decays(counts, n_bins)
    return sum_of_decays(counts, n_bins)


def _fit_array(model: DecayModel, counts: Any, intervals: str) -> DecayFit:
    return fit_pixels(model, model.compress(counts), intervals)


def _fit_dask(model: DecayModel, counts: Any, intervals: str) -> DecayFit:
    from analysis.decay import chunks

    arrays = chunks.fit_chunks(lambda chunk: _fit_array(model, chunk, intervals), counts)
    return DecayFit(**arrays, t0_ns=model.t0_ns, t0_err_ns=model.t0_err_ns)
