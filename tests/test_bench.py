"""The bench: its arithmetic, its pages, peers that crash or hang, and the rows that documents cite."""

import importlib
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench import fuzz
from bench.__main__ import CASES, RESULTS
from bench.isolate import rows_of
from bench.measure import Comparison, Measured, Row, quality, race
from bench.report import report, table
from bench.targets import TARGETS, outcomes

HOUSE = Path(__file__).resolve().parents[1]
CITED = re.compile(r"RESULTS\.md#([\w.-]+\w)")
CRASHING = """
import os, time
from bench.measure import Comparison, Measured, NotRunError

def absent():
    raise NotRunError("nowhere to be had")

def comparisons(quick):
    found = lambda: Measured(2.0, 1.0)
    work = [("good", found, 30), ("crash", lambda: os._exit(7), 30), ("after", found, 30), ("wrong", lambda: 1 / 0, 30),
            ("absent", absent, 30), ("hang", lambda: time.sleep(60), -58), ("last", found, 30)]
    rows = [Comparison(name, "what", "unit", "peer", run, timeout_s=limit) for name, run, limit in work]
    return rows + [Comparison("other", "what", "unit", "not there", found, module="no_such_package")]
"""


def row(name="a-row", ours=3.0, theirs=1.5, **words):
    return Row(name, "what", "per s", "peer", Measured(ours, theirs, **words))


@pytest.mark.parametrize(
    ("better", "ratio"), [("more", 2.0), ("less", 0.5), ("neither", np.nan)], ids=["speed", "error", "neither"]
)
def test_a_ratio_above_one_means_ours_is_ahead(better, ratio):
    assert Measured(3.0, 1.5, better=better).ratio == pytest.approx(ratio, nan_ok=True)


def test_there_is_no_ratio_to_nothing():
    assert np.isnan(Measured(3.0).ratio)
    assert np.isnan(Measured(3.0, 0.0).ratio)


def test_a_race_takes_the_best_lap_of_each_in_turn():
    ran, now = [], iter([0, 5, 5, 15, 20, 22, 22, 29])
    ours, theirs = race(lambda: ran.append("o"), lambda: ran.append("t"), laps=2, clock=lambda: next(now), enough_s=99)
    assert ran == ["o", "o", "t", "o", "t"]
    assert (ours.seconds, theirs.seconds) == (2, 7)


def test_what_has_run_long_enough_runs_no_more():
    ran, now = [], iter([0, 1, 1, 9, 9, 10, 10, 19, 19, 20])
    ours, theirs = race(lambda: ran.append("o"), lambda: ran.append("t"), laps=3, clock=lambda: next(now), enough_s=5)
    assert ran == ["o", "o", "t", "o", "t", "o"]
    assert (ours.seconds, theirs.seconds) == (1, 8)


def test_a_peer_that_compiles_in_its_first_run_loses_none_of_the_others():
    ran, now = [], iter([0, 1, 1, 61, 61, 62, 62, 64, 64, 65, 65, 66])
    _, theirs = race(lambda: None, lambda: ran.append("t"), laps=3, clock=lambda: next(now), enough_s=5)
    assert len(ran) == 3
    assert theirs.seconds == 1


def test_a_target_is_missed_by_the_worst_row_about_it():
    about = "decay-pixel1-256-1000-iminuit", "decay-pixel2-256-1000-iminuit"
    said = "τ1: bias -0.18 σ, std/CRB 1.02, pulls 0.99, covers 68 %; τ2: bias +0.03 σ, std/CRB 1.12"
    fast, slow = (row(name, ours, 150, accuracy_ours=said) for name, ours in zip(about, (60e3, 30e3), strict=True))
    found = {one.target.what: one for one in outcomes([fast, slow])}
    speed = found["lifetimes: ≥ 50 000 pixels/s per core at 1000 photons"]
    assert (speed.row, speed.value, speed.met) == (about[1], 30e3, False)
    assert found["lifetimes: bias < 0.2 σ from 200 photons on"].value == 0.18
    assert found["lifetimes: bias < 0.2 σ from 200 photons on"].met
    assert not found["lifetimes: std ≤ 1.05 CRB from 1000 photons on"].met
    assert "coincidences: ahead of tttrlib" not in found


