"""What a session tells of its night, every two seconds: built from the ledger, the documents and the processes."""

import logging
import math
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.night.entry import FAILED, INTERRUPTED, RUNNING, WAITING, Entry, Night
from lab.night.runs import rates
from lab.night.status import ItemStatus, NightStatus

log = logging.getLogger(__name__)

PERIOD_S = 2.0
KEPT = 720  # points of each curve
MOST_FAILURES = 20


@dataclass
class Course:
    """The run that goes on, as far as its documents tell."""

    start: dict[str, Any] = field(default_factory=dict)
    primary: set[str] = field(default_factory=set)
    n_done: int = 0

    @property
    def progress(self) -> float | None:
        """0 to 1, lines of the runs before included; None: nobody knows."""
        n_points, n_before = self.start.get("num_points"), self.start.get("first_line", 0)
        return min(1.0, (n_before + self.n_done) / (n_before + n_points)) if n_points else None

    def __str__(self) -> str:
        about = self.start.get("emitter") or self.start.get("sample_name") or ""
        of = f", {self.n_done} of {self.start['num_points']}" if self.start.get("num_points") else ""
        return f"{self.start.get('plan_name', '')} {about}".strip() + of


class Watch:
    """Subscriber of the RunEngine, and a thread that writes the status.

    Parameters
    ----------
    session : whose night it is
    """

    def __init__(self, session: Any):
        self.session, self.name = session, None
        self.folder: Path = session.config.folders.night
        self.course = Course()
        self.rates: dict[str, deque[tuple[float, float]]] = {}
        self.results: dict[str, str] = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.tell, name="night watch", daemon=True)

    def start(self):
        self.session.RE.subscribe(self)
        self.thread.start()

    def __call__(self, name: str, doc: dict[str, Any]):
        """Documents; a failure here is logged, and never reaches the run."""
        try:
            self.heed(name, doc)
        except Exception:
            log.exception("the watch of the night stumbled over a %s document", name)

    def heed(self, name: str, doc: dict[str, Any]):
        if name == "start":
            self.course = Course(doc)
        elif name == "descriptor" and doc.get("name") == "primary":
            self.course.primary.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in self.course.primary:
            self.course.n_done += 1
            for route, cps in rates(self.course.start, doc["data"]).items():
                self.rates.setdefault(route, deque(maxlen=KEPT)).append((doc["time"], cps))

    def tell(self):
        while not self.over.wait(PERIOD_S):
            self.tell_once()

    def tell_once(self):
        """Write the status; what fails is logged, the night goes on."""
        try:
            night = self.session.ledger.night(self.name) if self.name else self.session.ledger.unfinished()
            if night is None:
                return
            self.name = night.name
            self.take_results(night)
            status = self.status(night)
            from lab.night import page

            page.write(self.folder, status)
        except Exception:
            log.exception("the status of the night could not be written")

    def close(self):
        """Tell the end."""
        self.over.set()
        if self.thread.is_alive():
            self.thread.join(10.0)
        self.tell_once()

    def status(self, night: Night) -> NightStatus:
        now_s = time.time()
        running = next(iter(night.of_state(RUNNING)), None)
        course = self.course if running is not None and self.course.start.get("item") == running.index else Course()
        item_end_s, night_end_s = ends(night, course.progress, now_s)
        return NightStatus(
            night.name,
            self.state(night, running),
            now_s,
            night.began_s,
            tuple(item_status(entry, self.results) for entry in night.entries),
            now=sentence(night, running, course),
            progress=course.progress,
            item_end_s=item_end_s,
            night_end_s=night_end_s,
            until_s=night.until,
            rates_cps={route: tuple(points) for route, points in self.rates.items()},
            image=self.picture(),
            services=self.services(),
            failures=failures(night),
            free_gb=shutil.disk_usage(self.session.config.folders.data).free / 1e9,
        )

    def state(self, night: Night, running: Entry | None) -> str:
        """The state in one word."""
        if night.finished:
            return "finished" if night.stopped_by in ("finished", "until") else "stopped"
        engine = self.session.RE
        if engine.state == "paused":
            return "paused"
        if engine.recovery.at_work:
            return "recovering"
        if engine.state == "idle":
            return "stopped"
        return "running" if running is not None else "waiting"

    def take_results(self, night: Night):
        """Sentences about runs that are over, each asked for once."""
        for entry in night.entries:
            for uid in entry.runs if entry.finished else ():
                if uid not in self.results:
                    found = self.session.analyses.finished(uid)
                    self.results[uid] = first_line(found) if found is not None else ""

    def picture(self) -> str:
        """The live picture, copied beside the page when it is new."""
        live, shown = self.session.config.folders.data / "figures" / "live.png", self.folder / "last.png"
        try:
            if live.exists() and (not shown.exists() or shown.stat().st_mtime < live.stat().st_mtime):
                draft = self.folder / ".last.png"
                shutil.copy(live, draft)
                draft.replace(shown)
        except OSError as why:
            log.warning("the picture of the night was not renewed: %s", why)
        return shown.name if shown.exists() else ""

    def services(self) -> tuple[str, ...]:
        """One sentence for each process."""
        shutter, card = self.session.microscope.shutter, self.session.microscope.timeharp
        light = f"up, shutter {shutter.state.get(timeout=1.0)}" if shutter.state.connected else "does not answer"
        bench = "up" if card.heartbeat.connected else "does not answer"
        return f"storage {self.session.ingester.status()}", f"light {light}", f"bench {bench}"


