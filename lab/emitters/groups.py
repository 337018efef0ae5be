"""Many runs on single emitters together, at the prompt: a power series, a campaign, groups of emitters."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.blinking import Survival, SurvivalComparison
from analysis.cohorts import Cohort, Prediction, Ratio
from analysis.correlation.power import Saturation, ZeroPower
from lab.emitters.campaigns import DONE, FAILED, REJECTED, Campaign
from lab.emitters.results import HbtResult
from lab.emitters.shortcuts import OfPower
from lab.shown import Shown
from lab.wording import count, labelled, warning_lines, within

SHOWN_DOTS = 12
SHOWN_REASONS = 6
TABLE = {
    "x_um": "{:.2f}",
    "y_um": "{:.2f}",
    "rate_cps": "{:.0f}",
    "tau_ns": "{:.1f}",
    "tau_err_ns": "{:.1f}",
    "contrast": "{:.2f}",
    "on_fraction": "{:.3f}",
    "dose_kj_cm2": "{:.0f}",
}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Group(Shown):
    """What several runs show together.

    uids : of the runs; derived_uid : the stored analysis, None if there is none
    storage : what is wrong with storage, if anything
    """

    uids: tuple[str, ...]
    derived_uid: str | None = None
    figure: Path | None = None
    storage: str = ""

    def whereabouts(self) -> list[str]:
        figure = [f"  figure      {self.figure}"] if self.figure else []
        problem = [f"  storage     {self.storage}; the journal has all runs"] if self.storage else []
        made = f"analysis of {count(len(self.uids), 'run')}"
        stored = [f'  stored      db["{self.derived_uid[:8]}"] ({made})'] if self.derived_uid else []
        return [*problem, *stored, *figure]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PowerResult(OfPower, Group):
    """One emitter against power. zero, saturation : None where there are not two powers to tell; `why_not` says why."""

    runs: tuple[HbtResult, ...]
    zero: ZeroPower | None = None
    saturation: Saturation | None = None
    why_not: tuple[str, ...] = ()

    @property
    def emitter(self) -> str:
        return next((run.emitter for run in self.runs if run.emitter), "")

    def __repr__(self) -> str:
        about = self.emitter or (self.runs[0].sample if self.runs else "an emitter")
        lines = [f"power series of {about}, {count(len(self.runs), 'power')}"]
        lines += labelled("rise times", [power_line(run) for run in self.runs])
        if self.zero is not None:
            chi2 = f", chi2 {self.zero.chi2:.2f}" if np.isfinite(self.zero.chi2) else ""
            lines.append(f"  zero power  tau {within(self.zero.tau_ns, self.zero.tau_err_ns, 'ns')}{chi2}")
        if (found := self.saturation) is not None:
            level = within(found.saturation_w_cm2, found.saturation_err_w_cm2, "W/cm2")
            lines.append(
                f"  saturation  at {level}, highest rate {within(found.rate_max_cps, found.rate_max_err_cps, 'cps')}"
            )
        lines += [*warning_lines(self.warnings()), *self.whereabouts()]
        return "\n".join([*lines, "  next        result.tau_ns, .saturation_w_cm2, .zero, .saturation, .runs"])

    def warnings(self) -> tuple[str, ...]:
        bleached = next((run for run in self.runs if run.estimate.bleached), None)
        told = f"bleached at {bleached.estimate.facts.intensity_w_cm2:g} W/cm2" if bleached is not None else ""
        return tuple(text for text in (told, *self.why_not) if text)


def power_line(run: HbtResult) -> str:
    """One power in a line."""
    found, fit = run.estimate, run.estimate.fit
    tau = f"tau {within(fit.tau_ns, fit.tau_err_ns, 'ns')}" if fit.identified else "no dip identified"
    return f"{found.facts.intensity_w_cm2:7g} W/cm2: {tau}, {found.rate_cps:,.0f} cps, run {run.uid[:8]}"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CampaignResult(Group):
    """A campaign as it stands.

    campaign : its settings and dots; table : a row for each dot that was measured, with all that is known of it
    found, isolated : emitters in its images; rise, on : those that are single, as a group; None without any
    ended : how the session's part of it ended
    """

    campaign: Campaign
    table: pd.DataFrame
    found: int
    isolated: int
    rise: Cohort | None = None
    on: Cohort | None = None
    ended: str = ""

    @property
    def name(self) -> str:
        return self.campaign.name

    def __repr__(self) -> str:
        made = [f"{len(self.campaign.of_state(state))} {state}" for state in (DONE, REJECTED, FAILED)]
        state = "finished" if self.campaign.finished else "not finished"
        spent_s = float(self.campaign.facts.get("spent_s", 0.0))
        ended = f", {self.ended}" if self.ended else ""
        light_s = np.nansum(self.table["live_s"].to_numpy(float))
        lines = [
            f"campaign {self.name} of {self.campaign.sample}, {state}{ended}",
            f"  emitters    {self.found} found, {self.isolated} of them isolated; {', '.join(made)}",
            *labelled("dots", dot_lines(self.table)),
            *labelled("left out", self.reasons()),
            *labelled("rise times", [told_group(self.rise, "ns")] if self.rise is not None else []),
            *labelled("ON", [told_group(self.on, "%", 100.0)] if self.on is not None else []),
            f"  time        {light_s:,.0f} s of light on {count(len(self.table), 'emitter')}, {spent_s:,.0f} s in all",
        ]
        return "\n".join([*lines, *self.whereabouts(), f"  next        {self.next()}"])

    def reasons(self) -> list[str]:
        """Why dots were left out."""
        reasons: dict[str, list[str]] = {}
        for dot in self.campaign.of_state(REJECTED, FAILED):
            reasons.setdefault(dot.reason, []).append(dot.emitter)
        told = [f"{some(emitters)}: {reason}" for reason, emitters in reasons.items()]
        more = [f"and {len(told) - SHOWN_REASONS} more: result.campaign.dots"] if len(told) > SHOWN_REASONS else []
        return [*told[:SHOWN_REASONS], *more]

    def next(self) -> str:
        """What to type next."""
        if self.campaign.finished:
            return f'session.cohort(film="{self.name}", glass=...); result.table; emitters'
        return f'RE(qd_campaign(microscope, sample="{self.campaign.sample}", campaign="{self.name}")) goes on'


def some(emitters: list[str]) -> str:
    """One emitter by its name, several by their number.

    >>> some(["single-001"]), some(["single-001", "single-002"])
    ('single-001', '2 emitters')
    """
    return emitters[0] if len(emitters) == 1 else f"{len(emitters)} emitters"


def dot_lines(table: pd.DataFrame) -> list[str]:
    """The dots of a campaign, last ones last."""
    rows = [("", *TABLE)]
    for row in table.tail(SHOWN_DOTS).to_dict("records"):
        cells = [pattern.format(row[key]) if pd.notna(row[key]) else "" for key, pattern in TABLE.items()]
        rows.append((str(row["id"]), *cells))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    hidden = len(table) - SHOWN_DOTS
    return [*lines, *([f"and {hidden} before: result.table"] if hidden > 0 else [])] if len(table) else []


def told_group(group: Cohort, unit: str, scale: float = 1.0) -> str:
    """A number of many emitters in words."""
    mean, median = (
        within(scale * value, scale * err, unit)
        for value, err in ((group.mean, group.mean_err), (group.median, group.median_err))
    )
    spread = within(scale * group.spread, scale * group.spread_err, unit)
    return f"mean {mean}, median {median}, spread {spread}; {count(group.n, 'emitter')}"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CohortResult(Group):
    """Emitters in films and on glass, as groups.

    film, glass : rise times (ns); ratio : film over glass; prediction : of the effective medium; None where unknown
    on : ON fractions by sample; survival : by group; comparison : film against glass, log-rank
    emitters : ids by group, those left out and why in `left_out`; parameters : of the effective medium
    """

    film: Cohort | None = None
    glass: Cohort | None = None
    ratio: Ratio | None = None
    prediction: Prediction | None = None
    on: dict[str, Cohort] = field(default_factory=dict)
    survival: dict[str, Survival] = field(default_factory=dict)
    comparison: SurvivalComparison | None = None
    emitters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        groups = [f"{count(len(ids), 'emitter')} {where}" for where, ids in self.emitters.items()]
        lines = [f"cohort: {', '.join(groups)}; {len(self.left_out)} left out"]
        rises = [f"{name}: {told_group(one, 'ns')}" for name, one in self.rises().items()]
        lines += labelled("rise times", rises)
        if self.ratio is not None:
            lines.append(f"  ratio       film over glass {within(self.ratio.value, self.ratio.err, '')}")
        if (told := self.prediction) is not None:
            lines.append(
                f"  prediction  {within(told.mean_ns, told.mean_err_ns, 'ns')}, spread {told.spread_ns:.1f} ns, "
                f"ratio {told.ratio:.3f}: effective medium"
            )
        medians = [
            f"{name}: median {within(100 * one.median, 100 * one.median_err, '%')}, {count(one.n, 'emitter')}"
            for name, one in self.on.items()
        ]
        lines += labelled("ON", medians)
        lines += labelled("survival", [f"{name}: {one}" for name, one in self.survival.items()])
        if self.comparison is not None:
            lines.append(f"  log-rank    chi2 {self.comparison.chi2:.2f}, p {self.comparison.p_value:.2g}")
        return "\n".join([*lines, *self.whereabouts(), "  next        result.film, .glass, .prediction, .left_out"])

    def rises(self) -> dict[str, Cohort]:
        return {name: one for name, one in (("film", self.film), ("glass", self.glass)) if one is not None}
