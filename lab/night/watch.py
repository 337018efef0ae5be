"""What a session tells of its night, every two seconds: built from the ledger, the documents and the processes."""

import logging
import math
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from devices import portable
from lab.night.course import Course
from lab.night.entry import FAILED, INTERRUPTED, RUNNING, WAITING, Entry, Night
from lab.night.findings import Findings
from lab.night.runs import ROUTES, Series
from lab.night.status import ItemStatus, NightStatus

log = logging.getLogger(__name__)

PERIOD_S = 2.0
KEPT = 720  # points of each curve
MOST_FAILURES = 20
FLUSH_S = 10.0
OVER = {
    "finished": "the queue came to its end",
    "until": "its time was up",
    "stop": "it ended early: an item failed, see there",
}
MOST_RESULTS = 6  # of an item: a campaign has hundreds


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
        self.earlier = set(session.ledger.names())
        self.findings = Findings(session)
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
        elif name == "stop":
            self.findings.ask(doc["run_start"])
        else:
            self.course.take(name, doc)

    def tell(self):
        while not self.over.wait(PERIOD_S):
            self.tell_once()

    def tell_once(self):
        """Write the status; what fails is logged, the night goes on."""
        try:
            night = self.night()
            if night is None:
                return
            if self.name is None:
                self.findings.look_back(night)
            self.name = night.name
            status = self.status(night)
            from lab.night import page

            page.write(self.folder, status)
        except Exception:
            log.exception("the status of the night could not be written")

    def night(self) -> Night | None:
        """The night that is told of: the unfinished one; one that began and ended between two looks is no less told."""
        ledger = self.session.ledger
        if self.name is None and (unfinished := ledger.unfinished()) is not None:
            return unfinished
        new = [name for name in ledger.names() if name not in self.earlier]
        name = self.name or (new[-1] if new else "")
        return ledger.night(name) if name else None

    def close(self):
        """Tell the end, with what was found last and is on its way into storage."""
        self.over.set()
        if self.thread.is_alive():
            self.thread.join(10.0)
        if not self.session.RE.leaving:
            self.findings.close()
            self.session.ingester.flush(FLUSH_S, patient=False)
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
            tuple(item_status(entry, self.findings.words) for entry in night.entries),
            now=sentence(night, running, course),
            progress=course.progress,
            item_end_s=item_end_s,
            night_end_s=night_end_s,
            until_s=night.until,
            rates_cps=self.rates(),
            drift_um=thinned(self.findings.drift_um),
            image=self.picture(night.began_s),
            services=self.services(),
            failures=failures(night),
            free_gb=shutil.disk_usage(self.session.config.folders.data).free / 1e9,
        )

    def state(self, night: Night, running: Entry | None) -> str:
        """The state in one word; one that is stopped does not go on by itself."""
        engine = self.session.RE
        if night.finished:
            return "finished" if night.stopped_by in ("finished", "until") else "stopped"
        if engine.leaving:
            return "stopped"
        if engine.state == "paused":
            return "paused"
        if engine.recovery.at_work or engine.state == "idle":  # the keeper begins a session that failed once more
            return "recovering"
        return "running" if running is not None else "waiting"

    def rates(self) -> dict[str, Series]:
        """Count rates since the night began, those of the run that goes on too."""
        past, over = self.findings.rates_cps(), self.course.start.get("uid") in self.findings.runs
        live = {} if over else self.course.rates
        both = {route: (*past.get(route, ()), *live.get(route, ())) for route in ROUTES}
        return {route: thinned(points) for route, points in both.items() if points}

    def picture(self, since_s: float) -> str:
        """The newest picture of the night, of the run that goes on or one that is over, copied beside the page."""
        drawn, shown = self.session.config.folders.data / "figures", self.folder / "last.png"
        try:
            newest = max((each for each in drawn.glob("*.png") if each.stem != "draft"), key=written_s, default=None)
            if newest is not None and written_s(newest) > max(since_s, written_s(shown)):
                draft = self.folder / ".last.png"
                shutil.copy(newest, draft)
                portable.replace(draft, shown)
        except OSError as why:
            log.warning("the picture of the night was not renewed: %s", why)
        return shown.name if written_s(shown) > since_s else ""

    def services(self) -> tuple[str, ...]:
        """One sentence for each process."""
        shutter, card = self.session.microscope.shutter, self.session.microscope.timeharp
        light = f"up, shutter {shutter.state.get(timeout=1.0)}" if shutter.state.connected else "does not answer"
        bench = "up" if card.heartbeat.connected else "does not answer"
        return f"storage {self.session.ingester.status()}", f"light {light}", f"bench {bench}"


def item_status(entry: Entry, results: dict[str, str]) -> ItemStatus:
    """One line of the queue."""
    times = {key: known(getattr(entry, key)) for key in ("began_s", "ended_s", "expected_s")}
    told = [results[uid] for uid in entry.runs if results.get(uid)]
    before = [f"and {len(told) - MOST_RESULTS} runs before"] if len(told) > MOST_RESULTS else []
    return ItemStatus(
        entry.index,
        entry.item.title,
        entry.state,
        entry.reason,
        entry.attempts,
        entry.interruptions,
        **times,
        runs=entry.runs,
        results=(*told[-MOST_RESULTS:], *before),
    )


def known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def thinned(points: tuple[tuple[float, ...], ...]) -> Any:
    """So few points that a page holds them; the last one stays.

    >>> thinned(((1.0, 2.0), (2.0, 3.0)))
    ((1.0, 2.0), (2.0, 3.0))
    """
    step = -(-len(points) // KEPT) or 1
    return points[::-step][::-1]


def written_s(path: Path) -> float:
    """When a file was written; 0: it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def sentence(night: Night, running: Entry | None, course: Course) -> str:
    """What happens now."""
    if night.finished:
        return OVER.get(night.stopped_by, f"over: {night.stopped_by}")
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
