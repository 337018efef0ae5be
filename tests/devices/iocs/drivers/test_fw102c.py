"""Filter wheels and what is changed by hand: a name is told only for what was read, and lately."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.iocs.drivers.wheels import fw102c, wheel
from devices.iocs.drivers.wheels.fw102c import WheelOptions, Wheels
from devices.iocs.drivers.wheels.wheel import WheelPort
from devices.iocs.drivers.wires.thorlabs import CommandRefusedError, whole_number
from devices.iocs.drivers.wires.wire import WireError
from devices.iocs.filters import FiltersIOC
from devices.iocs.light_link import LightLink
from devices.iocs.measuring import Measuring
from devices.iocs.pairing import USUAL, Optics, objection
from tests.emulators.fw102c import Fw102cEmulator
from tests.emulators.wires import Mischief, on_pty, on_tcp

FILTERS = ("FBH650-40+655/15", "scatter")
MANUAL = {"perovskite": "532/10", "splitter": "dichroic"}


@pytest.fixture
def filters(monkeypatch):
    """Emulator, driver and plug of one wheel before the QD SPAD."""
    monkeypatch.setattr(fw102c, "LOOK_S", 0.02)
    monkeypatch.setattr(fw102c, "STALE_S", 0.5)
    emulator = Fw102cEmulator()
    with on_tcp(emulator) as served:
        driver = Wheels(WheelOptions({"qd": WheelPort(served.url, FILTERS, turn_s=0.5)}, MANUAL))
        driver.wheels["qd"].wire.timeout_s = 0.1
        yield emulator, driver, served
        driver.close()


def reads(driver, name: str) -> bool:
    """Whether it tells that name soon."""
    until = time.monotonic() + 5
    while driver.get("qd") != name:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_it_turns_until_it_stands(filters):
    emulator, driver, _ = filters
    assert driver.get("qd") == FILTERS[0] and driver.positions["qd"] == FILTERS
    emulator.looks_per_turn = 3
    driver.set("qd", "scatter")
    assert emulator.at == 2 and driver.get("qd") == "scatter" and "pos=2" in emulator.heard
    assert emulator.settings["sensors"] == 0


def test_it_speaks_over_a_serial_port():
    emulator = Fw102cEmulator(at=2)
    with on_pty(emulator) as port:
        driver = Wheels(WheelOptions({"qd": WheelPort(port, FILTERS)}, MANUAL))
        assert driver.get("qd") == "scatter"
        driver.set("qd", FILTERS[0])
        assert emulator.at == 1
        driver.close()


def test_a_button_pressed_at_the_wheel_is_noticed(filters):
    emulator, driver, _ = filters
    assert reads(driver, FILTERS[0])
    emulator.at = 5
    assert reads(driver, "unknown (position 5)")
    assert "unknown (position 5)" in objection(USUAL, Optics("", "dichroic", "532/10", driver.get("qd")), {"cw": 1.0})


def test_the_ioc_shows_what_was_turned_by_hand(filters):
    emulator, driver, _ = filters
    ioc = FiltersIOC("t:", filters=driver, link=LightLink("t:"), measuring=Measuring())

    async def press_the_button():
        await ioc.show()
        assert ioc.qd.value == FILTERS[0]
        emulator.at = 2
        assert await asyncio.to_thread(reads, driver, "scatter")
        await ioc.follow()
        assert ioc.qd.value == "scatter" and ioc.splitter.value == "dichroic"

    asyncio.run(press_the_button())


def test_while_it_turns_its_position_is_unknown_and_nothing_may_shine(filters):
    _, driver, _ = filters
    told = []
    turn = driver.wheels["qd"].turn
    driver.wheels["qd"].turn = lambda name: (told.append(driver.get("qd")), turn(name))
    driver.set("qd", "scatter")
    assert told == ["unknown"]
    assert objection(USUAL, Optics("", "dichroic", "532/10", told[0]), {"pulsed": 1.0})


def test_a_blocked_wheel_is_told(filters):
    emulator, driver, _ = filters
    emulator.blocked = True
    with pytest.raises(TimeoutError, match=r"did not reach position 2 \(scatter\) within 0.5 s, it reads 1"):
        driver.set("qd", "scatter")


def test_unplugged_while_it_turns_it_is_unknown_and_comes_back(filters):
    emulator, driver, served = filters
    assert reads(driver, FILTERS[0])
    emulator.looks_per_turn = 10**6
    turn = driver.wheels["qd"].order
    driver.wheels["qd"].order = lambda command, timeout_s=None: (turn(command, timeout_s), served.unplug())
    with pytest.raises((WireError, TimeoutError)):
        driver.set("qd", "scatter")
    assert reads(driver, "unknown")
    driver.wheels["qd"].order = turn
    emulator.goal = None
    served.plug()
    assert reads(driver, FILTERS[0])


@pytest.mark.parametrize(
    "mischief", [{"garbled": 1}, {"cut": 1}, {"silent": 1}, {"babble": b"> pos?\r2\r"}, {"babble": b"\xff> "}]
)
def test_noise_does_not_turn_into_a_position(filters, mischief):
    emulator, driver, _ = filters
    assert reads(driver, FILTERS[0])
    emulator.mischief = Mischief(**mischief)
    told = {driver.wheels["qd"].name() for _ in range(3)}
    emulator.mischief = Mischief(**mischief)
    driver.set("qd", "scatter")
    assert told == {FILTERS[0]} and emulator.at == 2


def test_more_names_than_positions_are_refused(filters, monkeypatch):
    _, _, served = filters
    few = wheel.Wheel("qd", WheelPort(served.url, tuple("abcdefg")))
    with pytest.raises(WireError, match=r"has 6 positions, lab.toml names 7"):
        few.position()


def test_every_error_of_the_wheel_is_a_sentence(filters):
    _, driver, _ = filters
    one = driver.wheels["qd"]
    for command, code in (("nonsense", "CMD_NOT_DEFINED"), ("pos=9", "CMD_ARG_INVALID")):
        with pytest.raises(CommandRefusedError, match=code):
            one.order(command)


def test_what_is_changed_by_hand_holds_what_is_declared(filters):
    _, driver, _ = filters
    assert driver.get("splitter") == "dichroic" and driver.positions["splitter"] == ("dichroic",)
    driver.set("splitter", "dichroic")
    with pytest.raises(ValueError, match=r'changed by hand.*manual\.splitter = "50:50"'):
        driver.set("splitter", "50:50")
    with pytest.raises(ValueError, match="the qd wheel has"):
        driver.set("qd", "532/10")
    with pytest.raises(ValueError, match="route = 'x'"):
        driver.set("x", "532/10")


@pytest.mark.parametrize(
    ("wheels", "manual", "why"),
    [
        ({}, MANUAL, "each of perovskite, qd, splitter"),
        ({}, MANUAL | {"qd": "a", "lens": "b"}, "each of perovskite, qd, splitter"),
        ({}, MANUAL | {"qd": "unknown"}, "manual.qd = 'unknown'"),
    ],
)
def test_each_place_stands_in_one_table(wheels, manual, why):
    with pytest.raises(ValueError, match=why):
        WheelOptions(wheels, manual)


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"positions": ()}, "1 to 12 names"),
        ({"positions": ("a", "a")}, "twice"),
        ({"positions": (" a",)}, "printable letters"),
        ({"port": ""}, "port"),
        ({"turn_s": 0.0}, "turn_s = 0"),
    ],
)
def test_options_that_are_no_options(given_, why):
    with pytest.raises(ValueError, match=why):
        WheelPort(**{"port": "COM1", "positions": ("a",)} | given_)


def test_the_check_turns_nothing(filters):
    emulator, driver, _ = filters
    found = {one.what: one for one in driver.check()}
    assert "FW102C" in found["qd wheel: identity"].found and found["splitter: filter"].state == "unverified"
    assert not [one for one in emulator.heard if one.startswith("pos=")]


@given(st.text(max_size=20) | st.from_regex(r"(> )?pos\?\r[0-9]{1,4}\r?> ?", fullmatch=True))
def test_a_reply_is_a_position_or_refused(heard):
    try:
        found = whole_number(heard, "pos?", 1, 12)
    except (ValueError, CommandRefusedError):
        return
    assert 1 <= found <= 12 and str(found) in heard
