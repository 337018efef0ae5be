"""A name for each emitter: kept through drift, remounting, crashes and replays; never given to another."""

import itertools
import multiprocessing
import os
import re
import sqlite3
import threading
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from analysis.emitters import Emitters
from lab.emitters.cohorts import members
from lab.emitters.registry import EmitterRegistry
from lab.emitters.store import RegistryError
from tests.conftest import HOUSE

EXTENT_UM = ((0.0, 10.0), (0.0, 10.0))


def spots(at_um, rate_cps=1e5, isolated=True):
    """A table of spots as a search image gives it."""
    n = len(at_um)
    numbers = {field.name: np.full(n, 0.02) for field in fields(Emitters)}
    flags = {name: np.full(n, isolated) for name in ("round", "whole", "isolated")}
    more = {"rate_cps": np.full(n, rate_cps), "background_cps": np.full(n, 1e4), "fwhm_um": np.full(n, 0.24)}
    return Emitters(**{**numbers, **flags, **more, "x_um": at_um[:, 0], "y_um": at_um[:, 1]})


def scattered(rng, n, least_um=0.6):
    """Places in the field, none near another."""
    places = np.empty((0, 2))
    while len(places) < n:
        place = rng.uniform(0.3, 9.7, 2)
        if not len(places) or np.hypot(*(places - place).T).min() > least_um:
            places = np.vstack([places, place])
    return places


def turned(points_um, angle_deg, shift_um):
    angle = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points_um - 5) @ matrix.T + 5 + shift_um


def in_field(points_um):
    return np.all((points_um > 0) & (points_um < 10), axis=1)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def registry():
    with_clock = EmitterRegistry(clock=itertools.count(1e9).__next__)
    yield with_clock
    with_clock.close()


def test_emitters_are_named_by_their_sample_and_found_again_after_drift(registry, rng):
    at_um = scattered(rng, 25)
    first = registry.place("single", spots(at_um), uid="a", extent_um=EXTENT_UM)
    assert first.ids == [f"single-{n:03d}" for n in range(1, 26)] and not first.warnings
    order = rng.permutation(25)[:21]
    drifted = at_um[order] + [0.9, -1.3] + rng.normal(0, 0.02, (21, 2))
    again = registry.place("single", spots(drifted), uid="b", extent_um=EXTENT_UM)
    assert again.ids == [first.ids[k] for k in order] and len(registry) == 25
    unseen = next(k for k in range(25) if k not in order)
    assert registry.where(first.ids[unseen]) == pytest.approx(at_um[unseen] + [0.9, -1.3], abs=0.03)


@pytest.mark.parametrize(("angle_deg", "shift_um"), [(0, (4, -3)), (6, (0.5, 0.5)), (-8, (3, 2))])
def test_a_remounted_sample_keeps_its_names_and_new_emitters_get_new_ones(registry, rng, angle_deg, shift_um):
    at_um = scattered(rng, 40)
    registry.place("single", spots(at_um[:35]), uid="a", extent_um=EXTENT_UM)
    moved = turned(at_um, angle_deg, shift_um) + rng.normal(0, 0.02, (40, 2))
    rows = np.flatnonzero(in_field(moved))
    placing = registry.place("single", spots(moved[rows]), uid="b", extent_um=EXTENT_UM)
    named = dict(zip(rows, placing.ids, strict=True))
    assert all(named[row] == f"single-{row + 1:03d}" for row in rows if row < 35)
    assert sorted(named[row] for row in rows if row >= 35) == [
        f"single-{36 + k:03d}" for k in range(sum(row >= 35 for row in rows))
    ]


def test_a_replay_neither_doubles_emitters_nor_moves_them(registry, rng):
    at_um = scattered(rng, 10)
    first = registry.place("single", spots(at_um), uid="a", extent_um=EXTENT_UM)
    registry.seen("single-004", *(at_um[3] + 0.2), 0.01)
    again = registry.place("single", spots(at_um[::-1]), uid="a", extent_um=EXTENT_UM)
    assert again.ids == first.ids[::-1] and len(registry) == 10
    assert registry.where("single-004") == pytest.approx(at_um[3] + 0.2)


