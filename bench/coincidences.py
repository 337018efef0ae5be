"""All pairs of two detectors within 500 ns, in bins of 0.512 ns: in memory, and from a PTU file with its decoding.

The witness is a count by `numpy.searchsorted`, which is exact; it is a peer too.
"""

import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np

from bench.measure import Comparison, Measured, on_all_cores_and_one, race
from bench.simulated_photons import TICK_S, two_detectors, write_t2

BIN, WINDOW = 512, 500_000  # ticks of 1 ps
SIDE = WINDOW // BIN + 1
SIZES = {"1e6-100k": (1_000_000, 100e3), "1e6-800k": (1_000_000, 800e3), "1e7-800k": (10_000_000, 800e3)}
QUICK = {"1e6-800k": SIZES["1e6-800k"]}
WORDS = {"1e6": "1 million", "1e7": "10 million", "100k": "100 kcps", "800k": "800 kcps"}


def comparisons(quick: bool) -> list[Comparison]:
    """Every peer on every size; pycorrelate is too slow for the largest."""
    sizes = QUICK if quick else SIZES
    small = [size for size in sizes if not size.startswith("1e7")]
    return [
        *(_comparison(size, "numpy", "", "in memory", partial(_beside_numpy, size)) for size in sizes),
        *(_comparison(s, "pycorrelate", "pycorrelate", "in memory", partial(_beside_pycorrelate, s)) for s in small),
        *(_comparison(size, "tttrlib", "tttrlib", "in memory", partial(_beside_tttrlib, size)) for size in sizes),
        *(_comparison(size, "trattoria", "trattoria", "PTU file", partial(_beside_trattoria, size)) for size in sizes),
        _comparison("unequal", "tttrlib", "tttrlib", "1 % fewer on detector a, in memory", _tttrlib_unequal),
        *_two_cores("1e7-800k"),
    ]


def _comparison(size: str, peer: str, module: str, how: str, run: Callable[[], Measured]) -> Comparison:
    what = ", ".join(WORDS.get(part, part) for part in size.split("-"))
    return Comparison(f"g2-{size}-{peer}", f"{what}, {how}", "million photons/s per core", peer, run, module)


@cache
def _photons(size: str) -> tuple[np.ndarray, np.ndarray]:
    return two_detectors(*SIZES[size])


def _count(a: np.ndarray, b: np.ndarray):
    from analysis.correlation import coincidences

    return coincidences(a, b, unit_s=TICK_S, bin_ns=BIN * TICK_S * 1e9, window_ns=WINDOW * TICK_S * 1e9)


def _edges(found) -> np.ndarray:
    """Bin edges in ticks, from the centres in ns."""
    centres = found.delay_ns / (TICK_S * 1e9)
    return np.rint(np.append(centres - BIN / 2, centres[-1] + BIN / 2)).astype(np.int64)


