"""What runs on single emitters hand back: one screen each, the arrays of their derived runs, groups of emitters."""

import logging
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from devices.estimates import Antibunching
from lab.emitters import looks
from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.arrays import LONGEST_TRACE, blink_arrays, coarse, field_arrays, hbt_arrays, parameters_of
from lab.emitters.cohorts import compared, medium_of, members
from lab.emitters.grouping import against_power
from lab.emitters.registry import EmitterRegistry
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult, RecentreResult
from lab.emitters.told import Told
from lab.progress import ProgressBar
from tests import simulated_emitters as simulated

RECORD = {"single": {"thickness_nm": 88.0}, "halide_qds": {"thickness_nm": 0.0}}


def start(plan_name, **more):
    return {"uid": f"{plan_name[:4]:x<8}-1", "plan_name": plan_name, "sample_name": "single", "emitter": "", **more}


def documents(plan_name, stream, data, exit_status="success", **more):
    """A run with one stream, document by document."""
    yield "start", start(plan_name, **more)
    yield "descriptor", {"uid": "d", "name": stream, "run_start": "r"}
    for i, event in enumerate(data):
        yield "event", {"descriptor": "d", "seq_num": i + 1, "data": event}
    yield "stop", {"run_start": "r", "exit_status": exit_status}


@pytest.fixture
def hbt_result():
    return HbtResult(start=start("hbt"), estimate=simulated.hbt(), emitter="single-003")


@pytest.fixture
def registry():
    """Twelve emitters in a film that rise in 12 ns, twelve on glass in 36 ns; one pair among the first."""
    known = EmitterRegistry(None)
    rng = np.random.default_rng(1)
    for sample, tau_ns, on in (("single", 12.0, 0.99), ("halide_qds", 36.0, 0.90)):
        spots = simulated.field(12).emitters
        placing = known.place(sample, spots, uid=f"find-{sample}", time_s=0.0)
        for i, emitter in enumerate(placing.ids):
            pairs = {"tau_ns": tau_ns + rng.normal(0, 2.0), "tau_err_ns": 0.5, "live_s": 60.0, "dose_kj_cm2": 150.0}
            single = {"single": int(not (sample == "single" and i == 0))}
            known.record(f"hbt-{emitter}", emitter, "hbt", pairs | single)
            ended = {"bleached": int(sample == "halide_qds"), "bleached_at_s": 20.0 + i, "live_s": 60.0}
            trace = {"on_fraction": on + rng.normal(0, 0.005), "on_fraction_err": 0.002, **ended}
            known.record(f"blink-{emitter}", emitter, "blinking", trace)
    yield known
    known.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: EmittersResult(start=start("find_emitters"), field=simulated.field(), ids=("single-001",)),
        lambda: EmittersResult(start=start("find_emitters"), field=simulated.field(0)),
        lambda: HbtResult(start=start("hbt"), estimate=simulated.hbt(per_ns=5.0)),
        lambda: BlinkingResult(start=start("blinking"), estimate=simulated.blinking()),
        lambda: BlinkingResult(start=start("blinking"), estimate=simulated.blinking(on=1.0)),
        lambda: RecentreResult(start=start("recentre", at_um=[1.0, 2.0])),
    ],
)
def test_every_result_is_one_screen_that_says_what_to_type_next(make):
    result = make()
    lines = repr(result).splitlines()
    assert len(lines) <= 24 and result.uid[:8] in lines[0] and result.start["plan_name"] in lines[0]
    assert max(len(line) for line in lines if "WARNING" not in line) <= 140
    assert lines[-1].startswith("  next ") and "nan" not in repr(result)


def test_numbers_stand_with_their_errors(hbt_result):
    fit, text = hbt_result.estimate.fit, repr(hbt_result)
    assert f"tau {fit.tau_ns:.2f} +- {fit.tau_err_ns:.2f} ns" in text and "start-stop" in text
    assert 'RE(blinking(microscope, emitter="single-003"' in text