def test_another_field_is_no_contradiction(registry, rng):
    registry.place("single", spots(scattered(rng, 10)), uid="a", extent_um=EXTENT_UM)
    beside = spots(scattered(rng, 12) + np.array([20, 0]))
    other = registry.place("single", beside, uid="b", extent_um=((20, 30), (0, 10)))
    assert other.ids[0] == "single-011" and not other.warnings
    assert registry.where("single-003") and registry.where("single-015")


def test_strange_spots_get_new_names_with_a_warning_and_the_old_ones_are_not_given_away(registry, rng):
    at_um = scattered(rng, 15)
    registry.place("single", spots(at_um), uid="a", extent_um=EXTENT_UM)
    strange = registry.place("single", spots(scattered(rng, 15)), uid="b", extent_um=EXTENT_UM)
    assert "no constellation" in strange.warnings[0]
    assert strange.ids == [f"single-{n:03d}" for n in range(16, 31)]
    with pytest.raises(LookupError, match="not recognised"):
        registry.where("single-003")
    back = registry.place("single", spots(at_um + np.array([0.4, 0.1])), uid="c", extent_um=EXTENT_UM)
    assert back.ids[2] == "single-003" and registry.where("single-003") == pytest.approx(at_um[2] + [0.4, 0.1])


def test_few_spots_are_named_on_trust_and_that_is_said(registry):
    registry.place("single", spots(np.array([[3.0, 3.0], [6.0, 5.0]])), uid="a", extent_um=EXTENT_UM)
    placing = registry.place("single", spots(np.array([[3.2, 3.1]])), uid="b", extent_um=EXTENT_UM)
    assert placing.ids == ["single-001"] and "too few to recognise" in placing.warnings[0]


def test_one_recentring_moves_all_emitters_of_its_sample_and_no_other(registry, rng):
    at_um = scattered(rng, 6)
    registry.place("single", spots(at_um), uid="a", extent_um=EXTENT_UM)
    registry.place("film2", spots(at_um), uid="b", extent_um=EXTENT_UM)
    registry.seen("single-002", *(at_um[1] + [0.3, -0.1]), 0.01, rate_cps=9e4, background_cps=8e3)
    assert registry.where("single-005") == pytest.approx(at_um[4] + [0.3, -0.1])
    assert registry.where("film2-005") == pytest.approx(at_um[4])
    assert registry.near("single", at_um[4] + [0.3, 0.0]) == "single-005"
    assert registry.near("single", (-50, 0)) == "" == registry.near("nothing", (0, 0))
    assert registry.table("single")["rate_cps"].tolist() == [1e5, 9e4, 1e5, 1e5, 1e5, 1e5]
    here = registry.in_run("a")[4]
    assert here.id == "single-005" and (here.x_um, here.y_um) == pytest.approx(at_um[4] + [0.3, -0.1])


def test_an_emitter_of_another_sample_is_nowhere(rng):
    registry = EmitterRegistry(mounted=lambda: "film2")
    registry.place("single", spots(scattered(rng, 5)), uid="a")
    with pytest.raises(LookupError, match="lies on the sample 'single', but 'film2' is mounted"):
        registry.where("single-001")
    with pytest.raises(LookupError, match="no such emitter"):
        registry.where("single-100")


def test_places_that_are_none_are_refused(registry, rng):
    registry.place("single", spots(scattered(rng, 5)), uid="a")
    with pytest.raises(ValueError, match="finite numbers"):
        registry.seen("single-001", float("nan"), 1.0, 0.01)
    with pytest.raises(LookupError, match="takes runs of find_emitters"):
        registry.in_run("never")
    registry.place("single", spots(np.empty((0, 2))), uid="empty", extent_um=EXTENT_UM)
    assert registry.in_run("empty") == []


