"""A Sapphire: states, a key, and no word about its interlock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.iocs.drivers.light import cw_power
from devices.iocs.drivers.light.cw_power import LaserError
from devices.iocs.drivers.light.sapphire import Sapphire, SapphireOptions, line, state
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.sapphire import SapphireEmulator
from tests.emulators.wires import Mischief, on_pty, on_tcp


@pytest.fixture
def laser(monkeypatch):
    monkeypatch.setattr(cw_power, "ON_S", 0.1)
    emulator = SapphireEmulator()
    with on_tcp(emulator) as served:
        driver = Sapphire(SapphireOptions(served.url, w_cm2_per_mw=100.0, max_mw=40.0, timeout_s=0.15))
        yield emulator, driver
        driver.close()


@pytest.mark.parametrize(("end", "data"), [("CRLF", b"\r\n"), ("CR", b"\r")])
def test_it_shines_and_rests_with_either_end_of_line(end, data):
    emulator = SapphireEmulator(end=data)
    with on_pty(emulator) as port:
        driver = Sapphire(SapphireOptions(port, 100.0, 40.0, end=end))
        driver.set_power_mw(20.0)
        driver.emission(True)
        assert emulator.heard[0] == ">=0" and not emulator.echo
        assert emulator.on and emulator.set_mw == 20.0 and "p=20.000" in emulator.heard
        driver.emission(False)
        assert not emulator.on and driver.interlock_closed() is None
        driver.close()


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (1, "state 1, it is starting up: wait"),
        (2, "state 2, .*warming"),
        (6, "state 6, error: 12: head temperature; 14: interlock"),
    ],
)
def test_a_state_that_forbids_emission_is_told(laser, now, why):
    emulator, driver = laser
    emulator.state = now
    with pytest.raises(LaserError, match=why):
        driver.emission(True)
    assert "l=1" not in emulator.heard


def test_a_key_that_is_off_is_told(laser):
    emulator, driver = laser
    emulator.key = False
    with pytest.raises(LaserError, match="its key is off"):
        driver.emission(True)


def test_a_power_the_laser_does_not_have_is_refused(laser):
    emulator, driver = laser
    for mw in (0.1, 40.5):
        with pytest.raises(ValueError, match="mW"):
            driver.set_power_mw(mw)
    assert not [one for one in emulator.heard if one.startswith("p=")]


def test_an_echo_that_stays_is_no_value(laser):
    emulator, driver = laser
    assert driver.is_on() is False
    emulator.echo = True
    assert driver.is_on() is False and driver.ordered_mw() == 1.0


@pytest.mark.parametrize("serve", [on_pty, on_tcp])
def test_a_laser_that_restarted_is_set_up_again(serve):
    emulator = SapphireEmulator()
    with serve(emulator) as served:
        driver = Sapphire(SapphireOptions(getattr(served, "url", served), 100.0, 40.0, timeout_s=0.15))
        driver.emission(True)
        emulator.restart()
        driver.emission(False)
        assert not emulator.on and not emulator.prompt
        driver.close()


def test_all_digits_of_the_head_stand_in_its_identity(laser):
    emulator, driver = laser
    emulator.head = "12345678.000"
    assert driver.identity() == "Sapphire, head 12345678"


def test_an_end_of_line_that_is_none_is_refused():
    with pytest.raises(ValueError, match="end = 'LF': one of CRLF, CR"):
        SapphireOptions("COM1", 1.0, 1.0, end="LF")  # pyright: ignore[reportArgumentType]


def test_noise_is_asked_again_and_silence_is_an_error(laser):
    emulator, driver = laser
    driver.emission(True)
    for mischief in (Mischief(garbled=1), Mischief(cut=1), Mischief(silent=1)):
        emulator.mischief = mischief
        assert driver.is_on() is True
    emulator.mischief = Mischief(silent=9)
    with pytest.raises(WireError, match="silent"):
        driver.emission(False)
    assert not emulator.on  # it was told, though nobody knows


def test_the_check_says_what_it_cannot_know(laser):
    emulator, driver = laser
    found = {one.what: one for one in driver.check()}
    assert found["interlock"].state == "unverified" and found["power limits"].found.startswith("0.2..50 mW")
    assert not [one for one in emulator.heard if "=" in one and one != ">=0"]


@given(st.text(max_size=20) | st.from_regex(r"(\?sta|)\r\n[0-9]{1,2}\r\n", fullmatch=True))
def test_replies_are_parsed_or_refused(heard):
    try:
        found = state(line(heard, "?sta"))
    except ValueError:
        return
    assert 1 <= found <= 6 and str(found) in heard
