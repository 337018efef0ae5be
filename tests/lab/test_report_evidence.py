"""What stands behind each number: its runs, and whether all numbers of the paper are there."""

import csv
import io
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from lab import report
from lab.report.evidence import BEHIND, Evidence, evidenced, together
from lab.report.rows import Measured, Row, asked, row
from lab.report.text import to_csv

ALL = {**report.published(report.SPECTRA), **report.published(report.FLIM), **report.published(report.EMITTERS)}
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "paper_numbers.json"
CHOICES = {
    "PL-10", "PLE-06", "PLE-07", "FLIM-01", "FIT-13", "DIS-10", "SQ-04", "G2-10", "EMI-02", "EMI-03",
}  # fmt: skip


def test_every_number_that_the_paper_puts_out_is_compared():
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not here: the list of all numbers of the paper")
    numbers = json.loads(REFERENCE.read_text(encoding="utf-8"))["numbers"]
    wanted = {one["id"] for one in numbers if one["kind"] == "output"}
    assert wanted - set(ALL) == set()
    left = {one["id"].partition("-")[0] for one in numbers if one["id"] not in ALL}
    assert left == {"THK", "OPT", "SET", "MET"}, "inputs of the samples and settings of the bench, nothing measured"


def test_every_number_but_a_choice_names_its_results():
    assert set(ALL) - set(BEHIND) == CHOICES
    assert set(BEHIND) <= set(ALL)


def test_a_number_of_several_results_has_all_runs_once_and_the_worst_fit():
    parts = [Evidence(("a", "b"), 100.0, 1.1), Evidence(("b", "c"), None, 0.7), Evidence(("d",), 20.0, float("nan"))]
    assert together(parts) == Evidence(("a", "b", "c", "d"), 120.0, 0.7)
    assert together([]) == Evidence(())


def test_rows_get_their_runs_photons_only_where_light_was_needed():
    entry = ALL["FLIM-12"], ALL["FLIM-11"], ALL["SQ-01"], ALL["PL-10"]
    rows = [row(one, Measured(one["value"], 0.1)) for one in entry]
    found = {
        "image A": Evidence(("a",), 10.0, 0.9),
        "image B": Evidence(("b",), 20.0, 1.0),
        "search image": Evidence(("s",)),
    }
    ratio, expected, setting, choice = evidenced(rows, found)
    assert (ratio.uids, ratio.n_photons, ratio.quality) == (("a", "b"), 30.0, None)
    assert (expected.uids, expected.n_photons) == (("a", "b"), None)
    assert setting.uids == ("s",) and choice.uids == ()


def test_what_was_not_measured_says_which_result_is_missing():
    (one,) = evidenced([row(ALL["DIS-09"], None)], {"image A": Evidence(("a",))})
    assert one.note == "there is no result of image B, instrument response" and one.uids == ()


def test_tolerances_are_told_in_words():
    assert asked(ALL["DRF-01"]) == "at most 1 um"
    assert asked(ALL["FIT-01"]) == "1.843 to 1.957 ns; scatter: 0.34 to 0.46"
    assert asked(ALL["G2-09"]) == "in its errors: -3 to 3"
    assert asked(ALL["PLE-06"]) == "as in print"


def test_csv_has_a_line_for_each_row_and_all_uids():
    one = replace(row(ALL["DRF-01"], Measured(0.76, 0.03)), uids=("a-1", "b-2"))
    (told,) = csv.DictReader(io.StringIO(to_csv([one])))
    assert (told["measured"], told["error"], told["uids"], told["asked"]) == ("0.76", "0.03", "a-1 b-2", "at most 1 um")
    (none,) = csv.DictReader(io.StringIO(to_csv([row(ALL["DRF-01"], None)])))
    assert (none["measured"], none["verdict"]) == ("", "not measured")


def test_json_of_an_older_version_still_makes_rows():
    old = json.loads(report.to_json([row(ALL["DRF-01"], None)]))[0]
    needed = {each.name for each in fields(Row)} - {"uids", "n_photons", "quality", "asked", "low", "high"}
    assert Row(**{name: old[name] for name in needed}).uids == ()
