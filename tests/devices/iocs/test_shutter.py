"""The shutter of the running lab: it opens only for a live lease and closes by itself for every reason there is."""

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
        session.microscope.shutter.reset()


def shine_and(session, act):
    """A plan with the pulsed laser on the sample that then does `act`."""

    def inside():
        yield from shine(session.microscope)
        assert session.microscope.shutter.state.get() == "open"
        yield from act()

    return lit(session.microscope, session.microscope.pulsed, 50.0, inside)


def seconds_until_dark(microscope) -> float:
    began = time.monotonic()
    while microscope.shutter.state.get() != "closed":
        assert time.monotonic() - began < 10
        time.sleep(0.02)
    return time.monotonic() - began


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
