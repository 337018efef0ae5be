"""The whole pixel of a shift: whitened cross-correlation, and whether its peak can be trusted."""

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from analysis.registration.parts import TINY, Array, moved_back, ring_mean, wavenumbers, window_of

SIGNIFICANCE = 6.0  # peak over background; 1e4 lags of pure noise reach 4
LEAD = 1.5  # peak over the next best lag, in the same unit
LIKENESS = 0.6  # a second lag that correlates this well makes the scene ambiguous
NEAR_PX = 2  # closer than this, a second peak is the same peak
BEND = 2  # a polynomial of this degree is how the scene is lit, not what it shows


def place(
    stable: Array, noise: Array, enough: NDArray[np.bool_], max_shift_px: float | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return whole-pixel shifts, shape (n, 2), and which images found their place.

    The reference grows: image 0, then all that fit it, until nobody new finds a place.
    """
    stable = _levelled(stable)
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


def _levelled(stable: Array) -> Array:
    """Return the images less the smooth surface that fits each best."""
    shape = stable.shape[1:]
    y, x = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
    terms = [np.outer(y**i, x**j).ravel() for i in range(BEND + 1) for j in range(BEND + 1 - i)]
    weight = np.sqrt(window_of(shape)).ravel()
    basis, size, _ = np.linalg.svd(np.stack(terms, axis=1) * weight[:, None], full_matrices=False)
    basis = basis[:, size > 1e-9 * size[0]]
    flat = stable.reshape(len(stable), -1) * weight
    return ((flat - flat @ basis @ basis.T) / weight).reshape(stable.shape)


def _mean_image(stable: Array, noise: Array, moved: NDArray) -> tuple[Array, float]:
    """Return the mean in the frame of image 0 over those who saw each pixel, and its noise variance."""
    seen = np.sum([moved_back(np.ones_like(a), d) for a, d in zip(stable, moved, strict=True)], axis=0)
    total = np.sum([moved_back(a, d) for a, d in zip(stable, moved, strict=True)], axis=0)
    return total / seen, float(noise.mean() * np.mean(1 / seen))


def _locate(
    reference: Array, reference_noise: float, image: Array, noise: float, max_shift_px: float | None
) -> tuple[NDArray[np.int64], bool]:
    """Return the lag of the correlation peak, and whether it is significant and unique."""
    window = window_of(image.shape)
    padded = [16 * (3 * n // 32 + 1) for n in image.shape]  # half of the image more, in lengths FFTs like
    a, b, w = (fft.fft2(x, padded) for x in (window * reference, window * image, window))
    _, rings = wavenumbers(a.shape)
    energy = (window**2).sum()
    power_a, power_b = ring_mean(np.abs(a) ** 2, rings), ring_mean(np.abs(b) ** 2, rings)
    signal = np.sqrt(np.clip(power_a - energy * reference_noise, 0, None) * np.clip(power_b - energy * noise, 0, None))
    powers = np.maximum(power_a * power_b, TINY)
    coherence = signal**2 / powers
    if not coherence.any():
        return np.zeros(2, dtype=np.int64), False
    peak = fft.ifft2(signal / powers * a.conj() * b).real
    shared = np.clip(fft.ifft2(np.abs(w) ** 2).real / energy, 1e-9, None)
    scatter = np.sqrt(coherence.sum() / shared.mean()) / coherence.size
    shape = fft.ifft2(coherence).real
    allowed = _allowed(image.shape, a.shape, max_shift_px)
    return _judge(peak / scatter, shared, _main_lobe(shape / shape[0, 0]), allowed)


def _main_lobe(shape: Array) -> Array:
    """Return the correlation peak without its side lobes."""
    distance = np.hypot(*np.meshgrid(*(fft.fftfreq(n, 1 / n) for n in shape.shape), indexing="ij"))
    return np.where(distance < distance[shape <= 0].min(initial=np.inf), shape, 0)


def _allowed(shape: tuple[int, ...], padded: tuple[int, ...], limit: float | None) -> NDArray[np.bool_]:
    """Return which lags are searched."""
    axes = [
        np.abs(fft.fftfreq(m, 1 / m)) <= (n / 2 if limit is None else min(limit, n / 2))
        for n, m in zip(shape, padded, strict=True)
    ]
    return np.logical_and.outer(*axes)


def _judge(score: Array, shared: Array, shape: Array, allowed: NDArray) -> tuple[NDArray[np.int64], bool]:
    """Return the best lag and whether no other comes near it.

    `score` has unit scatter at full overlap where nothing matches; `shape` is the peak of a matching scene.
    """
    strength = np.where(allowed, score / np.sqrt(shared), -np.inf)
    best = np.unravel_index(np.argmax(strength), strength.shape)
    expected = np.roll(shape, best, axis=(0, 1)) * (score / shared)[best]
    rest = np.where(allowed, score / shared - expected, -np.inf)
    apart = [np.abs(fft.fftfreq(n, 1 / n)[(np.arange(n) - i) % n]) for n, i in zip(score.shape, best, strict=True)]
    rest[np.maximum.outer(*apart) <= NEAR_PX] = -np.inf
    other = np.unravel_index(np.argmax(rest * np.sqrt(shared)), rest.shape)
    alike = rest[other] > LIKENESS * (score / shared)[best]
    lead = strength[best] - (rest * np.sqrt(shared))[other]
    lag = np.array([i if i <= n // 2 else i - n for i, n in zip(best, score.shape, strict=True)], dtype=np.int64)
    return lag, bool(strength[best] > SIGNIFICANCE and lead > LEAD and not alike)
