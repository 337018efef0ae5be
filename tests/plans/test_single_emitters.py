"""The plans of single emitters, simulated on a bench without hardware: refusals, order of messages, why they end."""

import contextlib
import logging
import math

import numpy as np
import pytest
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import RequestStop

from plans import blinking, find_emitters, hbt, lifetime_at, power_series, recentre, time_zero
from plans.antibunching import StopRule
from plans.course import Course
from plans.raster import take_line
from plans.refocus import JUMP_UM, Sight
from plans.stubs import PlanError, note
from plans.tcspc import finest_range
from tests.plans.single_bench import AT, Bench, OneEmitter, TwoEmitters, microscope_without_hardware


@pytest.fixture
def microscope():
    return microscope_without_hardware()


def refusal(plan) -> str:
    """Why a plan does not start; it must not have opened a run or moved anything."""
    simulator, moved = RunEngineSimulator(), []
    simulator.add_handler("read", lambda msg: msg.obj.read())
    simulator.add_handler(("set", "open_run", "trigger", "stage"), moved.append)
    with pytest.raises(PlanError) as refused:
        simulator.simulate_plan(plan)
    assert [
        msg for msg in moved if msg.obj is None or msg.obj.name not in ("pulsed_emission", "timeharp_read_sync")
    ] == []
    return str(refused.value)


HERE = {"at_um": AT}
REFUSED = [
    (hbt, {}, "neither at_um=(x, y) nor emitter="),
    (hbt, {"at_um": (1, 2, 3)}, "at_um=(1, 2, 3): must be a pair (x, y) in um"),
    (hbt, {"at_um": "here"}, "at_um='here': must be a pair"),
    (hbt, {"at_um": np.array(3.0)}, "at_um=array(3.): must be a pair"),
    (hbt, HERE | {"emitter": "single-009"}, "there is no such emitter"),
    (hbt, HERE | {"sample": ["single"]}, "sample=['single']: must be the name"),
    (hbt, HERE | {"decide": np.array([1, 0])}, "decide=array([1, 0]): must be True or False"),
    (hbt, HERE | {"decide": None}, "decide=None: must be True or False"),
    (blinking, HERE | {"record": np.array(["bins", "photons"])}, "there is no such record"),
    (hbt, {"at_um": (math.nan, 50)}, "x must be a number 0.36..99.64 (um)"),
    (hbt, {"at_um": (50, 99.9)}, "y must be a number"),
    (hbt, {"at_um": (50, None)}, "y must be a number"),
    (hbt, {"emitter": "single-009"}, "there is no emitter 'single-009'"),
    (hbt, {"emitter": 3}, "emitter=3: must be the id"),
    (hbt, {"emitter": "single-003", "sample": "halide_qds"}, "'single' is mounted, so the place of 'single-003'"),
    (hbt, HERE | {"target_err_ns": 0}, "target_err_ns=0: must be a number 0.001..100"),
    (hbt, HERE | {"target_err_ns": -1}, "target_err_ns=-1"),
    (hbt, HERE | {"target_contrast_err": math.nan}, "target_contrast_err=nan"),
    (hbt, HERE | {"max_time_s": 0.5}, "max_time_s=0.5: must be a number 1..100000"),
    (hbt, HERE | {"run_s": 0}, "run_s=0: must be a number 0.1..10"),
    (hbt, HERE | {"run_s": "short"}, "run_s='short'"),
    (hbt, HERE | {"decide": "yes"}, "decide='yes': must be True or False"),
    (hbt, HERE | {"recentre_s": 0}, "recentre_s=0"),
    (hbt, HERE | {"intensity_w_cm2": 1e6}, "intensity_w_cm2=1000000.0: must be a number 1..50000"),
    (hbt, HERE | {"intensity_w_cm2": True}, "intensity_w_cm2=True"),
    (hbt, HERE | {"sample": "Single"}, "Did you mean 'single'?"),
    (hbt, HERE | {"md": {"uid": "mine"}}, "md has the key 'uid'"),
    (hbt, HERE | {"md": {"purpose": "analysis"}}, "md has the key 'purpose'"),
    (hbt, HERE | {"md": {"campaign": 5}}, "md has campaign=5: must be text"),
    (hbt, HERE | {"md": {"a": [{"b": 1j}]}}, "md['a'][0]['b'] is 1j: must be text, a number"),
    (hbt, HERE | {"md": {"a.b": 1}}, "md has the key 'a.b': must be text"),
    (recentre, {}, "neither at_um"),
    (recentre, HERE | {"intensity_w_cm2": 0}, "intensity_w_cm2=0"),
    (blinking, HERE | {"duration_s": 0}, "duration_s=0"),
    (blinking, HERE | {"duration_s": math.inf}, "duration_s=inf"),
    (blinking, HERE | {"record": "film"}, "there is no such record; there are auto, bins, photons"),
    (blinking, HERE | {"record": "photons"}, "needs the wiring 'clock', but the card is cabled for 'hbt'"),
    (blinking, HERE | {"bin_ms": 0}, "bin_ms=0"),
    (blinking, HERE | {"segment_s": -1}, "segment_s=-1"),
    (blinking, HERE | {"stop_on_bleach": 1}, "stop_on_bleach=1"),
    (blinking, HERE | {"segment_s": 300, "bin_ms": 0.01}, "holds 30000000 bins"),
    (find_emitters, {"extent_um": 500}, "leaves the travel"),
    (find_emitters, {"n_pixels": 0}, "n_pixels=0"),
    (find_emitters, {"n_pixels": 20}, "pixels of 0.5 um would miss emitters: n_pixels=50 or more"),
    (find_emitters, {"extent_um": 0.3, "n_pixels": 3}, "five or more"),
    (find_emitters, {"false_alarm": 0}, "false_alarm=0"),
    (find_emitters, {"threshold_counts_per_ms": -1}, "threshold_counts_per_ms=-1"),
    (find_emitters, {"centre_um": (99.9, 50)}, "leaves the travel"),
    (power_series, HERE | {"intensities_w_cm2": [1000]}, "two or more"),
    (power_series, HERE | {"intensities_w_cm2": [2000, 1000]}, "must rise"),
    (power_series, HERE | {"intensities_w_cm2": 1000}, "must be a list"),
    (power_series, HERE | {"intensities_w_cm2": [1000, 1e6]}, "must be a number 1..50000"),
    (lifetime_at, HERE, "needs the wiring 'raster'"),
    (lifetime_at, HERE | {"n_photons": 1}, "n_photons=1"),
    (time_zero, {"min_counts": 10}, "min_counts=10"),
]


