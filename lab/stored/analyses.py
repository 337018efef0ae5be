"""Which derived run is the analysis of which run, and how a run ended, by their start and stop documents alone."""

from collections.abc import Mapping
from typing import Any

OF_MANY = ("pl_series", "power_series_analysis", "cohort_analysis")
"""Analyses of what several runs show together: they are none of any one of them."""

UNLIKE = {"flim_raster": "flim_analysis", "find_emitters": "emitters_analysis"}
MEASURED = {analysis: plan for plan, analysis in UNLIKE.items()}


def analysis_of(plan: str) -> str:
    """The plan_name of the analysis that belongs to a plan.

    >>> analysis_of("flim_raster"), analysis_of("hbt")
    ('flim_analysis', 'hbt_analysis')
    """
    return UNLIKE.get(plan, f"{plan}_analysis")


def measured_by(analysis: str) -> str:
    """The plan that an analysis belongs to; any other name stays as it is.

    >>> measured_by("flim_analysis"), measured_by("hbt_analysis"), measured_by("hbt")
    ('flim_raster', 'hbt', 'hbt')
    """
    return MEASURED.get(analysis, analysis.removesuffix("_analysis"))


def owners(start: Mapping[str, Any]) -> tuple[str, ...]:
    """The runs that an analysis is of: the one measured last, then those it goes on with; not what it compares with."""
    return (*tuple(start.get("analysis_of") or ())[:1], *(start.get("earlier_runs") or ()))


def belongs_to(start: Mapping[str, Any], uid: str) -> bool:
    """Whether a derived run is an analysis of this run alone."""
    return start.get("plan_name") not in OF_MANY and uid in owners(start)


def ending(stop: Mapping[str, Any] | None) -> str:
    """How a run ended: success, abort, fail, interrupted, or open.

    >>> ending({}), ending({"exit_status": "abort", "interrupted": True}), ending({"exit_status": "success"})
    ('open', 'interrupted', 'success')
    """
    if not stop:
        return "open"
    return "interrupted" if stop.get("interrupted") else str(stop.get("exit_status", "unknown"))
