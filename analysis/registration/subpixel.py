"""The fraction of a pixel of a shift: the shifts under which all images together are most likely.

The scene is a random field of unknown spectrum, seen by every image on its own grid of pixels. Detail finer than
the grid folds back, differently in every image: it is part of the model, so spots smaller than a pixel do not bend
the shifts. Spectra of scene and noise are learned from the images with the shifts (marginal maximum likelihood).
Source of the estimator: Whittle, Ark. Mat. 2, 423 (1953); of the spectra: Harville, JASA 72, 320 (1977).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy import fft
from numpy.typing import NDArray
from scipy import ndimage

from analysis.registration.kernels import information, sweep
from analysis.registration.parts import Array

ORDERS = np.array([(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)])
RINGS = 24  # up to the Nyquist wavenumber
TAPER = 0.06  # share of each edge that fades out
FAINT = 1e-3  # power over noise of an alias that is left out
NOTHING = 1e-6
DOUBT = 2.5  # sigmas that the power of a ring must rise above noise to count as scene
COARSE_PASSES, FINE_PASSES, FEWEST_PASSES = 8, 60, 6
STEP_PX = 0.5  # a longer step is not trusted
SETTLED = 0.03  # of the error
# Without any noise a shift is still wrong by so much: for spots nearly a pixel wide, and more the more detail is finer
# than half a pixel, where the model of the folding ends. Measured on simulated scenes, spots 0.17 to 1.3 px in sigma.
SYSTEMATIC_PX, FOLDED_PX = 7e-4, 0.033
PATCH_PX = 9  # noise and misfit are taken as independent beyond
# A few bright dots are no random field: where they lie in their pixels biases the shifts, much alike in all images, and
# most what the brightest say. The errors are then too small, by factors measured on the same scenes, sampled at points.
LUMPY = 3.8  # excess of variance above which bright pixels are compressed
COMPRESSED, COMPRESSED_BRIGHT = 10.0, 7.0  # values up to which they are not: of one image, over its root mean count
UNSEEN, UNSEEN_FROM, UNSEEN_TO = 0.15, 2.0, 6.0  # share of the excess that patches do not see, where it starts and ends
LEVERAGE_MOST = 0.8
ENOUGH_AREA = 0.6  # share of the view of image 0 that a group must keep in common
SAMPLE = 1500  # wavenumbers that suffice for the size of a step

Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Waves:
    """The wavenumbers of a pixel grid: k (n_k, 2), weight (n_k,), spectral bins (n_k, 9) of the aliases, mask."""

    shape: tuple[int, int]
    keep: NDArray[np.bool_]
    k: Array
    weight: Array
    bins: NDArray[np.int64]

    @property
    def n_bins(self) -> int:
        return int(self.bins.max()) + 1

    def binned(self, values: Array) -> Array:
        """Sum values (n_k,) or (n_k, M) over spectral bins."""
        weights = self.weight[:, None] * values.reshape(len(self.k), -1)
        return np.bincount(self.bins[:, : weights.shape[1]].ravel(), weights.ravel(), self.n_bins).astype(float)


@dataclass(frozen=True, eq=False)
class Fit:
    """Where the estimate stands: shifts (K, 2), log amplitudes (K,), power of scene and of noise by spectral bin."""

    shift: Array
    gain: Array
    power: Array
    noise: Array


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one pass found: score (K, 3); found and expected power (n_k, M); rest (n_k, K); slope (3, n_k, K)."""

    score: Array
    found: Array
    expected: Array
    rest: Complex
    slope: Complex