@pytest.mark.parametrize(("plan", "change", "message"), REFUSED, ids=[f"{p.__name__} {c}"[:70] for p, c, _ in REFUSED])
def test_bad_input_is_refused_before_anything_moves(microscope, plan, change, message):
    microscope.emitters = OneEmitter()
    assert message in refusal(plan(microscope, **change))


def test_all_problems_are_told_at_once(microscope):
    microscope.timeharp.wiring.put("raster")
    microscope.shutter.latch.put("a SPAD was overloaded")
    told = refusal(hbt(microscope, target_err_ns=0, max_time_s=0, intensity_w_cm2=-1))
    assert all(word in told for word in ("neither at_um", "target_err_ns=0", "max_time_s=0", "intensity_w_cm2=-1"))
    assert "needs the wiring 'hbt'" in told and "the shutter is latched" in told


def test_what_the_card_cannot_do_is_told_with_the_command(microscope):
    microscope.timeharp.wiring.put("raster")
    assert "RE(bps.mv(microscope.timeharp.wiring, 'hbt'))" in refusal(hbt(microscope, at_um=AT))
    assert "needs the wiring 'hbt'" in refusal(time_zero(microscope))
    assert "needs the wiring 'hbt'" in refusal(power_series(microscope, at_um=AT))


def test_a_card_that_counts_alone_is_asked_for_what_it_can():
    microscope = microscope_without_hardware()
    microscope.counters.most_bins.put("raster 1\nclock 1000000")
    for plan in (hbt, power_series, recentre, blinking):
        told = refusal(plan(microscope, at_um=AT))
        assert "cannot count both SPADs in the wiring 'hbt', only in 'raster', 'clock'" in told
        assert "serial_counter" in told
    assert "cannot count both SPADs in the wiring" in refusal(find_emitters(microscope))
    microscope.timeharp.wiring.put("raster")
    told = refusal(blinking(microscope, at_um=AT))
    assert "both SPADs in 5000 bins in the wiring 'raster', only in 'clock'" in told


def test_without_a_registry_no_emitter_is_known(microscope):
    assert "there is no registry of emitters here" in refusal(hbt(microscope, emitter="single-003"))


