"""Time zero of the coincidence set-up, from the histogram of one attenuated pulse split to both detectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.correlation import TimeZero, fit_time_zero

LEAST_NS = 0.05  # channels are put together up to here: the response is several times wider


@dataclass(frozen=True, eq=False)
class PairResponse:
    """Where simultaneous photons appear in the raw start-stop times, and how wide.

    delay_ns, counts : (n_bins,) the histogram that was fitted, centres in raw time
    declared_ns : the delay of the cable as the operator declares it
    """

    fit: TimeZero
    delay_ns: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    declared_ns: float

    @property
    def clear(self) -> bool:
        """Whether a peak stands out."""
        return bool(np.isfinite(self.fit.t0_err_ns))


def pair_response(start: Mapping[str, Any], histogram: np.ndarray) -> PairResponse:
    """The response in the summed histogram of a `time_zero` run.

    histogram : (n_channels,) first stops per channel; channel i holds [i, i + 1) * bin_width_ns + offset_ns

    Photons of different pulses pair as well, a laser period apart: the peak is looked for within half a period of the
    declared delay.
    """
    tcspc = start["tcspc"]
    factor = max(1, int(LEAST_NS / tcspc["bin_width_ns"]))
    width_ns = factor * tcspc["bin_width_ns"]
    counts = histogram[: histogram.size // factor * factor].reshape(-1, factor).sum(axis=1)
    delay_ns = (np.arange(counts.size) + 0.5) * width_ns + tcspc.get("offset_ns", 0.0)
    declared_ns = float(start.get("delay", {}).get("declared_ns", np.nan))
    repetition_hz = start.get("excitation", {}).get("repetition_hz")
    reach_ns = 0.5e9 / repetition_hz if repetition_hz else np.inf
    kept = np.abs(delay_ns - declared_ns) <= reach_ns if np.isfinite(declared_ns) else np.ones(counts.size, bool)
    return PairResponse(fit_time_zero(delay_ns[kept], counts[kept]), delay_ns[kept], counts[kept], declared_ns)
