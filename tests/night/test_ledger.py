"""What a ledger holds survives, is refused when it does not fit, and is told when it is damaged."""

import json
import math
import sqlite3

import numpy as np
import pytest

from lab.journal import Journal
from lab.night.entry import DONE, FAILED, INTERRUPTED, RUNNING, WAITING
from lab.night.ledger import Ledger, LedgerError
from plans.item import Item

RASTER = Item("flim_raster", {"sample": "A", "centre_um": (50, 50), "n_pixels": np.int64(4)}, retries=1)
QUEUE = [Item("irf"), RASTER, Item("qd_campaign", {"sample": "single"}, until=1e9)]


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "nights.sqlite", tmp_path / "journal")
    yield made
    made.close()


def again(ledger):
    """As a session sees it that starts after this one was killed."""
    return Ledger(ledger.book.path, ledger.journal)


def test_everything_is_read_back_as_it_was(ledger):
    name = ledger.begin(QUEUE, until=2e9, expected_s=[60.0, 3600.0]).name
    ledger.note(name, 0, RUNNING, attempts=1)
    ledger.note(name, 0, DONE, run="uid-1", counts=np.arange(2), tau_ns=math.inf)
    night = again(ledger).night(name)
    assert night.until == 2e9 and not night.finished
    assert [entry.state for entry in night.entries] == [DONE, WAITING, WAITING]
    assert night.entries[0].runs == ("uid-1",) and night.entries[0].attempts == 1
    assert night.entries[0].facts["counts"].tolist() == [0, 1] and night.entries[0].facts["tau_ns"] == math.inf
    assert night.entries[0].began_s <= night.entries[0].ended_s
    assert [entry.expected_s for entry in night.entries[:2]] == [60.0, 3600.0]
    assert math.isnan(night.entries[2].expected_s) and math.isnan(night.entries[1].began_s)
    assert night.entries[1].item.arguments == {"sample": "A", "centre_um": [50, 50], "n_pixels": 4}
    assert night.entries[2].item == QUEUE[2]


def test_what_was_running_goes_on_as_interrupted(ledger):
    name = ledger.begin(QUEUE).name
    ledger.note(name, 1, RUNNING, attempts=1, run="uid-1")
    night = again(ledger).begin(QUEUE)
    assert night.name == name
    assert night.entries[1].state == INTERRUPTED
    assert (night.entries[1].interruptions, night.entries[1].attempts) == (1, 1)
    assert night.entries[0].state == WAITING and night.entries[0].interruptions == 0


def test_the_same_queue_at_another_hour_is_the_same_night(ledger):
    first = ledger.begin(QUEUE)
    assert ledger.begin([*QUEUE[:2], Item("qd_campaign", {"sample": "single"}, until=1e9 + 86_400)]).name == first.name


@pytest.mark.parametrize(
    "other", [QUEUE[:2], [*QUEUE, QUEUE[0]], QUEUE[::-1], [Item("irf", {"min_counts": 1}), *QUEUE[1:]]]
)
def test_another_queue_is_refused_while_a_night_is_unfinished(ledger, other):
    name = ledger.begin(QUEUE).name
    with pytest.raises(LedgerError, match=f"{name}.*3 of 3.*continue it with make night.*NEW=1"):
        ledger.begin(other)
    assert ledger.names() == [name]
    ledger.finish(name, "given up")
    assert ledger.begin(other).name == f"{name}-2"


def test_an_aborted_night_can_go_on_and_a_finished_one_cannot(ledger):
    name = ledger.begin(QUEUE, "mine").name
    assert not ledger.finish(name, "abort").finished
    assert ledger.begin(QUEUE).stopped_by == ""
    assert ledger.finish(name, "finished").finished
    assert ledger.unfinished() is None
    with pytest.raises(LedgerError, match="'mine' is over"):
        ledger.begin(QUEUE, "mine")