def refine(stable: Array, noise: Array, moved: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return shifts since the first image and their errors, both (n, 2), from noise variances and whole pixels."""
    shift, error = moved - moved[0].astype(float), np.full(moved.shape, np.inf)
    for members, new, crop in _groups(stable.shape[1:], moved):
        views = np.stack([stable[i][tuple(slice(a + d, b + d) for (a, b), d in zip(crop, moved[i], strict=True))]
                          for i in members])  # fmt: skip
        fraction, variance, excess = align(views, noise[members])
        if excess > LUMPY:
            fraction, variance, _ = align(_compressed(views), noise[members])
        total = moved[members] + fraction
        shift[members[new]] = (total - total[0])[new]
        error[members[new]] = np.sqrt(variance + variance[0])[new]
    error[0] = 0
    return shift, error


def _groups(
    shape: tuple[int, ...], moved: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_], list[tuple[int, int]]]]:
    """Yield images that share enough of the view of image 0, which of them are new, and what they share of it.

    Image 0 is in every group. A group grows around it and the farthest image that has no group yet.
    """
    far = np.abs(moved).max(axis=1)
    waiting = set(range(1, len(moved)))
    first: set[int] = set()
    while waiting:
        members = [0, *first]
        need = ENOUGH_AREA * _area(_common(shape, moved[members]))
        for i in sorted(range(1, len(moved)), key=lambda i: far[i]):
            if i not in members and _area(_common(shape, moved[[*members, i]])) >= need:
                members.append(i)
        new = np.array([i in waiting for i in members])
        if new.any():
            yield np.array(members), new, _common(shape, moved[members])
        waiting -= set(members)
        first = {max(waiting, key=lambda i: far[i])} if waiting else set()


def _common(shape: tuple[int, ...], moved: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the rows and columns of image 0 that all images show."""
    return [(max(0, -int(d.min())), n - max(0, int(d.max()))) for n, d in zip(shape, moved.T, strict=True)]


def _area(crop: list[tuple[int, int]]) -> int:
    return int(np.prod([max(0, high - low) for low, high in crop]))


def _compressed(views: Array) -> Array:
    """Return views (K, ny, nx) whose bright pixels grow only as the logarithm, so that all dots have a say."""
    limit = max(COMPRESSED, COMPRESSED_BRIGHT * np.sqrt(np.mean(views**2)) / 2)
    return limit * np.arcsinh(views / limit)


def align(views: Array, noise: Array) -> tuple[Array, Array, float]:
    """Return the shifts of views (K, ny, nx) about their mean, the variance of each, both (K, 2), and its excess.

    Variances are infinite where nothing is known. The variance of a difference of two is the sum of theirs. The
    excess is how many times larger the variance is than for a scene that is a random field.
    """
    waves = _waves(views.shape[1:])
    if not len(waves.k):
        return np.zeros((len(views), 2)), np.full((len(views), 2), np.inf), 1.0
    views = views / np.sqrt(noise)[:, None, None]
    fit = _coarse(views, noise, waves)
    step, info = np.zeros((len(views), 3)), np.zeros((len(views), 3, 3))
    for i in range(FINE_PASSES):
        out, terms = _pass(views, noise, waves, fit)
        if i % 4 == 0:
            info = information(*terms, stride=max(1, len(waves.k) // SAMPLE))
        step = _step(out.score, info)
        fit = _learn(fit, out, waves, step)
        if i >= FEWEST_PASSES and (np.abs(step[:, :2]) < SETTLED * np.sqrt(_own_variance(info))).all():
            break
    fit = _learn(fit, out, waves, np.zeros_like(step), doubt=0)  # what is left is all scene
    out, terms = _pass(views, noise, waves, fit)
    info = information(*terms, stride=1)
    variance, excess = _variance(waves, fit, out, info)
    return fit.shift, variance + _systematic_variance(waves, fit), excess


def _waves(shape: tuple[int, ...]) -> Waves:
    """Return all wavenumbers but zero and those where Nyquist hides the sign; of each pair k, -k one."""
    k = 2 * np.pi * np.stack(np.meshgrid(fft.fftfreq(shape[0]), fft.rfftfreq(shape[1]), indexing="ij"))
    keep = np.asarray((np.abs(k) < np.pi - 1e-9).all(axis=0) & k.any(axis=0))
    k = np.asarray(k[:, keep].T, dtype=float)
    q = k[:, None] + 2 * np.pi * ORDERS
    rings = np.minimum(np.hypot(*q.T).T / np.pi * RINGS, 3 * RINGS).astype(np.int64)
    bins = 2 * rings + (np.abs(q[..., 0]) > np.abs(q[..., 1]))  # rows and columns blur differently
    return Waves((shape[0], shape[1]), keep, k, np.where(k[:, 1] > 0, 1, 0.5), bins)


def windows(shape: tuple[int, ...], shift: Array) -> Array:
    """Return windows (K, ny, nx) that move with the scene and fade to zero at the edges."""

    def axis(n: int, moved: Array) -> Array:
        place = np.arange(n) - moved[:, None]
        edge = np.minimum(place, n - 1 - place) + 0.5
        return np.sin(np.pi / 2 * np.clip(edge / max(1, TAPER * n), 0, 1)) ** 2

    return axis(shape[0], shift[:, 0])[:, :, None] * axis(shape[1], shift[:, 1])[:, None, :]


def _spectra(views: Array, shift: Array, waves: Waves) -> Complex:
    """Return the spectra (n_k, K) of the views, turned back by their shifts; noise of variance 1 stays that."""
    window = windows(waves.shape, shift)
    mean = (window * views).sum(axis=(1, 2)) / np.maximum(window.sum(axis=(1, 2)), NOTHING)
    spectra = fft.rfft2(window * (views - mean[:, None, None]))[:, waves.keep]
    energy = np.maximum((window**2).sum(axis=(1, 2)), NOTHING)
    return spectra.T / np.sqrt(energy) * np.exp(1j * waves.k @ shift.T)


def _amplitudes(gain: Array, noise: Array) -> Array:
    """Return how strongly each view shows the scene, over its noise; 1 in the quadratic mean."""
    amplitude = np.exp(gain) / np.sqrt(noise)
    return amplitude / np.sqrt(np.mean(amplitude**2))


def _coarse(views: Array, noise: Array, waves: Waves) -> Fit:
    """Return shifts as if nothing were finer than a pixel, and first spectra.

    What two images share at a wavenumber is scene; the rest is noise, and so is all that does not yet overlap.
    """
    amplitude = _amplitudes(np.zeros(len(views)), noise)
    number = np.maximum(waves.binned(np.ones((len(waves.k), 1))), NOTHING)
    pairs = np.sum(amplitude**2) ** 2 - np.sum(amplitude**4)
    fit = Fit(np.zeros((len(views), 2)), np.zeros(len(views)), number, number)
    total = number
    for _ in range(COARSE_PASSES):
        turned = _spectra(views, fit.shift, waves)
        own = np.abs(turned) ** 2
        total = waves.binned(own.mean(axis=1)) / number
        shared = waves.binned(np.abs(turned @ amplitude) ** 2 - own @ amplitude**2) / number / pairs
        clear = shared > DOUBT * np.median(total[total > 0]) / np.sqrt(number * pairs)
        power = np.where(clear, shared, NOTHING)
        fit = replace(fit, power=power, noise=np.maximum(np.maximum(total - power, 1), 0.05 * total))
        out, terms = _pass(views, noise, waves, fit, n_orders=1)
        step = _step(out.score, information(*terms, stride=max(1, len(waves.k) // SAMPLE)))
        fit = replace(fit, shift=fit.shift + step[:, :2], gain=fit.gain + step[:, 2])
        if np.abs(step[:, :2]).max() < 0.05:
            break
    return replace(fit, power=_continued(total - 1), noise=np.ones(waves.n_bins))


def _continued(power: Array) -> Array:
    """Return a first guess of the power of the scene, continued beyond Nyquist as a blur would."""
    radius = (np.arange(len(power)) // 2 + 0.5) / RINGS
    edge = max(float(power[2 * (RINGS - 1) : 2 * RINGS].mean()), FAINT)
    return np.maximum(np.where(radius < 1, 0.8 * power, 0.5 * edge * np.exp(1.5 * (1 - radius**2))), 1e-4)


def _pass(views: Array, noise: Array, waves: Waves, fit: Fit, n_orders: int = len(ORDERS)) -> tuple[Outcome, tuple]:
    """Return what the likelihood says at `fit`, and the terms that its information is made of."""
    level = fit.noise[waves.bins[:, 0]]
    spectra = _spectra(views, fit.shift, waves) / np.sqrt(level)[:, None]
    orders, bins = ORDERS[:n_orders], waves.bins[:, :n_orders]
    comb = _amplitudes(fit.gain, noise) * np.exp(2j * np.pi * orders @ fit.shift.T)
    power = np.maximum(fit.power[bins] / level[:, None], NOTHING)
    terms = comb, comb @ comb.conj().T, power, waves.k, orders, waves.weight, FAINT
    found, expected = np.empty(power.shape), np.empty(power.shape)
    rest, slope = np.empty(spectra.shape, complex), np.empty((3, *spectra.shape), complex)
    score = sweep(spectra, *terms, found, expected, rest, slope)
    return Outcome(score, found, expected, rest, slope), terms


def _step(score: Array, info: Array) -> Array:
    """Return steps (K, 3) of shifts and log amplitudes about their means; each alone would step K/(K-1) too far."""
    size = np.trace(info, axis1=1, axis2=2)[:, None, None]
    step = np.linalg.solve(info + (1e-9 * size + NOTHING) * np.eye(3), score[..., None])[..., 0] * (1 - 1 / len(score))
    step = np.clip(step, -STEP_PX, STEP_PX)
    return step - step.mean(axis=0)


def _learn(fit: Fit, out: Outcome, waves: Waves, step: Array, doubt: float = DOUBT) -> Fit:
    """Return the fit after a step, with spectra that make what was found expected.

    A ring that does not stand out of the noise is emptied: aligning noise with itself would else look like structure.
    """
    level = fit.noise[waves.bins[:, 0]][:, None]
    expected = waves.binned(out.expected / level)
    spread = np.sqrt(waves.binned((out.expected / level) ** 2)) / (1 + fit.power * len(step))
    ratio = np.where(expected > 0, waves.binned(out.found / level) / np.maximum(expected + doubt * spread, 1e-30), 1)
    left = len(step) - (np.maximum(fit.power[waves.bins] / level, NOTHING) * out.expected).sum(axis=1)
    noisier = waves.binned((np.abs(out.rest) ** 2).sum(axis=1)) / np.maximum(waves.binned(left), 1e-9)
    return Fit(
        shift=fit.shift + step[:, :2],
        gain=fit.gain + step[:, 2],
        power=np.maximum(fit.power * np.clip(ratio, 0.1, 10), NOTHING),
        noise=np.clip(fit.noise * np.where(waves.binned(left) > 0, noisier, 1), 0.7, 50),
    )


def _own_variance(info: Array) -> Array:
    """Return the variance (K, 2) of the shifts about the mean of all."""
    size = np.trace(info, axis1=1, axis2=2)[:, None, None]
    inverse = np.linalg.inv(info + (1e-9 * size + NOTHING) * np.eye(3))
    variance = np.diagonal(inverse, axis1=1, axis2=2)[:, :2] * (1 - 1 / len(info))
    return np.where(variance > 0, variance, np.inf)


def _variance(waves: Waves, fit: Fit, out: Outcome, info: Array) -> tuple[Array, float]:
    """Return the variance (K, 2) of each shift by its own noise and by the lumps of the scene, and its excess.

    The information assumes a random field with the same noise everywhere. How much the shifts since image 0 really
    scatter from patch to patch tells of photon noise on bright features, of misfit, and of bright dots: it may enlarge
    the variance, on average over the images. A patch with much of the information has drawn the fit to itself: its
    scatter is enlarged by its leverage.
    """
    window2 = windows(waves.shape, fit.shift) ** 2
    fade = window2.shape[1] * window2.shape[2] * (window2**2).sum(axis=(1, 2)) / window2.sum(axis=(1, 2)) ** 2
    variance = _own_variance(info) * fade[:, None]
    if not np.isfinite(variance).all():
        return variance, 1.0
    rest, *slopes = (_images(part, fit.shift, waves) for part in (out.rest, *out.slope))
    parts = rest * np.stack(slopes) / rest[0].size
    parts -= parts.sum(axis=(2, 3), keepdims=True) * window2 / window2.sum(axis=(1, 2), keepdims=True)
    inverse = np.linalg.inv(info + (1e-9 * np.trace(info, axis1=1, axis2=2)[:, None, None] + NOTHING) * np.eye(3))
    moves = np.einsum("ief,fipq->eipq", inverse, parts)[:2] * (1 - 1 / len(info))
    local = np.mean(
        [np.square(s) / np.maximum(np.square(s).sum(axis=(1, 2), keepdims=True), 1e-30) for s in slopes[:2]],
        axis=(0, 1),
    )
    leverage = np.clip(_patches(local), 0, LEVERAGE_MOST)
    scatter = np.square(_patches(moves - moves[:, :1]) / (1 - leverage)).sum(axis=(2, 3)).T / PATCH_PX**2
    excess = max(1.0, float(np.mean((scatter / (variance + variance[0]))[1:]))) if len(variance) > 1 else 1.0
    return variance * excess * (1 + UNSEEN * (np.clip(excess, UNSEEN_FROM, UNSEEN_TO) - UNSEEN_FROM)), excess


def _patches(values: Array) -> Array:
    """Return the sums of values (..., ny, nx) over all patches, also those that reach over the border."""
    border = [(0, 0)] * (values.ndim - 2) + [(PATCH_PX // 2,) * 2] * 2
    return PATCH_PX**2 * ndimage.uniform_filter(np.pad(values, border), PATCH_PX, mode="constant", axes=(-2, -1))


def _systematic_variance(waves: Waves, fit: Fit) -> float:
    """Return the variance by what the model leaves out, from the share of power beyond twice the Nyquist wavenumber."""
    power, q = fit.power[waves.bins], waves.k[:, None] + 2 * np.pi * ORDERS
    beyond = (q**2).sum(axis=-1) > (2 * np.pi) ** 2
    return SYSTEMATIC_PX**2 + FOLDED_PX**2 * float((power * beyond).sum() / power.sum())


def _images(spectra: Complex, shift: Array, waves: Waves) -> Array:
    """Return the images (K, ny, nx) of spectra (n_k, K) that were turned back by shifts."""
    full = np.zeros((spectra.shape[1], *waves.keep.shape), complex)
    full[:, waves.keep] = (spectra * np.exp(-1j * waves.k @ shift.T)).T
    return fft.irfft2(full, waves.shape) * (waves.shape[0] * waves.shape[1])
