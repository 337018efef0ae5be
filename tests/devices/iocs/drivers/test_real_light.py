"""Real lasers and a real shutter, on emulated wires before the twin's light path: what is not known is not dark."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from caproto import SkipWrite

from devices.iocs.beam import BeamReader
from devices.iocs.drivers.light import cw_power
from devices.iocs.drivers.light import real_light as light
from devices.iocs.drivers.light.cobolt import Cobolt, CoboltOptions
from devices.iocs.drivers.light.cw_power import LaserError
from devices.iocs.drivers.light.epl450 import Epl450, EplOptions, ManualCw, ManualCwOptions
from devices.iocs.drivers.light.real_light import RealLight
from devices.iocs.drivers.light.sapphire import Sapphire, SapphireOptions
from devices.iocs.drivers.light.sc10 import Sc10, Sc10Options, ShutterError
from devices.iocs.drivers.wires.wire import WireError
from devices.iocs.light import light_groups
from devices.iocs.twin.light import TwinLight
from devices.iocs.twin.preset import load
from tests.emulators.cobolt import CoboltEmulator
from tests.emulators.cw import shine_of
from tests.emulators.sc10 import Sc10Emulator
from tests.emulators.wires import on_tcp

W_CM2_PER_MW = 500.0


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Emulated instruments that move the twin's light, and real drivers that know nothing of it."""
    monkeypatch.setattr(Cobolt, "gap_s", 0.0)
    monkeypatch.setattr(cw_power, "ON_S", 0.2)
    monkeypatch.setattr(light, "LASER_LOOK_S", 0.03)
    twin = TwinLight(tmp_path / "beam.bin", load("A").instrument.laser)
    laser = CoboltEmulator(shine=shine_of(twin, W_CM2_PER_MW), on=True)
    blade = Sc10Emulator(open_shutter=twin.open_shutter, close_shutter=twin.close_shutter, is_open=True)
    with on_tcp(laser) as laser_wire, on_tcp(blade) as blade_wire:
        cw = Cobolt(CoboltOptions(laser_wire.url, W_CM2_PER_MW, 40.0, timeout_s=0.1))
        shutter = Sc10(Sc10Options(blade_wire.url, open_reads=1, timeout_s=0.1))
        real = RealLight(Epl450(EplOptions(50.0, {"ND 1.0": 500.0})), cw, shutter)
        yield SimpleNamespace(
            real=real,
            twin=twin,
            beam=BeamReader(tmp_path / "beam.bin"),
            laser=laser,
            blade=blade,
            laser_wire=laser_wire,
            blade_wire=blade_wire,
        )
        real.close()
        cw.close()
        shutter.close()
    twin.close()


def soon(true: Callable[[], object]) -> bool:
    """Whether it becomes true within some seconds."""
    until = time.monotonic() + 5
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_nothing_is_said_before_it_is_used_and_then_the_laser_rests(room):
    assert (room.real.max_w_cm2, room.real.max_cw_w_cm2) == (500.0, 20_000.0)
    assert not room.laser.heard and not room.blade.heard
    room.real.close_shutter()
    assert not room.blade.is_open
    assert soon(lambda: not room.laser.on) and soon(lambda: room.real.interlock)


def test_light_on_the_twin_is_what_was_asked_for(room):
    room.real.close_shutter()
    room.real.cw(True, 5000.0)
    room.real.open_shutter()
    assert room.real.shutter_is_open()
    state = room.beam.read()
    assert state.cw_lit and state.cw_w_cm2 == pytest.approx(5000.0)
    room.real.cw(False, 5000.0)
    room.real.close_shutter()
    assert not room.real.shutter_is_open() and not room.beam.read().lit and not room.laser.on


def test_bad_requests_are_refused_and_change_nothing(room):
    room.real.close_shutter()
    assert soon(lambda: not room.laser.on and not room.real.standby_owed)
    for w_cm2 in (-1.0, 20_001.0, float("nan")):
        with pytest.raises(ValueError, match=r"allowed is 0\.\.20000"):
            room.real.cw(True, w_cm2)
    assert not room.laser.on and not [one for one in room.laser.heard if one.startswith("p ")]
    with pytest.raises(ValueError, match="front panel has 2e"):
        room.real.pulsed(True, 3e6, 50.0)
    with pytest.raises(ValueError, match=r"50 W/cm2 is declared.*turn the attenuator to ND 1.0.*lab.toml"):
        room.real.pulsed(True, 2e6, 500.0)
    with pytest.raises(ValueError, match="set by hand"):
        room.real.pulsed(True, 2e6, 0.0)  # an attenuator is not a shutter
    room.real.pulsed(False, 2e6, 0.0)
    room.real.pulsed(True, 1e6, 50.0)
    assert room.real.pulsed_laser.is_on()


def test_an_open_interlock_refuses_light_and_is_noticed(room):
    room.real.close_shutter()
    assert soon(lambda: room.real.interlock)
    room.laser.interlock_closed = False
    assert soon(lambda: not room.real.interlock)
    for command in (
        room.real.open_shutter,
        lambda: room.real.cw(True, 100.0),
        lambda: room.real.pulsed(True, 2e6, 50.0),
    ):
        with pytest.raises(PermissionError, match="interlock is open"):
            command()
    assert not room.blade.is_open and not room.laser.on


