"""Single emitters at the prompt, end to end on the twin: results, derived runs, replay, signals that plans read."""

import numpy as np
import pytest
from bluesky import plan_stubs as bps

from lab.card import LabCard
from lab.emitters.groups import CampaignResult, PowerResult
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult, RecentreResult
from plans import blinking, find_emitters, hbt, power_series, qd_campaign, recentre

SMALL = {"extent_um": 5.0, "n_pixels": 50}


@pytest.fixture(scope="module")
def found(single_lab):
    return single_lab.RE(find_emitters(single_lab.microscope, sample="example_qd", **SMALL))


@pytest.fixture(scope="module")
def emitter(found):
    return found.ids[int(np.flatnonzero(found.field.emitters.isolated)[0])]


@pytest.fixture(scope="module")
def pairs(single_lab, emitter):
    return single_lab.RE(hbt(single_lab.microscope, emitter=emitter, target_err_ns=2.0, max_time_s=120))


def test_time_zero_is_remembered_by_the_next_session(single_lab):
    microscope = single_lab.microscope
    uid, zero_ns = microscope.time_zero_uid.get(), microscope.time_zero_ns.get()
    assert single_lab.db[uid].start["plan_name"] == "time_zero"
    assert abs(zero_ns - microscope.timeharp.delay.get()) < 3  # of a cable that is declared to the nanosecond
    microscope.time_zero_uid.put("")
    single_lab.remembered.restore_time_zero()
    assert microscope.time_zero_uid.get() == uid and microscope.time_zero_ns.get() == zero_ns
    assert single_lab.db.derived(uid).start["plan_name"] == "time_zero_analysis"


def test_what_was_found_is_named_in_the_registry(single_lab, found):
    assert isinstance(found, EmittersResult) and len(found.ids) == len(found.field.emitters) > 0
    known = {one.id: one for one in single_lab.emitters.in_run(found.uid)}
    assert set(found.ids) == set(known) and single_lab.microscope.field.n_found.get() == len(known)
    assert single_lab.microscope.emitters is single_lab.emitters
    spots = single_lab.db.derived(found.uid).start["parameters"]["columns"]["spots"]
    assert spots[:2] == ["x_um", "x_err_um"]


def test_the_estimate_that_plans_read_is_the_one_that_is_returned(single_lab, pairs):
    assert isinstance(pairs, HbtResult) and pairs.told.stopped_by == "target"
    g2, fit = single_lab.microscope.g2, pairs.estimate.fit
    assert g2.tau_ns.get() == fit.tau_ns and g2.tau_err_ns.get() == fit.tau_err_ns <= 2.0
    assert g2.live_s.get() == pairs.estimate.live_s


def noted(lab, emitter, uid):
    """What the registry keeps of a run."""
    return [run["facts"] for run in lab.emitters[emitter].runs if run["uid"] == uid]


def test_the_registry_knows_what_was_measured_and_the_derived_run_whose_it_is(single_lab, emitter, pairs):
    (record,) = noted(single_lab, emitter, pairs.uid)
    assert record["tau_ns"] == pairs.estimate.fit.tau_ns and record["stopped_by"] == "target"
    derived = single_lab.db[pairs.derived_uid]
    assert derived.start["emitter"] == emitter and derived.start["analysis_of"] == [pairs.uid]
    assert derived.start["parameters"]["estimator"] == "start-stop"
    columns = derived.start["parameters"]["columns"]["curve"]
    curve = np.squeeze(single_lab.db.array(pairs.derived_uid, "curve")[:])
    np.testing.assert_array_equal(curve[:, columns.index("counts")], pairs.estimate.counts)


def test_a_stored_run_replays_bit_for_bit_and_is_not_counted_twice(single_lab, emitter, pairs):
    again = single_lab.replay(pairs.uid)
    for key in ("delay_ns", "counts", "g2", "g2_err", "trace_cps"):
        np.testing.assert_array_equal(getattr(again.estimate, key), getattr(pairs.estimate, key))
    np.testing.assert_equal(again.estimate.numbers(), pairs.estimate.numbers())
    assert again.told.stopped_by == "target"
    assert again.derived_uid != pairs.derived_uid and len(noted(single_lab, emitter, pairs.uid)) == 1


