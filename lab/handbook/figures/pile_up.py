"""Pile-up: how much shorter a lifetime comes out when only the first photon after a pulse is timed."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from analysis.decay import fit_decays
from lab.handbook.figures import simulate
from lab.handbook.figures.panels import BLUE, GREEN, ORANGE, Look, label, names, row

TAU_NS = 12.5
PER_PULSE = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SHOWN = (0.01, 0.3, 1.0)


@dataclass(frozen=True, eq=False)
class PileUp:
    """Lifetimes (n,) fitted at rates (n,) of photons per pulse, and the histograms (3, n_bins) of `SHOWN`."""

    per_pulse: np.ndarray
    tau_ns: np.ndarray
    tau_err_ns: np.ndarray
    shown: np.ndarray

    @property
    def bias_percent(self) -> np.ndarray:
        """(n,) of the lifetime."""
        return 100 * (self.tau_ns / TAU_NS - 1)


def measure(n_photons: int = 1_000_000, seed: int = 1) -> PileUp:
    """Lifetimes of one emitter behind a card with one converter, against its rate."""
    rng = np.random.default_rng(seed)
    irf = simulate.response(rng)
    counts = {rate: simulate.first_photons(rng, TAU_NS, rate, n_photons) for rate in PER_PULSE}
    one = {"bin_width_ns": simulate.BIN_NS, "period_ns": simulate.PERIOD_NS, "n_components": 1, "t0_ns": 0.0}
    fit = fit_decays(np.array(list(counts.values())), irf, **one)
    shown = np.array([counts[rate] for rate in SHOWN])
    return PileUp(np.array(PER_PULSE), fit.tau_ns[:, 0], fit.tau_err_ns[:, 0], shown)


def draw(found: PileUp) -> Figure:
    """Histograms at three rates, and the bias of the lifetime."""
    looks = [
        Look("time after the pulse (ns)", "counts, of the highest", log_y=True),
        Look("photons per laser pulse", "bias of the lifetime (%)", log_x=True),
    ]
    figure, (left, right) = row(
        looks, ["first photons after the pulse", f"a lifetime of {TAU_NS:g} ns, one exponential"]
    )
    time = (np.arange(simulate.N_BINS) + 0.5) * simulate.BIN_NS - simulate.PULSE_NS
    wide = 8
    for histogram, color in zip(found.shown, (BLUE, GREEN, ORANGE), strict=True):
        summed = histogram[: simulate.N_BINS // wide * wide].reshape(-1, wide).sum(axis=1)
        left.plot(time[wide // 2 :: wide], summed / summed.max(), color=color, linewidth=0.8)
    left.set(xlim=(-3, 70), ylim=(2e-3, 1.6))
    told = [
        (f"{rate:g} photon{'' if rate == 1 else 's'} per pulse", color)
        for rate, color in zip(SHOWN, (BLUE, GREEN, ORANGE), strict=True)
    ]
    names(left, told)
    line = np.geomspace(1e-3, 2, 200)
    right.plot(line, -25 * line, color="0.6", linewidth=0.8, dashes=(4, 2))
    right.axhline(0, color="0.8", linewidth=0.6)
    right.axvspan(1e-3, 0.01, color="0.93", linewidth=0)
    err = 100 * found.tau_err_ns / TAU_NS
    right.errorbar(found.per_pulse, found.bias_percent, err, fmt="o", color=BLUE, markersize=3.5, linewidth=0.8)
    right.set(xlim=(2e-3, 1.5), ylim=(-25, 1.5))
    label(right, (0.04, 0.30), "below 1 %:\nno warning", "0.35")
    label(right, (0.70, 0.60), "−25 % × photons per pulse", "0.4", ha="right")
    return figure
