"""Files of time-tagged photons, from disk (cached) to arrays: T2 records, a T3 image to a cube of decays, TimeHarp T3R.

Ours and its peers return new arrays every time, whose pages the system has to hand out and clear; that alone takes a
third of the time of ours on T2 records.

The files are written by the bench, so that what must come out is known; only the T3R file is written by our own writer.
"""

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import Comparison, Measured, on_all_cores_and_one, race
from bench.simulated_photons import Image, cube_of, scanned, two_detectors, write_t2, write_t3_image

SIDE = 256
MICROTIMES, T3R_WRAP = 4096, 2**16
WORDS = {
    "t2": "T2 file to times and channels",
    "cube": f"T3 image to a {SIDE} x {SIDE} x {SIDE} cube",
    "t3r": "T3R file to times, channels and routes",
}


def comparisons(quick: bool) -> list[Comparison]:
    """The three jobs, each with the peers that can do it, then two cores."""
    n = 1_000_000 if quick else 10_000_000
    jobs = {"t2": _t2, "cube": _cube, "t3r": _t3r}
    rows = [
        Comparison(
            id=f"file-{name}-{peer}",
            quantity=f"{WORDS[name]}, {n / 1e6:g} million photons",
            unit="million records/s per core",
            peer=peer,
            module=peer,
            run=partial(jobs[name], read, n),
        )
        for peer, readers in READERS.items()
        for name, read in readers.items()
    ]
    cores = Comparison(
        id="file-cube-two-cores",
        quantity=f"{WORDS['cube']}, {n / 1e6:g} million photons: two cores, wall time",
        unit="million photons/s",
        peer="ours on one core",
        run=partial(_two_cores, n),
        cores=2,
    )
    return [*rows, cores]


def _t2(read: Callable[[Path], tuple[np.ndarray, np.ndarray]], n: int) -> Measured:
    from analysis.formats.ptu import read_ptu

    a, b = _photons(n)
    times = np.concatenate([a, b])
    order = np.argsort(times, kind="stable")
    second = np.repeat([False, True], [a.size, b.size])[order]

    def right(found: tuple[np.ndarray, np.ndarray]) -> str:
        same = np.array_equal(found[0], times[order]) and np.array_equal(found[1] == found[1].max(), second)
        return "identical to what was written" if same else f"differs: {found[0].size} of {times.size} photons"

    def ours(path: Path) -> tuple[np.ndarray, np.ndarray]:
        photons = read_ptu(path)
        return photons.macrotime, photons.route

    return _race_on(lambda path: write_t2(path, a, b), ours, read, right)


def _cube(read: Callable[[Path], np.ndarray], n: int) -> Measured:
    image = _image(n)
    cube = cube_of(image)

    def right(found: np.ndarray) -> str:
        truth = cube if found.ndim == 3 else cube.sum(axis=2)
        what = "" if found.ndim == 3 else "image without decays: "
        same = found.shape == truth.shape and np.array_equal(found, truth)
        return what + ("identical to what was written" if same else f"differs: {found.sum()} of {n} photons")

    return _race_on(lambda path: write_t3_image(path, image), _cube_ours, read, right)


def _t3r(read: Callable[[Path], tuple[np.ndarray, ...]], n: int) -> Measured:
    from analysis.formats import read as read_any
    from analysis.formats.photons import Photons
    from analysis.formats.timeharp import write_t3r

    rng = np.random.default_rng(47)
    macrotime = np.sort(rng.integers(0, 60 * 10**7, n))
    nanotime, route = rng.integers(0, MICROTIMES, n).astype(np.uint16), rng.integers(0, 4, n).astype(np.uint8)
    photons = Photons(macrotime, 1e-7, nanotime, 36e-12, route, n_channels=MICROTIMES, reversed=True)

    def ours(path: Path) -> tuple[np.ndarray, ...]:
        found = read_any(path)
        return found.macrotime, found.nanotime, found.route

    def right(found: tuple[np.ndarray, ...]) -> str:
        if found[0].size != n:
            return f"{found[0].size} of {n} photons"
        wrong = [
            name
            for name, have, want in zip(
                ("times", "channels", "routes"), found, (macrotime, nanotime, route), strict=True
            )
            if not np.array_equal(have, want)
        ]
        return f"wrong {' and '.join(wrong)}" if wrong else "identical to what was written"

    def write(path: Path) -> int:
        write_t3r(path, photons)
        return n + int(macrotime[-1]) // T3R_WRAP

    return _race_on(write, ours, read, right)


def _race_on(write, ours, theirs, right) -> Measured:
    """Write a file, which tells the number of its records; read it in turn; say how right the two are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photons"
        n = write(path)
        mine, his = race(partial(ours, path), partial(theirs, path), laps=4)
        return Measured(n / 1e6 / mine.seconds, n / 1e6 / his.seconds, right(mine.result), right(his.result))


@cache
def _photons(n: int) -> tuple[np.ndarray, np.ndarray]:
    return two_detectors(n, 800e3)


@cache
def _image(n: int) -> Image:
    return scanned(SIDE, n)


def _cube_ours(path: Path) -> np.ndarray:
    from analysis.formats.cube import decay_cube

    return decay_cube(path).counts


def _t2_ptufile(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from ptufile import PtuFile

    with PtuFile(path) as file:
        records = file.decode_records()
    photons = records[records["channel"] >= 0]
    return photons["time"], photons["channel"]


def _t2_tttrlib(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import tttrlib

    found = tttrlib.TTTR(str(path), "PTU")
    return found.macro_times, found.routing_channels


def _t2_phconvert(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from phconvert.pqreader import load_ptu

    times, detectors, *_ = load_ptu(str(path))
    return times, detectors


def _cube_ptufile(path: Path) -> np.ndarray:
    from ptufile import PtuFile

    with PtuFile(path) as file:
        return file.decode_image(dtype="uint16")[0, :, :, 0]


def _image_tttrlib(path: Path) -> np.ndarray:
    import tttrlib

    image = tttrlib.CLSMImage(
        tttr_data=tttrlib.TTTR(str(path), "PTU"),
        marker_frame_start=[4],
        marker_line_start=1,
        marker_line_stop=2,
        marker_event_type=1,
        n_pixel_per_line=SIDE,
        reading_routine="default",
        channels=[0],
        fill=True,
    )
    return np.asarray(image.intensity)[0]


def _t3r_phconvert(path: Path) -> tuple[Any, ...]:
    from phconvert.pqreader import load_t3r

    times, detectors, nanotimes, _ = load_t3r(str(path))
    return times, nanotimes, detectors


def _two_cores(n: int) -> Measured:
    image = _image(n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photons"
        write_t3_image(path, image)
        both, alone = on_all_cores_and_one(partial(_cube_ours, path))
    same = np.array_equal(both.result, alone.result)
    return Measured(
        n / 1e6 / both.seconds, n / 1e6 / alone.seconds, note="results identical" if same else "results differ"
    )


READERS: dict[str, dict[str, Callable[[Path], Any]]] = {
    "ptufile": {"t2": _t2_ptufile, "cube": _cube_ptufile},
    "tttrlib": {"t2": _t2_tttrlib, "cube": _image_tttrlib},
    "phconvert": {"t2": _t2_phconvert, "t3r": _t3r_phconvert},
}
