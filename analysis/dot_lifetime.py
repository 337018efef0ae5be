"""The lifetime of one emitter, from its decay under the pulsed laser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.decay import DecayFit, fit_decays
from analysis.flim import QD, Response

MISFIT = 1.2  # deviance from which one lifetime does not describe a decay


@dataclass(frozen=True, eq=False)
class DotLifetime:
    """Decay of one emitter and its fit; where one lifetime does not describe it, with two.

    counts, irf : (n_channels,) of the routes that see the emitter, together
    n_components : 1 or 2; the emitter's is the last, the longest
    """

    fit: DecayFit
    counts: np.ndarray = field(repr=False)
    irf: np.ndarray = field(repr=False)
    bin_width_ns: float
    n_components: int
    irf_uid: str

    @property
    def tau_ns(self) -> float:
        return float(self.fit.tau_ns[-1])

    @property
    def tau_err_ns(self) -> float:
        return float(self.fit.tau_err_ns[-1])

    @property
    def n_photons(self) -> int:
        return int(self.counts.sum())


def dot_lifetime(start: Mapping[str, Any], histogram: np.ndarray, response: Response) -> DotLifetime:
    """Fit the summed histogram of a `lifetime_at` run.

    Parameters
    ----------
    histogram : (n_routes, n_channels)
    response : of the same routes and channels

    Behind the splitter 50:50 both routes see the emitter: their decays are added, and so are their responses, each with
    the weight of its photons. A start document may name the routes (`emitter_routes`, and `irf_routes` of the response)
    and a period of its own: those of old files are others.
    """
    routes = start.get("emitter_routes") or ([0, 1] if start.get("splitter") == "50:50" else [QD])
    measured = response.counts[start.get("irf_routes") or routes]
    counts = histogram[routes].sum(axis=0)
    share = histogram[routes].sum(axis=1, keepdims=True) / np.maximum(measured.sum(axis=1), 1)[:, None]
    irf = (measured * share).sum(axis=0)
    period_ns = float(start.get("tcspc", {}).get("period_ns", response.period_ns))
    one, two = (
        fit_decays(counts, irf, bin_width_ns=response.bin_width_ns, period_ns=period_ns, n_components=n) for n in (1, 2)
    )
    both = float(one.deviance) > MISFIT and not bool(two.degenerate)
    fit, n_components = (two, 2) if both else (one, 1)
    return DotLifetime(fit, counts, irf, response.bin_width_ns, n_components, response.uid)
