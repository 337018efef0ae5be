"""The fraction of a pixel of a shift: every image against the mean of the others, until nothing moves."""

import numpy as np
from numpy import fft
from numpy.typing import NDArray
from scipy import ndimage

from analysis._registration_parts import TINY, Array, moved_back, ring_mean, wavenumbers, window_of

MAX_PASSES = 30
SETTLED_PX = 1e-3
STEP_PX = 0.5  # a longer step is not trusted
WEAK = 0.2  # share of the slopes that may be noise
PATCH_PX = 9  # noise and misfit are taken as independent beyond


def refine(stable: Array, noise: Array, moved: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return shifts since the first image and their errors, both (n, 2), from noise variances and whole pixels."""
    shift, step, variance = moved.astype(float), np.zeros(moved.shape), np.zeros(moved.shape)
    k, rings = wavenumbers(stable.shape[1:])
    for _ in range(MAX_PASSES if len(stable) > 1 else 0):
        step, variance = _pass(stable, noise, shift, k, rings)
        shift += step
        if np.abs(step).max() < SETTLED_PX:
            break
    variance[np.abs(step).max(axis=1) > STEP_PX / 2] = np.inf
    return shift - shift[0], np.sqrt(variance + variance[0])


def _pass(stable: Array, noise: Array, shift: Array, k: Array, rings: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return how far each image is off the mean of the others, and the variance by its own noise, (n, 2)."""
    views, templates, windows, others = _compare(stable, shift, k)
    weight = _filter(fft.fft2(views), fft.fft2(templates), rings)
    steep = fft.ifft2(1j * k * fft.fft2(windows)[:, None]).real / np.maximum(windows, 1e-3)[:, None]
    found = [_offset(*each, weight, k) for each in zip(views, templates, windows, steep, strict=True)]
    step, variance, gain = np.swapaxes(found, 0, 1)
    own = others[:, None] / (others[:, None] + 1)  # the rest of the noise is the template's
    weak = gain * noise[:, None] / own > WEAK**2
    return (step - step.mean(axis=0)) * (1 - 1 / len(step)), np.where(weak, np.inf, variance * own)


def _filter(views: NDArray, templates: NDArray, rings: NDArray[np.int64]) -> Array:
    """Return the weight of each wavenumber: signal share of the template over the noise of the views."""
    signal = np.clip(ring_mean(np.real(templates.conj() * views).mean(axis=0), rings), 0, None)
    wiener = np.minimum(1, signal / np.maximum(ring_mean((np.abs(templates) ** 2).mean(axis=0), rings), TINY))
    noise = ring_mean((np.abs(views - wiener * templates) ** 2).mean(axis=0), rings)
    return wiener / np.maximum(noise, max(TINY, 0.1 * noise.mean()))


def _offset(
    view: Array, template: Array, window: Array, steep: Array, weight: Array, k: Array
) -> tuple[Array, Array, Array]:
    """Return how far a view is off its template, the variance of that, and how much noise passes for slopes.

    Shift and brightness are solved for together. The slopes of the view are tested with those of the template:
    their noise is independent, so none of it passes for structure on average. Misfit counts as noise.
    """
    rest = view - template
    expected, slopes = (_slopes(image, window, steep, k) for image in (template, view))
    tests = fft.ifft2(weight * fft.fft2(expected)).real
    normal = np.tensordot(tests, slopes, axes=([1, 2], [1, 2]))
    if not np.linalg.cond(normal) < 1e12:
        return np.zeros(2), np.full(2, np.inf), np.full(2, np.inf)
    estimator = -np.tensordot(np.linalg.inv(normal), tests, axes=1)[:2]
    patches = PATCH_PX * ndimage.uniform_filter(estimator * rest, PATCH_PX, mode="constant", axes=(1, 2))
    gain = fft.ifft2(k * fft.fft2(estimator)).imag
    step = np.clip((estimator * rest).sum(axis=(1, 2)), -STEP_PX, STEP_PX)
    return step, (patches**2).sum(axis=(1, 2)), (gain**2).sum(axis=(1, 2))


def _slopes(image: Array, window: Array, steep: Array, k: Array) -> Array:
    """Return how a windowed image changes with a shift along rows and columns, and in brightness, (3, ny, nx).

    The window stays where it is: `steep`, its own relative slopes, are taken out.
    """
    moving = fft.ifft2(1j * k * fft.fft2(image)).real - image * steep
    return _centred(np.stack([*moving, image]), window)


def _centred(images: Array, window: Array) -> Array:
    """Return windowed images with the mean under the window removed."""
    mean = images.sum(axis=(-2, -1), keepdims=True) / np.maximum(window.sum(axis=(-2, -1), keepdims=True), 1e-3)
    return images - window * mean


def _compare(stable: Array, shift: Array, k: Array) -> tuple[Array, Array, Array, Array]:
    """Return each image in the frame of image 0, the mean of the others, their common window and their number."""
    window = window_of(stable.shape[1:])
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
    back = np.stack([moved_back(a, d) for a, d in zip(images, whole, strict=True)])
    return fft.ifft2(fft.fft2(back) * np.exp(1j * np.tensordot(shift - whole, k, axes=1))).real
