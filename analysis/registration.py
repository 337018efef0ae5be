"""Drift between scans of one scene, and the drift-corrected sum.

A scene that moved by `d` shows the feature of pixel `p` of image 0 at pixel `p + d`. Shifts are found in two
steps: a whitened cross-correlation finds the pixel and says whether it can be trusted; a group-wise refinement
against the mean of the other images finds the fraction. Sums use whole pixels: counts stay Poisson counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, stats

MIN_PAIRS = 10  # chance coincidences per lag with image 0; fewer have no Gaussian scatter
SIGNIFICANCE = 6.0  # peak over background; 1e4 lags of pure noise reach 4
LEAD = 1.5  # peak over the next best lag, in the same unit
LIKENESS = 0.8  # a second lag that correlates this well makes the scene ambiguous
NEAR_PX = 2  # closer than this, a second peak is the same peak
MAX_ERR_PX = 0.5  # beyond this not even the pixel is known
SETTLED_PX = 1e-3
PATCH_PX = 5  # noise and misfit are taken as independent beyond
TAPER = 0.1  # share of each edge that fades out
MAX_PASSES = 30
RINGS = 48
TINY = np.finfo(float).tiny

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """How far the scene moved since image 0, in pixels (row, column).

    `shift_px` and `shift_err_px` (one standard deviation, with the share of image 0), shape (n, 2), are NaN
    where `reliable`, shape (n,), is False. Image 0 is the origin: shift and error zero, always reliable.
    """

    shift_px: Array
    shift_err_px: Array
    reliable: NDArray[np.bool_]


def register(images: ArrayLike, *, max_shift_px: float | None = None) -> Drift:
    """Return how far the scene moved since image 0.

    Parameters
    ----------
    images : counts, shape (n, ny, nx); Poisson noise is assumed to judge what is structure
    max_shift_px : largest shift searched on each axis; half of that axis by default

    Notes
    -----
    An image without structure, or one that fits equally well elsewhere (periodic, striped), is refused:
    `reliable` is False. Translation only; drift within an image blurs it and is not undone.
    Source: Guizar-Sicairos et al., Opt. Lett. 33, 156 (2008); Knapp & Carter, IEEE Trans. ASSP 24, 320 (1976).
    """
    counts = np.asarray(images, dtype=float)
    if counts.ndim != 3 or 0 in counts.shape:
        raise ValueError(f"images have shape {counts.shape}, not (n, ny, nx) with n, ny, nx >= 1")
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise ValueError("images are counts: finite and not negative")
    noise = np.array([_noise_variance(image) for image in counts])
    stable = 2 * np.sqrt(counts + 3 / 8)
    stable -= np.average(stable, axis=(1, 2), weights=np.broadcast_to(_window(stable.shape[1:]), stable.shape))[:, None, None]
    photons = counts.sum(axis=(1, 2))
    enough = photons * photons[0] >= MIN_PAIRS * counts[0].size
    whole, placed = _place(stable, noise, enough, max_shift_px)
    shift, error = np.full((len(counts), 2), np.nan), np.full((len(counts), 2), np.nan)
    shift[placed], error[placed] = _refine(stable[placed], whole[placed])
    reliable = placed & (error <= MAX_ERR_PX).all(axis=1)
    reliable[0] = True
    shift[0] = error[0] = 0
    shift[~reliable] = error[~reliable] = np.nan
    return Drift(shift, error, reliable)


def sum_aligned(
    stack: Iterable[ArrayLike], drift: Drift | ArrayLike, *, use: ArrayLike | None = None
) -> tuple[NDArray, NDArray[np.int64]]:
    """Return the drift-corrected sum in the frame of image 0, and how many images each pixel has seen.

    Parameters
    ----------
    stack : n counts, each of shape (ny, nx, ...); read one by one, so it may be larger than memory
    drift : of `register`, or shifts in pixels, shape (n, 2)
    use : images to add, shape (n,) bool; by default the reliable ones

    Notes
    -----
    Shifts are rounded to whole pixels, so counts stay integers with Poisson statistics. Integers are widened
    to 32 bits, or 64 if they had 32 already. ValueError if a shift that is used is not finite.
    """
    shift = drift.shift_px if isinstance(drift, Drift) else np.asarray(drift, dtype=float)
    if use is None:
        use = drift.reliable if isinstance(drift, Drift) else np.ones(len(shift), dtype=bool)
    total = coverage = None
    for image, moved, used in zip(stack, shift, np.asarray(use, dtype=bool), strict=True):
        image = np.asarray(image)
        if total is None or coverage is None:
            total = np.zeros(image.shape, dtype=_wide(image.dtype))
            coverage = np.zeros(image.shape[:2], dtype=np.int64)
        if used:
            add_aligned(total, coverage, image, moved)
    if total is None or coverage is None:
        raise ValueError("no images to add")
    return total, coverage


def add_aligned(total: NDArray, coverage: NDArray, image: NDArray, shift_px: ArrayLike) -> None:
    """Add one image, whose scene moved by `shift_px` (row, column), to a running sum and coverage, in place.

    >>> total, coverage = np.zeros((1, 4), int), np.zeros((1, 4), int)
    >>> add_aligned(total, coverage, np.array([[1, 2, 3, 4]]), (0, 1.2))
    >>> total, coverage
    (array([[2, 3, 4, 0]]), array([[1, 1, 1, 0]]))
    """
    if image.shape != total.shape:
        raise ValueError(f"image of shape {image.shape} cannot be added to a sum of shape {total.shape}")
    if not np.isfinite(shift_px).all():
        raise ValueError("the shift of an image that is used is unknown")
    here, there = _overlap(total.shape, np.rint(shift_px).astype(int))
    total[here] += image[there].astype(total.dtype, copy=False)
    coverage[here] += 1


def _wide(dtype: np.dtype) -> np.dtype:
    """Return a type that holds the sum of 65 536 values of `dtype`."""
    if dtype.kind not in "biu":
        return dtype
    return np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{4 if dtype.itemsize < 4 else 8}")


def _overlap(shape: tuple[int, ...], moved: NDArray[np.int64]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the part of image 0 still in view, and where an image moved by whole pixels shows it."""
    spans = [(max(0, -d), max(0, n - max(0, d))) for n, d in zip(shape[:2], moved, strict=True)]
    here = tuple(slice(low, max(low, high)) for low, high in spans)
    there = tuple(slice(s.start + d, s.stop + d) for s, d in zip(here, moved, strict=True))
    return here, there


