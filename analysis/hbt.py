"""From start-stop histograms to one antibunching curve (paper, section 3.4, eqn (4) and Fig. 6c).

The same object serves a measurement that is running and one from storage: it is fed integrations and re-centrings and
gives the same numbers bit for bit. What an estimate says depends on the data alone, not on how often it was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.blinking import bleached_at
from analysis.correlation import (
    AntibunchingFit,
    Decision,
    corrected_contrast,
    decide,
    fit_antibunching,
    normalised,
)
from analysis.counters import true_rate
from analysis.hbt_facts import HbtFacts, hbt_facts
from analysis.integrations import TRACE_S, Integration, emitter_share, even_trace, mean_rates, seconds, stop_rate
from analysis.refocus import Refocused
from analysis.signal_share import SignalShare

FIRST_LOOK = 100  # coincidences below which nothing is ever decided
BADLY_KNOWN_T0_NS = 0.5  # error of a calibration beyond which it is fitted
NOT_CALIBRATED = "time zero was not calibrated: zero delay is fitted, the response taken as sharp"
NO_BACKGROUND = "the background was not measured: the contrast is that of all light"
NO_SIGNAL = "no more light than beside the emitter"
NO_DIP = "eqn (4) does not describe the histogram"
MUCH_LIGHT = "over 1 Mcps: the corrections for dead time are no longer small"
MUCH_CPS = 1e6


@dataclass(frozen=True, eq=False)
class HbtEstimate:
    """What is known of the emitter so far; `_err` is one standard deviation.

    delay_ns : (n,) lags, SPAD 2 minus SPAD 1; counts : (n,) coincidences of all integrations used
    g2, g2_err, g2_model : (n,) normalised by the fitted plateau, the loss of later stops undone; the fit behind the
        response
    corrected_contrast : C / rho^2, the contrast of the emitter alone; NaN if the background is not known
    signal_fraction : rho, such that rho^2 is the share of the pairs of photons that are of the emitter. Where it
        blinks that is more than the square of its share of photons
    rate_cps, route_rate_cps : of all light in the integrations used, both SPADs and each (2,), dead time corrected
    background_cps : beside the emitter, both SPADs, dark counts included; NaN if not measured
    live_s, n_runs : of the integrations used; n_left_out : integrations not used; dose_kj_cm2 : of all
    bleached_at_s : seconds of light after which it stayed dark, NaN if it did not
    time_s, trace_cps : (m,) seconds of light, (m, 2) rate of each SPAD, dead time corrected
    coincidences_per_ns : plateau of the summed histogram
    n_photons : counted by both SPADs in the integrations used

    Afterpulses count as light that pairs with nothing: two detectors with half a percent each lower C by 0.8 %, and
    `corrected_contrast` with it. No correction is made.
    """

    facts: HbtFacts
    fit: AntibunchingFit
    decision: Decision
    delay_ns: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    g2: np.ndarray = field(repr=False)
    g2_err: np.ndarray = field(repr=False)
    g2_model: np.ndarray = field(repr=False)
    corrected_contrast: float
    corrected_contrast_err: float
    signal_fraction: float
    signal_fraction_err: float
    rate_cps: float
    rate_err_cps: float
    route_rate_cps: np.ndarray = field(repr=False)
    background_cps: float
    background_err_cps: float
    live_s: float
    dose_kj_cm2: float
    n_runs: int
    n_left_out: int
    bleached: bool
    bleached_at_s: float
    time_s: np.ndarray = field(repr=False)
    trace_cps: np.ndarray = field(repr=False)
    coincidences_per_ns: float
    n_photons: int
    warnings: tuple[str, ...]

    def numbers(self) -> dict[str, Any]:
        """For `microscope.g2`, under the names of its signals; a dip that is not identified has no numbers."""
        fit, known = self.fit, self.fit.identified
        of_dip = ("tau_ns", "tau_err_ns", "contrast", "contrast_err", "g2_zero", "g2_zero_err")
        single = self.decision.single
        return {
            **{name: float(getattr(fit, name)) if known else float("nan") for name in of_dip},
            "corrected_contrast": self.corrected_contrast,
            "corrected_contrast_err": self.corrected_contrast_err,
            "signal_fraction": self.signal_fraction,
            "signal_fraction_err": self.signal_fraction_err,
            "single": -1 if single is None else int(single),
            "significance_sigma": self.decision.significance_sigma,
            "n_coincidences": fit.n_coincidences,
            "coincidences_per_ns": self.coincidences_per_ns,
            "deviance": fit.deviance,
            "identified": int(known),
            "live_s": self.live_s,
            "rate_cps": self.rate_cps,
            "rate_err_cps": self.rate_err_cps,
            "background_cps": self.background_cps,
            "bleached": int(self.bleached),
        }


class HbtRun:
    """Integrations and re-centrings in, antibunching out.

    An integration counts when both its histogram and its facts have come; an index given twice counts once.
    """

    def __init__(self, start: Mapping):
        self.facts = hbt_facts(start)
        self.rows: dict[int, np.ndarray] = {}
        self.integrations: dict[int, Integration] = {}
        self.refocused = Refocused()

    def add_histogram(self, row: np.ndarray, index: int | None = None):
        """Take the histogram (n_bins,) of an integration; by default of the next one."""
        counts = np.asarray(row)
        if counts.shape != (self.facts.n_bins,):
            raise ValueError(f"a histogram has shape {counts.shape}: this run has ({self.facts.n_bins},), give such")
        self.rows[len(self.rows) if index is None else index] = counts.copy()

    def add_facts(self, data: Mapping, index: int | None = None):
        """Take what the Event of an integration says; by default of the next one."""
        self.integrations[len(self.integrations) if index is None else index] = Integration.of(data)

    def add_refocus(self, data: Mapping, index: int | None = None):
        """Take what the Event of a re-centring says; by default of the next one."""
        self.refocused.add(data, index)

    @property
    def complete(self) -> list[int]:
        """Indices of the integrations of which everything is known, in order."""
        return sorted(self.rows.keys() & self.integrations.keys())

    @property
    def usable(self) -> list[int]:
        """Those lit all the time, with no channel full."""
        return [i for i in self.complete if self.integrations[i].usable]

    def histogram(self, indices: list[int] | None = None) -> np.ndarray:
        """(n_bins,) int64 sum of some integrations, by default of all usable ones."""
        total = np.zeros(self.facts.n_bins, np.int64)
        for i in self.usable if indices is None else indices:
            total += self.rows[i]
        return total

    def delay_ns(self) -> np.ndarray:
        """(n_bins,) centres of the channels of the card, with the cable delay."""
        return self.facts.offset_ns + self.facts.bin_width_ns * (np.arange(self.facts.n_bins) + 0.5)

    def estimate(self) -> HbtEstimate:
        """Everything so far as one antibunching curve."""
        facts, background = self.facts, self.refocused.background()
        usable = self.usable
        trace = even_trace([self.integrations[i] for i in usable])
        at_s = bleached_at(
            trace.sum(axis=1),
            bin_s=TRACE_S,
            background_cps=background.rate_cps,
            background_err_cps=background.rate_err_cps,
        )
        used = self._before(usable, at_s)
        parts = [self.integrations[i] for i in used]
        fit = fit_of(facts, self.histogram(used), stop_rate(parts))
        share = emitter_share(parts, background, facts.dead_time_ns)
        rates, rate_err = mean_rates(parts, facts.dead_time_ns)
        return HbtEstimate(
            facts=facts,
            fit=fit,
            **verdict(fit, share, self._growth(used)),
            **curve_of(fit, facts),
            rate_cps=float(rates.sum()),
            rate_err_cps=rate_err,
            route_rate_cps=rates,
            background_cps=background.rate_cps,
            background_err_cps=background.rate_err_cps,
            live_s=seconds(parts),
            dose_kj_cm2=self._dose_kj_cm2(),
            n_runs=len(used),
            n_left_out=len(self.complete) - len(used),
            bleached=bool(np.isfinite(at_s)),
            bleached_at_s=at_s,
            time_s=TRACE_S * np.arange(len(trace)),
            trace_cps=true_rate(trace / TRACE_S, facts.dead_time_ns),
            n_photons=int(sum(part.trace.sum() for part in parts)),
            warnings=warnings_of(facts, fit, share, rates, len(self.complete) - len(usable)),
        )

    def _before(self, usable: list[int], bleached_at_s: float) -> list[int]:
        """Integrations that were over when the emitter bleached; or the first, if it did not last that long."""
        if not np.isfinite(bleached_at_s):
            return usable
        ends = np.cumsum([self.integrations[i].elapsed_s for i in usable])
        return usable[: max(1, int(np.searchsorted(ends, bleached_at_s + TRACE_S, side="right")))]

    def _growth(self, indices: list[int]) -> float:
        """How many times more coincidences there are than at the first look that could have decided anything."""
        if not indices:
            return 1.0
        first = max(FIRST_LOOK, int(self.rows[indices[0]].sum()))
        return max(1.0, float(self.histogram(indices).sum()) / first)

    def _dose_kj_cm2(self) -> float:
        lit_s = sum(part.elapsed_s * part.lit for part in self.integrations.values())
        return float(self.facts.intensity_w_cm2 * lit_s / 1e3)


def fit_of(facts: HbtFacts, channels: np.ndarray, stop_cps: tuple[float, float] | None = None) -> AntibunchingFit:
    """The dip in a histogram (n_bins,) of the card; stop_cps : what the counters say of the stops, and its error."""
    n = facts.rebinned
    width, counts = n * facts.bin_width_ns, channels[: channels.size // n * n].reshape(-1, n).sum(axis=1)
    known = facts.calibrated and not facts.t0_err_ns > BADLY_KNOWN_T0_NS
    return fit_antibunching(
        facts.offset_ns + width * (np.arange(counts.size) + 0.5),
        counts,
        irf_sigma_ns=facts.sigma_ns if facts.calibrated else None,
        blind_ns=max(facts.blind_ns - facts.offset_ns, 0.0),
        t0_ns=facts.t0_ns if known else None,
        stop_cps=stop_cps[0] if stop_cps else None,
        stop_err_cps=stop_cps[1] if stop_cps else 0.0,
    )


def verdict(fit: AntibunchingFit, share: SignalShare | None, growth: float) -> dict[str, Any]:
    """Whether the emitter is single, its own contrast, and its share of the light."""
    known = share is not None and share.value > 0
    rho, rho_err = (share.value, share.err) if share is not None and known else (float("nan"), float("nan"))
    corrected = (float("nan"), float("nan"))
    if known and fit.identified:
        corrected = corrected_contrast(fit.contrast, fit.contrast_err, rho, rho_err)
    return {
        "decision": decide(
            fit,
            signal_fraction=rho if known else None,
            signal_fraction_err=rho_err if known else 0.0,
            data_growth=growth,
        ),
        "corrected_contrast": float(corrected[0]),
        "corrected_contrast_err": float(corrected[1]),
        "signal_fraction": rho,
        "signal_fraction_err": rho_err,
    }


def curve_of(fit: AntibunchingFit, facts: HbtFacts) -> dict[str, Any]:
    """The histogram and its g2 against lag; zero lag where it was calibrated, found, or declared."""
    curve, known = normalised(fit), facts.calibrated or fit.identified
    t0_ns = fit.t0_ns if known else (facts.declared_ns if np.isfinite(facts.declared_ns) else 0.0)
    return {
        "delay_ns": curve.delay_ns - t0_ns,
        "counts": fit.histogram.counts.astype(np.int64),
        "g2": curve.g2,
        "g2_err": curve.g2_err,
        "g2_model": curve.model,
        "coincidences_per_ns": float(fit.baseline / fit.histogram.width_ns),
    }


def warnings_of(
    facts: HbtFacts, fit: AntibunchingFit, share: SignalShare | None, rates_cps: np.ndarray, n_left_out: int
) -> tuple[str, ...]:
    """What a reader of the numbers must know."""
    found = [
        NOT_CALIBRATED if not facts.calibrated else "",
        NO_BACKGROUND if share is None else "",
        NO_SIGNAL if share is not None and not share.value > 0 else "",
        f"{NO_DIP}: chi2 {fit.chi2:.2g} per degree of freedom" if not fit.fits else "",
        MUCH_LIGHT if rates_cps.sum() > MUCH_CPS else "",
        f"{n_left_out} integrations were left out: not lit all the time, or a channel was full" if n_left_out else "",
    ]
    return tuple(text for text in found if text)