def test_the_table_holds_every_run_once_and_the_best_numbers(registry, rng, tmp_path):
    registry.place("single", spots(scattered(rng, 3)), uid="a", extent_um=EXTENT_UM)
    rough = {"single": 1, "tau_ns": 15.0, "tau_err_ns": 2.0, "contrast": 0.7, "live_s": 10.0, "dose_kj_cm2": 25.0}
    fine = {**rough, "tau_ns": 12.0, "tau_err_ns": 0.9, "live_s": 40.0, "dose_kj_cm2": 100.0}
    dark = {"on_fraction": 0.97, "on_fraction_err": 0.01, "live_s": 60.0, "bleached": 1, "bleached_at_s": 21.5}
    for uid, kind, facts in (("1", "hbt", rough), ("2", "hbt", fine), ("3", "blinking", dark), ("2", "hbt", fine)):
        registry.record(uid, "single-002", kind, facts, campaign="single-1")
    row = registry.table().iloc[1]
    assert (row["tau_ns"], row["tau_err_ns"], row["on_fraction"], row["n_runs"]) == (12.0, 0.9, 0.97, 3)
    assert (row["survival_s"], row["observed"], row["dose_kj_cm2"]) == (71.5, 1, 125.0)
    assert row["uids"] == "a 1 2 3"
    back = pd.read_csv(registry.to_csv(tmp_path / "dots.csv"))
    assert back["id"].tolist() == ["single-001", "single-002", "single-003"]
    assert back["tau_ns"].isna().tolist() == [True, False, True]
    assert "12.0" in repr(registry) and "single-002" in repr(registry["single-002"])
    assert "find_emitters" in repr(EmitterRegistry())
    assert EmitterRegistry().table().columns.tolist() == registry.table().columns.tolist()


def test_two_sessions_and_many_threads_share_one_file(tmp_path, rng):
    one, other = EmitterRegistry(tmp_path / "e.sqlite"), EmitterRegistry(tmp_path / "e.sqlite")
    at_um = scattered(rng, 8)
    one.place("single", spots(at_um), uid="a", extent_um=EXTENT_UM)

    def follow(registry):
        for _ in range(10):
            x_um, y_um = registry.where("single-001")
            registry.seen("single-001", x_um, y_um, 0.01)
            registry.record(str(id(registry)), "single-001", "hbt", {"tau_ns": 12.0})

    threads = [threading.Thread(target=follow, args=(each,)) for each in (one, other, one)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other["single-001"].columns()["n_runs"] == 2
    assert other.where("single-005") == pytest.approx(at_um[4])
    one.close()
    other.close()


def die_while_writing(path):
    registry = EmitterRegistry(path)
    with registry.store.together():
        registry.begin("single", {}, "half")
        os._exit(9)


def test_what_was_written_survives_a_kill_and_half_a_change_does_not(tmp_path, rng):
    path = tmp_path / "e.sqlite"
    registry = EmitterRegistry(path)
    registry.place("single", spots(scattered(rng, 4)), uid="a", extent_um=EXTENT_UM)
    registry.close()
    process = multiprocessing.get_context("spawn").Process(target=die_while_writing, args=(path,))
    process.start()
    process.join()
    again = EmitterRegistry(path)
    assert process.exitcode == 9 and len(again) == 4 and again.names() == []
    again.close()


def test_a_damaged_or_locked_file_says_what_to_do(tmp_path, monkeypatch):
    bad = tmp_path / "bad.sqlite"
    bad.write_bytes(b"this is no database at all, but long enough to look at" * 100)
    with pytest.raises(RegistryError, match="damaged, or no registry of emitters"):
        EmitterRegistry(bad)
    path = tmp_path / "e.sqlite"
    registry = EmitterRegistry(path)
    registry.store.change("PRAGMA busy_timeout=50")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RegistryError, match="another program is writing it"):
        registry.begin("single", {})
    holder.close()
    assert registry.begin("single", {}).name == "single-1"
    registry.close()


