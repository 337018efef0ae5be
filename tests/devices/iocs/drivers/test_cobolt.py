"""A Cobolt: host control first, every setting read back, every code a sentence."""

import time
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.iocs.drivers.light import cw_power
from devices.iocs.drivers.light.cobolt import Cobolt, CoboltOptions, fault_code, line
from devices.iocs.drivers.light.cw_power import LaserError, watt
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.cobolt import CoboltEmulator
from tests.emulators.wires import Mischief, on_pty, on_tcp


@pytest.fixture
def laser(monkeypatch):
    """Emulator, driver and its plug, without the pauses between messages."""
    monkeypatch.setattr(Cobolt, "gap_s", 0.0)
    monkeypatch.setattr(cw_power, "ON_S", 0.1)
    emulator = CoboltEmulator()
    with on_tcp(emulator) as served:
        driver = Cobolt(CoboltOptions(served.url, w_cm2_per_mw=100.0, max_mw=40.0, timeout_s=0.1))
        yield emulator, driver, served
        driver.close()


def test_it_shines_and_rests(laser):
    emulator, driver, _ = laser
    driver.set_power_mw(12.5)
    driver.emission(True)
    assert emulator.on and emulator.set_mw == pytest.approx(12.5) and driver.is_on()
    assert emulator.heard[:2] == ["@cobas 0", "@cobasdr 0"] and not emulator.autostart
    assert "p 0.01250" in emulator.heard and emulator.mode == 1
    driver.emission(False)
    assert not emulator.on


@dataclass
class OddCobolt(CoboltEmulator):
    """A laser with other replies."""

    odd: dict[str, bytes] = field(default_factory=dict)

    def answer(self, command: str) -> bytes:
        return self.odd[command] if command in self.odd else super().answer(command)


@pytest.mark.parametrize("reply", [b"", b"\r\n", b"Syntax error: illegal command\r\n"])
def test_a_laser_without_direct_control_or_interlock_word_is_used(reply, monkeypatch):
    monkeypatch.setattr(Cobolt, "gap_s", 0.0)
    emulator = OddCobolt(odd={"@cobasdr 0": reply, "ilk?": b"Syntax error: illegal command\r\n"})
    with on_tcp(emulator) as served:
        driver = Cobolt(CoboltOptions(served.url, w_cm2_per_mw=100.0, max_mw=40.0, timeout_s=0.1))
        driver.emission(True)
        assert emulator.on and driver.interlock_closed() is None
        assert {one.what: one.state for one in driver.check()}["interlock"] == "unverified"
        driver.close()


def test_a_pause_of_100_ms_lies_between_messages():
    times = []

    class Timed(CoboltEmulator):
        def answer(self, command):
            times.append(time.monotonic())
            return super().answer(command)

    with on_pty(Timed()) as port:
        driver = Cobolt(CoboltOptions(port, w_cm2_per_mw=1.0, max_mw=40.0))
        driver.is_on()
        driver.close()
    assert len(times) == 5 and all(b - a > 0.09 for a, b in pairwise(times))


@pytest.mark.parametrize("mw", [-1.0, 40.1, float("nan"), float("inf")])
def test_a_power_beyond_the_limit_is_refused_before_anything_is_sent(laser, mw):
    emulator, driver, _ = laser
    with pytest.raises(ValueError, match=r"must be 0\.\.40 mW"):
        driver.set_power_mw(mw)
    assert not emulator.heard


def test_a_power_that_reads_back_another_is_an_error(laser):
    emulator, driver, _ = laser
    emulator.ignores_power = True
    with pytest.raises(LaserError, match="set to 20 mW, but reads back 1 mW"):
        driver.set_power_mw(20.0)


def test_a_laser_that_does_not_obey_is_told(laser):
    emulator, driver, _ = laser
    emulator.stuck = True
    with pytest.raises(LaserError, match="does not go on"):
        driver.emission(True)
    emulator.on = True
    with pytest.raises(LaserError, match="does not go off: turn its key"):
        driver.emission(False)


@pytest.mark.parametrize(
    ("code", "why"), [(1, "temperature"), (3, "interlock"), (4, "constant power"), (99, "fault 99")]
)
def test_a_fault_is_a_sentence_and_keeps_it_off(laser, code, why):
    emulator, driver, _ = laser
    emulator.fault = code
    assert str(code) in driver.fault() and why in driver.fault()
    with pytest.raises(LaserError, match=why):
        driver.emission(True)
    assert "l1" not in emulator.heard


def test_an_open_interlock_is_told_and_keeps_it_off(laser):
    emulator, driver, _ = laser
    emulator.interlock_closed = False
    assert driver.interlock_closed() is False
    with pytest.raises(LaserError, match="interlock is open"):
        driver.emission(True)
    found = {one.what: one for one in driver.check()}
    assert found["interlock"].state == "failed"


def test_off_goes_through_noise_and_a_lost_reply(laser):
    emulator, driver, _ = laser
    driver.emission(True)
    emulator.mischief = Mischief(silent=1, garbled=1)
    driver.emission(False)
    assert not emulator.on


@pytest.mark.parametrize("mischief", [{"garbled": 1}, {"cut": 1}, {"silent": 1}])
def test_a_setting_goes_through_noise(laser, mischief):
    emulator, driver, _ = laser
    driver.is_on()
    emulator.mischief = Mischief(**mischief)
    driver.order("p 0.02")
    assert emulator.set_mw == pytest.approx(20.0)


def test_a_refused_setting_is_a_sentence(laser):
    emulator, driver, _ = laser
    emulator.most_mw = 5.0
    with pytest.raises(LaserError, match=r"'p 0\.02000' was refused, it replied 'Syntax error: out of range'"):
        driver.set_power_mw(20.0)


def test_the_short_answer_of_another_question_is_no_power(laser):
    emulator, driver, served = laser
    emulator.mischief = Mischief(babble=b"0\r\n")
    assert driver.ordered_mw() == pytest.approx(1.0)
    served.unplug()
    with pytest.raises(WireError):
        for _ in range(3):
            driver.is_on()
    served.plug()
    assert driver.is_on() is False


def test_another_laser_is_refused(laser):
    _, _, served = laser
    driver = Cobolt(CoboltOptions(served.url, 1.0, 40.0, identity="99999", timeout_s=0.1))
    with pytest.raises(WireError, match=r"12345.*expected one with '99999'"):
        driver.is_on()
    assert driver.check()[0].state == "failed"


@pytest.mark.parametrize("name", ["w_cm2_per_mw", "max_mw", "timeout_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_options_must_be_numbers_above_0(name, value):
    with pytest.raises(ValueError, match=name):
        CoboltOptions(**{"port": "COM1", "w_cm2_per_mw": 1.0, "max_mw": 1.0, name: value})


@pytest.mark.parametrize("text", ["\u0967", "0_1", "nan", "inf", "11", ""])
def test_what_is_no_power_is_refused(text):
    with pytest.raises(ValueError):
        watt(text)


@given(st.text(max_size=30))
def test_replies_are_parsed_or_refused(heard):
    for parse in (line, watt, fault_code):
        try:
            found = parse(heard)
        except ValueError:
            continue
        assert found == heard.strip() if parse is line else float(heard) == found
