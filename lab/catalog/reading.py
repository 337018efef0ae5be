"""What a run can show, and the arrays of its analysis: the stored one, else computed again from its documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.blink_trace import PHOTONS
from lab.emitters.kinds import KINDS
from lab.flim.results import FlimResult, flim_arrays
from lab.spectra.arrays import arrays_of as spectral_arrays
from lab.spectra.results import SpectralResult
from lab.stored.analyses import OF_MANY, measured_by
from lab.stored.streams import Arrays, arrays_of

if TYPE_CHECKING:
    from lab.catalog.run import Run

SPECTRA = ("absorption", "blank", "pl", "ple", "calibrate")
HAS = {
    "flim_raster": ("image", "decays", "fit"),
    "find_emitters": ("image", "fit"),
    "hbt": ("g2", "trace", "fit"),
    "blinking": ("trace", "fit"),
    "lifetime_at": ("decays", "fit"),
    "irf": ("decays", "fit"),
    "time_zero": ("fit",),
    "recentre": ("fit",),
    **dict.fromkeys(OF_MANY, ("fit",)),
    **dict.fromkeys(SPECTRA, ("spectrum", "fit")),
}
CALLS = {
    "image": '.image("qd")', "decays": ".decays()", "g2": ".g2()", "trace": ".trace()", "spectrum": ".spectrum()",
    "photons": ".photons()", "fit": ".fit()",
}  # fmt: skip


def measured(run: Run) -> Run:
    """The run that was measured: of an analysis, the one that it is of."""
    return run.db[run.start["analysis_of"][0]] if run.purpose == "analysis" else run


def plan_of(start: Mapping[str, Any]) -> str:
    """The plan whose kind of data a run holds, also for its analysis."""
    plan = str(start.get("plan_name", ""))
    return plan if plan in HAS else measured_by(plan)


def readings(start: Mapping[str, Any]) -> list[str]:
    """What a run can show, as one types it."""
    names = HAS.get(plan_of(start), ())
    photons = ("photons",) if is_tagged(start) else ()
    return [CALLS[name] for name in (*names, *photons)] + [".table()", ".documents()"]


def is_tagged(start: Mapping[str, Any]) -> bool:
    record = start.get("record")
    return isinstance(record, Mapping) and record.get("kind") == PHOTONS


def need(run: Run, what: str, *plans: str) -> None:
    """LookupError, with what this run has, unless it is of one of these plans."""
    if plan_of(run.start) not in plans:
        plan = run.start.get("plan_name", run.purpose)
        raise LookupError(f"run {run.uid[:8]} is a {plan}: it has no {what}, but {', '.join(readings(run.start))}")


def fit(run: Run) -> Any:
    """The result, computed again."""
    return run.db.fitted.of(run)


def analysed(run: Run) -> tuple[Arrays, str]:
    """The arrays of the newest analysis, and its uid; computed again, and "", where none is stored."""
    analysis = run if run.purpose == "analysis" else run.db.analysis_of(run)
    if analysis is not None and (found := arrays_of(analysis.documents())):
        return found, analysis.uid
    return packed(fit(run), run.start["plan_name"]), ""


def packed(result: Any, plan: str) -> Arrays:
    """The arrays that a derived run of a result would hold."""
    if isinstance(result, FlimResult):
        return flim_arrays(result.map)
    if isinstance(result, SpectralResult):
        return spectral_arrays(result)
    kind = KINDS[plan]
    return dict(kind.pack(getattr(result, kind.key)))


def about(run: Run) -> str:
    return str(run.start.get("emitter") or run.start.get("sample_name", "unknown"))