def test_a_campaign_goes_on_where_it_stopped(tmp_path):
    settings = {"hbt": {"target_err_ns": 1.0}, "centre_um": [50.0, 50.0], "blinking": None}
    registry = EmitterRegistry(tmp_path / "e.sqlite")
    told = []
    registry.on_dot = lambda campaign, dot: told.append((campaign.name, dot.emitter, dot.state))
    assert registry.unfinished("single", settings) is None
    assert registry.begin("single", settings).name == "single-1"
    registry.note_dot("single-1", "single-003", "begun")
    registry.note_dot("single-1", "single-003", "begun", hbt={"tau_ns": 12.0, "tau_err_ns": float("nan")})
    registry.note_dot("single-1", "single-004", "rejected", "not single")
    registry.close()
    again = EmitterRegistry(tmp_path / "e.sqlite")
    campaign = again.unfinished("single", dict(reversed(settings.items())))
    assert campaign is not None and campaign.dot("single-003").facts["hbt"]["tau_ns"] == 12.0
    assert [dot.finished for dot in campaign.dots] == [False, True] and told == [("single-1", "single-004", "rejected")]
    assert again.unfinished("single", {**settings, "centre_um": [60.0, 50.0]}) is None
    assert again.measured("single", {**settings, "centre_um": [60.0, 50.0]}, ("hbt", "blinking")) == {
        "single-004": "single-1"
    }
    assert again.begin("single", settings).name == again.unfinished("single", settings).name == "single-2"
    assert again.finish("single-2").finished and again.unfinished("single", settings).name == "single-1"
    for wrong in (lambda: again.campaign("x"), lambda: again.finish("x")):
        with pytest.raises(LookupError, match="no such campaign"):
            wrong()
    with pytest.raises(ValueError, match="choose another"):
        again.begin("single", settings, "single-1")
    again.close()


def test_a_campaign_stands_for_all_emitters_of_known_numbers_also_those_that_bleached(registry, rng):
    ids = registry.place("single", spots(scattered(rng, 3)), uid="a", time_s=0.0, extent_um=EXTENT_UM).ids
    name = registry.begin("single", {}).name
    known = {"tau_ns": 12.0, "tau_err_ns": 2.0, "single": 1}
    for emitter, state, facts in zip(ids, ("done", "rejected", "rejected"), (known, known, {"single": 0}), strict=True):
        registry.record(f"run of {emitter}", emitter, "hbt", facts, campaign=name)
        registry.note_dot(name, emitter, state)
    assert members(registry, name).ids == tuple(ids[:2])


def test_the_page_on_emitters_runs_as_it_stands(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    page = (HOUSE / "docs" / "how-to" / "emitters.md").read_text()
    names = {"spots": spots(scattered(rng, 7))}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(block, names)
    assert names["table"]["tau_ns"].dropna().tolist() == [11.8]
    names["registry"].close()


def test_what_was_known_of_a_sample_is_put_back(registry, rng):
    places = scattered(rng, 6)
    ids = registry.place("film", spots(places), uid="one", extent_um=EXTENT_UM).ids
    registry.seen(ids[0], *(places[0] + 0.05), 0.01)
    before, known = [registry.where(each) for each in ids], registry.whereabouts("film")
    registry.seen(ids[1], *(places[1] - 0.2), 0.01, rate_cps=5.0)
    later = np.vstack([places + 0.11, [[0.5, 0.5]]])
    registry.place("film", spots(later), uid="two", extent_um=EXTENT_UM)
    assert registry.where(ids[0]) != before[0]
    registry.put_back("film", known)
    assert [registry.where(each) for each in ids] == before
    assert len(registry) == 7 and registry.whereabouts("film")["emitters"][:6] == known["emitters"]


def test_a_sample_that_was_mounted_anew_lies_again_as_it_did(registry, rng):
    places, others = scattered(rng, 6), scattered(rng, 6)
    ids = registry.place("film", spots(places), uid="one", extent_um=EXTENT_UM).ids
    before, known = registry.where(ids[0]), registry.whereabouts("film")
    registry.place("film", spots(others), uid="two", extent_um=EXTENT_UM)
    with pytest.raises(LookupError, match="not recognised"):
        registry.where(ids[0])
    registry.put_back("film", known)
    assert registry.where(ids[0]) == before
