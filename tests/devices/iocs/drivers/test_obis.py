"""An OBIS: a value, then OK, or an error with its code."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.iocs.drivers.light import cw_power
from devices.iocs.drivers.light.cw_power import LaserError
from devices.iocs.drivers.light.obis import Obis, ObisOptions, bits, is_answered, is_whole, value
from devices.iocs.drivers.wires import thorlabs
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.obis import ObisEmulator
from tests.emulators.wires import Mischief, on_pty, on_tcp


@pytest.fixture
def laser(monkeypatch):
    monkeypatch.setattr(cw_power, "ON_S", 0.1)
    emulator = ObisEmulator()
    with on_tcp(emulator) as served:
        driver = Obis(ObisOptions(served.url, w_cm2_per_mw=100.0, max_mw=40.0, timeout_s=0.1))
        yield emulator, driver
        driver.close()


@pytest.mark.parametrize(("end", "data"), [("CRLF", b"\r\n"), ("CR", b"\r")])
def test_it_shines_and_rests_with_either_end_of_line(end, data):
    emulator = ObisEmulator(end=data, line_end=data.decode())
    with on_pty(emulator) as port:
        driver = Obis(ObisOptions(port, 100.0, 40.0, end=end))
        driver.set_power_mw(30.0)
        driver.emission(True)
        assert emulator.handshaking and emulator.on and emulator.set_mw == pytest.approx(30.0)
        assert "SOUR:POW:LEV:IMM:AMPL 0.03000" in emulator.heard
        assert driver.interlock_closed() is True and driver.fault() == ""
        driver.emission(False)
        assert not emulator.on
        driver.close()


@pytest.mark.parametrize(("error", "why"), [("ERR-100", "error -100.*does not support"), ("ERR-313", "ERR-313")])
def test_an_error_is_a_sentence_with_its_code_and_said_once(laser, error, why):
    emulator, driver = laser
    emulator.unsupported, emulator.error = ("SYST:FAUL?",), error
    with pytest.raises(LaserError, match=rf"'SYST:FAUL\?' was refused: {why}"):
        driver.fault()
    assert emulator.heard.count("SYST:FAUL?") == 1


def test_a_laser_that_does_not_know_its_interlock_tells_so_and_shines(laser):
    emulator, driver = laser
    emulator.unsupported = ("SYST:LOCK?",)
    assert driver.interlock_closed() is None
    found = {one.what: one for one in driver.check()}
    assert found["interlock"].state == "unverified" and "hardware" in found["interlock"].to_do
    driver.emission(True)
    assert emulator.on


class Piecemeal(ObisEmulator):
    """Its lines come one by one."""

    def take(self, pending, reply):
        def in_lines(data):
            for line in data.splitlines(keepends=True):
                reply(line)
                time.sleep(0.02)

        return super().take(pending, in_lines)


def test_a_value_that_reads_ok_is_not_its_end():
    with on_pty(Piecemeal()) as port:
        driver = Obis(ObisOptions(port, 100.0, 40.0))
        assert driver.interlock_closed() is True
        driver.close()


@pytest.mark.parametrize(("is_end", "end"), [(is_answered, b"OK\r\n"), (thorlabs.is_whole, b">")])
def test_of_babble_only_the_tail_is_looked_at(is_end, end):
    """Looked at again with every piece that comes, a long text would take all the time of this computer."""
    assert is_end(b"1\r" + end) and not is_end(b"1" + 400 * b"\r" + end)


def test_a_laser_that_restarted_is_set_up_again():
    emulator = ObisEmulator()
    with on_pty(emulator) as port:
        driver = Obis(ObisOptions(port, 100.0, 40.0, timeout_s=0.1))
        driver.emission(True)
        emulator.handshaking = False
        driver.emission(False)
        assert not emulator.on and emulator.handshaking
        driver.close()


def test_a_laser_without_a_sleep_goes_on(laser):
    emulator, driver = laser
    emulator.unsupported, emulator.asleep = ("SOUR:TEMP:APR",), False
    driver.emission(True)
    assert emulator.on


def test_a_refused_power_names_its_code(laser):
    emulator, driver = laser
    emulator.most_mw = 10.0
    with pytest.raises(LaserError, match="ERR-220"):
        driver.set_power_mw(20.0)
    assert emulator.set_mw == 1.0


def test_a_fault_and_an_open_interlock_keep_it_off(laser):
    emulator, driver = laser
    emulator.fault = 0x10
    with pytest.raises(LaserError, match="fault 0x10"):
        driver.emission(True)
    emulator.interlock_closed = False
    with pytest.raises(LaserError, match="interlock is open"):
        driver.emission(True)
    assert "SOUR:AM:STAT ON" not in emulator.heard


def test_noise_is_asked_again_and_silence_is_an_error(laser):
    emulator, driver = laser
    driver.emission(True)
    for mischief in (Mischief(garbled=1), Mischief(cut=1), Mischief(silent=1)):
        emulator.mischief = mischief
        assert driver.is_on() is True
    emulator.mischief = Mischief(silent=1)
    driver.emission(False)
    assert not emulator.on
    emulator.mischief = Mischief(silent=9)
    with pytest.raises(WireError, match="silent"):
        driver.is_on()


def test_the_check_switches_nothing(laser):
    emulator, driver = laser
    found = {one.what: one for one in driver.check()}
    assert "OBIS" in found["identity"].found and found["interlock"].state == "ok"
    assert found["interlock word"].state == found["intensity"].state == "unverified"
    assert all("?" in one or one == "SYST:COMM:HAND ON" for one in emulator.heard)


def test_an_end_of_line_that_is_none_is_refused():
    with pytest.raises(ValueError, match="end = 'LF': one of CRLF, CR"):
        ObisOptions("COM1", 1.0, 1.0, end="LF")  # pyright: ignore[reportArgumentType]


@given(st.text(max_size=30) | st.from_regex(r"[A-Z0-9.]{0,4}\r\n(OK|ERR-\d|[A-Z]{2})?\r?\n?", fullmatch=True))
def test_replies_are_parsed_or_refused(heard):
    try:
        found = value(heard)
    except (ValueError, LaserError):
        return
    assert [one.strip() for one in heard.replace("\n", "\r").split("\r") if one.strip()] == [found, "OK"]


@given(st.binary(max_size=30))
def test_a_reply_is_whole_or_not(heard):
    assert not is_whole(heard) or b"OK" in heard or b"ERR" in heard


@given(st.text(max_size=12))
def test_a_word_of_bits_is_hexadecimal_or_refused(text):
    try:
        found = bits(text)
    except ValueError:
        return
    assert 0 <= found < 1 << 32
