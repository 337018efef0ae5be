"""Whether data fit into a file of the TimeHarp 200, before one is begun."""

import numpy as np

from analysis.formats._timeharp_layout import CLOCK_NS, N_CHANNELS, RESOLUTION_NS
from analysis.formats.photons import Decays, Photons

MOST_COUNTS = 0xFFFFFFFF  # in a channel
N_ROUTES = 4
LARGEST_PATTERN = 7


def check_photons(photons: Photons) -> None:
    """ValueError if time tags of the card cannot say the same."""
    n = len(photons)
    if photons.nanotime.size != n or not 0 < photons.n_channels <= N_CHANNELS:
        raise ValueError(
            f"{photons.nanotime.size} nanotimes of {photons.n_channels} channels for {n} photons: "
            f"a T3R file needs one for each, of at most {N_CHANNELS} channels"
        )
    _check_times("macrotime", photons.macrotime, n)
    _check_whole("nanotime", photons.nanotime, n, 0, photons.n_channels - 1)
    _check_whole("route", photons.route, n, 0, N_ROUTES - 1)
    if not RESOLUTION_NS[0] <= photons.bin_width_ns <= RESOLUTION_NS[1]:
        raise ValueError(f"nanotime_unit_s is {photons.nanotime_unit_s}: give {_span(RESOLUTION_NS)} ns, in s")
    clock_ns = photons.macrotime_unit_s * 1e9
    if not (CLOCK_NS[0] <= clock_ns <= CLOCK_NS[1] and abs(clock_ns - round(clock_ns)) < 1e-6 * clock_ns):
        raise ValueError(f"macrotime_unit_s is {photons.macrotime_unit_s}: give {_span(CLOCK_NS)} whole ns, in s")


def check_markers(photons: Photons) -> None:
    """ValueError if marker records of the card cannot say the same."""
    index, pattern = photons.marker
    _check_times("marker_macrotime", photons.marker_macrotime, index.size)
    _check_whole("marker pattern", pattern, index.size, 1, LARGEST_PATTERN)
    _check_whole("marker index", index, index.size, 0, len(photons))
    if (index[1:] < index[:-1]).any():
        raise ValueError("marker indices go back: sort the markers")


def check_decays(decays: Decays) -> None:
    """ValueError if a histogram file cannot hold these curves."""
    counts, width_ns = decays.counts, decays.bin_width_ns
    if counts.ndim != 2 or counts.shape[1] != N_CHANNELS or width_ns.shape != counts.shape[:1]:
        raise ValueError(f"counts {counts.shape}, bin_width_ns {width_ns.shape}: give (n, {N_CHANNELS}) and (n,)")
    if decays.sync_hz.size not in (0, len(decays)):
        raise ValueError(f"sync_hz has {decays.sync_hz.size} numbers: give {len(decays)}, or none")
    _check_whole("counts", counts, counts.size, 0, MOST_COUNTS)
    if not ((width_ns >= RESOLUTION_NS[0]) & (width_ns <= RESOLUTION_NS[1])).all():
        raise ValueError(f"bin_width_ns is {width_ns}: give {_span(RESOLUTION_NS)} ns")


def _check_times(name: str, time: np.ndarray, n: int) -> None:
    _check_whole(name, time, n, 0, np.iinfo(np.int64).max)
    if (time[1:] < time[:-1]).any():
        raise ValueError(f"{name} goes back: give times that never decrease")


def _check_whole(name: str, numbers: np.ndarray, n: int, least: int, most: int) -> None:
    if numbers.size != n:
        raise ValueError(f"{name} has {numbers.size} numbers: give {n}")
    if numbers.dtype.kind not in "iu":
        raise ValueError(f"{name} is of type {numbers.dtype}: give whole numbers")
    if n and not (numbers.min() >= least and numbers.max() <= most):
        raise ValueError(f"{name} goes from {numbers.min()} to {numbers.max()}: give {least} to {most}")


def _span(limits: tuple[float, float]) -> str:
    return f"{limits[0]} to {limits[1]}"
