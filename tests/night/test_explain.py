"""What a plan will take is told before anything moves, and is near to what it takes."""

import struct
from typing import Any

import numpy as np
import pytest
from bluesky.utils import Msg

import plans
from lab.explain import answered, explain
from plans import blinking, flim_raster, hbt, irf, park, pl, ple, warm_up
from plans.facts import Earlier
from plans.forecast import Bench, forecast
from plans.item import item
from plans.known import defaults
from plans.stubs import PlanError


@pytest.fixture
def told(session):
    return lambda plan, **more: explain(plan, devices=session.devices, **more)


def test_the_raster_of_the_paper(told, session):
    found = told(flim_raster(session.microscope, sample="A"))
    forecast, text = found.forecasts[0], repr(found)
    assert forecast.duration_s == pytest.approx(100 * 100 * 10 * 0.11, rel=0.02)
    assert forecast.certainty == "exact"
    assert forecast.dose_kj_cm2 == pytest.approx(50 * 10 * 0.11 / 1e3)
    assert forecast.disk_bytes == 2 * 2 * 4096 * 100 * 100 * 10
    assert found.problems == []
    for words in (
        "about 3 h 0",
        "0.055 kJ/cm2",
        "1.64 GB of",
        "stage: x 25.25..74.75 um",
        "445 nm, 50 W/cm2; microscope.shutter open for 3 h",
        "a pixel: tau1",
        "the image: tau1",
        "photons a pulse",
        "rests on",
        "uses     irf",
        "needs    irf",
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
    slit: dict[str, Any] = {"slit_nm": 1.3}  # nobody else measures with it
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


def bench_time_s(session) -> float:
    """Seconds of the simulated clock."""
    return struct.unpack("d", next(session.config.folders.data.rglob("bench.bin")).read_bytes()[:8])[0]


SHORT: dict[str, Any] = {"extent_um": 1, "n_pixels": 6, "dwell_ms": 4}
SCAN: dict[str, Any] = {"start_nm": 535, "stop_nm": 547, "dwell_ms": 20}
COUNTED_OUT: dict[str, tuple[str, dict[str, Any]]] = {
    "flim_raster": ("microscope", {"sample": "A", **SHORT, "n_scans": 2}),
    "find_emitters": ("microscope", {"sample": "A", **SHORT}),
    "irf": ("microscope", {}),
    "recentre": ("microscope", {"at_um": (40, 40)}),
    "park": ("microscope", {}),
    "warm_up": ("fs5", {}),
    "blank": ("fs5", {"sample": "A", **SCAN}),
    "pl": ("fs5", {"sample": "A", **SCAN}),
    "ple": ("fs5", {"sample": "bare_qds", **SCAN}),
    "calibrate": ("fs5", {"dwell_ms": 20}),
}


@pytest.mark.parametrize("name", [name for name in COUNTED_OUT if name != "recentre"])
def test_durations_are_within_a_tenth_of_what_the_bench_takes(told, session, name):
    """On the clock of the simulated bench."""
    device, given = COUNTED_OUT[name]
    plan = getattr(plans, name)
    expected = told(plan(getattr(session, device), **given)).forecasts[0]
    before = bench_time_s(session)
    session.RE(plan(getattr(session, device), **given))
    assert bench_time_s(session) - before == pytest.approx(expected.duration_s, rel=0.1, abs=0.1)
    assert expected.shortest_s <= expected.duration_s <= expected.longest_s


@pytest.mark.parametrize("name", sorted(plans.__all__))
def test_every_plan_tells_all_facts_and_only_looks(session, name):
    """From the table of what it takes alone: no message is sent at all."""
    place = {"at_um": (40, 40)} if "at_um" in defaults(name) else {}
    found = forecast(Bench(session.devices, "A", "A"), name, {**place, **COUNTED_OUT.get(name, ("", {}))[1]})
    assert 0 < found.duration_s <= found.longest_s
    assert found.disk_bytes > 0 or name in ("park", "warm_up")
    if name == "import_scan":
        return
    assert found.moves
    assert found.certainty in ("exact", "known", "guess")
    if name in ("park", "warm_up"):
        return
    assert found.basis
    assert all(light.lit_s > 0 and light.wavelength_nm for light in found.lights)
    assert found.errors or name in ("pl", "ple"), "a spectrum that was never measured has no counts"
    assert all(not each.err < 0 for each in found.errors)


def test_a_session_that_measured_tells_what_it_rests_on(told, session):
    forecast = told(flim_raster(session.microscope, sample="A", **SHORT, n_scans=1)).forecasts[0]
    assert [used.what for used in forecast.uses] == ["irf"]
    assert forecast.uses[0].uid == session.microscope.irf_uid.get()
    assert told(irf(session.microscope)).forecasts[0].certainty == "known"


def test_too_much_light_is_told_before_it_shines(session):
    def seen(plan_name, sample="", emitter=""):
        rates = {"rate_cps": (4e5, 1e4), "peak_cps": (6e5, 1e5), "tau_ns": (2.0, 10.0), "fraction": (0.5, 0.5)}
        start = {"excitation": {"intensity_w_cm2": 50.0}}
        return Earlier(plan_name, "0123456789", 0.0, {**rates, "background_fraction": 0.02}, start)

    bench = Bench(session.devices, "A", "A", earlier=seen, now_s=3600.0)
    bent = forecast(bench, "flim_raster", {"sample": "A"})
    assert bent.peak is not None
    assert bent.peak.photons_per_pulse == pytest.approx(0.3)
    assert -0.1 < bent.peak.tau_bias < -0.05
    assert "pile-up: 0.3 photons a pulse" in bent.warnings[0]
    bright = forecast(bench, "flim_raster", {"sample": "A", "intensity_w_cm2": 500.0})
    assert bright.peak is not None
    assert bright.peak.trips
    assert "will close and latch" in bright.warnings[0]
    assert bent.basis == ("rates and lifetimes of flim_raster 01234567, 60 min ago",)


def test_a_dim_emitter_needs_more_than_its_time(session):
    def seen(plan_name, sample="", emitter=""):
        facts = {"rate_cps": 5000.0, "background_cps": 4000.0, "tau_ns": 17.0}
        return Earlier(plan_name, "0123456789", 0.0, facts) if plan_name == "find_emitters" else None

    bench = Bench(session.devices, "single", "A", earlier=seen)
    found = forecast(bench, "hbt", {"at_um": (40, 40), "target_err_ns": 0.4, "max_time_s": 60.0})
    assert found.duration_s == pytest.approx(60.0, rel=0.05)
    assert found.warnings[0].startswith("max_time_s=60 ends it before err_ns 0.4")
    assert found.certainty == "guess"
    assert found.errors[0].err > 0.4


def test_a_notebook_shows_the_same_facts_as_a_table(told, session):
    text = told(flim_raster(session.microscope, sample="A"))._repr_html_()
    assert text.count("<tr>") >= 12
    assert "0.055 kJ/cm2" in text
    assert "<pre>" in told(session.night([park(session.microscope)]))._repr_html_()


@pytest.mark.parametrize("plan", [pl, blinking, warm_up])
def test_longest_is_not_shorter_than_expected(session, plan):
    given = {"at_um": [40, 40]} if plan is blinking else {}
    found = forecast(Bench(session.devices, "A", "A"), plan.__name__, given)
    assert 0 <= found.duration_s <= found.longest_s
    assert np.isfinite([found.light_s, found.dose_kj_cm2, found.disk_bytes]).all()


def test_what_was_explained_can_still_be_run(session, told):
    plan, seen = park(session.microscope), []
    told(plan)
    told([plan])
    session.RE.msg_hook = seen.append
    try:
        session.RE(plan)
    finally:
        session.RE.msg_hook = None
    assert "set" in {message.command for message in seen}
