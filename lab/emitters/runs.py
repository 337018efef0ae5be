"""The runs on single emitters that are looked at, one by one, while they are measured or again."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from analysis.callbacks.blinks import LiveBlinking
from analysis.callbacks.field import LiveField
from analysis.callbacks.growing import GrowingAnalysis
from analysis.callbacks.hbt import LiveHbt
from analysis.callbacks.rows import LiveRows
from analysis.callbacks.worker import LiveAnalysis
from analysis.dot_lifetime import DotLifetime, dot_lifetime
from analysis.flim import Response
from analysis.pair_response import pair_response
from lab.emitters.told import Told

PLANS = ("find_emitters", "recentre", "time_zero", "hbt", "blinking", "lifetime_at")
KEPT = 40  # runs whose estimates stay in memory; those before are computed again when they are asked for

Documents = Callable[[str], Iterator[tuple[str, dict]]]


@dataclass(eq=False)
class Run:
    """One run that is or was looked at.

    live : its analysis as long as that works; done : Future of what it finds, None where there is no analysis
    measured : not only replayed; stored : what is found becomes a derived run
    """

    start: dict[str, Any]
    told: Told
    measured: bool = True
    stored: bool = True
    live: LiveAnalysis | None = None
    done: Future[Any] | None = None
    emitter: str = ""
    derived_uid: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def plan_name(self) -> str:
        return self.start["plan_name"]


class Runs:
    """Live analyses by run uid.

    Parameters
    ----------
    documents : uid of a run -> its documents; irf_of : uid -> that instrument response
    on_found : called with a run and what was found in it, in the working thread, before anybody else gets to know

    Attributes
    ----------
    on_look : called with a live analysis, in its own thread, when there is something new to see
    """

    def __init__(self, documents: Documents, irf_of: Callable[[str], Response], on_found: Callable[[Run, Any], None]):
        self.documents, self.irf_of, self.on_found = documents, irf_of, on_found
        self.by_uid: dict[str, Run] = {}
        self.latest: dict[str, Run] = {}  # by plan name, of those that are measured
        self.on_look: Callable[[Any], None] | None = None

    def of_run(
        self, start: dict[str, Any], *, in_place: bool = False, stored: bool = True
    ) -> list[Callable[[str, dict], Any]]:
        """What looks at a run while it is measured, in this order; nothing if it is not about single emitters."""
        if start.get("plan_name") not in PLANS:
            return []
        run = Run(start, Told(), measured=not in_place, stored=stored, emitter=start.get("emitter", ""))
        run.live = live = self.analysis_of(run)
        self.by_uid[start["uid"]] = run
        if run.measured:
            self.latest[run.plan_name] = run
        for uid in list(self.by_uid)[:-KEPT]:
            del self.by_uid[uid]
        if live is None:
            return [run.told]
        run.done = live.done
        run.done.add_done_callback(lambda _: setattr(run, "live", None))  # only what was found is kept
        return [run.told, live]

    def analysis_of(self, run: Run) -> LiveAnalysis | None:
        """The analysis of a run; None for a plan that says everything itself."""
        in_place = not run.measured

        def store(start: dict[str, Any], found: Any):
            self.on_found(run, found)

        match run.plan_name:
            case "find_emitters":
                return LiveField(in_place=in_place, on_look=self.on_look, on_result=store)
            case "hbt":
                return LiveHbt(in_place=in_place, on_look=self.on_look, on_result=store)
            case "blinking":
                return LiveBlinking(in_place=in_place, on_look=self.on_look, on_result=store)
            case "lifetime_at":
                return LiveRows("lifetime", self.lifetime, in_place=in_place, on_result=store)
            case "time_zero":  # in place: what comes next in the same plan uses it
                return LiveRows("time zero", pair_response, in_place=True, on_result=store)
        return None

    def lifetime(self, start: dict[str, Any], histogram: Any) -> DotLifetime:
        return dot_lifetime(start, histogram, self.irf_of(start["irf_uid"]))

    def look(self, plan_name: str) -> Future[Any]:
        """The estimate of the run of a plan that goes on, or of the last one, with all it has emitted so far."""
        run = self.latest.get(plan_name)
        if run is None or run.done is None:
            missing: Future[Any] = Future()
            missing.set_exception(LookupError(f"no run of {plan_name} was measured in this session"))
            return missing
        live = run.live
        return live.look() if isinstance(live, GrowingAnalysis) and not run.told.ended else run.done

    def known(self, uid: str) -> Run:
        """A run that was looked at, from memory, or looked at again without storing anything."""
        if uid not in self.by_uid:
            self.replay(uid, stored=False)
        return self.by_uid[uid]

    def replay(self, uid: str, *, stored: bool = True):
        """Send a stored run through the live analysis again, in this thread."""
        looking: list[Callable[[str, dict], Any]] = []
        for name, doc in self.documents(uid):
            looking = self.of_run(doc, in_place=True, stored=stored) if name == "start" else looking
            for callback in looking:
                callback(name, doc)
