"""Change points of blinking traces: 30 s of power-law ON and OFF times, and constant traces for false alarms.

A true change is found if a change point lies within half the shortest dwell; each counts once. Recall is the share of
the true changes that were found, precision the share of the change points that are true.
"""

import os
import sys
from collections.abc import Callable
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.measure import Comparison, Measured, NotRunError, race

DURATION_S = 30.0
LONGEST_S = 10.0
FALSE_ALARM = 0.05
NULL_PHOTONS = 20_000
CPA = "CPA"  # environment variable: the folder of the toolbox


class Setting(NamedTuple):
    """Count rates of the two states, shortest dwell, and the bin that the peers with binned counts get."""

    on_cps: float
    off_cps: float
    shortest_s: float
    bin_s: float


SETTINGS = {
    "30k-3k": Setting(30e3, 3e3, 0.010, 1e-3),
    "10k-2k": Setting(10e3, 2e3, 0.005, 1e-3),
    "600k-60k": Setting(600e3, 60e3, 0.010, 1e-3),
}
LONG = "600k-60k"  # one trace of some 10 million photons


class Trace(NamedTuple):
    """Arrival times and the true change points, s."""

    arrival_s: np.ndarray
    change_s: np.ndarray


Find = Callable[[np.ndarray, float, Setting], np.ndarray]  # arrival times, duration -> change points, s


def comparisons(quick: bool) -> list[Comparison]:
    """Speed, recall and precision; then false alarms; then one long trace."""
    n_traces = 2 if quick else 12
    peers = {
        "CPA": (_cpa, "", n_traces, DURATION_S),
        "ruptures-kernel": (_kernel, "ruptures", n_traces, DURATION_S),
        "ruptures-pelt": (_pelt, "ruptures", 1, 1.0),
        "astropy": (_bayesian_blocks, "astropy", 1, 0.4),
    }
    beside = [
        Comparison(
            id=f"blink-{setting}-{name}",
            quantity=f"{setting.replace('-', '/')} cps, {n} traces, the peer's first {length_s:g} s",
            unit="million photons/s per core",
            peer=name.replace("-kernel", " KernelCPD, 1 ms bins").replace("-pelt", " PELT, 1 ms bins"),
            module=module,
            run=partial(_beside, find, setting, n, length_s),
        )
        for name, (find, module, n_traces, length_s) in peers.items()
        for setting in SETTINGS
        for n in [1 if setting == LONG else n_traces]
        if setting != LONG or length_s == DURATION_S
    ]
    return [*beside, _null(100 if quick else 4000)]


def _beside(find: Find, name: str, n_traces: int, length_s: float) -> Measured:
    setting, all_ours = SETTINGS[name], _traces(name, 1 if name == LONG else max(n_traces, 2))
    few = [_cut(trace, length_s) for trace in all_ours[:n_traces]]
    ours, theirs = race(
        lambda: [_ours(trace.arrival_s, DURATION_S, setting) for trace in all_ours],
        lambda: [find(trace.arrival_s, length_s, setting) for trace in few],
        laps=2,
    )
    return Measured(
        sum(trace.arrival_s.size for trace in all_ours) / 1e6 / ours.seconds,
        sum(trace.arrival_s.size for trace in few) / 1e6 / theirs.seconds,
        _scores(ours.result, all_ours, setting),
        _scores(theirs.result, few, setting),
    )


def _null(n_traces: int) -> Comparison:
    """Constant traces: how many of them get a change point."""
    asked = f"{n_traces} constant traces of {NULL_PHOTONS} photons, the peer's first {n_traces // 10}"
    what = f"{asked}, false alarm asked {FALSE_ALARM}"
    return Comparison("blink-null-CPA", what, "share of traces with a change", "CPA", partial(_alarms, n_traces))


