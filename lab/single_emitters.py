"""Section 3.4 of the paper as the demo measures it: which emitters, in which order, and the figure that comes of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps
from matplotlib.figure import Figure

from analysis import figures
from analysis.figures.fields import CONTOUR_COUNTS_PER_MS
from lab.emitters.groups import CampaignResult, CohortResult, PowerResult
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult
from lab.report import Row, measure_emitters
from lab.session import Session
from plans import blinking, find_emitters, hbt, power_series, qd_campaign, time_zero

log = logging.getLogger(__name__)

FILMS = {"film": "single", "film2": "film2", "film3": "film3"}  # roles of the films and their samples
GLASS, EXAMPLE, BRIGHT = "halide_qds", "example_qd", "bright_qd"
FIELD_UM, PIXEL_UM = 14.0, 0.1  # of a campaign: room for as many emitters as the paper has
N_RISE = {"film": 47, "glass": 14}  # rise times in the paper
N_TRACES = {"film": 11, "film2": 11, "film3": 11, "glass": 12}  # blinking traces in the paper
ERROR_NS = {"film": 1.0, "film2": 2.0, "film3": 2.0, "glass": 2.0}  # of each rise time
RUN_S = 8.0  # of integrations between two looks
TRACE = {"duration_s": 60.0, "segment_s": 30.0}
BRIGHT_W_CM2 = 28_000.0

Measure = Callable[[Session, Any], Any]


@dataclass(frozen=True)
class SingleEmitters:
    """Results of single emitters; what could not be measured is None or left out.

    cohort : the film whose rise times are known best, against glass; films : all films against glass
    """

    field: EmittersResult | None
    campaigns: dict[str, CampaignResult]
    traces: list[BlinkingResult]
    example: HbtResult | None
    power: PowerResult | None
    bright: BlinkingResult | None
    cohort: CohortResult | None
    films: CohortResult | None

    @property
    def uids(self) -> list[str]:
        """Of the runs that Fig. 6 shows."""
        shown = [one for one in (self.field, self.example, self.bright) if one is not None]
        return [uid for one in shown for uid in (one.uid, one.derived_uid) if uid]


def measure_single_emitters(session: Session, measured: Measure) -> SingleEmitters:
    """Everything of section 3.4; `measured` runs a plan and says what came of it."""
    scope = session.microscope
    session.RE(bps.mv(scope.timeharp.wiring, "hbt"))
    measured(session, time_zero(scope))
    field = measured(session, find_emitters(scope, sample=FILMS["film"]))
    campaigns = {role: measured(session, campaign(session, role)) for role in (*FILMS, "glass")}
    example = brightest(session, measured, EXAMPLE)
    dip = measured(session, hbt(scope, emitter=example, target_err_ns=0.4, run_s=RUN_S, max_time_s=900))
    power = measured(session, power_series(scope, emitter=example, target_err_ns=0.6))
    bright = brightest(session, measured, BRIGHT)
    trace = measured(session, blinking(scope, emitter=bright, intensity_w_cm2=BRIGHT_W_CM2, duration_s=30))
    return SingleEmitters(
        field=of_kind(field, EmittersResult),
        campaigns={role: one for role, one in campaigns.items() if isinstance(one, CampaignResult)},
        traces=traces_of(session, campaigns),
        example=of_kind(dip, HbtResult),
        power=of_kind(power, PowerResult),
        bright=of_kind(trace, BlinkingResult),
        cohort=cohort_of(session, [FILMS["film"]]),
        films=cohort_of(session, list(FILMS.values())),
    )


def of_kind(result: Any, kind: type) -> Any:
    """A result, if it is one: of a run that could not be analysed there is only a uid."""
    return result if isinstance(result, kind) else None


def campaign(session: Session, role: str):
    """The campaign of a sample: as many emitters as in the paper, of each a rise time and a trace."""
    most = max(N_RISE.get(role, 0), N_TRACES[role])
    field = {"extent_um": FIELD_UM, "search": {"n_pixels": round(FIELD_UM / PIXEL_UM)}}
    pairs = {"target_err_ns": ERROR_NS[role], "run_s": RUN_S}
    sample = FILMS.get(role, GLASS)
    return qd_campaign(session.microscope, sample=sample, **field, hbt=pairs, blinking=TRACE, max_emitters=most)


def brightest(session: Session, measured: Measure, sample: str) -> str:
    """The brightest emitter of a sample that stands alone, by its id."""
    found = measured(session, find_emitters(session.microscope, sample=sample))
    alone = np.flatnonzero(found.field.emitters.isolated)
    return found.ids[int(alone[0])]


def traces_of(session: Session, campaigns: dict[str, Any]) -> list[BlinkingResult]:
    """The blinking traces of all campaigns."""
    uids = [uid for one in campaigns.values() if isinstance(one, CampaignResult) for uid in one.uids]
    results = [session.analyses.emitters.result_of(uid, drawn=False) for uid in uids]
    return [one for one in results if isinstance(one, BlinkingResult)]


def cohort_of(session: Session, films: list[str]) -> CohortResult | None:
    """Films against glass, if both were measured.

    All emitters count whose numbers are known, also those that bleached too early for the error that was asked: slow
    ones take longer, and leaving them out would make the rest look fast.
    """
    try:
        return session.cohort(film=films, glass=GLASS)
    except (LookupError, ValueError) as why:
        log.error("no cohort: %s", why)
        return None


def rows_of(found: SingleEmitters, samples: Any) -> list[Row]:
    """The paper's numbers on single emitters beside ours; samples : the records."""
    record = samples[FILMS["film"]]
    rise = {} if found.cohort is None else found.cohort.rises()
    on = {} if found.films is None else found.films.on
    names = {**FILMS, "glass": GLASS}
    return measure_emitters(
        field=found.field,
        example=found.example,
        zero_power=None if found.power is None else found.power.zero,
        rise=rise,
        on={role: on[name] for role, name in names.items() if name in on},
        traces=found.traces,
        bright=found.bright,
        survival={} if found.films is None else found.films.survival,
        doping_percent={name: samples[name]["doping_percent"] for name in ("A", "single")},
        thickness_nm=float(record["thickness_nm"]),
    )


def figures_of(found: SingleEmitters) -> dict[str, tuple[Figure, list[str], dict[str, Any]]]:
    """Fig. 6 and the cohort, each with its uids and what is shown of them; those whose data are there."""
    made = {}
    if found.field is not None and found.example is not None and found.bright is not None:
        figure = figures.figure6(found.field.field, found.example.estimate, found.bright.estimate)
        made["figure6"] = figure, found.uids, {"contour_counts_per_ms": CONTOUR_COUNTS_PER_MS}
    one, films = found.cohort, found.films
    if one is not None and films is not None and one.film is not None and one.glass is not None:
        uids = [uid for uid in (one.derived_uid, films.derived_uid) if uid]
        shown = {"on": films.on, "survival": films.survival, "comparison": films.comparison, "uids": uids}
        figure = figures.cohort_overview(one.film, one.glass, one.prediction, **shown)
        sources = list(dict.fromkeys([*uids, *one.uids, *films.uids]))
        emitters = {name: list(ids) for name, ids in films.emitters.items()}
        made["single-emitters"] = figure, sources, {"emitters": emitters, **one.parameters}
    return made