def test_a_delay_that_the_card_cannot_see_is_refused(microscope):
    microscope.timeharp.delay.put(10.0)
    assert "the cable delay is declared as 10 ns" in refusal(hbt(microscope, at_um=AT))
    microscope.timeharp.delay.put(5000.0)
    assert "does not hold the delay of 5000 ns" in refusal(hbt(microscope, at_um=AT))


def test_a_latched_shutter_is_told_before_anything_moves(microscope):
    microscope.shutter.latch.put("dead-man")
    for plan in (hbt, blinking, recentre):
        assert "latched (dead-man)" in refusal(plan(microscope, at_um=AT))


@pytest.mark.parametrize(("delay_ns", "code"), [(60, 2), (120, 2), (400, 3)])
def test_the_axis_holds_the_delay_and_eight_lifetimes(microscope, delay_ns, code):
    microscope.timeharp.delay.put(delay_ns)
    bench = Bench(microscope)
    bench.run(hbt(microscope, at_um=AT, max_time_s=2))
    tcspc = bench.start["tcspc"]
    assert tcspc["range_code"] == code == finest_range(delay_ns + 350, 36)
    assert tcspc["n_bins"] * tcspc["bin_width_ns"] >= delay_ns + 8 * 45 - 20


def test_the_start_document_tells_how_pairs_were_counted(microscope):
    bench = Bench(microscope)
    bench.run(hbt(microscope, at_um=AT, target_err_ns=2.0, md={"campaign": "night", "emitter": "mine"}))
    start = bench.start
    assert start["estimator"] == "start-stop" and start["wiring"] == "hbt" and start["splitter"] == "50:50"
    assert start["delay"] == {
        "declared_ns": 120,
        "t0_ns": 120.1,
        "t0_err_ns": 0.01,
        "sigma_ns": 0.4,
        "uid": "zero",
    }
    assert start["excitation"] == {"laser": "CW 561", "wavelength_nm": 561, "intensity_w_cm2": 2500}
    assert all(start["detection"][route]["filter"] == "FBH650-40+655/15" for route in ("perovskite", "qd"))
    assert start["campaign"] == "night" and start["emitter"] == "" and start["at_um"] == [40, 60]
    assert start["stop_rule"]["target_err_ns"] == 2 and start["dead_time_ns"] == [40, 40] and start["blind_ns"] == 20


@pytest.mark.parametrize("forgotten", ["time_zero_uid", "time_zero_boot_id"])
def test_a_delay_that_is_not_calibrated_is_said(microscope, caplog, forgotten):
    getattr(microscope, forgotten).put("" if forgotten.endswith("uid") else "before the restart")
    bench = Bench(microscope)
    with caplog.at_level(logging.WARNING):
        bench.run(hbt(microscope, at_um=AT, max_time_s=2))
    delay = bench.start["delay"]
    assert delay["uid"] == "" and delay["t0_ns"] is None and "RE(time_zero(microscope))" in caplog.text


@pytest.mark.parametrize("plan", [hbt, blinking])
def test_the_light_is_off_while_an_estimate_is_waited_for(microscope, plan):
    bench, shutter = Bench(microscope), "closed"
    settings = {"max_time_s": 10} if plan is hbt else {"duration_s": 20}
    bench.run(plan(microscope, at_um=AT, **settings))
    estimates = {"g2", "blinking"}
    waits = 0
    for msg in bench.messages:
        if msg.command == "set" and msg.obj is microscope.shutter:
            shutter = msg.args[0]
        if msg.command == "wait" and msg.kwargs.get("group") in estimates:
            waits += 1
            assert shutter == "closed" and msg.kwargs["timeout"] < math.inf
    assert waits >= 4
    assert shutter == "closed" and microscope.cw.emission.get() == "standby"


@pytest.mark.parametrize("plan", [hbt, blinking, recentre, lifetime_at])
def test_every_measurement_follows_a_checkpoint_and_an_opened_shutter(microscope, plan):
    bench = Bench(microscope)
    if plan is lifetime_at:
        microscope.timeharp.wiring.put("raster")
    settings = {hbt: {"max_time_s": 5}, blinking: {"duration_s": 10}, lifetime_at: {"max_time_s": 5}}.get(plan, {})
    bench.run(plan(microscope, at_um=AT, **settings))
    instruments = (microscope.timeharp, microscope.counters, microscope.scanner)
    measured = [i for i, msg in enumerate(bench.messages) if msg.command == "set" and msg.obj in instruments]
    assert measured
    for i in measured:
        before = [(msg.command, msg.obj) for msg in bench.messages[i - 4 : i]]
        assert ("checkpoint", None) in before and ("set", microscope.shutter) in before


