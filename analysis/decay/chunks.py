"""Decays in a dask array, fitted chunk by chunk wherever its scheduler puts the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.array.core import slices_from_chunks
from dask.base import compute
from dask.delayed import delayed

from analysis.decay.counts import check_length, is_sparse

if TYPE_CHECKING:
    from analysis.decay.result import DecayFit


def sum_of_decays(counts: Any, n_bins: int) -> np.ndarray:
    """Sum counts (..., n_bins) over all pixels -> (n_bins,)."""
    check_length(counts, n_bins, "bins of the irf")
    if counts.dtype.kind not in "iubf":
        raise ValueError(f"counts are of type {counts.dtype}: give whole numbers of photons")
    total = counts.sum(axis=tuple(range(counts.ndim - 1)), dtype=float).compute()
    return np.asarray(total.todense() if is_sparse(total) else total)


def fit_chunks(fit: Callable[[Any], DecayFit], counts: Any) -> dict[str, np.ndarray]:
    """The arrays of fit(chunk), put together; a chunk holds whole decays."""
    whole = counts.rechunk({counts.ndim - 1: -1})
    fitted = compute(*[delayed(fit)(chunk) for chunk in whole.to_delayed().ravel()])
    out: dict[str, np.ndarray] = {}
    for where, part in zip(slices_from_chunks(whole.chunks[:-1]), fitted, strict=True):
        for name, values in vars(part).items():
            if isinstance(values, np.ndarray):
                shape = counts.shape[:-1] + values.shape[counts.ndim - 1 :]
                out.setdefault(name, np.empty(shape, values.dtype))[where] = values
    return out
