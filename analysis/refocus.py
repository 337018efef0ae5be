"""What re-centrings say about the light beside an emitter: the background of its correlations and of its trace."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FAR = 1.3  # widths of the spot: pixels beyond show the background alone
ALIKE = 0.02  # by how much the background may share itself out to the SPADs otherwise than all light does


@dataclass(frozen=True)
class Background:
    """Light beside the emitter; `_err` is one standard deviation, NaN if it was never measured.

    rate_cps : both SPADs, dark counts included; n : re-centrings that measured it
    far_counts : (2,) of each SPAD in the pixels far from the emitter
    """

    rate_cps: float
    rate_err_cps: float
    far_counts: tuple[float, float]
    n: int

    def share(self, of_all_light: float) -> tuple[float, float]:
        """Share of the first SPAD, and its error: as counted far from the emitter, and as it is of all light."""
        n = sum(self.far_counts)
        if not n:
            return of_all_light, ALIKE
        counted, variance = self.far_counts[0] / n, max(of_all_light * (1 - of_all_light), 0.01) / n
        weight = np.array([1 / variance, 1 / ALIKE**2])
        return float(weight @ [counted, of_all_light] / weight.sum()), float(1 / np.sqrt(weight.sum()))


class Refocused:
    """The re-centrings of a run, in the order of their indices; one that comes again counts once, as it came last."""

    def __init__(self):
        self.seen: dict[int, tuple[float, float, np.ndarray]] = {}  # rate, its error, counts far from the emitter

    def add(self, data: Mapping, index: int | None = None):
        """Take one re-centring as an Event carries it, by default the next one.

        One that found nothing says nothing of the background.
        """
        index = max(self.seen, default=-1) + 1 if index is None else index
        self.seen.pop(index, None)
        if int(data.get("target_found", 0)):
            rate, err = float(data["target_background_cps"]), float(data["target_background_err_cps"])
            self.seen[index] = rate, err, far_counts(data)

    def background(self) -> Background:
        """Weighted mean of all."""
        seen = [self.seen[index] for index in sorted(self.seen)]
        first, second = np.sum([np.zeros(2), *(far for *_, far in seen)], axis=0).tolist()
        rates = [(rate, err) for rate, err, _ in seen if np.isfinite([rate, err]).all() and err > 0]
        if not rates:
            return Background(float("nan"), float("nan"), (first, second), 0)
        rate, err = np.array(rates).T
        weight = 1 / err**2
        mean = float(weight @ rate / weight.sum())
        chi2 = float(weight @ (rate - mean) ** 2) / max(rate.size - 1, 1)
        return Background(mean, float(np.sqrt(max(chi2, 1.0) / weight.sum())), (first, second), rate.size)


def far_counts(data: Mapping) -> np.ndarray:
    """(2,) counts of each SPAD in the pixels of the patch that are far from the emitter."""
    names = ("scanner_x", "scanner_y", "scanner_perovskite_counts", "scanner_qd_counts")
    if not all(name in data for name in names):
        return np.zeros(2)
    x, y, *counts = (np.asarray(data[name], float) for name in names)
    away = np.hypot(x - float(data["target_x_um"]), y - float(data["target_y_um"]))
    far = away > FAR * float(data["target_fwhm_um"])
    return np.array([route[far].sum() for route in counts])
