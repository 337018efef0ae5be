"""Dead time of counters: what they lose, what the correction gives back, and what it owes to the dead time itself."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from analysis.counters import true_rate
from lab.handbook.figures import simulate
from lab.handbook.figures.panels import BLUE, GREEN, ORANGE, Look, label, names, row

DEAD_NS, OFF_NS, N_PHOTONS = 45.0, 5.0, 300_000
RATES_CPS = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7)


@dataclass(frozen=True, eq=False)
class DeadTime:
    """Rates (n,) of the light, as counted and as corrected, with the photon noise of both."""

    rate_cps: np.ndarray
    counted_cps: np.ndarray
    corrected_cps: np.ndarray
    corrected_err_cps: np.ndarray


def measure(seed: int = 1) -> DeadTime:
    """A detector of 45 ns under light of seven rates."""
    rng = np.random.default_rng(seed)
    rate = np.array(RATES_CPS)
    clicks = np.array([simulate.clicks(rng, each, DEAD_NS, N_PHOTONS / each) for each in rate])
    counted = clicks * rate / N_PHOTONS
    corrected = true_rate(counted, DEAD_NS)
    return DeadTime(rate, counted, corrected, corrected / np.sqrt(N_PHOTONS))


def wrong_percent(counted_cps: np.ndarray, off_ns: float) -> np.ndarray:
    """Error of a corrected rate if the dead time is taken for `off_ns` longer than it is."""
    return 100 * (true_rate(counted_cps, DEAD_NS + off_ns) / true_rate(counted_cps, DEAD_NS) - 1)


def draw(found: DeadTime) -> Figure:
    """What is lost, and what is wrong after the correction."""
    looks = [
        Look("light (counts/s)", "counted, of the light (%)", log_x=True),
        Look("light (counts/s)", "error of the rate (%)", log_x=True),
    ]
    figure, (left, right) = row(looks, [f"a counter blind for {DEAD_NS:g} ns after each click", "after the correction"])
    line = np.geomspace(1e4, 1e7, 200)
    left.plot(line, 100 / (1 + line * DEAD_NS * 1e-9), color="0.6", linewidth=0.8)
    left.plot(found.rate_cps, 100 * found.counted_cps / found.rate_cps, "o", color=ORANGE, markersize=3.5)
    left.plot(found.rate_cps, 100 * found.corrected_cps / found.rate_cps, "D", color=BLUE, markersize=3)
    left.set(xlim=(7e3, 1.4e7), ylim=(62, 104))
    names(left, [("corrected", BLUE), ("counted", ORANGE)], (0.34, 0.60))
    counted = line / (1 + line * DEAD_NS * 1e-9)
    for off, color in ((OFF_NS, GREEN), (-OFF_NS, ORANGE)):
        right.plot(line, wrong_percent(counted, off), color=color, linewidth=0.9)
    error = 100 * (found.corrected_cps / found.rate_cps - 1)
    noise = 100 * found.corrected_err_cps / found.rate_cps
    right.errorbar(found.rate_cps, error, noise, fmt="D", color=BLUE, markersize=3, linewidth=0.8)
    right.axvline(1e6, color="0.75", linewidth=0.6, dashes=(4, 2))
    right.set(xlim=(7e3, 1.4e7), ylim=(-5.5, 5.5))
    label(right, (0.62, 0.06), "warning\nfrom here", "0.4", ha="right")
    told = [(f"dead time taken {OFF_NS:g} ns too long", GREEN), ("right", BLUE), (f"{OFF_NS:g} ns too short", ORANGE)]
    names(right, told, (0.62, 0.95))
    return figure