def test_numbers_have_flat_names_that_a_prompt_can_complete(hbt_result):
    fit = hbt_result.estimate.fit
    assert (hbt_result.tau_ns, hbt_result.tau_err_ns) == (fit.tau_ns, fit.tau_err_ns)
    assert (hbt_result.contrast, hbt_result.g2_zero) == (fit.contrast, fit.g2_zero)
    assert hbt_result.single is True and hbt_result.stopped_by == "" and hbt_result.bleached is False
    assert {"rate_cps", "n_photons", "live_s", "g2", "delay_ns"} <= set(dir(hbt_result))
    trace = BlinkingResult(start=start("blinking"), estimate=simulated.blinking(bleached_at_s=30.0))
    assert trace.on_fraction == trace.estimate.on.value and trace.on_fraction_err == trace.estimate.on.err > 0
    assert trace.bleached_at_s == pytest.approx(30.0, abs=0.5) and trace.time_s.shape == trace.counts.shape
    assert trace.rate_on_cps == pytest.approx(60_000, rel=0.02)


def test_a_flat_histogram_has_no_rise_time_and_decides_nothing():
    flat = HbtResult(start=start("hbt"), estimate=simulated.hbt(contrast=0.01, per_ns=0.2))
    assert np.isnan([flat.tau_ns, flat.tau_err_ns, flat.contrast, flat.g2_zero_err]).all() and flat.single is None


def test_found_emitters_are_a_table():
    image = simulated.field(7)
    found = EmittersResult(start=start("find_emitters"), field=image, ids=tuple(f"single-{i}" for i in range(7)))
    assert list(found.table.columns[:5]) == ["id", "x_um", "x_err_um", "y_um", "y_err_um"]
    assert found.n_found == len(found.table) == 7 and found.n_isolated == found.table["isolated"].sum()
    assert found.table["rate_cps"].is_monotonic_decreasing and found.table["id"][0] == "single-0"
    assert len(EmittersResult(start=start("find_emitters"), field=simulated.field(0)).table) == 0


def test_a_place_that_was_not_found_has_no_numbers():
    nowhere = RecentreResult(start=start("recentre"))
    assert nowhere.found is False and np.isnan([nowhere.x_um, nowhere.x_err_um, nowhere.rate_cps]).all()
    told = Told()
    told.place = {"found": 1, "x_um": 1.5, "x_err_um": 0.01, "attempts": 2}
    seen = RecentreResult(start=start("recentre"), told=told)
    assert (seen.found, seen.x_um, seen.x_err_um, seen.attempts) == (True, 1.5, 0.01, 2)


def test_a_re_centring_that_is_told_again_after_a_pause_counts_once():
    told = Told()
    told("descriptor", {"uid": "d", "name": "refocus"})
    for number, found in ((1, 1), (2, 0), (2, 0), (2, 1)):
        told("event", {"descriptor": "d", "seq_num": number, "data": {"target_found": found}})
    assert (told.n_recentred, told.n_lost) == (2, 0)


def test_a_result_can_be_looked_at_without_a_screen_full_of_arrays(hbt_result):
    for estimate in (hbt_result.estimate, simulated.blinking(), simulated.field()):
        arrays = [f" {name}=array" for name in ("delay_ns", "g2_err", "trace_cps", "time_s", "counts", "qd_counts")]
        assert [name for name in arrays if name in repr(estimate)] == []


def test_a_stored_curve_names_its_columns_and_holds_every_number(hbt_result):
    packed = hbt_arrays(hbt_result.estimate)
    columns = parameters_of(hbt_result.start, packed)["columns"]["curve"]
    curve, _ = packed["curve"]
    np.testing.assert_array_equal(curve[:, columns.index("counts")], hbt_result.estimate.counts)
    assert packed["tau_err_ns"] == (hbt_result.estimate.fit.tau_err_ns, "ns") and packed["n_photons"][1] == "photons"
    assert sum(value.ndim > 0 for value, _ in packed.values()) <= 2  # storage keeps each array on its own
    spots, _ = field_arrays(simulated.field(7))["spots"]
    assert spots.shape[0] == 7
    assert "spots" not in field_arrays(simulated.field(0))


def test_a_long_trace_is_stored_coarser_without_losing_a_count():
    time_s, counts = coarse(np.arange(300_000) * 1e-3, np.ones(300_000, int))
    assert counts.size <= LONGEST_TRACE and counts.sum() == 300_000 and time_s[1] == pytest.approx(0.015)
    packed = blink_arrays(simulated.blinking(bin_s=0.001))
    assert packed["trace"][0].shape[1] == 2 and packed["periods"][0].shape[1] == 3