@pytest.mark.parametrize("after", ["create", "read"])
def test_an_event_that_is_broken_off_is_dropped(microscope, after):
    """A plan that is stopped in the middle of an Event must be able to close its run."""
    for saying in (note("primary", microscope.g2), take_line(microscope, 0)):
        message = next(saying)
        while message.command != after:
            message = saying.send(None)
        with contextlib.suppress(RequestStop):
            assert saying.throw(RequestStop()).command == "drop"
            next(saying)


def test_waits_have_timeouts(microscope):
    bench = Bench(microscope)
    bench.run(hbt(microscope, at_um=AT, max_time_s=5))
    named = [msg for msg in bench.messages if msg.command == "wait" and msg.kwargs.get("group") in ("row", "g2")]
    assert named and all(msg.kwargs.get("timeout") for msg in named)


def test_rows_are_short_at_first_and_never_a_large_share(microscope):
    rule = StopRule(1.0, None, False, 600.0, 30.0, 1.0)
    live, rows = 0.0, []
    while live < 600 - 1e-6:
        rows.append(rule.row_s(Course(live_s=live)))
        live += rows[-1]
    assert rows[:10] == [1.0] * 10 and max(rows) == 10 and sum(rows) == pytest.approx(600)
    assert all(row <= max(1.0, 0.1 * before) + 1e-3 for row, before in zip(rows, np.cumsum([0, *rows]), strict=False))


def test_it_stops_as_soon_as_the_target_is_reached(microscope):
    bench = Bench(microscope)
    found = bench.run(hbt(microscope, at_um=AT, target_err_ns=0.5, recentre_s=20))
    assert found.stopped_by == "target" and found.uid == "uid" and found.tau_err_ns <= 0.5
    assert 64 <= bench.lit_s <= 64 * 1.12  # 4 ns / sqrt(64)
    assert bench.events("refocus") == 3 and bench.events("estimate") >= 20
    assert microscope.g2.stopped_by.get() == "target"


RULES = [
    ({"decide": True}, {"single": 1}, "single"),
    ({"decide": True}, {"single": 0}, "not single"),
    ({}, {"single": 1}, "single"),
    ({"target_err_ns": 1.0}, {"single": 0}, "target"),
    ({"target_err_ns": 1.0, "decide": True}, {"single": 0}, "not single"),
    ({"target_err_ns": 1.0, "decide": True}, {"single": 1}, "target"),
    ({"target_err_ns": 1.0}, {"identified": 0}, "max_time_s"),
    ({"target_err_ns": 1.0, "target_contrast_err": 0.1}, {"contrast_err": 0.2}, "max_time_s"),
    ({"target_err_ns": 1.0, "target_contrast_err": 0.1}, {"contrast_err": 0.05}, "target"),
    ({"target_err_ns": 1.0}, {"tau_err_ns": math.nan}, "max_time_s"),
    ({"target_err_ns": 1.0}, {"tau_ns": 3.0, "tau_err_ns": 0.9}, "max_time_s"),  # a lucky look at few photons
    ({"target_err_ns": 1.0}, {"tau_ns": 6.0, "tau_err_ns": 0.9}, "target"),
    ({"target_err_ns": 1e-2}, {"bleached": 1}, "bleached"),
]


@pytest.mark.parametrize(("settings", "numbers", "reason"), RULES)
def test_why_it_stops(microscope, settings, numbers, reason):
    bench = Bench(microscope, estimate=numbers)
    assert bench.run(hbt(microscope, at_um=AT, max_time_s=40, **settings)).stopped_by == reason


def test_light_stops_soon_after_bleaching(microscope):
    bench = Bench(microscope, bleaches_s=12.0)
    found = bench.run(hbt(microscope, at_um=AT, target_err_ns=0.01))
    assert found.stopped_by == "bleached" and found.bleached
    assert 17 <= bench.lit_s <= 25


