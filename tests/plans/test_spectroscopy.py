"""The plans of the spectrofluorometer, simulated without hardware: every refusal, and what is done in which order."""

import math

import numpy as np
import pytest
from bluesky.simulators import RunEngineSimulator, assert_message_and_return_remaining
from bluesky.utils import FailedStatus
from ophyd import Component as Cpt
from ophyd import Device, Signal

from devices.signals import CommandError
from lab.samples import Samples
from plans import absorption, blank, calibrate, pl, ple, warm_up
from plans.fluorometry import check_problem
from plans.optics import anti_stokes_nm, stokes_nm, warnings_of
from plans.spectrum import Spectrum
from plans.stubs import PlanError
from tests.conftest import HOUSE


class Limited(Signal):
    """A soft signal with limits."""

    def __init__(self, *args, limits=(0.0, 0.0), **kwargs):
        super().__init__(*args, **kwargs)
        self._limits = limits

    @property
    def limits(self):
        return self._limits


def told(value=0.0, low=0.0, high=0.0):
    return Cpt(Limited, value=value, limits=(low, high))


class Fs5(Device):
    """The settings of the spectrofluorometer, without an instrument behind them."""

    scan_kind, repeat, region = told("emission"), told(1), told(1)
    scan_start, scan_stop, fixed = (told(400.0, low, 1000.0) for low in (200.0, 200.0, -800.0))
    step, dwell = told(1.0, 0.01, 100.0), told(0.3, 1e-3, 200.0)
    excitation_slit, emission_slit = told(1.0, 0.1, 30.0), told(1.0, 0.1, 30.0)
    mounted, available = told("A"), told("A\nB\nglass\nbare_qds")
    lamp, lamp_state, warm_up, warm = told("on"), told("ready"), told(0.0), told(0)
    check, take_dark, dark_counts, dark_time = told(0), told(0.0), told(500.0), told(10.0)
    backend, dead_time, flying, boot_id = told("twin"), told(25.0), told(False), told("boot")
    calibration_uid, calibration_boot_id = told("cal"), told("boot")
    excitation_offset_nm, emission_offset_nm = told(0.2), told(-0.15)
    excitation_offset_err_nm, emission_offset_err_nm = told(0.01), told(0.01)


@pytest.fixture
def fs5():
    device = Fs5(name="fs5")
    device.samples = Samples(HOUSE / "profile" / "samples.toml")
    device.find_run = lambda plan_name, sample, needs: f"{plan_name} of {sample}"
    return device


def simulated(plan):
    """The messages of a plan, and its result."""
    simulator = RunEngineSimulator()
    simulator.add_handler("read", lambda msg: {msg.obj.name: {"value": msg.obj.get()}})
    simulator.add_handler("open_run", lambda msg: "uid")
    return simulator.simulate_plan(plan)


def refusal(plan) -> str:
    """Why a plan does not start; it must not have opened a run or moved anything."""
    simulator, seen = RunEngineSimulator(), []
    simulator.add_handler("read", lambda msg: {msg.obj.name: {"value": msg.obj.get()}})
    simulator.add_handler(("set", "open_run", "kickoff"), seen.append)
    with pytest.raises(PlanError) as refused:
        simulator.simulate_plan(plan)
    moved = [
        msg for msg in seen if msg.command != "set" or msg.obj.name in ("fs5_mounted", "fs5_take_dark", "fs5_lamp")
    ]
    assert moved == []
    return str(refused.value)


def start_of(messages):
    return next(msg.kwargs for msg in messages if msg.command == "open_run")


