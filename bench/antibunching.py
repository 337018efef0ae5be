"""The dip of a single emitter: 17.7 ns, contrast 0.77, all-pairs histograms of +-250 ns in bins of 0.5 ns.

Histograms are Poisson draws of the law, folded with the response on a grid twenty times finer; the peers fit its
closed form, integrated over each bin, and start from the truth.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from scipy.special import ndtr

from bench.measure import Comparison, Measured, quality, race

TAU_NS, CONTRAST, T0_NS, SIGMA_NS = 17.7, 0.77, 1.3, 0.35
BIN_NS, WINDOW_NS, FINER = 0.5, 250.0, 20
EDGES_NS = np.arange(-WINDOW_NS, WINDOW_NS + BIN_NS / 2, BIN_NS)
DELAY_NS = (EDGES_NS[1:] + EDGES_NS[:-1]) / 2
LEVELS = {"25": 25.0, "2.5": 2.5, "0.5": 0.5}
FITS = 200

Found = tuple[np.ndarray, np.ndarray]  # (tau, contrast) and their errors


def comparisons(quick: bool) -> list[Comparison]:
    """Each peer at each level of counts per bin."""
    peers = {"scipy-lsq": _least_squares, "scipy-neyman": _neyman, "iminuit": _minuit}
    levels = ["2.5"] if quick else list(LEVELS)
    return [
        Comparison(
            id=f"hbt-{level}-{name}",
            quantity=f"{level} coincidences per bin at large delays",
            unit="fits/s per core",
            peer=name.replace("-lsq", " curve_fit").replace("-neyman", " curve_fit, Neyman weights"),
            module=name.partition("-")[0],
            run=partial(_beside, fit, level, FITS // 8 if quick else FITS),
        )
        for name, fit in peers.items()
        for level in levels
    ]


def _beside(fit: Callable[[np.ndarray, float], Found], level: str, n_fits: int) -> Measured:
    from analysis.correlation import fit_antibunching

    height = LEVELS[level]
    counts = _histograms(height, n_fits)

    def ours(some: np.ndarray) -> list[Any]:
        return [fit_antibunching(DELAY_NS, one, irf_sigma_ns=SIGMA_NS, estimator="all_pairs") for one in some]

    mine, theirs = race(
        partial(ours, counts),
        lambda: [fit(one, height) for one in counts],
        laps=2,
        compile_ours=partial(ours, counts[:1]),
    )
    values = np.array([(found.tau_ns, found.contrast) for found in mine.result])
    errors = np.array([(found.tau_err_ns, found.contrast_err) for found in mine.result])
    peer_values, peer_errors = (np.array(part) for part in zip(*theirs.result, strict=True))
    bound = _bound(height)
    return Measured(
        n_fits / mine.seconds,
        n_fits / theirs.seconds,
        _words(values, errors, bound),
        _words(peer_values, peer_errors, bound),
        note=f"best possible error of tau {bound[0]:.2g} ns, of the contrast {bound[1]:.2g}",
    )


def _words(values: np.ndarray, errors: np.ndarray, bound: np.ndarray) -> str:
    tau = quality(values[:, 0], errors[:, 0], TAU_NS, bound[0])
    return f"τ: {tau}; C: {quality(values[:, 1], errors[:, 1], CONTRAST, bound[1])}"


@cache
def _histograms(height: float, n: int) -> np.ndarray:
    return np.random.default_rng(17).poisson(_truth(height, CONTRAST, TAU_NS, T0_NS), (n, DELAY_NS.size))


def _truth(height: float, contrast: float, tau_ns: float, t0_ns: float) -> np.ndarray:
    """Expected counts by numerical folding; knows nothing of the closed form."""
    fine = BIN_NS / FINER
    reach = int(np.ceil(6 * SIGMA_NS / fine))
    around = np.arange(-reach, reach + 1) * fine
    response = np.exp(-0.5 * (around / SIGMA_NS) ** 2)
    t = EDGES_NS[0] + fine * (np.arange(-reach, DELAY_NS.size * FINER + reach) + 0.5)
    dip = np.convolve(np.exp(-np.abs(t - t0_ns) / tau_ns), response / response.sum(), mode="valid")
    return height * (1 - contrast * dip.reshape(-1, FINER).mean(axis=1))


def _bound(height: float) -> np.ndarray:
    """Cramer-Rao bound of (tau, contrast); height and t0 unknown."""
    at = np.array([height, CONTRAST, TAU_NS, T0_NS])
    steps = np.diag([1e-3 * height, 1e-3, 1e-2, 1e-2])
    slope = np.array([(_truth(*(at + step)) - _truth(*(at - step))) / (2 * step.sum()) for step in steps])
    covariance = np.linalg.inv((slope / _truth(*at)) @ slope.T)
    return np.sqrt(np.diagonal(covariance))[[2, 1]]


def _expected(_, height, contrast, tau_ns, t0_ns) -> np.ndarray:
    """The peers' model: one-sided exponential folded with a Gaussian, antiderivative in closed form, both sides."""
    z = EDGES_NS - t0_ns
    area = _one_sided(z, tau_ns) - _one_sided(-z, tau_ns)
    return np.maximum(height * (1 - contrast * np.diff(area) / BIN_NS), 1e-9)


def _one_sided(z: np.ndarray, tau_ns: float) -> np.ndarray:
    rate = SIGMA_NS / tau_ns
    decaying = np.exp(np.minimum(rate**2 / 2 - z / tau_ns, 50)) * ndtr(z / SIGMA_NS - rate)
    return tau_ns * (ndtr(z / SIGMA_NS) - decaying)


def _guess(height: float) -> list[float]:
    return [height, CONTRAST, TAU_NS, T0_NS]


def _least_squares(counts: np.ndarray, height: float) -> Found:
    return _curve_fit(counts, height, None)


def _neyman(counts: np.ndarray, height: float) -> Found:
    return _curve_fit(counts, height, np.sqrt(np.maximum(counts, 1)))


def _curve_fit(counts: np.ndarray, height: float, sigma: np.ndarray | None) -> Found:
    from scipy.optimize import curve_fit

    try:
        x, covariance = curve_fit(
            _expected, DELAY_NS, counts, _guess(height), sigma, absolute_sigma=sigma is not None, maxfev=2000
        )
    except RuntimeError:
        return np.full(2, np.nan), np.full(2, np.nan)
    return x[[2, 1]], np.sqrt(np.diagonal(covariance))[[2, 1]]


def _minuit(counts: np.ndarray, height: float) -> Found:
    from iminuit import Minuit

    def deviance(height, contrast, tau_ns, t0_ns):
        model = _expected(None, height, contrast, tau_ns, t0_ns)
        return 2 * (model.sum() - counts @ np.log(model))

    fit = Minuit(deviance, *_guess(height))
    fit.limits = [(0, None), (0, 1.3), (0.5, 250), (-50, 50)]
    fit.migrad()
    if not fit.valid:
        return np.full(2, np.nan), np.full(2, np.nan)
    return np.array(fit.values)[[2, 1]], np.array(fit.errors)[[2, 1]]
