"""Where the one emitter in a small scanned patch is: what a re-centring needs, with honest errors or an honest no.

Poisson likelihood throughout. A spot is believed if it raises the likelihood of an even patch by more than noise does,
anywhere in it; a second one if it does so beside the first. Then all are fitted together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.counts import check_counts
from analysis.emitters.detect import expected_by_chance
from analysis.emitters.gaussians import SpotFit, add_spots, fit_spot

Array = NDArray[np.float64]
FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in standard deviations
STEP_PX = 0.5  # between the places that are tried
MOST_SPOTS = 3
CANDIDATES = 24  # places that are looked at closely
APART = 0.8  # widths (FWHM) between two spots that can be told apart here
WIDEST = 2.0  # widths of the point spread function: beyond, it is a slope
NEWTON_STEPS = 12
ROUNDS = 3  # of fits of all spots in turn
MISFIT_SIGMA = 3.0  # beyond, errors grow with the misfit: the emitter blinked while the patch was scanned


@dataclass(frozen=True)
class Place:
    """An emitter found in a patch, or why there is none; `_err` is one standard deviation, NaN if not found.

    x_um, y_um : centre, in the coordinates of `origin_um`
    rate_cps : counts per second in focus, without background_cps, the background beneath it
    background_cps : known also if nothing was found: then it is the mean of the patch
    significance : standard deviations by which the patch is unlikely without the emitter
    n_photons : counts of the spot, background excluded
    reason : why it was not found; empty if it was
    """

    found: bool
    x_um: float
    x_err_um: float
    y_um: float
    y_err_um: float
    rate_cps: float
    rate_err_cps: float
    background_cps: float
    background_err_cps: float
    fwhm_um: float
    significance: float
    n_photons: float
    reason: str


def locate(
    image: ArrayLike,
    *,
    pixel_um: float,
    dwell_s: float,
    psf_fwhm_um: float = 0.24,
    origin_um: tuple[float, float] = (0.0, 0.0),
    near_um: tuple[float, float] | None = None,
    false_alarm: float = 1e-3,
) -> Place:
    """Return where the emitter of a patch is.

    Parameters
    ----------
    image : (ny, nx) counts per pixel, whole numbers; 5 x 5 or more
    pixel_um, dwell_s : size of and time on a pixel, sampled at its centre
    origin_um : (x, y) of the centre of pixel (0, 0)
    near_um : where it should be: of several, the nearest is taken; without it, the brightest
    false_alarm : how often an even patch may pass for one with an emitter

    Notes
    -----
    Errors are at the Cramer-Rao bound, and grow with a misfit that is significant. A spot whose centre lies outside the
    patch is not found: scan a wider one. ValueError for what is no patch of counts.

    >>> y, x = np.mgrid[:9, :9] * 0.08
    >>> spot = 300 * np.exp(-4 * np.log(2) * ((x - 0.35) ** 2 + (y - 0.29) ** 2) / 0.24**2)
    >>> place = locate(np.round(spot + 20), pixel_um=0.08, dwell_s=0.005)
    >>> print(f"{place.x_um:.2f} {place.y_um:.2f} um, {place.rate_cps / 1e3:.0f} kcps")
    0.35 0.29 um, 60 kcps
    """
    counts = _checked(image, pixel_um, dwell_s, psf_fwhm_um, false_alarm)
    sigma_px = psf_fwhm_um / FWHM / pixel_um
    spots, chances = _spots(counts, sigma_px, false_alarm)
    if not len(spots):
        return _nothing(counts, dwell_s, chances[0], "no emitter stands out of the noise")
    fits = [fit_spot(counts, spots, k, float(np.median(counts))) for k in range(len(spots))]
    order = _preferred(fits, pixel_um, origin_um, near_um)
    whole = [k for k in order if _inside(fits[k], counts.shape)]
    if not whole:
        return _nothing(counts, dwell_s, chances[order[0]], "the centre of the spot lies outside the patch")
    best = fits[whole[0]]
    if np.exp(best.value[3]) > WIDEST * sigma_px:
        return _nothing(counts, dwell_s, chances[whole[0]], "the light is wider than an emitter: a slope, or a cluster")
    return _place(best, chances[whole[0]], counts.size, pixel_um, dwell_s, origin_um)


def _checked(image: ArrayLike, pixel_um: float, dwell_s: float, psf_fwhm_um: float, false_alarm: float) -> Array:
    counts = np.asarray(image)
    if counts.ndim != 2 or min(counts.shape) < 5:
        raise ValueError(f"the patch has shape {counts.shape}: give counts of (ny, nx) pixels, five or more each way")
    for name, value in {"pixel_um": pixel_um, "dwell_s": dwell_s, "psf_fwhm_um": psf_fwhm_um}.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}: give a positive number")
    if not 0 < false_alarm < 0.5:
        raise ValueError(f"false_alarm is {false_alarm}: give a probability between 0 and 0.5")
    if not 0.5 * pixel_um < psf_fwhm_um < 2 * pixel_um * min(counts.shape):
        raise ValueError(f"psf_fwhm_um is {psf_fwhm_um}, a pixel {pixel_um} um: give the pixel_um of the scan")
    return check_counts(counts).astype(float)


def _spots(counts: Array, sigma_px: float, false_alarm: float) -> tuple[Array, list[float]]:
    """Spots (n, 4) that stand out, the first found first, and the chance of each; without any, that of the best."""
    spots, chances = np.empty((0, 4)), []
    for _ in range(MOST_SPOTS):
        spot, gain = _likeliest(counts, add_spots(np.zeros_like(counts), spots), sigma_px)
        chance = max(float(stats.norm.sf(np.sqrt(max(2 * gain, 0.0)))), 1e-300)
        chances.append(chance)
        if expected_by_chance(np.array([chance]), counts.shape, sigma_px)[0] > false_alarm:
            break
        if len(spots) and np.hypot(*(spots[:, :2] - spot[:2]).T).min() < APART * FWHM * sigma_px:
            break
        spots = _fitted(counts, np.vstack([spots, spot]))
    return spots, chances


def _likeliest(counts: Array, fixed: Array, sigma_px: float) -> tuple[Array, float]:
    """The one more spot that raises the likelihood most, and by how much, over `fixed` and an even background."""
    ny, nx = counts.shape
    y, x = (np.arange(0, n - 1 + STEP_PX / 2, STEP_PX) for n in (ny, nx))
    along_y, along_x = (np.exp(-0.5 * ((np.arange(n) - at[:, None]) / sigma_px) ** 2) for n, at in ((ny, y), (nx, x)))
    shape = np.einsum("ai,bj->abij", along_y, along_x).reshape(y.size * x.size, -1)
    level, flat = _even(counts.ravel(), fixed.ravel())
    few = _promising(counts.ravel(), fixed.ravel() + level, shape)
    peak, reached = _log_likelihood_of_spots(counts.ravel(), fixed.ravel(), shape[few])
    best = int(np.argmax(reached))
    row, column = divmod(int(few[best]), x.size)
    return np.array([x[column], y[row], peak[best], np.log(sigma_px)]), float(reached[best] - flat)


def _even(counts: Array, fixed: Array) -> tuple[float, float]:
    """The likeliest even background, and the log likelihood with it alone."""
    level = max(float(np.mean(counts - fixed)), 1e-6)
    for _ in range(NEWTON_STEPS):
        mu = fixed + level
        level = max(level + float(np.sum(counts / mu - 1) / np.sum(1 / mu)), 1e-6)
    mu = fixed + level
    return level, float(np.sum(counts * np.log(mu) - mu))


def _promising(counts: Array, mu: Array, shape: Array) -> NDArray[np.int64]:
    """Which of the spots shape (m, n) have the largest scores beside an even background."""
    excess, weight = counts / mu - 1, 1 / mu
    along, square = shape @ weight, shape**2 @ weight
    score = shape @ excess - along * excess.sum() / weight.sum()
    z = score / np.sqrt(np.maximum(square - along**2 / weight.sum(), 1e-12))
    return np.argsort(-z, kind="stable")[:CANDIDATES]


def _log_likelihood_of_spots(counts: Array, fixed: Array, shape: Array) -> tuple[Array, Array]:
    """Height of each of the spots shape (m, n) with its own even background, and the log likelihood."""
    peak, level = np.full(len(shape), 1e-3), np.full(len(shape), max(float(np.mean(counts - fixed)), 1e-3))
    area = shape.sum(axis=1)
    for _ in range(NEWTON_STEPS):
        mu = fixed + peak[:, None] * shape + level[:, None]
        excess, weight = counts / mu - 1, 1 / mu
        g_peak, g_level = np.sum(excess * shape, axis=1), np.sum(excess, axis=1)
        f_pp, f_pl, f_ll = np.sum(weight * shape**2, axis=1), np.sum(weight * shape, axis=1), np.sum(weight, axis=1)
        norm = f_pp * f_ll - f_pl**2
        peak = np.maximum(peak + (f_ll * g_peak - f_pl * g_level) / norm, 0.0)
        level = np.maximum(level + (f_pp * g_level - f_pl * g_peak) / norm, 1e-3 * counts.sum() / area / counts.size)
        level = np.maximum(level, 1e-6)
    mu = fixed + peak[:, None] * shape + level[:, None]
    return peak, np.sum(counts * np.log(mu) - mu, axis=1)


def _fitted(counts: Array, spots: Array) -> Array:
    """All spots, each fitted with those it overlaps."""
    for _ in range(ROUNDS if len(spots) > 1 else 1):
        level = float(np.median(counts))
        spots = np.array([fit_spot(counts, spots, k, level).value[:4] for k in range(len(spots))])
    return spots


def _preferred(fits: list[SpotFit], pixel_um: float, origin_um, near_um) -> list[int]:
    """Indices of the spots, the wanted one first."""
    value = np.array([fit.value for fit in fits])
    if near_um is None:
        return np.argsort(-value[:, 2], kind="stable").tolist()
    away = value[:, :2] * pixel_um + np.asarray(origin_um) - np.asarray(near_um)
    return np.argsort(np.hypot(*away.T), kind="stable").tolist()


def _inside(fit: SpotFit, shape: tuple[int, ...]) -> bool:
    x, y = fit.value[:2]
    return bool(-0.5 <= x <= shape[1] - 0.5 and -0.5 <= y <= shape[0] - 0.5)


def _place(fit: SpotFit, chance: float, n: int, pixel_um: float, dwell_s: float, origin_um) -> Place:
    x, y, peak, log_sigma, level = fit.value
    clear = fit.deviance > 1 + MISFIT_SIGMA * np.sqrt(2 / n)
    error = fit.error * (np.sqrt(fit.deviance) if clear else 1.0)
    return Place(
        found=True,
        x_um=float(origin_um[0] + pixel_um * x),
        x_err_um=float(pixel_um * error[0]),
        y_um=float(origin_um[1] + pixel_um * y),
        y_err_um=float(pixel_um * error[1]),
        rate_cps=float(peak / dwell_s),
        rate_err_cps=float(error[2] / dwell_s),
        background_cps=float(level / dwell_s),
        background_err_cps=float(error[4] / dwell_s),
        fwhm_um=float(FWHM * pixel_um * np.exp(log_sigma)),
        significance=float(stats.norm.isf(chance)),
        n_photons=float(2 * np.pi * np.exp(2 * log_sigma) * peak),
        reason="",
    )


def _nothing(counts: Array, dwell_s: float, chance: float, reason: str) -> Place:
    unknown = dict.fromkeys(("x_um", "x_err_um", "y_um", "y_err_um", "rate_cps", "rate_err_cps", "fwhm_um"), np.nan)
    return Place(
        found=False,
        **unknown,
        background_cps=float(counts.mean() / dwell_s),
        background_err_cps=float(np.sqrt(max(counts.sum(), 1.0)) / counts.size / dwell_s),
        significance=float(stats.norm.isf(min(chance, 0.5))),
        n_photons=0.0,
        reason=reason,
    )
