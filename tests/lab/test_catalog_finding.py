"""Runs found by words, shown as tables and cards, compared with each other."""

from datetime import datetime

import numpy as np
import pytest

from lab.catalog.when import since_s, until_s
from lab.shown import html_card

MONDAY = datetime(2026, 11, 23, 9, 30)


@pytest.mark.parametrize(
    ("word", "since", "until"),
    [
        ("today", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("Yesterday", "2026-11-22 00:00", "2026-11-23 00:00"),
        ("last week", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("last  month", "2026-10-01 00:00", "2026-11-01 00:00"),
        ("last night", "2026-11-22 18:00", "2026-11-23 09:00"),
        ("monday", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("friday", "2026-11-20 00:00", "2026-11-21 00:00"),
        ("3 days ago", "2026-11-20 00:00", "2026-11-21 00:00"),
        ("2 hours ago", "2026-11-23 07:30", "2026-11-23 07:30"),
        ("a month ago", "2026-10-23 00:00", "2026-10-24 00:00"),
        ("2026", "2026-01-01 00:00", "2027-01-01 00:00"),
        ("2026-11", "2026-11-01 00:00", "2026-12-01 00:00"),
        ("2026-11-20", "2026-11-20 00:00", "2026-11-21 00:00"),
        ("2026-11-20 14:30", "2026-11-20 14:30", "2026-11-20 14:30"),
        ("2026-11-20T14:30", "2026-11-20 14:30", "2026-11-20 14:30"),
        ("14:30", "2026-11-23 14:30", "2026-11-23 14:30"),
        (datetime(2026, 11, 1), "2026-11-01 00:00", "2026-11-01 00:00"),
    ],
)
def test_words_for_times_begin_and_end_as_one_means_them(word, since, until):
    found = [datetime.fromtimestamp(seconds) for seconds in (since_s(word, MONDAY), until_s(word, MONDAY))]
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in found] == [since, until]


def test_a_word_that_is_no_time_is_refused_with_examples():
    with pytest.raises(ValueError, match="since='the other day' is no time: write \"today\""):
        since_s("the other day", MONDAY)
    with pytest.raises(ValueError, match="until='99999999999 days ago' is no time"):
        until_s("99999999999 days ago", MONDAY)


def test_runs_are_found_by_sample_plan_time_and_how_they_ended(past):
    found, uids = past.find(sample="A", plan="flim_raster"), past.uids
    assert found.uids == [uids["dim"], uids["raster"]] and len(found) == 2
    assert past.find(plan=["flim_raster", "irf"], since="2 days ago").uids == [uids["dim"], uids["raster"]]
    assert past.find(plan="flim_raster", until="2 days ago").uids == [uids["dim"]]
    assert past.find(exit_status="abort").uids == [uids["dim"]]
    assert past.find("flim_raster", exit_status="success").uids == [uids["raster"]]
    assert past.find(plan="flim_analysis")[0].uid == past.db[uids["raster"]].derived().uid
    assert [run.purpose for run in past.find(purpose="analysis", sample="A")] == ["analysis"]


def test_found_runs_are_a_table_newest_first_with_what_was_found(past):
    found = past.find(sample="A")
    title, head, *rows = repr(found).splitlines()
    assert title == "3 runs found, newest first" and head.split() == ["run", "when", "plan", "of", "ended", "found"]
    assert [row.split()[0] for row in rows] == [uid[:8] for uid in reversed(found.uids)]
    assert "success  tau2, median " in rows[0] and "abort" in rows[1]
    assert len({row.index("flim_raster") for row in rows[:2]}) == 1
    assert found.table()["run"].tolist() == [uid[:8] for uid in reversed(found.uids)]
    assert found._repr_html_().count("<tr>") == 4 and found[-1].uid[:8] in found._repr_html_()
    assert len(found[1:]) == 2


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        ({"smaple": "A"}, ValueError, "find(smaple=...): one cannot search by 'smaple', did you mean \"sample\"?"),
        ({"plan": "flim_raser"}, LookupError, "plan='flim_raser': no run has it, did you mean \"flim_raster\"?"),
        ({"sample": "a"}, LookupError, "sample='a': no run has it, did you mean \"A\"?; there are A"),
        (
            {"exit_status": "sucess"},
            ValueError,
            "exit_status='sucess', did you mean \"success\"?: it is one of success",
        ),
        ({"since": "today", "until": "2 days ago"}, ValueError, "is later than until="),
    ],
)
def test_what_is_misspelt_is_refused_with_what_was_meant(past, words, kind, told):
    with pytest.raises(kind) as refused:
        past.find(**words)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("key", "kind", "told"),
    [
        ("zz", ValueError, "db['zz']: expected the beginning of a uid"),
        ("", ValueError, "expected the beginning of a uid"),
        ("%", ValueError, "expected the beginning of a uid"),
        ("00000000-0000", KeyError, "no run begins so"),
        (10**9, KeyError, "no run has the scan number 1000000000"),
        (-999, IndexError, "there are only"),
        (1.5, ValueError, 'give a uid, its first characters, or a number: db["9f2c"]'),
        (None, ValueError, "give a uid"),
        (True, ValueError, "give a uid"),
    ],
)
def test_a_key_that_means_no_run_is_refused_with_what_to_type(past, key, kind, told):
    with pytest.raises(kind) as refused:
        past.db[key]
    assert told in str(refused.value)