def test_a_blinking_trace_ends_five_seconds_after_bleaching(microscope):
    bench = Bench(microscope, bleaches_s=12.0)
    found = bench.run(blinking(microscope, at_um=AT, duration_s=100, segment_s=1.0))
    assert found.stopped_by == "bleached" and 17 <= bench.lit_s <= 19
    bench = Bench(microscope, bleaches_s=12.0)
    found = bench.run(blinking(microscope, at_um=AT, duration_s=30, segment_s=1.0, stop_on_bleach=False))
    assert found.stopped_by == "duration_s" and bench.lit_s == pytest.approx(30)


def test_an_empty_place_is_given_up_without_a_row(microscope):
    bench = Bench(microscope, rate_cps=0.0)
    found = bench.run(hbt(microscope, at_um=AT))
    assert found.stopped_by == "lost" and bench.lit_s == 0 and bench.events("primary") == 0
    assert bench.events("refocus") == 1 and bench.events("estimate") == 1
    assert microscope.target.found.get() == 0 and microscope.target.attempts.get() == 4
    assert microscope.piezo.x.get() == 40.0


def test_the_stage_follows_the_emitter_and_says_how_well_it_knows(microscope):
    found = Bench(microscope).run(recentre(microscope, at_um=AT))
    assert found.found and found.attempts == 1
    pulls = np.array([found.x_um - 40.03, found.y_um - 60.02]) / [found.x_err_um, found.y_err_um]
    assert np.abs(pulls).max() < 5 and found.x_err_um < 0.01
    assert (microscope.piezo.x.get(), microscope.piezo.y.get()) == (found.x_um, found.y_um)
    assert found.rate_cps == pytest.approx(90_000, rel=0.2)


def test_what_is_half_a_micrometre_away_is_found_in_a_wider_patch(microscope, caplog):
    found = Bench(microscope, x_um=40.8).run(recentre(microscope, at_um=AT))
    assert found.found and found.x_um == pytest.approx(40.8, abs=0.03) and found.attempts == 5
    assert "0.80 um away" in caplog.text


def test_an_emitter_that_jumps_is_followed_and_the_jump_is_counted(microscope, caplog):
    bench = Bench(microscope, jumps_s=10.0, jump_um=0.8)
    found = bench.run(hbt(microscope, at_um=AT, target_err_ns=0.5))
    assert found.stopped_by == "target" and found.jumps == 1 and found.x_um == pytest.approx(40.83, abs=0.03)
    assert "it is followed, and may be another" in caplog.text


@pytest.mark.parametrize("away_um", [0.65, 0.8, 1.0])
def test_a_neighbour_is_not_taken_for_an_emitter_that_bleached(microscope, caplog, away_um):
    bench = Bench(microscope, bleaches_s=12.0, neighbour_um=away_um)
    found = bench.run(hbt(microscope, at_um=AT, target_err_ns=0.01))
    assert found.stopped_by == "bleached" and found.jumps == 0 and found.y_um == pytest.approx(60.02, abs=0.02)
    assert "it is not followed" in caplog.text


def test_the_registry_hears_of_emitters_that_were_seen_but_not_of_jumps(microscope):
    microscope.emitters = OneEmitter()
    bench = Bench(microscope)
    found = bench.run(hbt(microscope, emitter="single-003", target_err_ns=1.0))
    assert found.emitter == "single-003" and len(microscope.emitters.told) == 1
    emitter, x_um, _, err_um = microscope.emitters.told[0]
    assert emitter == "single-003" and abs(x_um - 40.03) < 5 * err_um < 0.05
    Bench(microscope, x_um=40.03 + 2 * JUMP_UM).run(recentre(microscope, emitter="single-003"))
    assert len(microscope.emitters.told) == 1


@pytest.mark.parametrize("plan", [hbt, lifetime_at, recentre])
def test_the_place_of_another_known_emitter_is_not_taken_for_one_that_is_gone(microscope, caplog, plan):
    microscope.emitters = TwoEmitters()
    microscope.timeharp.wiring.put("raster" if plan is lifetime_at else "hbt")
    bench = Bench(microscope, x_um=AT[0] + 0.6)
    found = bench.run(plan(microscope, emitter="single-003"))
    assert (getattr(found, "stopped_by", "lost"), found.x_um) == ("lost", AT[0]) and bench.events("primary") == 0
    assert "0.60 um away, where single-004 should be: it is not followed" in caplog.text
    assert microscope.emitters.told == []