def item_status(entry: Entry, results: dict[str, str]) -> ItemStatus:
    """One line of the queue."""
    times = {key: known(getattr(entry, key)) for key in ("began_s", "ended_s", "expected_s")}
    return ItemStatus(
        entry.index,
        entry.item.title,
        entry.state,
        entry.reason,
        entry.attempts,
        entry.interruptions,
        **times,
        runs=entry.runs,
        results=tuple(told for uid in entry.runs if (told := results.get(uid))),
    )


def known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def first_line(result: Any) -> str:
    """What the prompt would say, without its details."""
    lines = [line.strip() for line in str(result).splitlines() if line.strip()]
    return "; ".join(lines[:2])[:200]


def sentence(night: Night, running: Entry | None, course: Course) -> str:
    """What happens now."""
    if night.finished:
        return f"over: {night.stopped_by}"
    if running is not None:
        return f"item {running.index + 1}, {running.item.title}" + (f": {course}" if course.start else "")
    waiting = next((entry for entry in night.entries if entry.state == WAITING and entry.reason), None)
    return f"item {waiting.index + 1}, {waiting.item.title}: {waiting.reason}" if waiting else ""


def failures(night: Night) -> tuple[str, ...]:
    """What failed or was cut off and why, newest first."""
    bad = night.of_state(FAILED, INTERRUPTED)
    newest = sorted(bad, key=lambda entry: entry.ended_s if math.isfinite(entry.ended_s) else math.inf, reverse=True)
    told = (f"item {entry.index + 1}, {entry.item.title}: {entry.reason}" for entry in newest[:MOST_FAILURES])
    return tuple(told)


def ends(night: Night, progress: float | None, now_s: float) -> tuple[float | None, float | None]:
    """When the present item and the night should be over, from what was expected and how long it took so far."""
    if night.finished:
        return None, night.ended_s
    pace = paced(night)
    left_s = {entry.index: entry.expected_s * pace for entry in night.left if math.isfinite(entry.expected_s)}
    item_end_s = None
    for entry in night.of_state(RUNNING):
        taken_s = now_s - entry.began_s
        if progress:
            left_s[entry.index] = taken_s * (1 - progress) / progress
        elif entry.index in left_s:
            left_s[entry.index] = max(0.0, left_s[entry.index] - taken_s)
        item_end_s = now_s + left_s[entry.index] if entry.index in left_s else None
    return item_end_s, now_s + sum(left_s.values())


def paced(night: Night) -> float:
    """How long things take beside what was expected: a simulated bench does not wait."""
    over = [entry for entry in night.entries if math.isfinite(entry.ended_s) and entry.expected_s > 0]
    taken_s = sum(entry.ended_s - entry.began_s for entry in over if math.isfinite(entry.began_s))
    return taken_s / sum(entry.expected_s for entry in over) if taken_s else 1.0


def resting(status: NightStatus, state: str, now: str) -> NightStatus:
    """The last status, told by somebody else: the session is gone."""
    return replace(status, state=state, now=now, written_s=time.time(), progress=None, item_end_s=None)
