"""What an `hbt` run says of itself: axis, cable, calibration, counters."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.emitter_run import EmitterFacts, emitter_facts

BIN_NS = 0.576  # of the fit: a seventh of the shortest rise time of a quantum dot


@dataclass(frozen=True)
class HbtFacts(EmitterFacts):
    """What must be known of an `hbt` run to analyse it; built from a start document by `hbt_facts`.

    declared_ns : the cable delay; t0_ns, t0_err_ns, sigma_ns : calibrated zero delay and response, NaN if
        time_zero_uid is empty
    blind_ns : stops earlier than this after their start are ignored
    """

    bin_width_ns: float
    n_bins: int
    offset_ns: float
    blind_ns: float
    declared_ns: float
    t0_ns: float
    t0_err_ns: float
    sigma_ns: float
    time_zero_uid: str

    @property
    def calibrated(self) -> bool:
        return bool(self.time_zero_uid) and bool(np.isfinite([self.t0_ns, self.sigma_ns]).all())

    @property
    def rebinned(self) -> int:
        """Channels of the card that are taken together."""
        return max(1, round(BIN_NS / self.bin_width_ns))


def hbt_facts(start: Mapping) -> HbtFacts:
    """Read a start document of `hbt` or `time_zero`; KeyError or ValueError if it is neither."""
    tcspc, delay = start["tcspc"], start.get("delay", {})
    return HbtFacts(
        **emitter_facts(start),
        bin_width_ns=float(tcspc["bin_width_ns"]),
        n_bins=int(tcspc["n_bins"]),
        offset_ns=float(tcspc.get("offset_ns") or 0.0),
        blind_ns=float(start.get("blind_ns", 0.0)),
        declared_ns=_number(delay.get("declared_ns")),
        t0_ns=_number(delay.get("t0_ns")),
        t0_err_ns=_number(delay.get("t0_err_ns")),
        sigma_ns=_number(delay.get("sigma_ns")),
        time_zero_uid=str(delay.get("uid") or ""),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
