"""Drift between ten low-count images: rms error of the shifts beside the best possible, for three scenes.

A scene is a sum of Gaussian spots on a background, integrated exactly over each pixel at any shift. Shifts count from
their own mean, in pixels. The bound is the Fisher information of the true scene, (1 - 1/K) / F for K images.
pystackreg gets the best of its three references in each row: first, previous, mean.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from bench.measure import Comparison, Measured, race

K = 10
LARGEST_STEP_PX = 1.5


class Scene(NamedTuple):
    """Pixels a side, spots, their standard deviation in pixels, the share of the flat background, and its seed."""

    n_px: int
    n_spots: int
    spread_px: float
    background: float
    words: str


SCENES = {
    "sampled": Scene(100, 25, 1.4, 0.3, "25 dots in 10 µm, 100 px, sampled"),
    "undersampled": Scene(128, 400, 0.33, 0.3, "400 dots in 50 µm, 128 px, smaller than a pixel"),
    "dense": Scene(128, 2500, 0.5, 0.3, "2500 dots in 50 µm, 128 px"),
}
COUNTS = {"sampled": (0.3, 2, 20), "undersampled": (0.3, 2, 20), "dense": (2,)}

Register = Callable[[np.ndarray], np.ndarray]  # images (K, n, n) -> shifts (K, 2), from any origin


def comparisons(quick: bool) -> list[Comparison]:
    """Every peer on every scene, then speed on one of them."""
    peers = {
        "pystackreg": ([partial(_stackreg, reference) for reference in ("first", "previous", "mean")], "pystackreg"),
        "skimage-none": ([partial(_skimage, None)], "skimage"),
        "skimage-phase": ([partial(_skimage, "phase")], "skimage"),
    }
    everything = [(scene, counts) for scene in SCENES for counts in COUNTS[scene]]
    cases = [("sampled", 2), ("undersampled", 2)] if quick else everything
    rows = []
    for name, (ways, module) in peers.items():
        peer = name.replace("skimage", "scikit-image").replace("-none", ", no normalization").replace("-phase", "")
        rows += [
            Comparison(
                f"drift-{scene}-{counts}-{name}",
                f"{SCENES[scene].words}, {counts} counts per pixel",
                "rms error / CRB",
                peer,
                partial(_errors, ways, scene, counts, 2 if quick else 6),
                module,
            )
            for scene, counts in cases
        ]
        what = f"{K} images, {SCENES['sampled'].words}, 2 counts per pixel"
        speed = partial(_speed, ways[0])
        rows.append(Comparison(f"drift-speed-{name}", what, "images/s per core", peer, speed, module))
    return rows


def _errors(ways: Sequence[Register], scene: str, counts: float, n_runs: int) -> Measured:
    from analysis.registration import register

    runs = [_run(scene, counts, seed) for seed in range(n_runs)]
    mine = [register(images) for images, _, _ in runs]
    bound = np.sqrt(np.mean([crb**2 for _, _, crb in runs]))
    off = [_off(drift.shift_px, shift) for drift, (_, shift, _) in zip(mine, runs, strict=True)]
    peer_off = min(([_off(find(images), shift) for images, shift, _ in runs] for find in ways), key=_rms)
    # Stated errors are those of shifts since image 0.
    pulls = [(d.shift_px - shift)[1:] / d.shift_err_px[1:] for d, (_, shift, _) in zip(mine, runs, strict=True)]
    refused = sum(int((~drift.reliable).sum()) for drift in mine)
    return Measured(
        _rms(off) / bound,
        _rms(peer_off) / bound,
        f"{_rms(off):.4f} px, pulls {_rms(pulls):.2f}, {refused} refused",
        f"{_rms(peer_off):.4f} px",
        better="less",
        note=f"bound {bound:.4f} px, {n_runs * K} images",
    )


def _speed(find: Register) -> Measured:
    from analysis.registration import register

    images, _, _ = _run("sampled", 2, 0)
    ours, theirs = race(lambda: register(images), lambda: find(images))
    return Measured(K / ours.seconds, K / theirs.seconds)


def _off(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Errors from a common origin: the mean of the images that were placed."""
    known = np.isfinite(found).all(axis=1)
    return found[known] - found[known].mean(axis=0) - (true[known] - true[known].mean(axis=0))


def _rms(parts: list[np.ndarray]) -> float:
    return float(np.sqrt(np.nanmean(np.concatenate(parts) ** 2)))


@cache
def _run(scene: str, counts: float, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Images (K, n, n), shifts (K, 2) of the scene since image 0, and the bound of one shift component."""
    rng = np.random.default_rng([43, seed])
    picture = _Picture(SCENES[scene], counts, rng)
    shift = np.cumsum(rng.uniform(-LARGEST_STEP_PX, LARGEST_STEP_PX, (K, 2)), axis=0)
    shift -= shift[0]
    images = np.array([rng.poisson(picture.at(one)) for one in shift])
    return images, shift, picture.bound_px()


class _Picture:
    """Expected counts of a scene at any shift; spots beyond the frame can move in."""

    def __init__(self, scene: Scene, counts: float, rng: np.random.Generator):
        self.n, self.spread = scene.n_px, scene.spread_px
        margin = 20.0
        full = scene.n_px + 2 * margin
        n_spots = round(scene.n_spots * (full / scene.n_px) ** 2)
        self.place = rng.uniform(-margin, scene.n_px + margin, (n_spots, 2))
        bright = rng.lognormal(0, 0.5, n_spots)
        self.bright = bright / bright.sum() * counts * (1 - scene.background) * full**2
        self.flat = counts * scene.background

    def at(self, shift: np.ndarray) -> np.ndarray:
        """(n, n) expected counts."""
        rows, columns = (self._profile(self.place[:, k] + shift[k]) for k in range(2))
        return (rows * self.bright) @ columns.T + self.flat

    def _profile(self, centre: np.ndarray) -> np.ndarray:
        """(n, n_spots) share of each spot in each row or column of pixels."""
        edges = np.arange(self.n + 1)[:, None]
        return np.diff(ndtr((edges - centre) / self.spread), axis=0)

    def bound_px(self) -> float:
        """Best possible error of one shift component, group-wise, averaged over both."""
        step = 0.01
        fisher = [
            np.sum(((self.at(move) - self.at(-move)) / (2 * step)) ** 2 / self.at(np.zeros(2)))
            for move in step * np.eye(2)
        ]
        return float(np.sqrt((1 - 1 / K) * np.mean(1 / np.array(fisher))))


def _stackreg(reference: str, images: np.ndarray) -> np.ndarray:
    from pystackreg import StackReg

    found = StackReg(StackReg.TRANSLATION).register_stack(images.astype(float), reference=reference)
    return found[:, [1, 0], 2]


def _skimage(normalization: str | None, images: np.ndarray) -> np.ndarray:
    from skimage.registration import phase_cross_correlation

    shifts = [
        phase_cross_correlation(images[0], image, upsample_factor=100, normalization=normalization)[0]
        for image in images.astype(float)
    ]
    return -np.array(shifts)
