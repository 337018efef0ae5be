"""What a session tells of its night: drift, rates and results of the whole night, the newest picture, the state."""

import json
import os
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from lab.journal import Journal
from lab.night import page
from lab.night.entry import DONE, RUNNING
from lab.night.ledger import Ledger
from lab.night.runs import RunFacts
from lab.night.watch import KEPT, MOST_RESULTS, Watch, thinned
from lab.storage import StorageStatus
from plans.item import Item

QUEUE = [Item("irf"), Item("hbt", {"emitter": "QD-1"})]


def run_documents(uid: str, night: str, *, at_um=(10.0, 10.0), seen_um=(10.5, 10.0)) -> Iterator[tuple[str, dict]]:
    """A measurement of an emitter: seen again at another place, then 1000 counts in a second on both SPADs."""
    now_s = time.time()
    about = {"plan_name": "hbt", "purpose": "measurement", "night": night, "item": 1, "emitter": "QD-1"}
    yield "start", {"uid": uid, "time": now_s, "at_um": list(at_um), "num_points": 4, **about}
    seen = {"target_found": 1, "target_x_um": seen_um[0], "target_y_um": seen_um[1]}
    bright = {"timeharp_elapsed": 1.0, "timeharp_counts": [1000, 500]}
    for n, (stream, data) in enumerate([("refocus", seen), ("primary", bright)]):
        key = f"{uid}-{stream}"
        yield "descriptor", {"uid": key, "run_start": uid, "name": stream, "time": now_s, "data_keys": {}}
        told = {"uid": f"{key}-e", "descriptor": key, "seq_num": 1, "time": now_s + n, "data": data, "timestamps": {}}
        yield "event", told
    yield "stop", {"uid": f"{uid}-stop", "run_start": uid, "time": now_s + 5, "exit_status": "success"}


class Lab:
    """As much of a session as a watch looks at."""

    def __init__(self, data):
        folders = SimpleNamespace(data=data, night=data / "night", journal=data / "journal")
        self.config = SimpleNamespace(folders=folders)
        self.ledger = Ledger(data / "nights.sqlite", folders.journal)
        self.journal = Journal(folders.journal)
        recovery = SimpleNamespace(at_work=False)
        self.RE = SimpleNamespace(state="running", leaving=False, recovery=recovery, subscribe=lambda heard: None)
        self.analyses = SimpleNamespace(finished=self.finished)
        answering = SimpleNamespace(connected=True, get=lambda timeout: "closed")
        card = SimpleNamespace(heartbeat=answering)
        self.microscope = SimpleNamespace(shutter=SimpleNamespace(state=answering), timeharp=card)
        told = StorageStatus("down", None, 3, ())
        self.ingester = SimpleNamespace(status=lambda: told, flush=lambda timeout_s, patient: False)
        self.results: dict[str, object] = {}

    def finished(self, uid):
        return self.results.get(uid)

    def measure(self, watch, documents):
        for name, doc in documents:
            self.journal(name, doc)
            watch(name, doc)


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.journal.close()
    made.ledger.close()


def told(watch: Watch) -> dict:
    """The status, once everything asked for is known."""
    watch.findings.close()
    watch.tell_once()
    return json.loads((watch.folder / page.STATUS).read_text())


def test_drift_rates_results_and_backlog_are_told(lab):
    name = lab.ledger.begin(QUEUE).name
    lab.ledger.note(name, 1, RUNNING, attempts=1, run="run-1")
    watch = Watch(lab)
    lab.results["run-1"] = "g2 of QD-1\n  dip         0.1   of   QD-1"
    lab.measure(watch, run_documents("run-1", name))
    lab.measure(watch, run_documents("run-2", name, seen_um=(10.0, 9.0)))
    found = told(watch)
    assert [move[1:] for move in found["drift_um"]] == [[0.5, 0.0], [0.5, -1.0]]
    assert [rate for _, rate in found["rates_cps"]["perovskite"]] == [1000, 1000]
    assert found["items"][1]["results"] == ["g2 of QD-1; dip 0.1 of QD-1"]
    assert found["services"][0] == "storage down, 3 runs waiting"
    assert "<h2>Drift</h2>" in (watch.folder / page.PAGE).read_text()


def test_a_session_that_goes_on_knows_what_the_one_before_has_measured(lab):
    name = lab.ledger.begin(QUEUE).name
    lab.measure(lambda *_: None, run_documents("run-1", name))
    watch = Watch(lab)
    watch.tell_once()
    found = told(watch)
    assert [move[1:] for move in found["drift_um"]] == [[0.5, 0.0]]
    assert list(found["rates_cps"]) == ["perovskite", "qd"]


