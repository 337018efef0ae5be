"""What a run on single emitters hands back at the prompt: one screen of text, with the way to the arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.blinks import BlinkEstimate
from analysis.dot_lifetime import DotLifetime
from analysis.field import Field
from analysis.hbt import HbtEstimate
from analysis.pair_response import PairResponse
from lab.emitters.shortcuts import OfDecay, OfField, OfPairs, OfPlace, OfTrace, OfZero
from lab.emitters.told import Told
from lab.shown import Shown
from lab.wording import count, labelled, warning_lines, whereabouts, within

VERDICTS = {True: "yes", False: "no", None: "not decided"}
SHOWN_EMITTERS = 6


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class EmitterRun(Shown):
    """A run on single emitters, `start` is its start document.

    told : what the plan told in its documents: where the emitter was seen, why it stopped
    emitter : its id in the registry, "" if it has none
    derived_uid : the stored analysis, None if there is none; storage : what is wrong with storage, if anything
    """

    start: dict[str, Any]
    told: Told = field(default_factory=Told)
    emitter: str = ""
    derived_uid: str | None = None
    exit_status: str = "open"
    figure: Path | None = None
    storage: str = ""

    @property
    def uid(self) -> str:
        return self.start["uid"]

    @property
    def sample(self) -> str:
        return self.start["sample_name"]

    @property
    def stopped_by(self) -> str:
        """Why the plan ended, "" if it did not say."""
        return self.told.stopped_by

    @property
    def what(self) -> str:
        """The plan, and what it was about."""
        about = f"{self.emitter} ({self.sample})" if self.emitter else self.sample
        return f"{self.start['plan_name']} of {about}"

    @property
    def whom(self) -> str:
        """The emitter as plans take it."""
        if self.emitter:
            return f'emitter="{self.emitter}"'
        at_um = self.start.get("at_um")
        return f"at_um=({at_um[0]:.2f}, {at_um[1]:.2f})" if at_um else "at_um=(..., ...)"

    def numbers(self) -> list[str]:
        """What was found, line by line."""
        return []

    def warnings(self) -> tuple[str, ...]:
        """What a careful reader must know before believing the numbers."""
        return ()

    def next(self) -> str:
        """What to type next."""
        return "db[-1]"

    def whereabouts(self) -> list[str]:
        """Where it is kept."""
        return whereabouts(self)

    def ended(self) -> str:
        """How the run ended, in words."""
        return f"{self.exit_status}, stopped by {self.told.stopped_by}" if self.told.stopped_by else self.exit_status

    def __repr__(self) -> str:
        head = f"{self.what}, run {self.uid[:8]}, {self.ended()}"
        told = [head, *self.numbers(), *warning_lines(self.warnings()), *self.whereabouts()]
        return "\n".join([*told, f"  next        {self.next()}"])


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class EmittersResult(OfField, EmitterRun):
    """A search image with the emitters in it; `ids` are theirs in the registry, one per row of `field.emitters`.

    placing_warnings : what the registry could not be sure of
    """

    field: Field
    ids: tuple[str, ...] = ()
    placing_warnings: tuple[str, ...] = ()

    def numbers(self) -> list[str]:
        found, image = self.field.emitters, self.field
        rate = f", {np.median(found.rate_cps):,.0f} cps in the median" if len(found) else ""
        correlation = within(image.correlation, image.correlation_err, "")
        dispersion = within(image.perovskite_dispersion, image.perovskite_dispersion_err, "")
        return [
            f"  raster      {image.extent_um:.3g} um, pixels of {image.pixel_um:.3g} um, {image.dwell_s * 1e3:g} ms; "
            f"{image.n_photons:,} photons, {image.dose_kj_cm2:.3g} kJ/cm2 each",
            f"  emitters    {len(found)} found, {int(found.isolated.sum())} of them isolated{rate}",
            *labelled("brightest", [self.spot(i) for i in range(min(SHOWN_EMITTERS, len(found)))]),
            f"  perovskite  correlation with the QD image {correlation}, variance over mean {dispersion}",
        ]

    def spot(self, i: int) -> str:
        """One emitter in a line."""
        spot = self.field.emitters[i]
        name = self.ids[i] if i < len(self.ids) else f"{i}"
        at_um = f"({within(spot.x_um[0], spot.x_err_um[0], '')}, {within(spot.y_um[0], spot.y_err_um[0], '')}) um"
        kind = "isolated" if spot.isolated[0] else "not isolated"
        return f"{name} at {at_um}, {within(spot.rate_cps[0], spot.rate_err_cps[0], 'cps')}, {kind}"

    def warnings(self) -> tuple[str, ...]:
        return (*self.field.warnings, *self.placing_warnings)

    def next(self) -> str:
        isolated = np.flatnonzero(self.field.emitters.isolated)
        if not isolated.size:
            return "look elsewhere: find_emitters(microscope, centre_um=(..., ...))"
        first = int(isolated[0])
        if first < len(self.ids) and self.ids[first]:
            return f'RE(hbt(microscope, emitter="{self.ids[first]}", target_err_ns=1.0)); emitters: all that are known'
        x_um, y_um = self.field.emitters.x_um[first], self.field.emitters.y_um[first]
        return f"RE(hbt(microscope, at_um=({x_um:.2f}, {y_um:.2f}), target_err_ns=1.0))"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RecentreResult(OfPlace, EmitterRun):
    """Where an emitter was seen; there is nothing to analyse."""

    def whereabouts(self) -> list[str]:
        return whereabouts(self) if self.storage else [f'  stored      db["{self.uid[:8]}"] (run)']

    def numbers(self) -> list[str]:
        seen = self.told.place
        if not seen.get("found"):
            return [f"  place       not found in {count(int(seen.get('attempts', 0)), 'attempt')}"]
        x, y = (within(seen[f"{axis}_um"], seen[f"{axis}_err_um"], "um") for axis in "xy")
        rate = within(seen["rate_cps"], seen["rate_err_cps"], "cps")
        background = within(seen["background_cps"], seen["background_err_cps"], "cps")
        return [
            f"  place       x {x}, y {y}",
            f"  light       {rate}, background {background}, width {seen['fwhm_um']:.3f} um",
        ]

    def next(self) -> str:
        found = self.told.place.get("found")
        return f"RE(hbt(microscope, {self.whom}, target_err_ns=1.0))" if found else "RE(find_emitters(microscope))"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class HbtResult(OfPairs, EmitterRun):
    """Photon pairs of one emitter: `estimate` holds fit, decision, curve and trace."""

    estimate: HbtEstimate

    def numbers(self) -> list[str]:
        return [*self.light(), *self.dip(), self.verdict(), self.quality()]

    def light(self) -> list[str]:
        found = self.estimate
        start, stop = found.route_rate_cps
        bleached = f", bleached after {found.bleached_at_s:.1f} s" if found.bleached else ""
        background = within(found.background_cps, found.background_err_cps, "cps")
        counted = f"{found.n_photons:,}; {start:,.0f} and {stop:,.0f} cps" if np.isfinite(start) else "not counted"
        return [
            f"  light       {found.facts.intensity_w_cm2:g} W/cm2 for {found.live_s:.1f} s, "
            f"{found.dose_kj_cm2:.4g} kJ/cm2{bleached}",
            f"  photons     {counted}, background {background}",
        ]

    def dip(self) -> list[str]:
        found, fit = self.estimate, self.estimate.fit
        if not fit.identified:
            return [f"  rise time   no dip identified; chance that noise looks like this {fit.p_flat:.2g}"]
        alone = within(found.corrected_contrast, found.corrected_contrast_err, "")
        return [
            f"  rise time   tau {within(fit.tau_ns, fit.tau_err_ns, 'ns')}",
            f"  contrast    C {within(fit.contrast, fit.contrast_err, '')}, g2(0) "
            f"{within(fit.g2_zero, fit.g2_zero_err, '')}; of the emitter alone C {alone}",
        ]

    def verdict(self) -> str:
        decision = self.estimate.decision
        return (
            f"  single      {VERDICTS[decision.single]}, {decision.significance_sigma:+.1f} sigma "
            f"({decision.threshold_sigma:.1f} asked): {decision.reason}"
        )

    def quality(self) -> str:
        found, facts = self.estimate, self.estimate.facts
        zero = f"time zero {facts.time_zero_uid[:8]}" if facts.time_zero_uid else "time zero not calibrated"
        return (
            f"  quality     {found.fit.n_coincidences:,} coincidences, {found.coincidences_per_ns:.3g} per ns, "
            f"deviance {found.fit.deviance:.2f}; start-stop, {zero}"
        )

    def warnings(self) -> tuple[str, ...]:
        return self.estimate.warnings

    def next(self) -> str:
        single = self.estimate.decision.single
        if self.estimate.bleached or single is False:
            return "RE(find_emitters(microscope)), or the next of emitters"
        if single is None:
            return f"RE(hbt(microscope, {self.whom}, decide=True)): longer"
        return f"RE(blinking(microscope, {self.whom}, duration_s=60))"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class BlinkingResult(OfTrace, EmitterRun):
    """A blinking trace: `estimate` holds trace, gaps, levels, durations."""

    estimate: BlinkEstimate

    def numbers(self) -> list[str]:
        found, facts = self.estimate, self.estimate.facts
        end = "bleached after" if found.observed else "not bleached in"
        dead = " and ".join(f"{value:g}" for value in facts.dead_time_ns)
        return [
            f"  record      {facts.kind} for {found.live_s:.1f} s in {count(found.n_segments, 'segment')}, "
            f"{count(len(found.gaps_s), 'gap')} left out, {found.dose_kj_cm2:.4g} kJ/cm2",
            f"  photons     {found.n_photons:,}; dead times {dead} ns, corrected in all rates",
            f"  ON          {within(100 * found.on.value, 100 * found.on.err, '%')} of the time, {self.threshold()}",
            f"  rates       ON {within(found.rate_on_cps, found.rate_on_err_cps, 'cps')}, {self.dark_rate()}, "
            f"highest {found.max_rate_cps:,.0f} cps",
            f"  periods     {len(found.on_times_s)} ON, {len(found.off_times_s)} OFF",
            f"  survival    {end} {found.survival_s:.1f} s of light",
        ]

    def threshold(self) -> str:
        level = float(np.mean(self.estimate.on.threshold))
        if not np.isfinite(level):
            return "one level, never left"
        return f"above {level:.3g} counts in {self.estimate.bin_s * 1e3:.3g} ms"

    def dark_rate(self) -> str:
        rate_cps = self.estimate.rate_off_cps
        return f"OFF {rate_cps:,.0f} cps" if np.isfinite(rate_cps) else "never OFF"

    def warnings(self) -> tuple[str, ...]:
        return self.estimate.warnings

    def next(self) -> str:
        if self.estimate.observed:
            return "RE(find_emitters(microscope)), or the next of emitters"
        return f"RE(hbt(microscope, {self.whom}, target_err_ns=1.0))"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TimeZeroResult(OfZero, EmitterRun):
    """Time zero of the coincidence set-up."""

    response: PairResponse

    @property
    def kept(self) -> bool:
        """Whether coincidence runs measured after it use it."""
        return self.response.clear and self.told.complete

    @property
    def what(self) -> str:
        return "time zero of the coincidence set-up"

    def numbers(self) -> list[str]:
        fit = self.response.fit
        return [
            f"  time zero   {within(fit.t0_ns, fit.t0_err_ns, 'ns')} in raw start-stop time, "
            f"declared {self.response.declared_ns:g} ns",
            f"  response    sigma {within(fit.sigma_ns, fit.sigma_err_ns, 'ns')}, both SPADs together",
            f"  quality     {fit.n_photons:,} coincidences, deviance {fit.deviance:.2f}",
        ]

    def warnings(self) -> tuple[str, ...]:
        return () if self.kept else ("not used for later runs: no clear peak, or the run was not completed",)

    def next(self) -> str:
        return "RE(find_emitters(microscope)), then RE(hbt(microscope, emitter=..., target_err_ns=1.0))"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DotLifetimeResult(OfDecay, EmitterRun):
    """The decay of one emitter under the pulsed laser."""

    lifetime: DotLifetime

    def numbers(self) -> list[str]:
        found, fit = self.lifetime, self.lifetime.fit
        shares = [
            f"{within(tau, err, 'ns')}, {100 * share:.1f} % of the signal"
            for tau, err, share in zip(fit.tau_ns, fit.tau_err_ns, fit.fraction, strict=True)
        ]
        return [
            *labelled("lifetime", shares[::-1]),
            f"  photons     {found.n_photons:,}, background {100 * float(fit.background_fraction):.1f} %",
            f"  quality     deviance {float(fit.deviance):.3f} per degree of freedom, "
            f"instrument response {found.irf_uid[:8]}",
        ]

    def warnings(self) -> tuple[str, ...]:
        doubtful = (
            "the fit cannot be trusted: too few photons, or no decay" if bool(self.lifetime.fit.degenerate) else ""
        )
        return tuple(text for text in (doubtful,) if text)

    def next(self) -> str:
        return f'RE(bps.mv(microscope.timeharp.wiring, "hbt")), then RE(hbt(microscope, {self.whom}))'