def test_a_run_tells_why_it_stopped_and_where_the_emitter_was():
    told = Told()
    seen = {"target_found": 1, "target_x_um": 1.5, "target_emitter": "single-002", "scanner_line": 0}
    for name, doc in documents("hbt", "refocus", [seen, {**seen, "target_found": 0}], exit_status="abort"):
        told(name, doc)
    assert told.place["emitter"] == "single-002" and (told.n_recentred, told.n_lost) == (2, 1)
    assert told.ended and not told.complete
    for name, doc in documents("hbt", "estimate", [{"g2_stopped_by": ""}, {"g2_stopped_by": "bleached"}]):
        told(name, doc)
    assert told.stopped_by == "bleached" and told.complete


def nothing():
    return looks.nothing_of(Antibunching("", name="g2"))


def test_a_look_gives_the_numbers_of_the_estimate_under_the_names_of_the_signals(hbt_result):
    source: Future = Future()
    given = looks.answer(source, nothing(), "hbt")
    assert not given.done()
    source.set_result(hbt_result.estimate)
    g2 = Antibunching("", name="g2")
    g2.update(given.result(1))
    assert g2.tau_err_ns.get() == hbt_result.estimate.fit.tau_err_ns and g2.single.get() == 1


def test_a_dead_analysis_knows_nothing_and_says_why(caplog):
    source: Future = Future()
    source.set_exception(ValueError("the histogram has 7 channels"))
    with caplog.at_level(logging.ERROR):
        given = looks.answer(source, nothing(), "hbt").result(1)
    assert np.isnan(given["tau_err_ns"]) and given["single"] == -1 and "stopped_by" not in given
    assert "the histogram has 7 channels" in caplog.text


def test_an_analysis_that_hangs_does_not_hang_the_plan(monkeypatch, caplog):
    monkeypatch.setattr(looks, "LOOK_TIMEOUT_S", 0.05)
    late: Future = Future()
    given = looks.answer(late, nothing(), "hbt").result(5)
    assert np.isnan(given["tau_ns"])
    late.set_result(None)  # what comes too late does no harm


def test_without_a_run_there_is_nothing_to_look_at(caplog):
    analyses = EmitterAnalyses(lambda uid: iter(()), lambda name, doc: None, EmitterRegistry(None), irf_of=None)
    assert isinstance(analyses.runs.look("hbt").exception(), LookupError)


def test_a_run_that_is_looked_at_again_is_found_without_being_stored_again():
    """A recentring run has no data of its own to analyse: its documents are enough."""
    stored, place = [], {"target_found": 0, "target_attempts": 4}
    runs = {"reca": list(documents("recentre", "refocus", [place]))}
    analyses = EmitterAnalyses(
        lambda uid: iter(runs[uid]), lambda name, doc: stored.append(doc), EmitterRegistry(None), irf_of=None
    )
    runs["recexxxx-1"] = runs.pop("reca")
    runs["recexxxx-1"][0][1]["uid"] = "recexxxx-1"
    result = analyses.result_of("recexxxx-1")
    assert isinstance(result, RecentreResult) and "not found in 4 attempts" in repr(result) and not stored


def test_rise_times_and_rates_are_extrapolated_over_the_runs_of_a_series():
    """Rates with 4000 W/cm2 saturation and 1/tau = 1/20 + I/80 per us: made by hand."""
    runs = []
    for w_cm2 in (1000.0, 2000.0, 4000.0):
        found = simulated.hbt()
        tau_ns = 1 / (1 / 20 + w_cm2 / 4000 / 20)
        rate_cps = 1e6 * w_cm2 / (w_cm2 + 4000.0)
        fit = replace(found.fit, tau_ns=tau_ns, tau_err_ns=0.01 * tau_ns)
        facts = replace(found.facts, intensity_w_cm2=w_cm2)
        found = replace(
            found, fit=fit, facts=facts, rate_cps=rate_cps, rate_err_cps=0.001 * rate_cps, background_cps=0.0
        )
        runs.append(HbtResult(start=start("hbt"), estimate=found, emitter="single-001"))
    result = against_power(tuple(runs))
    assert result.zero.tau_ns == result.tau_ns == pytest.approx(20, rel=1e-6) and result.tau_err_ns > 0
    assert result.saturation.saturation_w_cm2 == pytest.approx(4000, rel=1e-3)
    assert "zero power  tau 20.0" in repr(result)
    one = against_power(tuple(runs[:1]))
    assert one.zero is None and "no rise time at zero power" in repr(one)
    assert np.isnan([one.tau_ns, one.rate_max_cps]).all()