def test_without_the_laser_the_shutter_closes_and_the_interlock_counts_as_open(room):
    room.real.close_shutter()
    room.real.cw(True, 5000.0)
    room.real.open_shutter()
    room.laser_wire.unplug()
    assert soon(lambda: not room.real.interlock)
    room.real.close_shutter()
    assert not room.blade.is_open
    with pytest.raises(WireError):
        room.real.cw(False, 5000.0)
    assert room.laser.on  # nobody could tell it
    room.laser_wire.plug()
    assert soon(lambda: not room.laser.on), "a standby that failed is ordered again"
    assert soon(lambda: room.real.interlock)


def test_without_the_shutter_the_laser_rests_and_unknown_is_open(room):
    room.real.close_shutter()
    room.real.cw(True, 5000.0)
    room.real.open_shutter()
    room.blade_wire.unplug()
    assert soon(lambda: room.real.complaints.last.get("shutter") or not room.real.shutter_is_open())
    assert room.real.shutter_is_open()
    with pytest.raises((WireError, TimeoutError)):
        room.real.close_shutter()
    room.real.cw(False, 5000.0)
    assert not room.laser.on
    room.blade_wire.plug()
    room.real.close_shutter()
    assert not room.blade.is_open and not room.real.shutter_is_open()


def test_a_wire_that_hangs_is_not_waited_for(room, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(light, "CLOSE_S", 0.05)
    monkeypatch.setattr(room.real.shutter, "close_blade", released.wait)
    for _ in range(light.MOST_CLOSING + 2):
        with pytest.raises(TimeoutError, match="still being tried"):
            room.real.close_shutter()
    assert len(room.real.closing.threads) == light.MOST_CLOSING
    released.set()
    for thread in room.real.closing.threads:
        thread.join()


def test_nobody_holds_it_so_it_falls_shut(room, monkeypatch):
    room.real.close_shutter()
    room.real.open_shutter()
    monkeypatch.setattr(light, "HOLD_S", 0.2)
    assert soon(lambda: not room.blade.is_open)


def test_a_blade_that_sticks_is_an_error(room):
    room.blade.stuck = True
    with pytest.raises(ShutterError, match="did not close"):
        room.real.close_shutter()
    assert room.real.shutter_is_open()


def test_a_laser_that_fails_half_way_is_put_to_rest(room, monkeypatch):
    room.real.close_shutter()
    assert soon(lambda: not room.laser.on and not room.real.standby_owed)
    switch = room.real.cw_laser.switch

    def half_way(on):
        switch(on)
        if on:
            raise LaserError("it went on, and said something strange")

    monkeypatch.setattr(room.real.cw_laser, "switch", half_way)
    with pytest.raises(LaserError, match="strange"):
        room.real.cw(True, 5000.0)
    assert soon(lambda: not room.laser.on)


def test_a_laser_that_cannot_tell_needs_a_declared_interlock():
    pulsed, shutter = Epl450(EplOptions(50.0)), Sc10(Sc10Options("COM1", open_reads=0))
    for cw in (Sapphire(SapphireOptions("COM2", 1.0, 40.0)), ManualCw(ManualCwOptions(100.0))):
        with pytest.raises(ValueError, match='interlock = "hardware"'):
            RealLight(pulsed, cw, shutter)


def test_two_lasers_set_by_hand_are_gated_by_the_shutter_alone(room):
    by_hand = Epl450(EplOptions(50.0)), ManualCw(ManualCwOptions(900.0))
    real = RealLight(*by_hand, room.real.shutter, interlock="hardware")
    real.close_shutter()
    real.cw(True, 900.0)
    with pytest.raises(ValueError, match="900 W/cm2 is declared"):
        real.cw(True, 100.0)
    real.open_shutter()
    assert real.interlock and room.blade.is_open
    states = {one.what: one.state for one in (*by_hand[0].check(), *by_hand[1].check())}
    assert states["interlock"] == states["emission"] == "unverified"
    real.close()
    assert not room.blade.is_open


def test_a_laser_that_is_on_and_gone_counts_as_an_open_interlock(room):
    lasers = room.real.pulsed_laser, room.real.cw_laser
    real = RealLight(*lasers, room.real.shutter, interlock="hardware")
    real.close_shutter()
    room.laser_wire.unplug()
    assert soon(lambda: real.interlock)
    room.laser_wire.plug()
    real.cw(True, 5000.0)
    room.laser_wire.unplug()
    assert soon(lambda: not real.interlock)
    real.close()


def test_the_iocs_serve_it_and_survive_a_shutter_that_is_not_there(room):
    groups = light_groups("t:", room.real, repetition_hz=2e6, rates_hz=(2e6,))
    shutter, _, cw = groups

    async def put(pv, value) -> str:
        await pv.group.error.write("")
        with contextlib.suppress(SkipWrite):
            await pv.write(value)
        return pv.group.error.value

    async def lose_and_find_the_shutter():
        room.blade_wire.unplug()
        watching = asyncio.create_task(shutter.state.pvspec.startup(shutter, shutter.state, None))
        try:
            await until(lambda: "does not close" in shutter.latch.value)
            await until(lambda: shutter.state.value == "open")
            room.blade_wire.plug()
            await until(lambda: shutter.state.value == "closed")
            await until(lambda: not room.blade.is_open and room.real.interlock)
            assert cw.emission.value == "standby"
            assert await put(cw.intensity, 5000.0) == ""
            assert "0..20000" in await put(cw.intensity, 30_000.0)
            assert await put(cw.emission, "on") == "" and room.laser.on
        finally:
            watching.cancel()

    asyncio.run(lose_and_find_the_shutter())


async def until(true: Callable[[], object]):
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")
