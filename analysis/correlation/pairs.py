"""All pairs of two streams of time tags, by delay."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.correlation import pair_counts

Array = NDArray[np.float64]
MOST_BINS = 10_000_000


@dataclass(frozen=True, eq=False)
class Coincidences:
    """Pairs per delay b - a of two photon streams; arrays (n_bins,).

    delay_ns : bin centres, symmetric; zero delay is the middle of the central bin. Bin k holds the whole ticks d with
        k w - floor(w / 2) <= d < k w + ceil(w / 2), w ticks wide
    counts : pairs
    expected : pairs of two uncorrelated streams of these rates, in a record of this length: the instants of the
        record that are d apart become fewer with |d|
    """

    delay_ns: Array
    counts: NDArray[np.int64]
    expected: Array
    bin_ns: float
    duration_s: float
    n_a: int
    n_b: int

    @property
    def rate_a_cps(self) -> float:
        return self.n_a / self.duration_s if self.duration_s else np.nan

    @property
    def rate_b_cps(self) -> float:
        return self.n_b / self.duration_s if self.duration_s else np.nan

    @property
    def n_photons(self) -> int:
        return self.n_a + self.n_b

    @property
    def n_coincidences(self) -> int:
        return int(self.counts.sum())

    @property
    def g2(self) -> Array:
        """Counts over expected; NaN where none are expected."""
        return _ratio(self.counts, self.expected)

    @property
    def g2_err(self) -> Array:
        """One standard deviation, of at least one count."""
        return _ratio(np.sqrt(np.maximum(self.counts, 1)), self.expected)


def coincidences(
    times_a: ArrayLike,
    times_b: ArrayLike,
    *,
    unit_s: float,
    bin_ns: float,
    window_ns: float,
    duration_s: float | None = None,
    same: bool = False,
    n_threads: int | None = None,
) -> Coincidences:
    """Count all pairs of photons by their delay b - a.

    Parameters
    ----------
    times_a, times_b : (n_a,), (n_b,) sorted whole ticks of one clock, any integer type, far from or past zero
    unit_s : length of a tick
    bin_ns : rounded to a whole number of ticks, at least one
    window_ns : the centres of the outermost bins lie within +-window_ns
    duration_s : of the record; by default from the first photon to the last
    same : both are one stream; photons are then not paired with themselves
    n_threads : by default all cores

    Notes
    -----
    Two-pointer search, in time proportional to photons and pairs; exact, also for equal and repeated times.
    `expected` assumes steady rates. ValueError for unsorted or fractional times, or a bin under half a tick.

    >>> pairs = coincidences([0, 10, 20], [0, 11, 19], unit_s=1e-9, bin_ns=1, window_ns=2)
    >>> pairs.delay_ns, pairs.counts
    (array([-2., -1.,  0.,  1.,  2.]), array([0, 1, 1, 1, 0]))
    """
    a, b = pair_counts.as_tags(times_a, "times_a"), pair_counts.as_tags(times_b, "times_b")
    if same and not np.array_equal(a, b):
        raise ValueError(f"same=True, but the streams of {a.size} and {b.size} photons differ: give one stream twice")
    width, side = _whole_ticks(unit_s, bin_ns, window_ns)
    if n_threads is not None and n_threads < 1:
        raise ValueError(f"n_threads is {n_threads}: give 1 or more, or leave it out to use all cores")
    a, b, n_ticks = pair_counts.on_one_clock(a, b)
    if duration_s is not None:
        n_ticks = _longer(n_ticks, duration_s, unit_s)
    bins = {"low": -(side * width) - width // 2, "width": width, "n_bins": 2 * side + 1}
    counts = pair_counts.count_pairs(a, b, **bins, n_threads=n_threads)
    counts[side] -= a.size if same else 0
    instants = pair_counts.pairs_of_instants(n_ticks, **bins)
    density = a.size * (b.size - same) / max(n_ticks, 1) ** 2
    tick_ns = unit_s * 1e9
    return Coincidences(
        delay_ns=np.arange(-side, side + 1, dtype=float) * (width * tick_ns),
        counts=counts,
        expected=density * instants,
        bin_ns=width * tick_ns,
        duration_s=n_ticks * unit_s,
        n_a=a.size,
        n_b=b.size,
    )


def _whole_ticks(unit_s: float, bin_ns: float, window_ns: float) -> tuple[int, int]:
    """Ticks per bin, and bins to each side of the central one."""
    for name, value in (("unit_s", unit_s), ("bin_ns", bin_ns), ("window_ns", window_ns)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive number")
    width = round(bin_ns * 1e-9 / unit_s)
    if width < 1:
        raise ValueError(f"bin_ns {bin_ns} is under half a tick of {unit_s * 1e9:.3g} ns: give at least one tick")
    side = int(window_ns * 1e-9 / (unit_s * width) + 1e-6)
    if 2 * side + 1 > MOST_BINS:
        raise ValueError(f"window_ns {window_ns} / bin_ns {bin_ns} makes {2 * side + 1} bins: at most {MOST_BINS}")
    if (2 * side + 2) * width >= 2**50:
        raise ValueError(f"window_ns {window_ns} is over 2^50 ticks of {unit_s} s: give a shorter window")
    return width, side


def _longer(n_ticks: int, duration_s: float, unit_s: float) -> int:
    if not np.isfinite(duration_s) or round(duration_s / unit_s) < n_ticks - 1:
        between_s = n_ticks * unit_s
        raise ValueError(
            f"duration_s {duration_s} is shorter than the {between_s:.6g} s between the photons: check units"
        )
    return max(n_ticks, round(duration_s / unit_s))


def _ratio(count: ArrayLike, expected: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, np.asarray(count) / expected, np.nan)