def test_the_run_that_goes_on_is_shown_before_it_is_over(lab):
    name = lab.ledger.begin(QUEUE).name
    lab.ledger.note(name, 1, RUNNING, attempts=1)
    watch = Watch(lab)
    lab.measure(watch, list(run_documents("run-1", name))[:-1])
    found = told(watch)
    assert len(found["rates_cps"]["qd"]) == 1
    assert found["progress"] == 0.25
    assert "hbt QD-1, 1 of 4" in found["now"]


def test_looking_back_takes_nothing_away(lab):
    name = lab.ledger.begin(QUEUE).name
    lab.ledger.note(name, 1, RUNNING, attempts=1, run="run-1")
    watch = Watch(lab)
    lab.results["run-1"] = "g2 of QD-1"
    lab.measure(watch, run_documents("run-1", name))
    lab.measure(watch, list(run_documents("run-2", name))[:-1])
    watch.tell_once()  # looks back for the first time
    found = told(watch)
    assert found["items"][1]["results"] == ["g2 of QD-1"]
    assert list(watch.findings.runs) == ["run-1"], "the other one goes on"
    assert len(found["rates_cps"]["qd"]) == 2


def test_an_analysis_that_does_not_end_keeps_no_status_from_being_written(lab):
    ends = threading.Event()
    lab.analyses.finished = lambda uid: ends.wait(60.0) and None
    name = lab.ledger.begin(QUEUE).name
    watch = Watch(lab)
    lab.measure(watch, run_documents("run-1", name))
    watch.tell_once()
    assert (watch.folder / page.STATUS).exists() and not watch.findings.runs
    ends.set()
    assert told(watch)["drift_um"]


def test_it_is_stopped_only_if_nothing_goes_on(lab):
    name = lab.ledger.begin(QUEUE).name
    watch = Watch(lab)
    night = lab.ledger.night
    assert watch.state(night(name), None) == "waiting"
    lab.RE.recovery.at_work = True
    assert watch.state(night(name), None) == "recovering"
    lab.RE.recovery.at_work, lab.RE.state = False, "idle"
    assert watch.state(night(name), None) == "recovering", "its keeper begins the session again"
    lab.RE.leaving = True
    assert watch.state(night(name), None) == "stopped"
    assert watch.state(lab.ledger.finish(name, "stop"), None) == "stopped"
    assert watch.state(lab.ledger.finish(name, "until"), None) == "finished"


def test_a_night_that_is_over_between_two_looks_is_told(lab):
    lab.ledger.finish(lab.ledger.begin(QUEUE, "before").name, "finished")
    watch = Watch(lab)
    watch.tell_once()
    assert not (watch.folder / page.STATUS).exists()
    lab.ledger.finish(lab.ledger.begin(QUEUE, "short").name, "finished")
    found = told(watch)
    assert (found["name"], found["state"]) == ("short", "finished")


def test_the_newest_picture_of_the_night_is_shown(lab):
    figures = lab.config.folders.data / "figures"
    figures.mkdir()
    night = lab.ledger.begin(QUEUE)
    watch = Watch(lab)
    watch.folder.mkdir()
    for name, age_s in (("live.png", -10), ("draft.png", 30)):
        (figures / name).write_text(name)
        os.utime(figures / name, (night.began_s + age_s,) * 2)
    assert watch.picture(night.began_s) == "", "it is of the night before"
    for n, name in enumerate(("live.png", "1234-overview.png")):
        (figures / name).write_text(name)
        os.utime(figures / name, (time.time() + 1 + n,) * 2)
        assert watch.picture(night.began_s) == "last.png"
        assert (watch.folder / "last.png").read_text() == name


def test_a_campaign_of_hundreds_of_dots_stays_a_short_line(lab):
    name = lab.ledger.begin(QUEUE).name
    watch = Watch(lab)
    for n in range(50):
        lab.ledger.note(name, 1, DONE, run=f"run-{n}")
        watch.findings.keep(RunFacts(f"run-{n}"), f"dot {n}")
    results = told(watch)["items"][1]["results"]
    assert results[-1] == f"and {50 - MOST_RESULTS} runs before"
    assert results[:MOST_RESULTS] == [f"dot {n}" for n in range(50 - MOST_RESULTS, 50)]


def test_curves_of_a_long_night_stay_small_and_end_now():
    points = tuple((float(n), 1.0) for n in range(5 * KEPT + 1))
    assert len(thinned(points)) <= KEPT
    assert thinned(points)[-1] == points[-1]
    assert thinned(()) == ()