def _witness(a: np.ndarray, b: np.ndarray, low: int, n_bins: int, width: int = BIN) -> np.ndarray:
    """Exact counts of b - a in n_bins half-open bins from low on; photon by photon, vectorised over the neighbours."""
    first = np.searchsorted(b, a + low)
    n_after = np.searchsorted(b, a + low + n_bins * width) - first
    start = np.repeat(a, n_after)
    rank = np.arange(start.size) - np.repeat(np.cumsum(n_after) - n_after, n_after)
    return np.bincount((b[np.repeat(first, n_after) + rank] - start - low) // width, minlength=n_bins)


def _speeds(a, b, work: Callable[[], object], found: Callable[[object], str], *, laps: int = 3) -> Measured:
    """Ours in memory beside a peer whose result `found` puts into words."""
    n = (a.size + b.size) / 1e6
    ours, theirs = race(partial(_count, a, b), work, laps=laps)
    edges = _edges(ours.result)
    truth = _witness(a, b, edges[0], edges.size - 1)
    return Measured(n / ours.seconds, n / theirs.seconds, _against(ours.result.counts, truth), found(theirs.result))


def _against(counts: np.ndarray, truth: np.ndarray) -> str:
    """What is wrong with counts per bin.

    >>> _against(np.array([2, 1]), np.array([2, 2]))
    'misses 25.000 % of 4 pairs, 1 bins wrong'
    """
    if np.array_equal(counts, truth):
        return "identical counts"
    missing, wrong = 1 - counts.sum() / truth.sum(), np.count_nonzero(counts != truth)
    lost = f"misses {100 * missing:.3f} % of" if missing >= 0 else f"finds {-100 * missing:.3f} % more than"
    return f"{lost} {truth.sum()} pairs, {wrong} bins wrong"


def _beside_numpy(size: str) -> Measured:
    a, b = _photons(size)
    edges = _edges(_count(a, b))
    return _speeds(a, b, partial(_witness, a, b, edges[0], edges.size - 1), lambda _: "exact: the witness itself")


def _beside_pycorrelate(size: str) -> Measured:
    from pycorrelate import pcorrelate

    a, b = _photons(size)
    edges = _edges(_count(a, b))
    pcorrelate(a[:1000], b[:1000], edges)  # compiles
    truth = _witness(a, b, edges[0], edges.size - 1)

    def right(per_tick: np.ndarray) -> str:
        return _against(np.rint(per_tick * np.diff(edges)).astype(np.int64), truth)

    return _speeds(a, b, partial(pcorrelate, a, b, edges), right, laps=1)


def _beside_tttrlib(size: str) -> Measured:
    """Its streams must be equally long, or it crashes; its lags are one-sided, so it goes twice."""
    a, b = _photons(size)
    n = min(a.size, b.size)
    return _tttrlib(a[:n], b[:n])


def _tttrlib_unequal() -> Measured:
    a, b = _photons("1e6-800k")
    return _tttrlib(a[: int(0.99 * a.size)], b)


def _tttrlib(a: np.ndarray, b: np.ndarray) -> Measured:
    import tttrlib

    def one_side(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        curve = tttrlib.Correlator(n_bins=SIDE, n_casc=1, method="felekyan")
        curve.set_macrotimes((first // BIN).astype(np.uint64), (second // BIN).astype(np.uint64))
        curve.set_weights(np.ones(first.size), np.ones(second.size))
        return np.array(curve.get_corr())[:SIDE]

    def both() -> np.ndarray:
        return np.concatenate([one_side(b, a)[::-1], one_side(a, b)]).astype(np.int64)

    sides = [_witness(x // BIN, y // BIN, 0, SIDE, 1) for x, y in ((b, a), (a, b))]
    truth = np.concatenate([sides[0][::-1], sides[1]])
    return _speeds(a, b, both, lambda counts: _against(counts, truth))


def _beside_trattoria(size: str) -> Measured:
    """From the file: both decode the records and count."""
    a, b = _photons(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photons.ptu"
        write_t2(path, a, b)
        ours, theirs = race(partial(_ours_from_file, path), partial(_trattoria, path))
        alone, _ = race(partial(_count, a, b), partial(_trattoria, path))
    edges, n = _edges(ours.result), (a.size + b.size) / 1e6
    ours_right = _against(ours.result.counts, _witness(a, b, edges[0], edges.size - 1))
    truth = _witness(a, b, -theirs.result.size // 2 * BIN, theirs.result.size)
    note = f"ours from memory: {theirs.seconds / alone.seconds:.2g} times the peer, which reads files only"
    return Measured(n / ours.seconds, n / theirs.seconds, ours_right, _against(theirs.result, truth), note=note)


def _ours_from_file(path: Path):
    from analysis.formats.ptu import read_ptu

    photons = read_ptu(path)
    return _count(photons.times(1), photons.times(2))


def _trattoria(path: Path) -> np.ndarray:
    import trattoria

    settings = trattoria.G2Parameters(1, 2, WINDOW * TICK_S, BIN * TICK_S)
    return np.asarray(trattoria.PTUFile(str(path)).g2(settings).g2, dtype=np.int64)


def _two_cores(size: str) -> list[Comparison]:
    """Ours in memory on two cores and on one; ours and trattoria from a file, both on two."""
    words = ", ".join(WORDS[part] for part in size.split("-"))
    rows = (
        ("g2-two-cores", "in memory", "ours on one core", "", partial(_ours_on_two, size)),
        ("g2-two-cores-trattoria", "PTU file", "trattoria", "trattoria", partial(_trattoria_on_two, size)),
    )
    return [
        Comparison(name, f"{words}, {how}: two cores, wall time", "million photons/s", peer, run, module, cores=2)
        for name, how, peer, module, run in rows
    ]


def _ours_on_two(size: str) -> Measured:
    a, b = _photons(size)
    both, alone = on_all_cores_and_one(partial(_count, a, b))
    same = np.array_equal(both.result.counts, alone.result.counts)
    n = (a.size + b.size) / 1e6
    return Measured(n / both.seconds, n / alone.seconds, note=f"results {'identical' if same else 'differ'}")


def _trattoria_on_two(size: str) -> Measured:
    a, b = _photons(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photons.ptu"
        write_t2(path, a, b)
        ours, theirs = race(partial(_ours_from_file, path), partial(_trattoria, path), clock=time.perf_counter)
    n = (a.size + b.size) / 1e6
    return Measured(n / ours.seconds, n / theirs.seconds)
