"""What was found in the runs on single emitters: stored, told to the registry, handed back at the prompt."""

import logging
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotReady
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.correlation import TimeZero
from analysis.field import Field
from analysis.flim import Response
from analysis.pair_response import PairResponse
from lab.derived import derive
from lab.emitters.arrays import parameters_of
from lab.emitters.kinds import KINDS
from lab.emitters.registry import EmitterRegistry
from lab.emitters.results import EmitterRun, RecentreResult
from lab.emitters.runs import Documents, Run, Runs

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 600.0


class EmitterAnalyses:
    """The runs on single emitters of a session, and what was found in them.

    Parameters
    ----------
    documents : uid of a run -> its documents; record : takes the documents of derived runs
    registry : of the emitters; it is told of everything that is found
    irf_of : uid -> that instrument response; derived_of : uid of a run -> uid of its newest stored analysis
    keep_time_zero : called with uid and fit of each good calibration

    Attributes
    ----------
    runs : what looks at each of them
    draw : makes the figure of a result
    """

    def __init__(
        self,
        documents: Documents,
        record: Callable[[str, dict], None],
        registry: EmitterRegistry,
        *,
        irf_of: Callable[[str], Response],
        derived_of: Callable[[str], str | None] = lambda uid: None,
        keep_time_zero: Callable[[str, TimeZero], None] = lambda uid, fit: None,
    ):
        self.runs = Runs(documents, irf_of, self.store)
        self.record, self.registry = record, registry
        self.derived_of, self.keep_time_zero = derived_of, keep_time_zero
        self.draw: Callable[[EmitterRun], Path | None] | None = None

    def store(self, run: Run, found: Any):
        """Store what was found as a derived run, and tell the registry; in the working thread, before it is told."""
        kind, start = KINDS[run.plan_name], run.start
        run.emitter = run.emitter or run.told.place.get("emitter", "")
        self.tell_registry(run, found)
        if isinstance(found, PairResponse) and found.clear and run.told.complete and run.measured:
            self.keep_time_zero(start["uid"], found.fit)
        if not run.stored:
            return
        packed = kind.pack(found)
        about = {key: start[key] for key in ("sample_name", "campaign", "power_series") if start.get(key)}
        about |= {"emitter": run.emitter} if run.emitter else {}
        run.derived_uid = self.derive(
            kind.analysis, [start["uid"]], packed, parameters=parameters_of(start, packed), metadata=about
        )

    def tell_registry(self, run: Run, found: Any):
        """Let the registry know; what it cannot take is logged and keeps nothing else from being done."""
        kind, start = KINDS[run.plan_name], run.start
        try:
            if run.plan_name == "find_emitters":
                if start.get("campaign") and not run.told.complete:
                    return  # the campaign takes it again, whole
                placing = self.registry.place(
                    start["sample_name"], found.emitters, uid=start["uid"], extent_um=extent_of(found)
                )
                run.notes = {"ids": tuple(placing.ids), "placing_warnings": tuple(placing.warnings)}
            elif kind.values is not None and run.emitter:
                values = kind.values(found) | {"stopped_by": run.told.stopped_by}
                self.registry.record(
                    start["uid"], run.emitter, run.plan_name, values, campaign=start.get("campaign", "")
                )
        except Exception:
            log.exception("the registry of emitters does not know of run %s", start["uid"][:8])

    def derive(self, name: str, uids: list[str], packed: dict, **about: Any) -> str:
        """Record a derived run; returns its uid."""
        return derive(self.record, name, uids, packed, **about)

    def result_of(self, uid: str, *, drawn: bool = True) -> EmitterRun | None:
        """Wait for the result of a run; None (and a line in the log) if there is none."""
        new = uid not in self.runs.by_uid
        run = self.runs.known(uid)
        run.derived_uid = self.derived_of(uid) if new else run.derived_uid
        about = {"start": run.start, "told": run.told, "exit_status": run.told.exit_status}
        if run.done is None:
            return RecentreResult(**about, emitter=run.emitter or run.told.place.get("emitter", ""))
        try:
            found = run.done.result(RESULT_TIMEOUT_S)
        except (NotReady, Exception) as why:
            log.error("run %s is stored, but nothing could be found in it: %s", uid[:8], why)
            return None
        kind = KINDS[run.plan_name]
        about |= {kind.key: found, "emitter": run.emitter, "derived_uid": run.derived_uid, **run.notes}
        result = kind.result(**about)
        return replace(result, figure=self.draw(result)) if self.draw is not None and drawn else result


def extent_of(found: Field) -> tuple[tuple[float, float], ...]:
    """From where to where an image reaches, x and y, in stage coordinates."""
    half_um = found.pixel_um / 2
    return tuple((low - half_um, low - half_um + found.extent_um) for low in found.facts.origin_um)