REFUSED = [
    (pl, {"step_nm": 0}, "step_nm=0: must be a number 0.01..100"),
    (pl, {"step_nm": -1}, "step_nm=-1"),
    (pl, {"dwell_ms": math.nan}, "dwell_ms=nan: must be a number 1..200000"),
    (pl, {"dwell_ms": math.inf}, "dwell_ms=inf"),
    (pl, {"dwell_ms": "long"}, "dwell_ms='long'"),
    (pl, {"dwell_ms": True}, "dwell_ms=True"),
    (pl, {"slit_nm": 0}, "slit_nm=0: must be a number 0.1..30"),
    (pl, {"start_nm": 700, "stop_nm": 500}, "start_nm=700, stop_nm=500: the range is reversed; exchange them"),
    (pl, {"start_nm": 500, "stop_nm": 500}, "one point is no spectrum"),
    (pl, {"stop_nm": 1500}, "stop_nm=1500: must be a number 200..1000"),
    (pl, {"start_nm": math.nan}, "start_nm=nan"),
    (pl, {"start_nm": 405}, "start_nm above 405"),
    (pl, {"excitation_nm": 500}, "at or below the excitation of 500 nm"),
    (pl, {"excitation_nm": math.nan}, "excitation_nm=nan"),
    (pl, {"excitation_nm": -5}, "excitation_nm=-5: must be a number 200..1000"),
    (pl, {"dwell_ms": 10**400}, "must be a number 1..200000"),
    (pl, {"dwell_ms": np.float32("nan")}, "dwell_ms=nan: must be a number"),
    (pl, {"regions": [[1]]}, "regions=[1]: must be a whole number"),
    (pl, {"regions": [1, 10_000]}, "regions=10000: must be a whole number 1..9999"),
    (pl, {"sample": ["A"]}, "sample=['A']: must be the name of a sample"),
    (pl, {"sample": ""}, "sample='': the instrument does not know what is in the chamber; name it"),
    (pl, {"sample": 0}, "sample=0: must be the name of a sample"),
    (pl, {"md": "noted"}, "md='noted': must be a dictionary with text keys"),
    (ple, {"md": {1: 2}}, "must be a dictionary with text keys"),
    (absorption, {"md": {"uid": "mine"}}, "md has the key 'uid': the RunEngine gives it"),
    (calibrate, {"md": [1]}, "md=[1]: must be"),
    (pl, {"regions": 0}, "regions=0: must be a whole number 1.."),
    (pl, {"regions": [1, 1]}, "must be different numbers"),
    (pl, {"regions": []}, "at least one"),
    (pl, {"repeats": 1.5}, "repeats=1.5: must be a whole number"),
    (pl, {"step_nm": 0.01, "regions": 10}, "more than 100000: a larger step_nm"),
    (pl, {"sample": "a"}, "Did you mean 'A'?"),
    (pl, {"sample": "C"}, "it has a record, but the holder has only A, B, glass, bare_qds"),
    (ple, {"stop_nm": 650}, "the excitation would reach the detection at 650 nm"),
    (ple, {"emission_nm": 550}, "stop_nm below 550"),
    (ple, {"reference": 7}, "reference=7: must be"),
    (absorption, {"blank": ""}, "blank='': must be \"auto\""),
    (absorption, {"step_nm": 0}, "step_nm=0"),
    (blank, {"dwell_ms": 0}, "dwell_ms=0"),
    (calibrate, {"step_nm": 0}, "step_nm=0"),
    (calibrate, {"xe_line_nm": math.nan}, "xe_line_nm=nan"),
]


@pytest.mark.parametrize(("plan", "change", "message"), REFUSED, ids=[f"{p.__name__} {c}"[:60] for p, c, _ in REFUSED])
def test_bad_input_is_refused_before_anything_moves(fs5, plan, change, message):
    given = {"sample": "A", **change} if plan is not calibrate else change
    assert message in refusal(plan(fs5, **given))


def test_numbers_of_numpy_are_numbers(fs5):
    given = {"start_nm": np.int64(480), "stop_nm": np.float32(490), "step_nm": np.int32(1), "repeats": np.int64(2)}
    start = start_of(simulated(pl(fs5, sample="A", regions=[np.int64(3)], **given)))
    assert start["num_points"] == 22 and start["regions"] == [3]
    assert all(type(value) in (int, float, str) for value in (start["repeats"], *start["scan"].values()))


def test_a_problem_is_told_once(fs5):
    assert refusal(calibrate(fs5, step_nm=0)).count("step_nm=0") == 1


def test_an_instrument_that_tells_no_reference_is_not_calibrated_here(fs5):
    fs5.backend.put("fluoracle")
    assert "calibrate in Fluoracle" in refusal(calibrate(fs5, sample="A"))
    fs5.calibration_uid.put("")
    warnings = start_of(simulated(pl(fs5, sample="A")))["warnings"]
    assert any("not calibrated" in warning for warning in warnings) and "RE(calibrate" not in " ".join(warnings)


