"""What a start-stop card saw, turned into what it would have seen had it counted every stop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.counts import check_counts

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FirstStops:
    """Stops per start and bin, undistorted by earlier stops; `_err` is one standard deviation, of at least one count.

    armed : starts not stopped before the bin
    stops : mean number of stops in the bin after a start, all stops counted: proportional to g2
    counts : coincidences, had every stop of every start been counted
    """

    armed: Array
    stops: Array
    stops_err: Array
    counts: Array
    counts_err: Array
    n_starts: float
    n_coincidences: int


def first_stop_correct(counts: ArrayLike, n_starts: float) -> FirstStops:
    """Undo the loss of a card that records only the first stop after each start.

    Parameters
    ----------
    counts : (n_bins,) first stops; bins without live time before the first stay zero
    n_starts : armed starts, with those that found no stop

    Notes
    -----
    -log(1 - counts / armed), the exact inversion for any rate; a bin that stopped all armed starts is infinite.
    Errors after Greenwood. ValueError if there are more stops than starts.
    Source: Coates, J. Phys. E 1, 878 (1968).

    >>> first_stop_correct([100, 90, 81], 1000).stops.round(4)
    array([0.1054, 0.1054, 0.1054])
    """
    n = np.asarray(counts)
    if n.ndim != 1:
        raise ValueError(f"counts have shape {n.shape}: give one histogram (n_bins,)")
    n = check_counts(n).astype(float)
    if not n.sum() <= n_starts < np.inf or n_starts <= 0:
        raise ValueError(f"n_starts {n_starts} is less than the {n.sum():.0f} stops, or no number: give all starts")
    armed = n_starts - np.cumsum(n) + n
    with np.errstate(divide="ignore", invalid="ignore"):
        stops = np.where(armed > 0, -np.log1p(-n / armed), np.nan)
        error = np.sqrt(np.maximum(n, 1) / (armed * np.maximum(armed - n, 0)))
        error = np.where(armed > 0, error, np.nan)
    return FirstStops(armed, stops, error, n_starts * stops, n_starts * error, float(n_starts), int(n.sum()))
