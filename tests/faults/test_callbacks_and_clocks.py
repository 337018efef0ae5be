"""Callbacks that raise, clocks that jump, readings that are no numbers: the run goes on or says why it ended."""

import math
import time

import pytest
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky import preprocessors as bpp
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import Status

from lab import journal
from lab.journal import Journal
from lab.session import harmless
from tests.faults.invariants import disorders, of_run
from tests.faults.menu import MENU
from tests.faults.test_every_message import begun, is_dark, wire
from tests.lab.documents import documents

pytestmark = pytest.mark.xdist_group("faults")
KINDS = ("start", "descriptor", "event", "stop")


def raising(kind):
    def callback(name, doc):
        if name == kind:
            raise ArithmeticError(f"injected at {kind}")

    return callback


@pytest.mark.parametrize("kind", KINDS)
def test_a_harmless_callback_that_raises_ends_no_run(healthy, caplog, kind):
    wire(healthy, "flim_raster")
    token = healthy.RE.subscribe(harmless(raising(kind)))
    with begun(healthy) as uids:
        healthy.RE(MENU["flim_raster"][1](healthy))
    healthy.RE.unsubscribe(token)
    run = of_run(healthy.config.folders.journal, uids[0])
    assert run[-1][1]["exit_status"] == "success" and not disorders(run)
    assert f"a callback failed on a {kind} document" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_of_the_user_that_raises_loses_nothing_of_the_journal(healthy, kind):
    """It ends the run, which is what RunEngine callbacks may do; the journal, before it in line, has every document."""
    wire(healthy, "flim_raster")
    token = healthy.RE.subscribe(raising(kind))
    with begun(healthy) as uids, pytest.raises(ArithmeticError, match=f"injected at {kind}"):
        healthy.RE(MENU["flim_raster"][1](healthy))
    healthy.RE.unsubscribe(token)
    assert healthy.RE.state == "idle" and is_dark(healthy)
    paths = journal.paths(healthy.config.folders.journal)
    runs = [path for path in paths if path.stem in uids] or [max(paths, key=lambda path: path.stat().st_mtime_ns)]
    (run,) = [of_run(healthy.config.folders.journal, path.stem) for path in runs]
    assert not disorders(run) and run[-1][1]["exit_status"] in ("fail", "abort", "success")
    assert kind == "stop" or run[-1][1]["exit_status"] != "success"
    assert healthy.RE(MENU["flim_raster"][1](healthy)).exit_status == "success"


def jumping(monkeypatch, jumps):
    """Let the wall clock jump by the next of `jumps`, in seconds, each time it is asked."""
    real, offsets = time.time, iter(jumps)
    monkeypatch.setattr(time, "time", lambda: real() + next(offsets, 0.0))


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0, -3.0])
def test_the_order_of_a_journal_is_that_of_writing(tmp_path, monkeypatch, jump_s):
    record, whole = Journal(tmp_path), list(documents(6))
    for step, (name, doc) in enumerate(whole[:-1]):
        moved = dict(doc)
        if "time" in moved and name != "start":
            moved["time"] += jump_s * (step % 2)
        record(name, moved)
    record.close()
    (path,) = journal.paths(tmp_path)
    assert [doc["seq_num"] for name, doc in journal.read(path) if name == "event"] == [1, 2, 3, 4, 5, 6]
    jumping(monkeypatch, [jump_s] * 100)
    assert journal.interrupted(tmp_path) == [path]
    journal.close_interrupted(path, "clock")
    kept = list(journal.read(path))
    assert not disorders(kept) and kept[-1][1]["num_events"] == {"primary": 6}


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_while_a_raster_runs_changes_no_line(healthy, monkeypatch, jump_s):
    """Dead-man, time-outs and heartbeats go by monotonic time; only time stamps follow the clock."""
    wire(healthy, "flim_raster")
    real, seen = time.time, []

    def note(name, doc):
        seen.append(name)

    token = healthy.RE.subscribe(note, "event")
    monkeypatch.setattr(time, "time", lambda: real() + (jump_s if len(seen) >= 2 else 0.0))
    with begun(healthy) as uids:
        result = healthy.RE(MENU["flim_raster"][1](healthy))
    monkeypatch.undo()
    healthy.RE.unsubscribe(token)
    assert result.exit_status == "success" and not healthy.microscope.shutter.latch.get()
    run = of_run(healthy.config.folders.journal, uids[0])
    lines = [doc["data"]["scanner_line"] for name, doc in run if name == "event" and "scanner_lit" in doc["data"]]
    assert sorted(set(lines))[-3:] == [0, 1, 2]
    wrong = [why for why in disorders(run) if why != "the run ended before it began"]
    assert not wrong and (jump_s < 0 or not disorders(run))


class Mute(Device):
    """Its readback is no number, and it never says that it is done."""

    value = Cpt(Signal, value=math.nan, kind="hinted")

    def set(self, value):
        return Status(self, timeout=0.5)


def test_a_reading_that_is_no_number_is_kept_as_such(healthy):
    with begun(healthy) as uids:
        healthy.RE(bp.count([Mute(name="mute")], 2))
    events = [doc for name, doc in of_run(healthy.config.folders.journal, uids[0]) if "seq_num" in doc]
    assert sum(math.isnan(doc["data"].get("mute_value", 0.0)) for doc in events) == 2


def test_a_device_that_never_answers_fails_the_run_within_its_time(healthy):
    @bpp.run_decorator(md={})
    def plan():
        yield from bps.mv(mute, 1.0)

    mute, began_s = Mute(name="mute"), time.monotonic()
    with begun(healthy) as uids, pytest.raises(Exception, match="mute"):
        healthy.RE(plan())
    assert time.monotonic() - began_s < 20.0
    assert of_run(healthy.config.folders.journal, uids[0])[-1][1]["exit_status"] == "fail"
    assert healthy.RE.state == "idle" and is_dark(healthy)
