"""How often what dies is begun again: as long as the night comes forward, and not for ever."""

import json
from contextlib import closing
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from lab.config import LabConfig
from lab.journal import Journal
from lab.night import guardian, keeper, page
from lab.night.entry import DONE
from lab.night.headway import headway
from lab.night.ledger import Ledger
from plans.item import Item
from tests.night.examples import status


@dataclass
class Clock:
    now_s: float = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    time = monotonic


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (keeper, guardian):
        monkeypatch.setattr(module, "time", made)
    return made


def test_lines_and_items_are_headway_and_beginnings_are_not(tmp_path):
    with closing(Journal(tmp_path)) as journal, closing(Ledger(tmp_path / "nights.sqlite")) as ledger:
        name = ledger.begin([Item("irf"), Item("pl", {"sample": "A"})]).name
        told = [headway(tmp_path, ledger.night(name))]
        for uid, night in (("mine", name), ("other", "another night")):
            journal("start", {"uid": uid, "time": 1e9, "night": night})
            for stream in ("baseline", "primary"):
                key = f"{uid}-{stream}"
                journal("descriptor", {"uid": key, "run_start": uid, "name": stream})
                journal("event", {"uid": f"{key}-e", "descriptor": key, "data": {}})
                told.append(headway(tmp_path, ledger.night(name)))
        ledger.note(name, 0, DONE)
        told.append(headway(tmp_path, ledger.night(name)))
    assert told == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (1, 1)]


@pytest.fixture
def kept(tmp_path, clock, monkeypatch):
    """A keeper, and how far its night is."""
    config = LabConfig()
    made = keeper.Keeper(replace(config, folders=replace(config.folders, data=tmp_path)), [])
    monkeypatch.setattr(made, "headway", lambda: made.far)
    made.far = made.mark
    return made


def test_a_night_that_comes_forward_goes_on_however_often_it_dies(kept, clock):
    for n in range(200):
        clock.now_s += 61.0
        kept.far = (0, n // 3)  # a line in three
        assert kept.hopeless() is None


def test_a_night_that_comes_nowhere_is_given_up_soon(kept):
    reasons = [kept.hopeless() for _ in range(keeper.MOST_FRUITLESS)]
    assert reasons[:-1] == [None] * (keeper.MOST_FRUITLESS - 1)
    assert "6 times without a line" in reasons[-1]


def test_a_night_that_dies_every_second_is_given_up_within_the_hour(kept, clock):
    for n in range(keeper.MOST_RESTARTS):
        clock.now_s += 1.0
        kept.far = (0, n + 1)
        assert kept.hopeless() is None
    kept.far = (0, 1000)
    assert "61 times in an hour" in kept.hopeless()


def test_a_refusal_changes_the_page_of_its_own_night_only(kept):
    page.write(kept.folder, status(name="over", state="finished"))
    with closing(Ledger(kept.config.folders.data / "nights.sqlite")) as ledger:
        for name in ("other", "over"):
            ledger.begin([Item("irf")], name)
            kept.refused(keeper.REFUSED)
            told = json.loads((kept.folder / page.STATUS).read_text())["state"]
            assert told == ("stopped" if name == "over" else "finished")
            ledger.finish(name, "given up")


@pytest.fixture
def guarded(clock, monkeypatch):
    """A guardian whose storage is dead whenever it looks, but for what `alive` says; it counts what it starts."""
    monkeypatch.setattr(guardian.Guardian, "watch", lambda self: None)
    monkeypatch.setattr(guardian.Guardian, "look_at_disk", lambda self: None)
    monkeypatch.setattr(guardian.services, "revive", lambda config, lab, **twin: revived.append(lab) or lab)
    revived: list = []
    storage, iocs = SimpleNamespace(alive=False), SimpleNamespace(alive=True)
    config = SimpleNamespace(folders=SimpleNamespace(run="run"))
    made = guardian.Guardian(config, SimpleNamespace(storage=storage, iocs=iocs), lambda lab: None)
    return SimpleNamespace(look=made.look, storage=storage, revived=revived)


def test_what_dies_at_once_is_not_brought_back_for_ever(guarded, clock):
    for _ in range(20):
        clock.now_s += 5.0
        guarded.look()
    assert len(guarded.revived) == guardian.MOST_RESTARTS


def test_what_lives_a_while_is_brought_back_again_and_again(guarded, clock):
    for _ in range(50):
        guarded.storage.alive = False
        guarded.look()
        guarded.storage.alive = True
        clock.now_s += guardian.LASTING_S + 1.0
        guarded.look()
    assert len(guarded.revived) == 50
