"""Estimates as signals: what a plan reads after `trigger` is what the analysis said, or a failure with its reason."""

import math
from concurrent.futures import Future

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp

from devices.estimates import Antibunching, Field, Intermittency, Target
from lab.encoding import decode, encode

UNITS = {"_per_ns": "1/ns", "_ns": "ns", "_cps": "cps", "_s": "s", "_um": "um"}
CLASSES = [Antibunching, Intermittency, Field, Target]


@pytest.fixture
def g2():
    return Antibunching(name="g2")


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


def triggered(g2):
    """A plan: up to date, then the error of the lifetime."""
    yield from bps.trigger(g2, wait=True)
    return (yield from bps.rd(g2.tau_err_ns))


def returned(engine, plan):
    """What a plan returns."""
    kept = []

    def keep():
        kept.append((yield from plan))

    engine(keep())
    return kept[0]


def test_without_an_analysis_nothing_is_known_and_nothing_waits(g2, engine):
    assert math.isnan(returned(engine, triggered(g2)))
    assert g2.single.get() == -1 and g2.n_coincidences.get() == 0 and g2.stopped_by.get() == ""


def test_a_slow_analysis_is_waited_for(g2, engine):
    answer = Future()
    g2.ask = lambda: answer
    status = g2.trigger()
    assert not status.done and math.isnan(g2.tau_err_ns.get())
    answer.set_result({"tau_err_ns": 0.4, "n_coincidences": np.int64(812)})
    status.wait(10)
    assert g2.tau_err_ns.get() == 0.4 and g2.n_coincidences.get() == 812
    assert returned(engine, triggered(g2)) == 0.4


def test_a_failing_analysis_fails_the_plan_with_its_reason(g2, engine):
    answer = Future()
    answer.set_exception(ArithmeticError("the fit did not converge"))
    g2.ask = lambda: answer
    with pytest.raises(Exception, match="the fit did not converge"):
        engine(triggered(g2))


def test_what_the_answer_covers_is_settled_when_it_is_asked_for(g2):
    emitted, answers = [], []

    def ask():
        answers.append((Future(), sum(emitted)))
        return answers[-1][0]

    g2.ask = ask
    emitted.append(5)
    status = g2.trigger()
    emitted.append(7)
    answer, covered = answers[0]
    answer.set_result({"n_coincidences": covered})
    status.wait(10)
    assert g2.n_coincidences.get() == 5


def test_an_old_answer_never_overwrites_a_newer_one(g2):
    answers = [Future(), Future()]
    asked = iter(answers)
    g2.ask = lambda: next(asked)
    first, second = g2.trigger(), g2.trigger()
    answers[1].set_result({"n_coincidences": 2})
    second.wait(10)
    answers[0].set_result({"n_coincidences": 1})
    first.wait(10)
    assert g2.n_coincidences.get() == 2


def test_a_new_run_knows_nothing_of_the_last_one_even_if_its_answer_is_late(g2, engine):
    late = Future()
    g2.ask = lambda: late
    g2.stopped_by.put("max_time_s")
    status = g2.trigger()
    engine(bps.mv(g2, {"live_s": 0.0}))
    late.set_result({"tau_ns": 17.7, "live_s": 30.0})
    status.wait(10)
    assert math.isnan(g2.tau_ns.get()) and g2.live_s.get() == 0.0 and g2.stopped_by.get() == ""


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"tau_s": 1.0}, "g2 has no 'tau_s'; it has tau_ns"),
        ({"tau_ns": None}, "g2_tau_ns = None: must be a number"),
        ({"tau_ns": "11"}, "g2_tau_ns = '11': must be a number"),
        ({"single": 0.5}, "g2_single = 0.5: must be a whole number"),
        ({"n_coincidences": math.nan}, "must be a whole number"),
        ({"stopped_by": 3}, "g2_stopped_by = 3: must be text"),
    ],
)
def test_nonsense_is_refused_as_a_whole(g2, values, why):
    with pytest.raises(ValueError, match=why):
        g2.set({"contrast": 0.7, **values})
    assert math.isnan(g2.contrast.get())
    answer = Future()
    answer.set_result({"contrast": 0.7, **values})
    g2.ask = lambda: answer
    with pytest.raises(ValueError, match=why):
        g2.trigger().wait(10)
    assert math.isnan(g2.contrast.get())


@pytest.mark.parametrize("cls", CLASSES)
def test_an_event_holds_all_numbers_with_units_and_survives_the_journal(engine, cls):
    estimate, seen = cls(name="it"), []
    engine.subscribe(lambda name, doc: seen.append((name, doc)))

    @bpp.run_decorator()
    def look():
        yield from bps.trigger_and_read([estimate], name="estimate")

    engine(look())
    keys = next(doc for name, doc in seen if name == "descriptor")["data_keys"]
    event = next(doc for name, doc in seen if name == "event")
    assert set(event["data"]) == set(keys) == {f"it_{name}" for name in estimate.component_names}
    for key, entry in keys.items():
        unit = next((unit for end, unit in UNITS.items() if key.endswith(end)), "")
        assert entry.get("units", "") == unit
        assert entry["dtype"] in ("number", "integer", "string")
    back = decode(encode(dict(event), "event"))["data"]
    assert all(value == event["data"][key] or math.isnan(value) for key, value in back.items())


def test_the_last_place_of_the_target_is_one_message(engine):
    target = Target(name="target")
    engine(bps.mv(target, {"x_um": 3.2, "y_um": 4.1, "found": 1}))
    assert (target.x_um.get(), target.y_um.get(), target.found.get()) == (3.2, 4.1, 1)
    engine(bps.mv(target, {"attempts": 3}))
    assert target.found.get() == 0 and math.isnan(target.x_um.get())


def test_what_is_not_known_can_be_put_by_message(g2, engine):
    g2.tau_ns.put(17.7)
    engine(bps.mv(g2.tau_ns, math.nan))
    assert math.isnan(g2.tau_ns.get())
    with pytest.raises(ValueError, match="g2_stopped_by = 0: must be text"):
        engine(bps.mv(g2.stopped_by, 0))