def test_all_problems_are_told_at_once(fs5):
    told = refusal(pl(fs5, sample="Z", step_nm=0, dwell_ms=math.nan))
    assert "step_nm=0" in told and "dwell_ms=nan" in told and "sample='Z'" in told


def test_without_light_nothing_starts(fs5):
    fs5.lamp_state.put("off")
    for plan in (pl(fs5), ple(fs5), absorption(fs5), blank(fs5), calibrate(fs5)):
        assert "the lamp is off: RE(warm_up(fs5)) first" in refusal(plan)


def test_what_the_instrument_itself_refuses_is_told(fs5):
    refused = FailedStatus()
    refused.__cause__ = CommandError("fs5: lum:fs5:Check: the folder exports is missing: create it")
    asking = check_problem(fs5)
    while next(asking).command != "wait":
        pass
    with pytest.raises(StopIteration) as told:
        asking.throw(refused)
    assert told.value.value == "fs5: lum:fs5:Check: the folder exports is missing: create it"


def test_a_missing_blank_is_told_with_the_command_that_makes_it(fs5):
    fs5.find_run = lambda plan_name, sample, needs: ""
    assert 'RE(blank(fs5, sample="glass")) first' in refusal(absorption(fs5, sample="A"))
    told = refusal(absorption(fs5, sample="A", stop_nm=650, dwell_ms=500))
    assert 'RE(blank(fs5, sample="glass", stop_nm=650, dwell_ms=500)) first' in told


def test_an_excitation_spectrum_needs_reference_and_absorption(fs5):
    fs5.find_run = lambda plan_name, sample, needs: ""
    told = refusal(ple(fs5, sample="B", start_nm=380, emission_nm=645))
    assert 'RE(ple(fs5, sample="bare_qds", start_nm=380, emission_nm=645)) first' in told
    assert 'RE(absorption(fs5, sample="B", start_nm=380)) first' in told


def test_references_and_blanks_need_nothing_to_be_compared_with(fs5):
    fs5.find_run = lambda plan_name, sample, needs: ""
    assert start_of(simulated(ple(fs5, sample="bare_qds")))["reference_uid"] == ""
    assert start_of(simulated(absorption(fs5, sample="glass")))["blank_uid"] == ""
    assert start_of(simulated(ple(fs5, sample="A", reference=None)))["absorption_uid"] == ""


def test_the_runs_to_compare_with_are_asked_for_with_the_same_optics(fs5):
    asked = {}
    fs5.find_run = lambda plan_name, sample, needs: asked.setdefault(plan_name, (sample, dict(needs))) and "found"
    start = start_of(simulated(ple(fs5, sample="A", slit_nm=2, emission_nm=645)))
    sample, needs = asked["ple"]
    assert sample == "bare_qds" and needs["fixed_nm"] == 645 and needs["excitation_slit_nm"] == 2
    assert asked["absorption"] == ("A", {"kind": "transmission", "start_nm": 400, "stop_nm": 600, "backend": "twin"})
    assert start["reference_uid"] == start["absorption_uid"] == "found"


def test_the_defaults_are_those_of_the_paper(fs5):
    scan = start_of(simulated(pl(fs5, sample="A")))["scan"]
    assert (scan["fixed_nm"], scan["dwell_s"], scan["excitation_slit_nm"], scan["emission_slit_nm"]) == (405, 0.3, 1, 1)
    scan = start_of(simulated(ple(fs5, sample="A")))["scan"]
    assert (scan["fixed_nm"], scan["dwell_s"], scan["excitation_slit_nm"]) == (650, 1, 1)


def test_the_start_document_tells_light_detection_sample_and_calibration(fs5):
    start = start_of(
        simulated(pl(fs5, sample="A", regions=[2, 5], repeats=3, md={"operator": "eva", "backend": "mine"}))
    )
    assert start["sample"]["doping_percent"] == 0.025 and start["sample"]["reference"] == "bare_qds"
    assert start["excitation"] == {"lamp": "Xe", "wavelength_nm": 405} and start["detection"]["wavelength_nm"] == [
        420,
        750,
    ]
    assert start["regions"] == [2, 5] and start["repeats"] == 3 and start["num_points"] == 331 * 6
    assert start["calibration"]["uid"] == "cal" and start["calibration"]["emission_offset_nm"] == -0.15
    assert start["operator"] == "eva" and start["backend"] == "twin"


