"""A night goes on whatever fails, in the order and with the policies that were asked for."""

import time
from typing import Any

import pytest
from bluesky.utils import RequestAbort

import plans
from devices.signals import CommandError
from lab.night.ledger import Ledger
from plans.item import Item, as_item, called, item
from plans.known import PLANS
from plans.night import night
from plans.review import reviewed
from plans.stubs import MeasurementError, PlanError
from plans.unattended import MOST_INTERRUPTIONS
from tests.night.night_bench import NightBench

NOBODY: Any = object()
DARK = MeasurementError("the light went out in line 3 (lit for 40 % of it): closed by hand")


@pytest.fixture
def bench(monkeypatch):
    return NightBench(monkeypatch)


@pytest.fixture
def ledger(tmp_path):
    book = Ledger(tmp_path / "nights.sqlite")
    yield book
    book.close()


@pytest.fixture
def run(bench, ledger):
    """Run a night of rasters of these samples, or of items as they are."""

    def go(*items, **options):
        queue = [item("flim_raster", sample=each) if isinstance(each, str) else each for each in items]
        plan = night(queue, ledger=ledger, devices=bench.devices, forecast=bench.forecast, **options)
        return bench.RE(plan).plan_result

    return go


def states(ledger) -> list[str]:
    return [entry.state for entry in ledger.night(ledger.names()[0]).entries]


def test_items_run_in_order_each_in_its_step_and_told_to_the_ledger_before(run, bench, ledger):
    seen = []
    bench.ends["B"] = [lambda: seen.append((states(ledger), ledger.night(ledger.names()[0]).entries[1].runs))]
    outcome = run("A", "B")
    name = outcome.name
    assert bench.steps() == [f"{name}/0", f"{name}/1"]
    assert seen[0][0] == ["done", "running"]
    assert seen[0][1] == (bench.starts[1]["uid"],), "the uid is on disk while the run goes on"
    assert [(start["night"], start["item"]) for start in bench.starts] == [(name, 0), (name, 1)]
    assert (outcome.done, outcome.stopped_by) == (("1 flim_raster A", "2 flim_raster B"), "finished")
    assert outcome.runs == tuple(start["uid"] for start in bench.starts)
    assert bench.microscope.sample.step.get() == ""
    assert bench.is_at_rest()


def test_a_failed_item_is_noted_and_the_next_begins(run, bench, ledger):
    bench.ends["A"] = [DARK]
    outcome = run("A", "B")
    assert states(ledger) == ["failed", "done"]
    assert outcome.failed == {"1 flim_raster A": str(DARK)}
    assert bench.is_at_rest()


def test_stop_ends_the_night_and_says_what_was_left_out(run, bench, ledger):
    bench.ends["A"] = [DARK]
    outcome = run(item("flim_raster", sample="A", on_failure="stop"), "B")
    assert states(ledger) == ["failed", "skipped"]
    assert outcome.stopped_by == "stop"
    assert "closed by hand" in outcome.skipped["2 flim_raster B"]
    assert bench.is_at_rest()


def test_an_item_is_tried_again_as_often_as_allowed_in_a_step_of_its_own(run, bench, ledger):
    bench.ends["A"] = [DARK, DARK]
    name = run(item("flim_raster", sample="A", retries=2)).name
    assert bench.steps() == [f"{name}/0", f"{name}/0/2", f"{name}/0/3"]
    assert ledger.night(name).entries[0].attempts == 3
    assert states(ledger) == ["done"]


def test_what_is_wrong_by_itself_is_not_tried_again(run, bench, ledger):
    bench.ends["A"] = [PlanError("nothing has moved, no run was opened:\n  - the lamp is off")]
    outcome = run(item("flim_raster", sample="A", retries=5))
    assert bench.samples() == ["A"]
    assert outcome.failed == {"1 flim_raster A": "the lamp is off"}


@pytest.mark.parametrize("error", [DARK, PlanError("x:\n  - the card was restarted"), CommandError("no answer")])
def test_an_interruption_is_no_failure_the_same_attempt_goes_on(run, bench, ledger, monkeypatch, error):
    goes_on = iter([{}, {}, {"continues": "first"}, {"continues": "first"}])
    monkeypatch.setattr(ledger, "continuation", lambda *_: next(goes_on))
    bench.ends["A"], bench.restarts = [error], [("timeharp", "scanner")]
    name = run("A").name
    entry = ledger.night(name).entries[0]
    assert bench.steps() == [f"{name}/0", f"{name}/0"]
    assert [given["continues"] for _, given, _ in bench.said] == [None, "first"]
    assert (entry.state, entry.attempts, entry.interruptions, len(entry.runs)) == ("done", 1, 1, 2)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("no answer"),
        MeasurementError("the light went out in line 3: dead-man: no sign of a running plan for 1.5 s"),
        PlanError("x:\n  - the shutter is latched (dead-man: no sign of a running plan for 1.5 s)"),
    ],
)
def test_a_stall_that_passes_is_no_failure(run, bench, ledger, error):
    bench.ends["A"] = [error]
    name = run("A").name
    assert (states(ledger), ledger.night(name).entries[0].interruptions) == (["done"], 1)


