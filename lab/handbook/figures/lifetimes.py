"""Dim decays: maximum likelihood beside least squares, and whether its errors can be believed."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from analysis.decay import DecayModel
from lab.handbook.figures import simulate
from lab.handbook.figures.panels import BLUE, GREEN, ORANGE, Look, names, row

TAU_NS, BACKGROUND, N_PIXELS = 6.6, 0.04, 400
N_PHOTONS = (100, 200, 500, 1000, 3000, 10000)
COARSE = 8  # channels of the card in a bin of least squares: 1.15 ns
TAUS_NS = np.geomspace(2.0, 20.0, 200)


@dataclass(frozen=True, eq=False)
class Lifetimes:
    """Fitted lifetimes (3, n, n_pixels): likelihood, squares weighted by counts, plain squares; errors of the first."""

    n_photons: np.ndarray
    tau_ns: np.ndarray
    tau_err_ns: np.ndarray

    @property
    def bias_percent(self) -> np.ndarray:
        """(3, n) of the mean over the pixels."""
        return 100 * (self.tau_ns.mean(axis=2) / TAU_NS - 1)

    @property
    def scatter_percent(self) -> np.ndarray:
        """(3, n) standard deviation of a pixel."""
        return 100 * self.tau_ns.std(axis=2) / TAU_NS

    @property
    def pull_widths(self) -> np.ndarray:
        """(n,) standard deviations of the pulls; 1 is honest."""
        return self.pulls.std(axis=1)

    @property
    def pulls(self) -> np.ndarray:
        """(n, n_pixels) of the likelihood: deviations from the truth in units of the error of each pixel."""
        return (self.tau_ns[0] - TAU_NS) / self.tau_err_ns


def measure(seed: int = 1) -> Lifetimes:
    """The same pixels by three estimators."""
    rng = np.random.default_rng(seed)
    irf = simulate.response(rng)
    model = DecayModel.from_irf(
        irf, bin_width_ns=simulate.BIN_NS, period_ns=simulate.PERIOD_NS, n_components=1, t0_ns=0.0
    )
    tau, err = np.empty((3, len(N_PHOTONS), N_PIXELS)), np.empty((len(N_PHOTONS), N_PIXELS))
    shapes = expected_shapes(irf)
    for i, n in enumerate(N_PHOTONS):
        counts = simulate.decays(rng, TAU_NS, n, N_PIXELS, BACKGROUND)
        fit = model.fit(model.compress(counts))
        tau[0, i], err[i] = fit.tau_ns[:, 0], fit.tau_err_ns[:, 0]
        coarse = counts[:, : simulate.N_BINS // COARSE * COARSE].reshape(N_PIXELS, -1, COARSE).sum(axis=2)
        tau[1, i] = least_squares(coarse, shapes, 1 / np.maximum(coarse, 1))
        tau[2, i] = least_squares(coarse, shapes, np.ones(coarse.shape))
    return Lifetimes(np.array(N_PHOTONS), tau, err)


def expected_shapes(irf: np.ndarray) -> np.ndarray:
    """(n_taus, n_coarse) decays behind the response, by brute force."""
    channel, step = np.arange(simulate.N_BINS), (simulate.BIN_NS / TAUS_NS)[:, None]
    decays = (1 - np.exp(-step)) ** 2 / step * np.exp((1 - channel) * step)  # from anywhere in a channel to another one
    decays[:, 0] = 1 - (1 - np.exp(-step[:, 0])) / step[:, 0]
    spread = np.fft.rfft(irf / irf.sum(), 2 * channel.size)
    folded = np.fft.irfft(np.fft.rfft(decays, 2 * channel.size) * spread)[:, : channel.size // COARSE * COARSE]
    return folded.reshape(TAUS_NS.size, -1, COARSE).sum(axis=2)


def least_squares(counts: np.ndarray, shapes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(n_pixels,) lifetimes of least chi-squared; amplitude and background are solved for each tried lifetime."""
    inside = np.arange(counts.shape[1]) * COARSE * simulate.BIN_NS < simulate.PERIOD_NS - COARSE * simulate.BIN_NS
    n, w, f = counts[:, inside], weight[:, inside], shapes[:, inside]
    ww, wf, wff, wn, wfn = w.sum(1)[:, None], w @ f.T, w @ (f**2).T, (w * n).sum(1)[:, None], (w * n) @ f.T
    determinant = ww * wff - wf**2
    amplitude, flat = (ww * wfn - wf * wn) / determinant, (wff * wn - wf * wfn) / determinant
    return TAUS_NS[np.argmax(amplitude * wfn + flat * wn, axis=1)]


KINDS = (("likelihood", BLUE, "D"), ("squares, weighted\nby counts", ORANGE, "o"), ("plain squares", GREEN, "s"))


def draw(found: Lifetimes) -> Figure:
    """Bias and scatter against photons, and pulls."""
    looks = [
        Look("photons per pixel", "bias of the mean (%)", log_x=True),
        Look("photons per pixel", "scatter of a pixel (%)", log_x=True, log_y=True),
        Look("(fitted − true) / error", "pixels"),
    ]
    figure, (left, middle, right) = row(looks, [f"{TAU_NS:g} ns: bias", "scatter", "pulls of the likelihood"])
    for (_, color, marker), bias, spread in zip(KINDS, found.bias_percent, found.scatter_percent, strict=True):
        style = {"fmt": marker, "color": color, "markersize": 3, "linewidth": 0.8, "linestyle": "-"}
        left.errorbar(found.n_photons, bias, spread / np.sqrt(N_PIXELS), **style)
        middle.errorbar(found.n_photons, spread, **style)
    left.axhline(0, color="0.7", linewidth=0.6, dashes=(4, 2))
    names(middle, [(text.replace("\n", " "), color) for text, color, _ in KINDS], (0.98, 0.96))
    left.set_ylim(-13.5, 3)
    middle.set_ylim(0.7, 60)
    pull_panel(right, found)
    return figure


def pull_panel(ax: Axes, found: Lifetimes) -> None:
    """Histograms of pulls of dim and of bright pixels on the unit Gaussian."""
    edges, line = np.linspace(-4, 4, 25), np.linspace(-4, 4, 200)
    for i, color in ((1, BLUE), (4, ORANGE)):
        ax.stairs(np.histogram(found.pulls[i], edges)[0], edges, color=color, linewidth=1.0)
    ax.plot(line, N_PIXELS * (edges[1] - edges[0]) * norm.pdf(line), color="0.5", linewidth=0.8, dashes=(4, 2))
    ax.set(xlim=(-4, 4), ylim=(0, 88))
    names(
        ax,
        [(f"{N_PHOTONS[1]} photons", BLUE), (f"{N_PHOTONS[4]} photons", ORANGE), ("unit Gaussian", "0.4")],
        (0.98, 0.96),
    )