def _alarms(n_traces: int) -> Measured:
    setting, rng = SETTINGS["30k-3k"], np.random.default_rng(23)
    few = [np.sort(rng.uniform(0, 1, NULL_PHOTONS)) for _ in range(n_traces // 10)]
    more = (np.sort(rng.uniform(0, 1, NULL_PHOTONS)) for _ in range(n_traces - len(few)))
    ours = np.mean([_ours(arrival, 1.0, setting).size > 0 for arrival in chain(few, more)])
    theirs = np.mean([_cpa(arrival, 1.0, setting).size > 0 for arrival in few])
    sampling = np.sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / n_traces)
    note = f"asked {FALSE_ALARM} ± {sampling:.3f} by sampling"
    return Measured(float(ours), float(theirs), better="neither", note=note)


def _ours(arrival_s: np.ndarray, duration_s: float, _: Setting) -> np.ndarray:
    from analysis.blinking import change_points

    return change_points(arrival_s, duration_s=duration_s, false_alarm=FALSE_ALARM).edges_s[1:-1]


def _cpa(arrival_s: np.ndarray, duration_s: float, _: Setting) -> np.ndarray:
    folder = os.environ.get(CPA)
    if not folder:
        raise NotRunError("on no package index: `make bench CPA=folder` with a checkout of AMOLF's CPA toolbox")
    scripts = str(Path(folder) / "Scripts_process_data")
    if scripts not in sys.path:
        sys.path.append(scripts)
    from CPA_functions import FindMultipleJumps  # pyright: ignore[reportMissingImports]

    _, times = FindMultipleJumps(arrival_s, 8, printsignal=False)
    times = np.asarray(times, dtype=float)
    return times[(times > arrival_s[0]) & (times < arrival_s[-1])]


def _kernel(arrival_s: np.ndarray, duration_s: float, setting: Setting) -> np.ndarray:
    import ruptures

    stable, penalty = _binned(arrival_s, duration_s, setting)
    found = ruptures.KernelCPD(kernel="linear", min_size=2).fit(stable).predict(pen=penalty)
    return np.array(found[:-1]) * setting.bin_s


def _pelt(arrival_s: np.ndarray, duration_s: float, setting: Setting) -> np.ndarray:
    import ruptures

    stable, penalty = _binned(arrival_s, duration_s, setting)
    found = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(stable).predict(pen=penalty)
    return np.array(found[:-1]) * setting.bin_s


def _binned(arrival_s: np.ndarray, duration_s: float, setting: Setting) -> tuple[np.ndarray, float]:
    """Counts per bin made Gaussian with unit variance (Anscombe), and a penalty of 3 log n per change."""
    n = round(duration_s / setting.bin_s)
    counts = np.histogram(arrival_s, np.arange(n + 1) * setting.bin_s)[0]
    return 2 * np.sqrt(counts + 0.375)[:, None], 3 * np.log(n)


def _bayesian_blocks(arrival_s: np.ndarray, duration_s: float, _: Setting) -> np.ndarray:
    from astropy.stats import bayesian_blocks

    return bayesian_blocks(arrival_s, fitness="events", p0=FALSE_ALARM)[1:-1]


@cache
def _traces(name: str, n: int) -> list[Trace]:
    rng = np.random.default_rng(31)
    return [_blinking(SETTINGS[name], rng) for _ in range(n)]


def _blinking(setting: Setting, rng: np.random.Generator) -> Trace:
    """ON and OFF in turn, dwell density t^-1.5 from the shortest dwell to 10 s."""
    low, high = setting.shortest_s**-0.5, LONGEST_S**-0.5
    dwell = (low - rng.random(20_000) * (low - high)) ** -2
    edges = np.concatenate([[0], np.cumsum(dwell)])
    edges = np.append(edges[edges < DURATION_S], DURATION_S)
    rates = np.where((np.arange(edges.size - 1) + rng.integers(2)) % 2, setting.on_cps, setting.off_cps)
    counts = rng.poisson(rates * np.diff(edges))
    first = np.repeat(edges[:-1], counts)
    arrival = first + rng.random(first.size) * np.repeat(np.diff(edges), counts)
    return Trace(np.sort(arrival), edges[1:-1])


def _cut(trace: Trace, length_s: float) -> Trace:
    return Trace(trace.arrival_s[trace.arrival_s < length_s], trace.change_s[trace.change_s < length_s])


def _scores(found: list[np.ndarray], traces: list[Trace], setting: Setting) -> str:
    pairs = zip(found, traces, strict=True)
    hits = sum(matched(points, trace.change_s, setting.shortest_s / 2) for points, trace in pairs)
    true, claimed = sum(trace.change_s.size for trace in traces), sum(points.size for points in found)
    if not (true and claimed):
        return f"{claimed} found of {true}"
    return f"recall {hits / true:.3f}, precision {hits / claimed:.3f}, {true} true changes"


def matched(found: np.ndarray, true: np.ndarray, tolerance: float) -> int:
    """How many true changes have a found one to themselves within the tolerance; both ascending.

    >>> matched(np.array([1.0, 1.1, 5.0]), np.array([1.05, 2.0, 5.05]), 0.1)
    2
    """
    hits, k = 0, 0
    for change in true:
        while k < found.size and found[k] < change - tolerance:
            k += 1
        if k < found.size and found[k] <= change + tolerance:
            hits, k = hits + 1, k + 1
    return hits
