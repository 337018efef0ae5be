"""What was lost comes back, is told once, and only what the loss itself has latched is cleared."""

import threading
from types import SimpleNamespace

import pytest

from devices.signals import CommandError
from lab.recovery import Recovery
from tests.conftest import house
from tests.lab.crashes import in_own_process
from tests.night.losses import lose_everything, who_lives

LIGHT = {"shutter", "pulsed", "cw"}


def test_every_process_that_dies_comes_back_and_is_told(tmp_path):
    heard = in_own_process(lose_everything, str(house(tmp_path / "house")))
    bench = set(heard["bench"])
    assert {"piezo", "scanner", "timeharp", "fs5"} <= bench and not bench & LIGHT
    assert set(heard["light"]) == LIGHT
    assert set(heard["iocs"]) == bench | LIGHT
    assert heard["nothing"] == ()
    assert heard["open"] == "open", "the lease was taken again"
    assert heard["stored"]
    first, last, storage_stays = heard["ports"]
    assert first == last and storage_stays
    assert not who_lives(tmp_path)


class Beating:
    """A signal that changes whenever it is read, or not."""

    def __init__(self, values):
        self.values, self.connected = values, True

    def get(self, **_):
        return next(self.values)


def part(name: str, *, beats: bool = True, latch: str | None = None):
    """An instrument as a recovery sees it."""
    heart = Beating(iter(range(1000)) if beats else iter([7] * 1000))
    known = SimpleNamespace(name=name, boot_id=Beating(iter(["boot"] * 1000)), heartbeat=heart, resets=0)
    known.walk_subdevices = lambda include_lazy: []
    if latch is not None:
        known.latch = SimpleNamespace(get=lambda: latch)
        known.reset = lambda: setattr(known, "resets", known.resets + 1)
    return known


def recovery(*parts):
    lights = [each for each in parts if hasattr(each, "latch")]
    return Recovery(parts, SimpleNamespace(lights=lights, renew=lambda: None, prove=lambda: None))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("lab.recovery.LOOK_S", 0.01)


def test_one_that_stays_silent_is_named():
    with pytest.raises(CommandError, match="not back after 0 s: spads "):
        recovery(part("piezo"), part("spads", beats=False)).recover(0.05, threading.Event())


def test_a_plan_that_is_given_up_does_not_wait():
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(CommandError, match="spads"):
        recovery(part("spads", beats=False)).recover(3600.0, given_up)


@pytest.mark.parametrize(
    ("latch", "resets"),
    [
        ("dead-man: no sign of a running plan for 1.5 s", 1),
        ("bench: silent, filters unknown", 1),
        ("overload: 6 Mcps on perovskite", 0),
        ("interlock: the enclosure opened", 0),
        ("panic: called by the user", 0),
        ("room light: 40 kcps in the dark", 0),
        ("budget: 12 kJ/cm2", 0),
        ("", 0),
    ],
)
def test_only_the_latch_of_the_loss_is_cleared(latch, resets):
    shutter = part("shutter", latch=latch)
    assert recovery(shutter).recover(5.0, threading.Event()) == ()
    assert shutter.resets == resets
