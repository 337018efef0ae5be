"""The time axis of a periodic decay: one laser period, its recorded channels, its IRF and its time bins.

A histogram is folded onto one period that starts at its first live channel. The last channel of the period is a
fraction of a channel wide when the period is not a whole number of them. A window shorter than the period leaves the
rest of the period unrecorded; a longer one has channels that are never reached.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter1d

BIN_GROWTH = 0.06  # width of a time bin per time after the pulse: costs 0.2 % of the precision
STEPS_WITHIN = 16  # per channel of the pulse, to follow its shape
TAIL = 1e-3  # of the peak: below, the shape inside a channel does not matter
SHARPEST_BEND = 3.0  # of the logarithm of the pulse from channel to channel: a pulse as narrow as a channel
SURELY_DEAD = 15.0  # counts expected where there are none: chance 3e-7


@dataclass(frozen=True)
class PeriodAxis:
    """One laser period in channels of `bin_width_ns`, starting at channel `first` of a histogram of `n_bins`.

    At most `most_live` channels are recorded, whatever the window would hold.
    """

    bin_width_ns: float
    period_ns: float
    n_bins: int
    first: int = 0
    most_live: int | None = None

    @property
    def n_channels(self) -> int:
        """Channels per period; the last may be narrower."""
        return max(1, int(np.ceil(self.period_ns / self.bin_width_ns - 1e-6)))

    @property
    def n_live(self) -> int:
        """Channels of the period that the histogram records."""
        return min(self.n_bins, self.n_channels, self.most_live or self.n_bins)

    @property
    def widths_ns(self) -> np.ndarray:
        """Width of each channel of the period, shape (n_channels,)."""
        widths = np.full(self.n_channels, self.bin_width_ns)
        widths[-1] = self.period_ns - (self.n_channels - 1) * self.bin_width_ns
        return widths

    @property
    def position(self) -> np.ndarray:
        """Channel of the period that each bin of the histogram belongs to, shape (n_bins,)."""
        return (np.arange(self.n_bins) - self.first) % self.n_channels

    def fold(self, histogram: np.ndarray) -> np.ndarray:
        """Sum a histogram (n_bins,) over periods -> (n_channels,)."""
        return np.bincount(self.position, weights=histogram, minlength=self.n_channels)

    def unfold(self, folded: np.ndarray) -> np.ndarray:
        """Values per channel of the period (n_channels,) -> per bin of the histogram, zero in dead bins."""
        histogram = np.zeros(self.n_bins)
        histogram[self.first : self.first + self.n_live] = folded[: self.n_live]
        return histogram

    def starting_where(self, counts: np.ndarray) -> "PeriodAxis":
        """The same axis, begun where one period holds most of the counts (in the middle of equally good places).

        If a few percent of the period are empty, and the counts on both sides too dense for that to be chance, the
        card does not record there.
        """
        if self.n_bins <= self.n_channels:
            return self
        occupied = np.flatnonzero(counts)
        first, stop = int(occupied[0]), int(occupied[-1]) + 1
        edge = max(1, self.n_channels // 20)
        empty = self.n_channels - (stop - first)
        missed = empty * min(counts[first : first + edge].mean(), counts[max(0, stop - edge) : stop].mean())
        if empty < edge and missed > SURELY_DEAD:
            return replace(self, first=first, most_live=stop - first)
        sums = np.cumsum(np.concatenate([[0.0], counts]))
        held = sums[self.n_channels :] - sums[: sums.size - self.n_channels]
        best = np.flatnonzero(held >= held.max() * (1 - 1e-12))
        return replace(self, first=int(best[best.size // 2]), most_live=None)


def full_width_half_maximum(pulse: np.ndarray) -> float:
    """FWHM of the highest peak of a cyclic histogram, in bins, corrected for the width of the bins.

    Half maximum by linear interpolation; below three bins, where that depends on where the bins fall, from the
    variance around the peak (as of a Gaussian, with Sheppard's correction).

    >>> round(full_width_half_maximum(np.exp(-0.5 * ((np.arange(100) - 50.3) / 3) ** 2)), 1)
    7.1
    """
    centre = pulse.size // 2
    pulse = np.roll(pulse, centre - int(np.argmax(pulse)))
    half = pulse[centre] / 2
    right = centre + int(np.argmax(pulse[centre:] < half))
    left = centre - int(np.argmax(pulse[centre::-1] < half))
    if centre in (left, right):
        return float(pulse.size)
    rise = left + (half - pulse[left]) / (pulse[left + 1] - pulse[left])
    fall = right - (half - pulse[right]) / (pulse[right - 1] - pulse[right])
    if fall - rise > 3:
        return float(fall - rise)
    near = pulse[max(centre - 3, 0) : centre + 4]
    at = np.arange(near.size)
    variance = (near @ at**2) / near.sum() - (near @ at / near.sum()) ** 2 - 1 / 12
    return float(np.sqrt(8 * np.log(2) * max(variance, 0.02)))


def without_background(irf: np.ndarray) -> np.ndarray:
    """IRF histogram minus its flat background, zero away from the pulse, normalised to 1.

    The background is the median of block means far from the peak; what rises significantly above it, as seen through
    a sliding mean one FWHM wide, is pulse: four standard deviations of the blocks and, for counts, more than Poisson
    gives anywhere by chance. Setting the rest to zero matters: a sparse background cannot be subtracted bin by bin
    without leaving its positive half. ValueError if nothing rises above the background.
    """
    after_peak = np.roll(irf, -int(np.argmax(irf)))
    far = after_peak[irf.size // 2 : max(irf.size * 9 // 10, irf.size // 2 + 1)]
    blocks = np.array_split(far, max(1, min(16, far.size // 8)))
    means = np.array([block.mean() for block in blocks])
    background = float(np.mean(far)) if np.median(means) == 0 else float(np.median(means))
    scatter = 1.4826 * np.median(np.abs(means - background)) * np.sqrt(blocks[0].size)
    excess = irf - background
    span = max(1, round(full_width_half_maximum(np.maximum(excess, 0))))
    span = min(span, irf.size)
    chance = 5 * np.sqrt(background * span + 1) / span if np.all(irf == np.rint(irf)) else 0.0
    threshold = max(4 * scatter / np.sqrt(span), chance) + 1e-9 * irf.max()
    rises = uniform_filter1d(excess, span, mode="wrap") > threshold
    near = uniform_filter1d(rises.astype(float), 2 * span + 1, mode="wrap") > 1e-6
    pulse = np.where(near, np.maximum(excess, 0.0), 0.0)
    if not pulse.sum() > 0:
        raise ValueError("irf has no pulse above its background: measure the IRF with more counts")
    return pulse / pulse.sum()


def cumulative(irf: np.ndarray, axis: PeriodAxis) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative IRF (n_channels,) at the edges of the channels and, inside the pulse, at finer ones: (ns, share).

    Inside a channel the logarithm of the pulse is a parabola through the channels beside it, its curvature corrected
    for their width: exact for a Gaussian, never negative, and still where the pulse is lost in the noise of its tail.
    """
    edges, steps = np.concatenate([[0.0], np.cumsum(axis.widths_ns)]), np.arange(1, STEPS_WITHIN) / STEPS_WITHIN
    whole, pulse = np.concatenate([[0.0], np.cumsum(irf)]), np.flatnonzero(irf > 0)
    density = irf / axis.widths_ns
    level = np.log(density + TAIL * density.max())
    before, here, after = (level[(pulse + side) % irf.size] for side in (-1, 0, 1))
    bend = np.clip((before + after) / 2 - here, -SHARPEST_BEND, SHARPEST_BEND)
    at = (np.arange(STEPS_WITHIN) + 0.5) / STEPS_WITHIN - 0.5
    slope = (after - before) / 2
    shape = np.exp((slope[:, None] * at + bend[:, None] * at**2) / (1 + bend[:, None] / 6))
    share = np.cumsum(shape, axis=1)[:, :-1] / shape.sum(axis=1, keepdims=True)
    inside_ns = edges[pulse, None] + axis.widths_ns[pulse, None] * steps
    inside = whole[pulse, None] + irf[pulse, None] * share
    after_edge = np.repeat(pulse + 1, STEPS_WITHIN - 1)
    return np.insert(edges, after_edge, inside_ns.ravel()), np.insert(whole, after_edge, inside.ravel())


def delayed(irf: np.ndarray, axis: PeriodAxis, t0_ns: float, oversampling: int) -> tuple[np.ndarray, np.ndarray]:
    """The IRF (n_channels,) later by t0_ns, in steps of bin_width / oversampling; cyclic, its sum stays 1.

    Returns the excitation and the width (ns) of each step; the last step may be narrower. The cumulative IRF is read
    at shifted edges.
    """
    step = axis.bin_width_ns / oversampling
    n_steps = max(1, int(np.ceil(axis.period_ns / step - 1e-6)))
    cuts = np.append(np.arange(n_steps) * step, axis.period_ns)
    turns = np.floor((cuts - t0_ns) / axis.period_ns)
    at = np.diff(np.interp(cuts - t0_ns - turns * axis.period_ns, *cumulative(irf, axis)) + turns)
    widths = np.full(n_steps, step)
    widths[-1] = axis.period_ns - (n_steps - 1) * step
    return np.where(at > 1e-12, at, 0.0), widths


def merged(excitation: np.ndarray, widths: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same steps, those without excitation joined where their label stays the same.

    >>> merged(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), np.ones(5), np.array([0, 0, 0, 0, 1]))[1].tolist()
    [2.0, 1.0, 1.0, 1.0]
    """
    excited = excitation > 0
    cut = (np.diff(labels) != 0) | excited[1:] | excited[:-1]
    first = np.concatenate([[0], np.flatnonzero(cut) + 1])
    return excitation[first], np.add.reduceat(widths, first), labels[first]


def time_bins(axis: PeriodAxis, pulse_at: int, fwhm_bins: float) -> np.ndarray:
    """Time bin of each channel of the period (n_channels,): fine on the rise, widening with the time after it.

    Bins count from the rise, once around the period; -1 where nothing is recorded. No bin is empty.
    """
    lead = min(int(np.ceil(2 * fwhm_bins)) + 2, axis.n_channels // 4)
    finest = max(1, int(fwhm_bins / 10))
    edges = [0]
    while edges[-1] < axis.n_channels:
        edges.append(edges[-1] + max(finest, int(BIN_GROWTH * (edges[-1] - lead))))
    since_rise = (np.arange(axis.n_channels) - pulse_at + lead) % axis.n_channels
    bins = np.searchsorted(edges, since_rise, side="right") - 1
    live = np.arange(axis.n_channels) < axis.n_live
    numbers = np.full(axis.n_channels, -1)
    numbers[live] = np.unique(bins[live], return_inverse=True)[1]
    return numbers


def runs(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(start, stop, label) of the stretches of equal, non-negative labels.

    >>> [list(map(int, each)) for each in runs(np.array([0, 0, -1, 2]))]
    [[0, 3], [2, 4], [0, 2]]
    """
    cuts = np.flatnonzero(np.diff(labels)) + 1
    start, stop = np.concatenate([[0], cuts]), np.append(cuts, labels.size)
    keep = labels[start] >= 0
    return start[keep], stop[keep], labels[start][keep]