def test_an_item_that_is_cut_off_again_and_again_without_progress_is_given_up(run, bench, ledger):
    bench.ends["A"] = [DARK] * 100
    bench.restarts = [("scanner",)] * 100
    outcome = run("A", "B")
    assert bench.samples() == ["A"] * MOST_INTERRUPTIONS + ["B"]
    assert "20 times in a row" in outcome.failed["1 flim_raster A"]


def test_progress_is_patient(run, bench, ledger, monkeypatch):
    counter = iter(range(1000))
    monkeypatch.setattr(ledger, "continuation", lambda *_: {"continues": str(next(counter))})
    bench.ends["A"] = [DARK] * (MOST_INTERRUPTIONS + 5)
    bench.restarts = [("scanner",)] * (MOST_INTERRUPTIONS + 5)
    assert run("A").done == ("1 flim_raster A",)


def test_three_items_that_fail_alike_end_the_night(run, bench, ledger):
    for n, sample in enumerate("ABC"):
        bench.ends[sample] = [MeasurementError(f"line {n} of 3fa85f6{n} is dark")]
    outcome = run("A", "B", "C", "D")
    assert states(ledger) == ["failed"] * 3 + ["skipped"]
    assert outcome.stopped_by == "stop"


def test_different_failures_do_not_end_the_night(run, bench, ledger):
    for sample, why in zip("ABC", ("too dark", "too bright", "too cold"), strict=True):
        bench.ends[sample] = [MeasurementError(why)]
    run("A", "B", "C", "D")
    assert states(ledger) == ["failed"] * 3 + ["done"]


def test_an_aborted_night_stays_unfinished_and_goes_on_with_what_is_left(run, bench, ledger):
    bench.ends["B"] = [RequestAbort()]
    run("A", "B", "C")
    assert states(ledger) == ["done", "interrupted", "waiting"]
    assert not ledger.unfinished().finished
    assert bench.is_at_rest()
    outcome = run("A", "B", "C")
    assert bench.samples() == ["A", "B", "B", "C"]
    assert states(ledger) == ["done"] * 3
    assert len(ledger.names()) == 1
    assert outcome.stopped_by == "finished"


def test_an_instrument_that_stays_away_leaves_the_night_to_be_gone_on_with(run, bench, ledger):
    bench.ends["A"], bench.restarts = [DARK], [CommandError("not back after 90 s: scanner")]
    with pytest.raises(CommandError, match="not back"):
        run("A", "B")
    assert states(ledger) == ["interrupted", "waiting"]
    assert ledger.unfinished() is not None
    assert bench.is_at_rest()


def test_an_item_waits_in_the_dark_for_its_time(run, bench):
    begin_s = time.time() + 0.5
    when = []
    bench.ends["A"] = [lambda: when.append(time.time())]
    run(item("flim_raster", sample="A", not_before=begin_s))
    assert when[0] >= begin_s


def test_what_has_no_time_left_is_skipped_when_its_turn_comes(run, bench, ledger):
    until = time.time() + 10.5
    bench.ends["A"] = [lambda: time.sleep(max(0.0, until - 9.9 - time.time()))]
    run("A", Item("flim_raster", {"sample": "B"}, until=until))
    assert states(ledger) == ["done", "skipped"]
    assert "after its until" in ledger.night(ledger.names()[0]).entries[1].reason


def test_a_calibration_that_a_restart_took_is_made_again_once_in_its_own_step(run, bench, ledger):
    bench.needs["flim_raster"] = ("irf",)
    bench.ends["A"] = [lambda: bench.microscope.timeharp.boot_id.put("boot-2")]
    name = run(item("irf", range_code=2), "A", "B", "C").name
    made = [(plan, step) for plan, _, step in bench.said]
    assert made[2:] == [("irf", f"{name}/0"), ("flim_raster", f"{name}/2"), ("flim_raster", f"{name}/3")]
    assert ledger.night(name).entries[2].facts["restored"] == ["irf"]
    again = bench.starts[2]
    assert (again["before_item"], "item" in again) == (2, False)