def _moved_back(image: Array, moved: NDArray[np.int64]) -> Array:
    """Return the image in the frame of image 0, zero where it saw nothing."""
    out = np.zeros_like(image)
    here, there = _overlap(image.shape, moved)
    out[here] = image[there]
    return out


# --- noise and windows -------------------------------------------------------------------------------------


def _noise_variance(counts: Array) -> float:
    """Return the mean variance of 2 sqrt(n + 3/8) under Poisson noise: 1, less below 3 counts per pixel."""
    mean = ndimage.uniform_filter(counts, size=5)
    levels = np.geomspace(1e-3, 30, 40)
    n = np.arange(80)
    p, x = stats.poisson.pmf(n, levels[:, None]), 2 * np.sqrt(n + 3 / 8)
    variance = p @ x**2 - (p @ x) ** 2
    return float(np.interp(mean, [0, *levels], [0, *variance]).mean())


def _window(shape: tuple[int, ...]) -> Array:
    """Return ones that fade to zero at the edges, so that an image has no border to correlate with."""

    def axis(n: int) -> Array:
        edge = np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5
        return np.sin(np.pi / 2 * np.minimum(1, edge / max(1.0, TAPER * n))) ** 2

    return np.outer(axis(shape[0]), axis(shape[1]))


def _wavenumbers(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return (2, ny, nx) angular wavenumbers per pixel, zero where Nyquist hides the sign, and the rings."""
    k = 2 * np.pi * np.stack(np.meshgrid(fft.fftfreq(shape[0]), fft.fftfreq(shape[1]), indexing="ij"))
    rings = np.minimum((np.hypot(*k) / np.pi * RINGS).astype(int), RINGS)
    return np.where((np.abs(k) < np.pi).all(axis=0), k, 0), rings


def _ring_mean(power: Array, rings: NDArray[np.int64]) -> Array:
    """Return `power` averaged over directions; the mean level of the image (k = 0) is not structure."""
    power = power.copy()
    power[0, 0] = 0
    sums = np.bincount(rings.ravel(), power.ravel(), RINGS + 1)
    return (sums / np.maximum(1, np.bincount(rings.ravel(), minlength=RINGS + 1)))[rings]


# --- the whole pixel ---------------------------------------------------------------------------------------


def _place(
    stable: Array, noise: Array, enough: NDArray[np.bool_], max_shift_px: float | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return whole-pixel shifts, shape (n, 2), and which images found their place.

    The reference grows: image 0, then all that fit it, until nobody new finds a place.
    """
    moved, placed = np.zeros((len(stable), 2), dtype=np.int64), np.arange(len(stable)) == 0
    while True:
        reference, reference_noise = _mean_image(stable[placed], noise[placed], moved[placed])
        found = placed.copy()
        for i in np.flatnonzero(enough & ~placed):
            lag, certain = _locate(reference, reference_noise, stable[i], noise[i], max_shift_px)
            moved[i], found[i] = lag, certain
        if found.sum() == placed.sum() or found[enough].all():
            return moved, found
        placed = found


def _mean_image(stable: Array, noise: Array, moved: NDArray) -> tuple[Array, float]:
    """Return the mean in the frame of image 0 over those who saw each pixel, and its noise variance."""
    seen = sum(_moved_back(np.ones_like(a), d) for a, d in zip(stable, moved, strict=True))
    total = sum(_moved_back(a, d) for a, d in zip(stable, moved, strict=True))
    return total / seen, float(noise.mean() * np.mean(1 / seen))


def _locate(
    reference: Array, reference_noise: float, image: Array, noise: float, max_shift_px: float | None
) -> tuple[NDArray[np.int64], bool]:
    """Return the lag of the correlation peak, and whether it is significant and unique."""
    window = _window(image.shape)
    padded = [fft.next_fast_len(3 * n // 2 + 1) for n in image.shape]
    a, b, w = (fft.fft2(x, padded) for x in (window * reference, window * image, window))
    _, rings = _wavenumbers(a.shape)
    energy = (window**2).sum()
    power_a, power_b = _ring_mean(np.abs(a) ** 2, rings), _ring_mean(np.abs(b) ** 2, rings)
    signal = np.sqrt(
        np.clip(power_a - energy * reference_noise, 0, None) * np.clip(power_b - energy * noise, 0, None)
    )
    powers = np.maximum(power_a * power_b, TINY)
    coherence = signal**2 / powers
    if not coherence.any():
        return np.zeros(2, dtype=np.int64), False
    peak = fft.ifft2(signal / powers * a.conj() * b).real
    overlap = np.clip(fft.ifft2(np.abs(w) ** 2).real / energy, 1e-9, None)
    scatter = np.sqrt(coherence.sum() / overlap.mean()) / coherence.size
    shape = fft.ifft2(coherence).real
    allowed = _allowed(image.shape, a.shape, max_shift_px)
    return _judge(peak / scatter, overlap, _main_lobe(shape / shape[0, 0]), allowed)


def _main_lobe(shape: Array) -> Array:
    """Return the correlation peak without its side lobes."""
    far = np.hypot(*(np.abs(fft.fftfreq(n, 1 / n)) for n in shape.shape)) if False else np.hypot(*np.meshgrid(*(fft.fftfreq(n, 1 / n) for n in shape.shape), indexing="ij"))
    ends = far[shape <= 0]
    return np.where(far < (ends.min() if ends.size else np.inf), shape, 0)


def _allowed(shape: tuple[int, ...], padded: tuple[int, ...], limit: float | None) -> NDArray[np.bool_]:
    """Return which lags are searched."""
    axes = [
        np.abs(fft.fftfreq(m, 1 / m)) <= (n / 2 if limit is None else min(limit, n / 2))
        for n, m in zip(shape, padded, strict=True)
    ]
    return np.logical_and.outer(*axes)


def _judge(score: Array, overlap: Array, shape: Array, allowed: NDArray) -> tuple[NDArray[np.int64], bool]:
    """Return the best lag and whether no other comes near it.

    `score` has unit scatter at full overlap where nothing matches; `shape` is the peak of a matching scene.
    """
    strength = np.where(allowed, score / np.sqrt(overlap), -np.inf)
    best = np.unravel_index(np.argmax(strength), strength.shape)
    expected = np.roll(shape, best, axis=(0, 1)) * (score / overlap)[best]
    rest = np.where(allowed, score / overlap - expected, -np.inf)
    apart = [np.abs(fft.fftfreq(n, 1 / n)[(np.arange(n) - i) % n]) for n, i in zip(score.shape, best, strict=True)]
    rest[np.maximum.outer(*apart) <= NEAR_PX] = -np.inf
    other = np.unravel_index(np.argmax(rest * np.sqrt(overlap)), rest.shape)
    alike = rest[other] > LIKENESS * (score / overlap)[best]
    lead = strength[best] - (rest * np.sqrt(overlap))[other]
    lag = np.array([i if i <= n // 2 else i - n for i, n in zip(best, score.shape, strict=True)], dtype=np.int64)
    return lag, bool(strength[best] > SIGNIFICANCE and lead > LEAD and not alike)


# --- the fraction of a pixel -------------------------------------------------------------------------------


def _refine(stable: Array, moved: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return shifts since the first image and their errors, both (n, 2), from whole-pixel shifts."""
    shift, step, variance = moved.astype(float), np.zeros(moved.shape), np.zeros(moved.shape)
    k, rings = _wavenumbers(stable.shape[1:])
    for _ in range(MAX_PASSES if len(stable) > 1 else 0):
        step, variance = _pass(stable, shift, k, rings)
        shift += step
        if np.abs(step).max() < SETTLED_PX:
            break
    variance[np.abs(step).max(axis=1) > MAX_ERR_PX] = np.inf
    return shift - shift[0], np.sqrt(variance + variance[0])


def _pass(stable: Array, shift: Array, k: Array, rings: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return how far each image is off the mean of the others, and the variance by its own noise, (n, 2)."""
    views, templates, windows, others = _compare(stable, shift, k)
    view_waves, waves = fft.fft2(views), fft.fft2(templates)
    signal = np.clip(_ring_mean((waves.conj() * view_waves).real.mean(axis=0), rings), 0, None)
    wiener = np.minimum(1, signal / np.maximum(_ring_mean((np.abs(waves) ** 2).mean(axis=0), rings), TINY))
    noise = _ring_mean((np.abs(view_waves - wiener * waves) ** 2).mean(axis=0), rings)
    weight = wiener / np.maximum(noise, max(TINY, 0.1 * noise.mean()))
    step, variance = np.zeros_like(shift), np.full_like(shift, np.inf)
    for i in range(len(stable)):
        tests = fft.ifft2(weight * fft.fft2(_slopes(templates[i], windows[i], k))).real.reshape(3, -1)
        slopes = _slopes(views[i], windows[i], k).reshape(3, -1)
        rest = (views[i] - templates[i]).ravel()
        normal = tests @ slopes.T
        if not 0 < np.linalg.cond(normal) < 1e12:
            continue
        inverse = -np.linalg.inv(normal)
        step[i] = np.clip(inverse @ tests @ rest, -0.5, 0.5)[:2]
        pulls = (inverse @ (tests * rest))[:2].reshape(2, *views[i].shape)
        patches = PATCH_PX * ndimage.uniform_filter(pulls, size=(1, PATCH_PX, PATCH_PX), mode="constant")
        variance[i] = (patches**2).sum(axis=(1, 2)) * others[i] / (others[i] + 1)
    return (step - step.mean(axis=0)) * (1 - 1 / len(step)), variance


def _slopes(image, window, k):
    """Return how a windowed image changes with a shift along rows and columns, and with its brightness, (3, ny, nx)."""
    steep = fft.ifft2(1j * k * fft.fft2(image)).real
    steep -= image / np.maximum(window, 1e-3) * fft.ifft2(1j * k * fft.fft2(window)).real
    return _centred(np.stack([*steep, image]), window)


def _centred(images: Array, window: Array) -> Array:
    """Return windowed images with the mean under the window removed."""
    mean = images.sum(axis=(-2, -1), keepdims=True) / np.maximum(window.sum(axis=(-2, -1), keepdims=True), 1e-3)
    return images - window * mean


def _compare(stable: Array, shift: Array, k: Array) -> tuple[Array, Array, Array, Array]:
    """Return each image in the frame of image 0, the mean of the others, their common window and their number."""
    window = _window(stable.shape[1:])
    seen = np.clip(_shifted_back(np.broadcast_to(window, stable.shape), shift, k), 0, 1)
    views = _shifted_back(window * stable, shift, k)
    weight = seen.sum(axis=0) - seen
    common = np.minimum(1, weight)
    templates = (views.sum(axis=0) - views) / np.maximum(weight, 1e-3) * seen * common
    number = (weight * seen).sum(axis=(1, 2)) / np.maximum(seen.sum(axis=(1, 2)), 1e-3)
    windows = seen * common
    return _centred(views * common, windows), _centred(templates, windows), windows, np.maximum(number, 1e-3)


def _shifted_back(images: Array, shift: Array, k: Array) -> Array:
    """Return windowed images in the frame of image 0, zero where they saw nothing."""
    whole = np.rint(shift).astype(int)
    back = np.stack([_moved_back(a, d) for a, d in zip(images, whole, strict=True)])
    return fft.ifft2(fft.fft2(back) * np.exp(1j * np.tensordot(shift - whole, k, axes=1))).real