def test_a_calibration_of_a_restarted_instrument_does_not_hold(fs5):
    fs5.boot_id.put("another")
    start = start_of(simulated(pl(fs5, sample="A")))
    assert start["calibration"]["uid"] == "" and start["calibration"]["excitation_offset_nm"] == 0
    assert any("RE(calibrate(fs5))" in warning for warning in start["warnings"])


def test_every_region_flies_as_often_as_asked_after_the_dark_count(fs5):
    messages = simulated(pl(fs5, sample="A", regions=[2, 5], repeats=2))
    messages = assert_message_and_return_remaining(messages, lambda m: m.command == "open_run")
    messages = assert_message_and_return_remaining(
        messages, lambda m: m.command == "create" and m.kwargs["name"] == "dark"
    )
    settings = ("fs5_region", "fs5_repeat")
    told = [(m.obj.name, m.args[0]) for m in messages if m.command == "set" and m.obj.name in settings]
    assert told == [
        (name, n) for pair in ((2, 1), (2, 2), (5, 1), (5, 2)) for name, n in zip(settings, pair, strict=True)
    ]
    assert sum(m.command == "kickoff" for m in messages) == 4 and messages[-1].command == "close_run"


def test_an_instrument_without_dark_counts_is_not_asked_to_store_one(fs5):
    fs5.dark_time.put(0.0)
    assert not any(m.command == "create" and m.kwargs["name"] == "dark" for m in simulated(pl(fs5, sample="A")))


def test_a_blank_is_taken_on_the_substrate_of_the_sample(fs5):
    assert start_of(simulated(blank(fs5, sample="A")))["sample_name"] == "glass"
    assert start_of(simulated(blank(fs5)))["plan_name"] == "blank"


def test_warming_up_ignites_and_waits(fs5):
    names = [m.obj.name for m in simulated(warm_up(fs5)) if m.command == "set"]
    assert names == ["fs5_lamp", "fs5_warm"]


def spectrum(kind, start_nm, stop_nm, fixed_nm, slit_nm=1.0):
    return Spectrum(kind, start_nm, stop_nm, 1.0, fixed_nm, slit_nm, slit_nm, 0.3)


def test_raman_lines_lie_where_the_textbook_has_them():
    # Water (3400 1/cm) under 405 nm: 469.7 nm; under 350 nm: 397.3 nm.
    assert stokes_nm(405, 3400) == pytest.approx(469.7, abs=0.1)
    assert stokes_nm(350, 3400) == pytest.approx(397.3, abs=0.1)
    assert stokes_nm(anti_stokes_nm(650, 2900), 2900) == pytest.approx(650)


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        (spectrum("emission", 407, 600, 405), "within 2 nm of the excitation"),
        (spectrum("emission", 410, 600, 405, slit_nm=2), "within 5 nm of the excitation"),
        (spectrum("emission", 420, 830, 405), "second order of the excitation lies in the scan, at 810 nm"),
        (spectrum("emission", 420, 750, 405), "424 nm (BK7 glass (1100 1/cm)), 459 nm (C-H), 470 nm (O-H)"),
        (spectrum("excitation", 300, 600, 650), "excitation at 325 nm its second order is detected at 650 nm"),
        (spectrum("excitation", 400, 649, 650), "within 1 nm of the excitation"),
        (spectrum("excitation", 400, 600, 650), "547 nm (C-H), 532 nm (O-H)"),
    ],
)
def test_stray_light_is_foretold(scan, words):
    assert any(words in sentence for sentence in warnings_of(scan))


def test_a_clean_scan_is_not_warned_about():
    assert warnings_of(spectrum("emission", 480, 750, 405)) == []
    assert warnings_of(spectrum("transmission", 400, 700, 0)) == []


def test_a_warming_lamp_is_a_warning_not_a_refusal(fs5):
    fs5.lamp_state.put("warming")
    fs5.warm_up.put(120.0)
    assert any("120 s to go" in warning for warning in start_of(simulated(pl(fs5, sample="A")))["warnings"])
