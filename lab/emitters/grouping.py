"""Runs on single emitters taken together: which of them belong to each other, and what is stored of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.cohorts import Cohort
from analysis.correlation.power import Saturation, saturation, zero_power
from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.campaigns import BEGUN
from lab.emitters.cohorts import LEAST, Chosen, compared, members, on_fractions, rise_times, table_of
from lab.emitters.group_arrays import cohort_arrays, power_arrays
from lab.emitters.groups import CampaignResult, CohortResult, Group, PowerResult
from lab.emitters.results import HbtResult

LEAST_POWERS = 2
FAR_BELOW = 0.1  # of the lowest power: a saturation there is none that was seen


class EmitterGroups:
    """Power series, campaigns and cohorts of a session.

    draw : makes the figure of a group
    """

    def __init__(self, analyses: EmitterAnalyses):
        self.analyses, self.registry = analyses, analyses.registry
        self.draw: Any = None

    def of_runs(self, uids: tuple[str, ...], plan_result: Any) -> Group | None:
        """What the runs of one call of the RunEngine are together; None if each stands for itself."""
        known = self.analyses.runs.by_uid
        starts = [known[uid].start for uid in uids if uid in known]
        names = dict.fromkeys(start["campaign"] for start in starts if start.get("campaign"))
        name = next(reversed(names), "") or getattr(plan_result, "campaign", "")
        if name and name in self.registry.names():
            ended = known[uids[-1]].told.exit_status if uids and uids[-1] in known else ""
            return self.campaign(name, ended="" if ended == "success" else ended)
        series = {start.get("power_series", "") for start in starts}
        if starts and len(series) == 1 and series != {""}:
            return self.power(start["uid"] for start in starts)
        return None

    def power(self, uids: Iterable[str]) -> PowerResult:
        """Coincidence runs of one emitter against power; ValueError if they are of several."""
        results = [self.analyses.result_of(uid, drawn=False) for uid in uids]
        runs = tuple(result for result in results if isinstance(result, HbtResult))
        about = {(run.sample, run.emitter) for run in runs}
        if len(about) != 1:
            raise ValueError(f"{len(runs)} runs of {len(about)} emitters: give the uids of hbt runs of one emitter")
        result = against_power(tuple(sorted(runs, key=lambda run: run.estimate.facts.intensity_w_cm2)))
        metadata = {"sample_name": runs[0].sample, "emitter": runs[0].emitter}
        derived_uid = self.analyses.derive(
            "power_series_analysis", list(result.uids), power_arrays(result), parameters={}, metadata=metadata
        )
        return self.drawn(replace(result, derived_uid=derived_uid))

    def campaign(self, name: str, *, ended: str = "") -> CampaignResult:
        """A campaign as the registry knows it."""
        campaign = self.registry.campaign(name)
        dots = [dot.emitter for dot in campaign.dots if dot.state != BEGUN]
        records = [record for emitter in dots if (record := self.registry[emitter]).runs]
        table = table_of([record.columns() for record in records])
        image_uid = campaign.facts.get("image_uid", "")
        spots = self.spots_of(image_uid)
        runs = [run["uid"] for record in records for run in record.runs if run["campaign"] == name]
        return CampaignResult(
            uids=(*([image_uid] if image_uid else []), *runs),
            campaign=campaign,
            table=table,
            found=len(spots),
            isolated=sum(map(bool, spots)),
            rise=rise_times(table) if len(table) else None,
            on=all_on(table),
            ended=ended,
        )

    def spots_of(self, uid: str) -> list[int]:
        """Of each emitter in an image, whether it stands alone."""
        rows = self.registry.store.rows("SELECT isolated FROM sightings WHERE uid = ?", uid)
        return [row["isolated"] for row in rows]

    def cohort(
        self, film: Chosen, glass: Chosen, *, samples: Mapping[str, Mapping[str, Any]], **settings: float
    ) -> CohortResult:
        """Emitters in films and on glass."""
        result = compared(members(self.registry, film), members(self.registry, glass), samples=samples, **settings)
        chosen = {name: list(ids) for name, ids in result.emitters.items()}
        parameters = {**result.parameters, "emitters": chosen, "left_out": result.left_out}
        if not result.uids:
            raise ValueError("cohort: no emitter that was measured; `emitters` shows what is known of each")
        packed = cohort_arrays(result)
        derived_uid = self.analyses.derive("cohort_analysis", list(result.uids), packed, parameters=parameters)
        return self.drawn(replace(result, derived_uid=derived_uid))

    def drawn(self, result: Any) -> Any:
        """The result with its figure."""
        path: Path | None = self.draw(result) if self.draw is not None else None
        return replace(result, figure=path)


def all_on(table: pd.DataFrame) -> Cohort | None:
    """ON fractions of all emitters of a campaign; None without three."""
    return next(iter(on_fractions(table).values()), None) if len(table) >= LEAST else None


def against_power(runs: tuple[HbtResult, ...]) -> PowerResult:
    """Rise time and rate against power; what cannot be told is left out, with the reason."""
    told = [run.estimate for run in runs if run.estimate.fit.identified]
    zero, saturated, why_not = None, None, []
    try:
        power, tau, err = (np.array(column, float) for column in zip(*map(rise, told), strict=True))
        zero = zero_power(power, tau, err)
    except ValueError as why:
        why_not.append(f"no rise time at zero power: {why}")
    try:
        power, rate, err, background = (np.array(column, float) for column in zip(*map(brightness, runs), strict=True))
        saturated = bending(saturation(power, rate, err, background if np.isfinite(background).all() else None))
    except ValueError as why:
        why_not.append(f"no saturation: {why}")
    uids = tuple(run.uid for run in runs)
    return PowerResult(uids=uids, runs=runs, zero=zero, saturation=saturated, why_not=tuple(why_not))


def bending(found: Saturation) -> Saturation:
    """A saturation that the powers can tell; ValueError where the rates do not rise with power."""
    if found.saturation_w_cm2 < FAR_BELOW * found.intensity_w_cm2.min():
        raise ValueError(
            "the rates do not rise with power: it was dark for a while, or all powers saturate it; measure lower ones"
        )
    return found


def rise(found: Any) -> tuple[float, float, float]:
    return found.facts.intensity_w_cm2, found.fit.tau_ns, found.fit.tau_err_ns


def brightness(run: HbtResult) -> tuple[float, float, float, float]:
    found = run.estimate
    return found.facts.intensity_w_cm2, found.rate_cps, found.rate_err_cps, found.background_cps
