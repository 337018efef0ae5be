"""The slope of a one-stop card: what a fit that ignores it makes of an antibunching dip."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from analysis.correlation import AntibunchingFit, first_stop_correct, fit_antibunching
from lab.handbook.figures import simulate
from lab.handbook.figures.panels import BLUE, GREEN, ORANGE, Look, names, row

TAU_NS, CONTRAST, N_PAIRS = 18.0, 0.9, 300_000
STOP_CPS = (3e4, 1e5, 3e5, 1e6, 3e6)
SHOWN = (1e5, 3e6)
ESTIMATORS: tuple[Literal["start_stop"], Literal["all_pairs"]] = ("start_stop", "all_pairs")


@dataclass(frozen=True, eq=False)
class StartStop:
    """Rise times and errors (2, n): with the distortion in the likelihood, and without; histograms (2, n_bins)."""

    stop_cps: np.ndarray
    tau_ns: np.ndarray
    tau_err_ns: np.ndarray
    shown: np.ndarray


def measure(seed: int = 1) -> StartStop:
    """One emitter behind a card that records first stops, at five rates of stops."""
    rng = np.random.default_rng(seed)
    counts = {rate: simulate.first_stops(rng, TAU_NS, CONTRAST, rate, N_PAIRS) for rate in STOP_CPS}
    fits = [[fitted(counts[rate], estimator) for rate in STOP_CPS] for estimator in ESTIMATORS]
    tau, err = (np.array([[getattr(fit, name) for fit in row] for row in fits]) for name in ("tau_ns", "tau_err_ns"))
    return StartStop(np.array(STOP_CPS), tau, err, np.array([counts[rate] for rate in SHOWN]))


def fitted(counts: np.ndarray, estimator: Literal["start_stop", "all_pairs"]) -> AntibunchingFit:
    """The dip; time zero and response are calibrated."""
    delay = (np.arange(simulate.N_BINS) + 0.5) * simulate.BIN_NS
    live = delay > simulate.BLIND_NS + simulate.BIN_NS
    return fit_antibunching(
        delay[live], counts[live], irf_sigma_ns=simulate.SIGMA_NS, t0_ns=simulate.T0_NS, estimator=estimator
    )


def draw(found: StartStop) -> Figure:
    """Two histograms as recorded and undone, and the rise time against the rate."""
    looks = [
        Look("delay (ns)", "coincidences (relative)"),
        Look("rate of stops (counts/s)", "rise time (ns)", log_x=True),
    ]
    figure, (left, right) = row(looks, ["first stops after a start", f"an emitter of {TAU_NS:g} ns"])
    for counts, rate, color in zip(found.shown, SHOWN, (BLUE, ORANGE), strict=True):
        left.plot(*coarse(counts), color=color, linewidth=0.9)
        if rate == SHOWN[1]:
            undone = first_stop_correct(counts, counts.sum() / -np.expm1(-loss(counts, rate))).counts
            left.plot(*coarse(undone), color=GREEN, linewidth=0.9, dashes=(3, 1.5))
    left.set(xlim=(-110, 480), ylim=(0, 1.55))
    told = [("100 000 stops per second", BLUE), ("3 million", ORANGE), ("3 million, losses undone", GREEN)]
    names(left, told, (0.97, 0.97))
    rates = ("fit of first stops", BLUE, "D", 0.97), ("fit with a flat baseline", ORANGE, "o", 1.03)
    for (_, color, marker, aside), tau, err in zip(rates, found.tau_ns, found.tau_err_ns, strict=True):
        right.errorbar(found.stop_cps * aside, tau, err, fmt=marker, color=color, markersize=3.5, linewidth=0.8)
    right.axhline(TAU_NS, color="0.6", linewidth=0.8, dashes=(4, 2))
    names(right, [(text, color) for text, color, *_ in rates], (0.60, 0.28))
    right.set_ylim(0, 21)
    return figure


def coarse(counts: np.ndarray, wide: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Delays and counts in wider bins of the live range, relative to the first ones."""
    delay = (np.arange(counts.size) + 0.5) * simulate.BIN_NS - simulate.T0_NS
    live = delay > simulate.BLIND_NS - simulate.T0_NS
    whole = live.sum() // wide * wide
    centres, summed = (values[live][:whole].reshape(-1, wide) for values in (delay, counts))
    return centres.mean(axis=1), summed.sum(axis=1) / summed[:8].sum(axis=1).mean()


def loss(counts: np.ndarray, stop_cps: float) -> float:
    """Stops expected within the live range after a start, all counted."""
    live = (counts.size - simulate.BLIND_NS / simulate.BIN_NS) * simulate.BIN_NS - 2 * CONTRAST * TAU_NS
    return stop_cps * 1e-9 * live