def test_rates_that_fall_with_power_show_no_saturation():
    """Seen with an emitter that was dark for much of the second power."""
    runs = []
    for w_cm2, rate_cps in ((1250.0, 110_140.0), (2500.0, 93_625.0)):
        found = simulated.hbt()
        facts = replace(found.facts, intensity_w_cm2=w_cm2)
        found = replace(found, facts=facts, rate_cps=rate_cps, rate_err_cps=100.0, background_cps=0.0)
        runs.append(HbtResult(start=start("hbt"), estimate=found, emitter="single-003"))
    result = against_power(tuple(runs))
    assert result.saturation is None and np.isnan(result.saturation_w_cm2)
    assert "the rates do not rise with power" in repr(result)


def test_groups_of_emitters_hold_those_that_are_single(registry):
    film, glass = members(registry, "single"), members(registry, ["halide_qds"])
    assert len(film.ids) == 11 and film.left_out == {"single-001": "not single"}
    result = compared(film, glass, samples=RECORD)
    assert result.film.n == 11 and result.film.mean == pytest.approx(12, abs=2.5)
    assert result.ratio.value == pytest.approx(1 / 3, abs=0.08)
    assert result.on["halide_qds"].median == pytest.approx(0.90, abs=0.01)
    assert result.comparison.p_value < 1e-3 and result.survival["film"].n_events.sum() == 0
    # Section 3.4 of the paper: 39 ns on glass become 11 ns in a film of 88 nm.
    assert result.prediction.ratio == pytest.approx(11 / 39, abs=0.03)
    assert result.parameters == {"film_index": 2.10, "substrate_index": 1.515, "radius_nm": 80.0, "thickness_nm": 88.0}
    assert "prediction" in repr(result) and len(repr(result).splitlines()) <= 16


def test_a_group_without_the_other_is_told_alone(registry):
    result = compared(members(registry, "single"), members(registry, []), samples=RECORD)
    assert result.glass is None and result.prediction is None and result.comparison is None
    assert "glass" not in result.survival and "film: mean" in repr(result)


def test_a_group_that_nobody_knows_is_refused(registry):
    with pytest.raises(LookupError, match="'C': neither a sample with emitters, nor a campaign, nor an emitter"):
        members(registry, ["single", "C"])
    with pytest.raises(ValueError, match=r"index_of_film=2.1: there are film_index, substrate_index"):
        medium_of(members(registry, "single"), RECORD, {"index_of_film": 2.1})


def test_the_bar_counts_seconds_of_light_and_shows_the_error_that_is_asked_for():
    bar = ProgressBar()
    rule = {"target_err_ns": 1.0, "max_time_s": 60.0}
    made = list(documents("hbt", "primary", [{"timeharp_elapsed": 12.0}], stop_rule=rule))
    for name, doc in made[:-1]:
        bar(name, doc)
    assert bar.bar.total == 60.0 and bar.bar.n == 12.0
    bar("descriptor", {"uid": "e", "name": "estimate", "run_start": "r"})
    bar("event", {"descriptor": "e", "seq_num": 1, "data": {"g2_tau_ns": 12.3, "g2_tau_err_ns": 1.5, "g2_single": -1}})
    assert bar.bar.postfix == "tau 12.3 +- 1.50 ns (1 asked)"
    blink = {"blinking_on_fraction": np.nan, "blinking_n_photons": 1200}
    bar("event", {"descriptor": "e", "seq_num": 2, "data": blink})
    assert bar.bar.postfix == "1,200 photons"
    bar(*made[-1])
    assert bar.bar is None