def test_pulsed_light_does_not_change_what_the_registry_knows_of_the_brightness(microscope):
    microscope.emitters = OneEmitter()
    microscope.timeharp.wiring.put("raster")
    Bench(microscope).run(lifetime_at(microscope, emitter="single-003", max_time_s=2))
    assert len(microscope.emitters.told) == 1 and microscope.emitters.brightness == {}


def test_a_place_near_a_known_emitter_is_that_emitter(microscope):
    microscope.emitters = OneEmitter()
    bench = Bench(microscope)
    bench.run(hbt(microscope, at_um=(40.1, 60.1), max_time_s=2))
    assert bench.start["emitter"] == "single-003"


def test_a_power_series_is_one_run_an_intensity_and_ends_with_the_emitter(microscope):
    steps = [1000.0, 2000.0, 4000.0]
    bench = Bench(microscope)
    outcomes = bench.run(power_series(microscope, at_um=AT, intensities_w_cm2=steps, target_err_ns=1.0))
    starts = [msg.kwargs for msg in bench.messages if msg.command == "open_run"]
    assert [start["excitation"]["intensity_w_cm2"] for start in starts] == steps
    assert len({start["power_series"] for start in starts}) == 1 and len(outcomes) == 3
    bench = Bench(microscope, bleaches_s=20.0)
    outcomes = bench.run(power_series(microscope, at_um=AT, intensities_w_cm2=steps, target_err_ns=0.5))
    assert [one.stopped_by for one in outcomes] == ["bleached"]


def test_records_are_taken_where_the_card_is_wired_for_them(microscope):
    microscope.timeharp.wiring.put("clock")
    bench = Bench(microscope)
    bench.run(blinking(microscope, at_um=AT, duration_s=10))
    assert bench.start["record"]["kind"] == "photons" and bench.start["detectors"] == ["timeharp"]
    modes = [msg.args[0] for msg in bench.messages if msg.command == "set" and msg.obj is microscope.timeharp.mode]
    assert modes == ["records", "point"]
    microscope.timeharp.wiring.put("raster")
    bench.run(blinking(microscope, at_um=AT, duration_s=10, bin_ms=2))
    assert bench.start["record"]["kind"] == "bins" and bench.start["record"]["bin_s"] == 0.002


def test_segments_are_whole_bins_and_fill_the_duration(microscope):
    bench = Bench(microscope)
    bench.run(blinking(microscope, at_um=AT, duration_s=12, segment_s=5, bin_ms=10))
    assert bench.start["num_points"] == 3 and bench.events("primary") == 3
    assert microscope.counters.n_bins.get() == 500


def test_a_memory_that_overruns_is_kept_and_told(microscope, caplog):
    microscope.timeharp.wiring.put("clock")
    microscope.timeharp.overrun.put(1)
    bench = Bench(microscope)
    found = bench.run(blinking(microscope, at_um=AT, duration_s=10))
    assert found.stopped_by == "duration_s" and bench.events("primary") == 2 and "memory overran" in caplog.text


def test_a_lifetime_is_counted_until_there_are_photons_enough(microscope):
    microscope.timeharp.wiring.put("raster")
    microscope.pulsed.wavelength.put(445.0)
    found = Bench(microscope).run(lifetime_at(microscope, at_um=AT, n_photons=250_000))
    assert found.stopped_by == "n_photons" and found.n_photons >= 250_000


def test_the_way_of_the_light_is_put_back(microscope):
    bench = Bench(microscope)
    for plan in (hbt(microscope, at_um=AT, max_time_s=2), time_zero(microscope, min_counts=9000)):
        bench.run(plan)
        assert bench.start["splitter"] == "50:50"
        filters = microscope.filters
        assert (filters.splitter.get(), filters.perovskite.get(), filters.qd.get()) == (
            "dichroic",
            "532/10+OD1",
            "FBH650-40+655/15",
        )


def test_a_splitter_that_is_changed_by_hand_is_left_in(microscope):
    microscope.filters.splitter.put("50:50")
    microscope.filters.splitter_positions.put("50:50")
    Bench(microscope).run(hbt(microscope, at_um=AT, max_time_s=2))
    assert microscope.filters.splitter.get() == "50:50"
    assert microscope.filters.perovskite.get() == "532/10+OD1"


def test_an_emitter_is_never_expected_nowhere():
    assert Sight("", 1.0, 2.0).target["found"] == 0 and math.isnan(Sight("", 1.0, 2.0).target["rate_cps"])
