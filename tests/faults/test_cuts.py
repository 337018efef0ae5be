"""The judge of the plans sees what a plan leaves: one without a clean-up is found out where it matters."""

from types import SimpleNamespace

import pytest
from bluesky import preprocessors as bpp
from bluesky.utils import Msg

from lab import silence
from lab.silence import SILENT_S, Silence
from tests.faults.cuts import InjectedError, cut, recorded

SHUTTER, LASER = SimpleNamespace(name="shutter"), SimpleNamespace(name="pulsed_emission")


def bright():
    yield Msg("set", LASER, "on")
    yield Msg("set", SHUTTER, "open")
    yield Msg("null")
    yield Msg("set", SHUTTER, "closed")
    yield Msg("set", LASER, "standby")


def said_by(plan):
    """All messages of a plan, each answered with nothing."""
    answers = []
    for _ in recorded(plan, answers):
        pass
    return answers


def closing():
    yield Msg("set", SHUTTER, "closed")


def resting():
    yield Msg("set", LASER, "standby")


def protected():
    """Both barriers, as in the plans of the lab."""
    return bpp.finalize_wrapper(bpp.finalize_wrapper(bright(), closing()), resting())


def with_one_barrier():
    """The laser rests only if the shutter could be closed."""

    def both():
        yield from closing()
        yield from resting()

    return bpp.finalize_wrapper(bright(), both())


def swallowing():
    try:
        yield from bright()
    except InjectedError:
        yield from closing()
        yield from resting()


def test_a_plan_without_a_clean_up_is_found_bright():
    said = said_by(bright())
    assert [cut(bright(), said, index)[0].dark for index in range(5)] == [True, False, False, True, True]
    assert cut(bright(), said, 0)[0].shining == ["pulsed_emission"]


def test_a_plan_with_both_barriers_is_dark_at_any_message():
    said = said_by(protected())
    for index in range(len(said)):
        light, error = cut(protected(), said, index)
        assert light.shutter == "closed" and not light.shining and isinstance(error, InjectedError)


@pytest.mark.parametrize(("plan", "dark"), [(protected, True), (with_one_barrier, False)])
def test_a_clean_up_that_fails_leaves_the_second_barrier_if_there_is_one(plan, dark):
    assert cut(plan(), said_by(plan()), 2, again=0)[0].dark is dark


def test_a_plan_that_goes_on_as_if_nothing_had_happened_is_found_out():
    light, error = cut(swallowing(), said_by(swallowing()), 2)
    assert light.dark and error is None


def test_a_silence_is_said_once_and_ends_with_the_next_beat(monkeypatch):
    now_s, listeners = 0.0, []
    monkeypatch.setattr(silence, "time", SimpleNamespace(monotonic=lambda: now_s))
    heard = Silence(SimpleNamespace(subscribe=lambda hear, run: listeners.append(hear)))
    assert not heard.begins()
    now_s = SILENT_S + 0.1
    assert heard.begins() and not heard.begins()
    listeners[0](value=7)
    assert not heard.begins()
    now_s *= 3
    assert heard.begins()
