"""What a plan will take is told before anything moves, and is near to what it takes."""

from typing import Any

import numpy as np
import pytest
from bluesky.utils import Msg

from lab.explain import answered, explain
from plans import blinking, flim_raster, hbt, irf, park, pl, ple, warm_up
from plans.forecast import Bench, forecast
from plans.item import item
from plans.stubs import PlanError


@pytest.fixture
def told(session):
    return lambda plan, **more: explain(plan, devices=session.devices, **more)


def test_the_raster_of_the_paper(told, session):
    found = told(flim_raster(session.microscope, sample="A"))
    forecast, text = found.forecasts[0], repr(found)
    assert forecast.duration_s == pytest.approx(100 * 100 * 10 * 0.11, rel=0.02)
    assert forecast.dose_kj_cm2 == pytest.approx(50 * 10 * 0.11 / 1e3)
    assert forecast.disk_bytes == 2 * 2 * 4096 * 100 * 100 * 10
    assert found.problems == []
    for words in (
        "about 3 h 0",
        "0.055 kJ/cm2",
        "1.64 GB of",
        "tau +- 1 %",
        "needs   irf",
        "the sync of the pulsed laser",
    ):
        assert words in text


def test_pixels_nearer_than_the_spot_share_their_light(told, session):
    wide = told(flim_raster(session.microscope, extent_um=30, n_pixels=100)).forecasts[0]
    close = told(flim_raster(session.microscope, extent_um=15, n_pixels=100)).forecasts[0]
    assert close.dose_kj_cm2 == pytest.approx(4 * wide.dose_kj_cm2)


def test_a_problem_is_told_as_the_plan_would_refuse_it(told, session):
    with pytest.raises(PlanError) as refusal:
        session.RE(flim_raster(session.microscope, n_pixels=0, dwell_ms=-1))
    found = told(flim_raster(session.microscope, n_pixels=0, dwell_ms=-1))
    assert [f"  - {problem}" for problem in found.problems] == str(refusal.value).splitlines()[1:]
    assert "it would be refused" in repr(found)


def test_wiring_is_never_changed_by_a_plan(told, session):
    problems = told(hbt(session.microscope, at_um=(40, 40), sample="single")).problems
    assert problems == [
        "this plan needs the wiring 'hbt', but the card is cabled for 'raster': re-cable it, then "
        "RE(bps.mv(microscope.timeharp.wiring, 'hbt'))"
    ]


def test_calibrations_and_spectra_of_earlier_items_count(told, session):
    slit = {"slit_nm": 1.3}  # nobody else measures with it
    alone = told([ple(session.fs5, sample="A", **slit)])
    assert any("there is no run of ple on 'bare_qds'" in problem for problem in alone.problems)
    whole = [
        warm_up(session.fs5),
        {"plan": "blank", "sample": "A"},
        {"plan": "absorption", "sample": "A"},
        {"plan": "ple", "sample": "bare_qds", **slit},
        ple(session.fs5, sample="A", **slit),
    ]
    assert told(whole).problems == []
    whole[0] = warm_up(session.fs5)
    whole[3], whole[4] = {"plan": "ple", "sample": "bare_qds", "slit_nm": 2}, ple(session.fs5, sample="A", **slit)
    assert [problem[:36] for problem in told(whole).problems] == ["item 5 (ple A): there is no run of p"]


def test_a_night_is_told_item_by_item_and_as_a_whole(told, session):
    queue = [irf(session.microscope), flim_raster(session.microscope, sample="A"), park(session.microscope)]
    found = told(session.night([*queue[:2], item(queue[2], on_failure="stop")], until="2020-01-01 00:00"))
    lines = repr(found).splitlines()
    assert lines[0].startswith("night of 3 items: about 3 h")
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert "flim_raster A" in lines[2]
    assert "(stop if it fails)" in lines[3]
    assert "until=2020-01-01 00:00 is over" in found.problems[-1]
    assert session.ledger.unfinished() is None, "a night that is explained is not begun"


def test_nothing_moves(session):
    moves = iter([Msg("read", session.microscope.sample.mounted), Msg("set", session.microscope.piezo.x, 3.0)])
    with pytest.raises(RuntimeError, match="set is not among"):
        answered(message for message in moves)


def test_durations_are_near_to_what_the_bench_takes(told, session):
    """On the clock of the simulated bench."""
    small: dict[str, Any] = {"sample": "A", "extent_um": 10, "n_pixels": 4, "dwell_ms": 1000, "n_scans": 1}
    expected = told(flim_raster(session.microscope, **small)).forecasts[0].duration_s

    def clock() -> float:
        return session.microscope.scanner.started.get() + session.microscope.scanner.elapsed.get()

    session.RE(flim_raster(session.microscope, **{**small, "n_pixels": 2, "dwell_ms": 1}))
    before = clock()
    session.RE(flim_raster(session.microscope, **small))
    assert clock() - before == pytest.approx(expected, rel=0.5)


@pytest.mark.parametrize("plan", [pl, blinking, warm_up])
def test_longest_is_not_shorter_than_expected(session, plan):
    given = {"at_um": [40, 40]} if plan is blinking else {}
    found = forecast(Bench(session.devices, "A", "A"), plan.__name__, given)
    assert 0 <= found.duration_s <= found.longest_s
    assert np.isfinite([found.light_s, found.dose_kj_cm2, found.disk_bytes]).all()