@pytest.mark.parametrize("name", ["", " ", "a b", "../mine", "/mine", "a/b", "a\\b", ".mine", "mine.", "a" * 81, 5])
def test_a_name_that_is_no_plain_file_name_is_refused(ledger, name):
    with pytest.raises(LedgerError, match=r"must be 1\.\.80 letters"):
        ledger.begin(QUEUE, name)
    assert ledger.names() == []


def test_a_state_that_does_not_exist_is_refused(ledger):
    name = ledger.begin(QUEUE).name
    with pytest.raises(ValueError, match="waiting, running, done"):
        ledger.note(name, 0, "fine")


@pytest.mark.parametrize("damage", ["no database at all" * 100, ""])
def test_a_damaged_ledger_is_told(ledger, damage):
    path = ledger.book.path
    ledger.begin(QUEUE)
    ledger.close()
    path.write_text(damage or "")
    if damage:
        with pytest.raises(LedgerError, match=r"nights\.sqlite is damaged.*move it away"):
            Ledger(path)
    else:
        assert Ledger(path).unfinished() is None


def test_a_damaged_row_is_told(ledger):
    name = ledger.begin(QUEUE).name
    with sqlite3.connect(ledger.book.path) as db:
        db.execute("UPDATE items SET item = '{' WHERE place = 1")
    db.close()
    with pytest.raises(LedgerError, match=r"is damaged.*the journal"):
        ledger.night(name)


def recorded(journal: Journal, uid: str, name: str, index: int, n_lines: int, time_s: float):
    """A run of a night in the journal, cut off after so many lines."""
    md = {"night": name, "item": index, "purpose": "measurement"}
    journal("start", {"uid": uid, "time": time_s, **md})
    journal("descriptor", {"uid": f"{uid}-b", "run_start": uid, "name": "baseline", "time": time_s})
    journal("event", {"uid": f"{uid}-0", "descriptor": f"{uid}-b", "seq_num": 1, "time": time_s, "data": {}})
    journal("descriptor", {"uid": f"{uid}-d", "run_start": uid, "name": "primary", "time": time_s})
    for n in range(n_lines):
        event = {"uid": f"{uid}-{n + 1}", "descriptor": f"{uid}-d", "seq_num": n + 1, "time": time_s, "data": {}}
        journal("event", event)


def test_a_raster_goes_on_behind_its_last_complete_line(ledger):
    night = ledger.begin(QUEUE)
    assert ledger.continuation(night.name, 1) == {}
    journal, began_s = Journal(ledger.journal), night.began_s
    ledger.note(night.name, 1, RUNNING, attempts=1)
    for k, n_lines in enumerate((0, 3, 0)):
        recorded(journal, f"run-{k}", night.name, 1, n_lines, began_s + k)
    recorded(journal, "another", "some other night", 1, 5, began_s + 9)
    journal.close()
    night = again(ledger).begin(QUEUE)  # nothing of the runs was noted: the journal knows them
    assert night.entries[1].runs == ("run-0", "run-1", "run-2")
    assert ledger.continuation(night.name, 1) == {"continues": "run-1"}
    ledger.note(night.name, 1, FAILED, "over-rate")
    ledger.note(night.name, 1, RUNNING, attempts=2)
    assert ledger.continuation(night.name, 1) == {}, "after a failure, everything is taken again"


def test_a_campaign_has_its_name_from_the_first_attempt_on(ledger):
    night = ledger.begin(QUEUE)
    assert ledger.continuation(night.name, 2) == {"campaign": f"{night.name}-2"}
    assert ledger.continuation(night.name, 0) == {}
    ledger.finish(night.name, "given up")
    named = ledger.begin([Item("qd_campaign", {"campaign": "mine"})])
    assert ledger.continuation(named.name, 0) == {}


def test_what_is_in_the_file_is_strict_json(ledger):
    name = ledger.begin(QUEUE).name
    ledger.note(name, 1, DONE, rate_cps=math.nan)
    for row in ledger.book.rows("SELECT item, runs, facts FROM items"):
        for text in row.values():
            json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