def test_a_target_whose_rows_died_is_not_measured():
    (only,) = outcomes([Row("g2-two-cores", "what", "unit", "peer", why_not="died")])
    assert only.met is None
    assert "not measured" in report({"case": [Row("g2-two-cores", "w", "u", "p", why_not="died")]}, {"case": "A case"})


def test_every_target_has_rows():
    names = [comparison.id for comparison in comparisons(quick=False)]
    assert [target.what for target in TARGETS if not any(re.fullmatch(target.rows, name) for name in names)] == []


def test_quality_knows_an_unbiased_estimate_at_the_bound_from_a_biased_one():
    rng = np.random.default_rng(3)
    good = rng.normal(5, 0.5, 20_000)
    words = quality(good, np.full(good.size, 0.5), 5.0, 0.5)
    assert "std/CRB 1.00" in words
    assert 0.97 < float(re.search(r"pulls ([\d.]+)", words)[1]) < 1.03
    assert "covers 68 %" in words
    assert quality(good + 0.5, None, 5.0, 0.5).startswith("bias +1.0")


def test_failed_estimates_are_counted_not_hidden():
    assert quality([1.0, 1.1, np.nan, 0.9], None, 1.0, 0.1).endswith("failed 25.0 %")
    assert quality([np.nan] * 3, None, 1.0, 0.1) == "no estimate in 3"


def test_every_row_has_an_anchor_and_keeps_its_columns():
    text = table([row("one", accuracy_ours="a | b"), Row("two", "what", "per s", "peer", why_not="not installed")])
    assert re.findall(r'<a id="(.+?)">', text) == ["one", "two"]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()} == {11}
    assert "**2**" in text
    assert "not measured: not installed" in text


def test_the_page_says_where_a_peer_wins_and_what_was_not_measured():
    rows = [row("ahead"), row("behind", 1.0, 4.0), Row("dead", "what", "per s", "peer", why_not="exit code -11")]
    page = report({"case": rows}, {"case": "A case"})
    wins, missing = page.split("## Where a peer wins")[1].split("## What was not measured")
    assert "behind" in wins
    assert "4 times ahead" in wins
    assert "`ahead`" not in wins
    assert "`dead` (peer): exit code -11" in missing


def test_a_peer_that_dies_or_hangs_costs_one_row(tmp_path, monkeypatch):
    (tmp_path / "crashing_case.py").write_text(CRASHING)
    monkeypatch.syspath_prepend(tmp_path)
    rows = list(rows_of(importlib.import_module("crashing_case").comparisons, quick=True))
    outcome = {row.id: "measured" if row.measured else row.why_not for row in rows}
    assert outcome == {
        "good": "measured",
        "crash": "the process died: exit code 7",
        "after": "measured",
        "wrong": "ZeroDivisionError: division by zero",
        "absent": "nowhere to be had",
        "hang": "no answer within 2 s",
        "last": "measured",
        "other": "not installed",
    }


def comparisons(quick: bool) -> list[Comparison]:
    return [one for name in CASES for one in importlib.import_module(f"bench.{name}").comparisons(quick)]


def test_rows_have_names_of_their_own_and_a_quick_run_has_no_others():
    names = [comparison.id for comparison in comparisons(quick=False)]
    assert len(set(names)) == len(names)
    assert {comparison.id for comparison in comparisons(quick=True)} <= set(names)


def test_every_row_that_a_document_cites_exists():
    if not RESULTS.exists():
        pytest.skip("no bench/RESULTS.md: `make bench` writes it")
    pages = [HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md")]
    cited = {name for page in pages for name in CITED.findall(page.read_text(encoding="utf-8"))}
    assert cited <= set(re.findall(r'<a id="(.+?)">', RESULTS.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_what_is_fuzzed_takes_bytes_and_refuses_nonsense(name):
    target = fuzz.TARGETS[name]()
    for data in (b"", b"\xff\x00", b"1=nan", b"0\n", b"TimeHarp 200" + bytes(600)):
        target(data)


def test_a_number_that_cannot_have_been_measured_is_found():
    with pytest.raises(AssertionError, match="counts"):
        fuzz.require_sound(SimpleNamespace(counts=np.array([1, -1])))