def test_the_beginning_of_a_uid_is_enough_if_it_is_clear(past):
    uids = [run.uid for run in past.find(purpose="any")]
    uid = past.uids["raster"]
    alone = next(n for n in range(1, 36) if sum(one.startswith(uid[:n]) for one in uids) == 1)
    assert past.db[uid[:alone]].uid == past.db[uid].uid == uid
    first = max("0123456789abcdef", key=lambda digit: sum(one.startswith(digit) for one in uids))
    alike = [one for one in uids if one.startswith(first)]
    if len(alike) > 1:
        with pytest.raises(ValueError, match="several runs begin so") as refused:
            past.db[first]
        assert alike[0][:5] in str(refused.value)


@pytest.mark.parametrize(
    "asked", [lambda past: past.find(plan=3), lambda past: past.find(3), lambda past: past.find(sample=["A", 3])]
)
def test_what_is_no_name_is_refused(past, asked):
    with pytest.raises(ValueError, match=r"give a name|words are searched"):
        asked(past)


@pytest.mark.parametrize("pick", ["a", 1.5, float("nan")])
def test_a_row_that_is_no_number_is_refused_with_what_there_is(past, pick):
    with pytest.raises(ValueError, match=r"row=.*: give a number 0 to 5"):
        past.db[past.uids["raster"]].decays(row=pick, column=2)


def test_an_empty_search_says_what_to_widen(past):
    assert repr(past.find(sample="A", plan="flim_raster", until="2001-01-01")) == (
        "no runs found: 2 runs without until='2001-01-01'"
    )
    assert "1 run with plan='hbt' alone" in repr(past.find(sample="A", plan="hbt", until="2001"))
    assert "the newest run is" in repr(past.find(since="2999"))


def test_the_card_of_a_run_tells_light_settings_findings_and_what_it_has(past):
    card = repr(past.db[past.uids["raster"]])
    for words in ("flim_raster of A", "EPL-450, 445 nm, 50 W/cm2", "3 um, 6 x 6 pixels, 100 ms each, 2 scans",
                  "found       tau2, median", '(analysis)', "real instruments", '.image("qd"), .decays()'):  # fmt: skip
        assert words in card, words
    derived = past.db[past.uids["raster"]].derived()
    assert f"analysis of {past.uids['raster'][:8]}" in repr(derived) and "tau2, median" in repr(derived)
    assert "imported from" in repr(past.db[past.uids["hbt"]])


def test_a_card_is_told_in_html_without_markup_of_its_own():
    card = html_card(
        "<b>film</b> & dot\n  light       561 nm\n  dots        x  1\n              y  2\n  WARNING     <script>"
    )
    assert "<h4>&lt;b&gt;film&lt;/b&gt; &amp; dot</h4>" in card and "<script>" not in card
    assert "<dt>dots</dt><dd>x  1\ny  2</dd>" in card and '<dt>warning</dt><dd class="warn">&lt;script&gt;</dd>' in card
    assert "currentcolor" not in card.lower() and "color:inherit" in card


@pytest.mark.parametrize("kind", ["raster", "search", "hbt", "blinking", "pl", "irf"])
def test_every_result_is_a_card_in_a_notebook_too(past, kind):
    result = past.db[past.uids[kind]].fit()
    told = result._repr_html_()
    assert past.uids[kind][:8] in told and told.count("<dt>") >= 2


def test_runs_that_differ_are_compared_in_settings_results_and_arrays(past):
    found = past.compare(past.uids["raster"], past.uids["dim"])
    assert ("piezo_z", "10", "0.1") in found.baseline and found.settings == () and not found.identical
    rates = {each.name: each for each in found.arrays}["perovskite_counts"]
    assert not rates.identical and rates.largest > 1000 and "differs by up to" in rates.told
    t0 = next(each for each in found.numbers if each.name == "t0_ns")
    expected = (t0.other - t0.one) / np.hypot(t0.one_err, t0.other_err)
    assert t0.sigma == pytest.approx(expected) and f"{expected:+.1f} sigma" in repr(found)
    assert "<table>" in found._repr_html_() and "t0_ns" in found._repr_html_()


def test_a_run_is_identical_with_its_analysis(past):
    run = past.db[past.uids["raster"]]
    found = past.compare(run, run.derived())
    assert found.identical and "identical" in repr(found) and "the settings are the same" in repr(found)


def test_runs_of_other_kinds_are_compared_as_far_as_they_go(past):
    found = past.compare(past.uids["raster"], past.uids["pl"])
    assert "tau_ns" in found.only_one and "wavelength_nm" in found.only_other
    assert ("plan_name", "flim_raster", "pl") in found.settings


def test_a_catalog_that_is_behind_says_so(past, monkeypatch):
    assert "storage" not in repr(past.find())
    monkeypatch.setattr(past.db, "behind", lambda: "up, 2 runs waiting")
    for found in (past.find(), past.find(sample="of the last minute")):
        assert repr(found).endswith("storage: up, 2 runs waiting; search again for what is missing")