@pytest.mark.parametrize(
    ("queue", "options", "says"),
    [
        ([], {}, "no items"),
        ("flim_raster", {}, "must be a list"),
        (["flim_rastr"], {}, "item 1: plan='flim_rastr'.*Did you mean 'flim_raster'"),
        ([{"plan": "flim_raster", "sampl": "A"}], {}, "item 1: sampl: flim_raster has no such argument; it has sample"),
        ([{"plan": "flim_raster", "microscope": "m"}], {}, "the devices are those of the lab"),
        ([{"sample": "A"}], {}, "plan: say which"),
        ([{"plan": "flim_raster", "sample": "refused"}], {}, r"item 1 \(flim_raster refused\): sample='refused'"),
        ([{"plan": "irf"}, {"plan": "irf"}], {}, r"item 2 \(irf\) is the same work as item 1"),
        ([{"plan": "irf", "max_time_s": 5}], {}, "expected to take 10 s, max_time_s=5"),
        ([{"plan": "irf", "max_dose_kj_cm2": 0.5}], {}, "may give 1 kJ/cm2 to one place, max_dose_kj_cm2=0.5"),
        ([{"plan": "irf"}, {"plan": "park"}], {"max_time_s": 15}, "expected to take 20 s, max_time_s=15"),
        ([{"plan": "irf"}], {"until": 1.0e9}, "until=2001-09-09 .* is over"),
        ([{"plan": "irf"}], {"md": {"night": "x"}}, "md has the key 'night'"),
        ([{"plan": "irf", "md": {"item": 3}}], {}, "md has the key 'item'"),
        ([{"plan": "irf", "retries": True}], {}, "retries=True: must be a whole number"),
        ([{"plan": "irf", "until": 1.1e9}], {}, "its until, 2004.* is over"),
    ],
)
def test_a_wrong_night_is_refused_as_a_whole_before_anything_moves(run, bench, ledger, queue, options, says):
    with pytest.raises(PlanError, match=says):
        bench.RE(night(queue, ledger=ledger, devices=bench.devices, forecast=bench.forecast, **options))
    assert (bench.said, bench.starts, ledger.names()) == ([], [], [])


def test_all_problems_of_all_items_are_told_at_once(run):
    queue = [{"plan": "flim_raster", "sample": "refused"}, {"plan": "irf", "max_time_s": 1}]
    with pytest.raises(PlanError) as refusal:
        run(*queue)
    assert "item 1 (flim_raster refused)" in str(refusal.value)
    assert "item 2 (irf)" in str(refusal.value)


def test_more_than_the_disk_holds_is_refused(run, bench):
    bench.microscope.timeharp.free_bytes.put(4e8)
    with pytest.raises(PlanError, match=r"0\.4 GB are free"):
        run("A")


def test_every_plan_of_the_lab_can_be_an_item_and_has_a_forecast():
    from plans import forecast_counting, forecast_emitters, forecast_spectra

    known = {**forecast_counting.FORECASTS, **forecast_emitters.FORECASTS, **forecast_spectra.FORECASTS}
    assert set(known) == set(PLANS) == set(plans.__all__)


def test_a_called_plan_its_name_and_its_dictionary_are_the_same_item():
    asked = plans.flim_raster(NOBODY, sample="A", centre_um=(1, 2), dwell_ms=100.0)
    told = {"plan": "flim_raster", "sample": "A", "centre_um": [1, 2]}
    assert as_item(asked) == as_item(told) == item("flim_raster", sample="A", centre_um=(1, 2))


def test_a_plan_that_has_begun_is_no_item():
    begun = plans.warm_up(NOBODY)
    begun.close()
    with pytest.raises(PlanError, match="still begin"):
        called(begun)


def test_two_rasters_and_a_response_on_the_bench(session, documents):
    """The real thing: an instrument response and two small rasters, then what they left in the documents."""
    small: dict[str, Any] = {"extent_um": 4, "n_pixels": 3, "dwell_ms": 1, "n_scans": 1}
    queue = [
        item("irf", min_counts=2000),
        plans.flim_raster(session.microscope, sample="A", **small),
        {"plan": "flim_raster", "sample": "B", **small},
    ]
    outcome = session.RE(session.night(queue))
    assert (len(outcome.done), outcome.failed, outcome.stopped_by) == (3, {}, "finished")
    starts = [doc for name, doc in documents if name == "start" and doc["uid"] in outcome.runs]
    assert [(start["plan_name"], start["item"]) for start in starts] == [
        ("irf", 0),
        ("flim_raster", 1),
        ("flim_raster", 2),
    ]
    assert session.microscope.shutter.state.get() == "closed"
    assert session.microscope.sample.step.get() == ""


def test_a_review_knows_what_earlier_items_leave(session):
    """A response on another time axis does not fit, though the present one does."""
    from lab.explain import answered

    coarse = [as_item(each) for each in ({"plan": "irf", "range_code": 3}, {"plan": "flim_raster", "n_pixels": 4})]
    told = answered(reviewed(coarse, session.devices, now_s=time.time())).all_problems
    assert len(told) == 1
    assert told[0].startswith("item 2 (flim_raster): the instrument response")
    fine = [as_item({"plan": "irf", "range_code": 2}), coarse[1]]
    assert answered(reviewed(fine, session.devices, now_s=time.time())).all_problems == []