def test_a_result_that_is_no_longer_in_memory_is_computed_again(single_lab, pairs):
    del single_lab.analyses.emitters.runs.by_uid[pairs.uid]
    n_runs = len(list(single_lab.db(plan_name="hbt_analysis")))
    again = single_lab.analyses.emitters.result_of(pairs.uid)
    np.testing.assert_equal(again.estimate.numbers(), pairs.estimate.numbers())
    assert again.derived_uid
    assert len(list(single_lab.db(plan_name="hbt_analysis"))) == n_runs


def test_an_emitter_is_recentred_and_watched(single_lab, emitter):
    seen = single_lab.RE(recentre(single_lab.microscope, emitter=emitter))
    assert isinstance(seen, RecentreResult) and seen.told.place["found"] and "(run)" in repr(seen)
    trace = single_lab.RE(blinking(single_lab.microscope, emitter=emitter, duration_s=10))
    assert isinstance(trace, BlinkingResult) and trace.estimate.live_s == pytest.approx(10, abs=0.01)
    again = single_lab.replay(trace.uid)
    np.testing.assert_array_equal(again.estimate.counts, trace.estimate.counts)
    np.testing.assert_equal(again.estimate.numbers(), trace.estimate.numbers())
    assert single_lab.emitters[emitter].of_kind("blinking")[0]["on_fraction"] == trace.estimate.on.value


def test_a_series_of_powers_comes_back_as_one(single_lab, emitter):
    plan = power_series(
        single_lab.microscope, emitter=emitter, intensities_w_cm2=[2500, 10_000], target_err_ns=3.0, max_time_s=60
    )
    result = single_lab.RE(plan)
    assert isinstance(result, PowerResult) and len(result.runs) == 2 and result.emitter == emitter
    assert result.zero.tau_ns > 0 and result.runs[1].estimate.rate_cps > 2 * result.runs[0].estimate.rate_cps
    with pytest.raises(ValueError, match="0 runs of 0 emitters"):
        single_lab.power([])


def test_an_analysis_that_dies_ends_neither_plan_nor_run(single_lab, emitter, monkeypatch, caplog):
    from analysis.hbt import HbtRun

    def fail(self):
        raise ArithmeticError("no numbers today")

    monkeypatch.setattr(HbtRun, "estimate", fail)
    result = single_lab.RE(hbt(single_lab.microscope, emitter=emitter, target_err_ns=2.0, max_time_s=3))
    assert np.isnan(single_lab.microscope.g2.tau_ns.get()) and "no numbers today" in caplog.text
    assert single_lab.ingester.flush(60)
    assert single_lab.db[-1].exit_status == "success" and len(single_lab.db[-1].table()) >= 2
    assert not isinstance(result, HbtResult) and result.stopped_by == "max_time_s"


def test_a_campaign_comes_back_as_one_and_is_known_afterwards(single_lab):
    options = {"hbt": {"target_err_ns": 3.0, "max_time_s": 60}, "blinking": None, "max_emitters": 2}
    search = {"n_pixels": 50}
    plan = qd_campaign(single_lab.microscope, sample="example_qd", extent_um=5.0, search=search, **options)
    result = single_lab.RE(plan)
    assert isinstance(result, CampaignResult) and len(result.campaign.of_state("done")) == 2
    assert result.found >= result.isolated >= 2 and len(result.table) >= 2
    text = repr(result)
    assert "campaign" in text and "rise times" not in text.splitlines()[0] and len(text.splitlines()) < 40
    assert single_lab.campaign(result.name).campaign.dots == result.campaign.dots
    assert single_lab.ingester.flush(60)
    starts = [run.start for run in single_lab.db(campaign=result.name) if run.start["purpose"] == "measurement"]
    assert len({start["emitter"] for start in starts if start["plan_name"] == "hbt"}) == 2


def test_the_card_tells_wiring_and_calibration(single_lab):
    text = repr(LabCard(single_lab))
    assert "wired for hbt" in text and 'RE(bps.mv(microscope.timeharp.wiring, "raster")) (or "clock")' in text
    assert single_lab.microscope.time_zero_uid.get()[:8] in text and "emitters known" in text


def test_the_wiring_is_as_it_was(single_lab):
    assert single_lab.RE(bps.rd(single_lab.microscope.timeharp.wiring)) == "hbt"
