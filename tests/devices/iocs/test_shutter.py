"""The shutter of the running lab: it opens only for a live lease and closes by itself for every reason there is."""

import json
import os
import signal
import time

import pytest
from bluesky import plan_stubs as bps

from devices.signals import CommandError
from plans.stubs import lit, shine

LONGEST_LIGHT_S = 2.0


@pytest.fixture
def microscope(session):
    yield session.microscope
    if session.microscope.shutter.latch.get():
        seconds_until(lambda: could_reset(session.microscope.shutter))


def shine_and(session, act):
    """A plan with the pulsed laser on the sample that then does `act`."""

    def inside():
        yield from shine(session.microscope)
        assert session.microscope.shutter.state.get() == "open"
        yield from act()

    return lit(session.microscope, session.microscope.pulsed, 50.0, inside)


def seconds_until(condition) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 30
        time.sleep(0.02)
    return time.monotonic() - began


def could_reset(shutter) -> bool:
    """Acknowledge the latch, if its cause is gone."""
    try:
        shutter.reset()
    except CommandError:
        return False
    return True


def test_light_is_only_for_a_running_plan(microscope):
    time.sleep(1.6)
    with pytest.raises(CommandError, match="nobody holds a live lease"):
        microscope.shutter.open()
    assert microscope.shutter.state.get() == "closed"


def test_a_hung_plan_goes_dark_and_cannot_open_again(session, microscope):
    dark_after_s = []

    def hang():
        began = time.monotonic()
        while microscope.shutter.state.get() != "closed":  # blocks the RunEngine's own loop
            assert time.monotonic() - began < 10
            time.sleep(0.02)
        dark_after_s.append(time.monotonic() - began)
        yield from shine(microscope)

    with pytest.raises(Exception, match="latched: dead-man"):
        session.RE(shine_and(session, hang))
    assert dark_after_s[0] < LONGEST_LIGHT_S
    assert microscope.pulsed.emission.get() == "standby"


def test_an_exception_in_a_plan_ends_dark(session, microscope):
    def fail():
        yield from bps.null()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        session.RE(shine_and(session, fail))
    assert microscope.shutter.state.get() == "closed" and microscope.pulsed.emission.get() == "standby"


def test_a_trip_closes_latches_and_needs_a_reset(session, microscope):
    def trip():
        microscope.shutter.trip.put("test: somebody tripped it", wait=True)
        yield from bps.null()

    session.RE(shine_and(session, trip))
    assert microscope.shutter.latch.get() == "test: somebody tripped it"
    with pytest.raises(Exception, match="latched: test"):
        session.RE(shine_and(session, bps.null))
    microscope.shutter.reset()
    session.RE(shine_and(session, bps.null))


def test_too_much_light_on_a_spad_closes_the_shutter_first(session, microscope):
    session.RE(bps.mv(microscope.spads.trip_cps, 1000))

    def wait():
        yield from bps.sleep(1.0)

    try:
        session.RE(bps.mv(microscope.sample.mounted, "B"))
        session.RE(shine_and(session, wait))
        assert "overload: the" in microscope.spads.overload.get()
        assert "overload" in microscope.shutter.latch.get()
        assert microscope.spads.level.get() == "ok"  # in the dark nothing overloads
    finally:
        microscope.spads.reset()
        session.RE(bps.mv(microscope.spads.trip_cps, 5e6))


def test_panic_needs_no_run_engine(session, microscope):
    microscope.panic()
    assert microscope.shutter.state.get() == "closed"
    assert "panic" in microscope.shutter.latch.get()


def test_only_words_that_mean_something(microscope):
    with pytest.raises(ValueError, match="'open' or 'closed'"):
        microscope.shutter.set("ajar")


def test_a_filter_turns_only_in_the_dark(session, microscope):
    def turn():
        yield from bps.mv(microscope.filters.qd, "scatter")
        assert microscope.shutter.state.get() == "closed"
        yield from bps.mv(microscope.filters.qd, "FBH650-40+655/15")

    session.RE(shine_and(session, turn))


def test_a_laser_behind_the_wrong_filter_is_refused(session, microscope):
    def scattered():
        yield from bps.mv(microscope.filters.perovskite, "scatter", microscope.filters.qd, "scatter")
        yield from lit(microscope, microscope.cw, 50.0, lambda: shine(microscope))

    try:
        with pytest.raises(Exception, match="cw must not shine with splitter 'dichroic', perovskite 'scatter'"):
            session.RE(scattered())
        assert microscope.shutter.state.get() == "closed"
    finally:
        session.RE(bps.mv(microscope.filters.perovskite, "532/10+OD1", microscope.filters.qd, "FBH650-40+655/15"))


def test_a_second_laser_is_refused_while_one_shines(session, microscope):
    with pytest.raises(Exception, match="the shutter is open, and cw and pulsed are both on: one laser at a time"):
        session.RE(shine_and(session, lambda: bps.mv(microscope.cw.emission, "on")))
    assert (microscope.shutter.state.get(), microscope.cw.emission.get()) == ("closed", "standby")


def test_a_plan_that_leaves_a_laser_on_finds_it_on_standby(session, microscope):
    session.RE(bps.mv(microscope.cw.emission, "on"))
    session.RE.wait_for_dark()
    assert microscope.cw.emission.get() == "standby" and microscope.shutter.latch.get() == ""


def test_open_for_nothing_it_closes_and_the_next_line_opens_it(session, microscope):
    def wait():
        for _ in range(100):
            if microscope.shutter.state.get() == "closed":
                break
            yield from bps.sleep(0.1)
        assert "while nothing was measured" in microscope.shutter.reason.get()
        yield from shine(microscope)
        assert microscope.shutter.state.get() == "open"

    session.RE(bps.mv(microscope.shutter.open_idle_s, 1.0))
    try:
        session.RE(shine_and(session, wait))
    finally:
        session.RE(bps.mv(microscope.shutter.open_idle_s, 10.0))
    assert microscope.shutter.latch.get() == ""


@pytest.mark.parametrize("session_listens", [False, True])
def test_without_the_bench_it_is_dark_and_light_comes_back_with_it(session, microscope, monkeypatch, session_listens):
    """Session and light process both listen for the bench; the light process needs no session to notice."""
    pid, dark_after_s = json.loads((session.config.folders.run / "bench.json").read_text())["pid"], []
    if not session_listens:
        monkeypatch.setattr(session.RE, "silence", None)

    def lose_it():
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            while microscope.shutter.state.get() != "closed":
                assert time.monotonic() - began < 10
                yield from bps.sleep(0.02)
            dark_after_s.append(time.monotonic() - began)
        finally:
            os.kill(pid, signal.SIGCONT)

    session.RE(shine_and(session, lose_it))
    assert dark_after_s[0] < LONGEST_LIGHT_S
    if not session_listens:
        assert microscope.shutter.latch.get().startswith("bench:")
    seconds_until(lambda: could_reset(microscope.shutter))
    session.RE(shine_and(session, bps.null))
