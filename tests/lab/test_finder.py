"""Which earlier run a spectrum is compared with."""

import json
from datetime import datetime

import pytest

from lab import finder
from lab.finder import RunFinder

SCAN = {"kind": "transmission", "start_nm": 400.0, "stop_nm": 700.0, "step_nm": 1.0, "fixed_nm": 0.0}
NEEDS = {**SCAN, "backend": "twin"}
TWIN = {"preset": "A", "seed": 1}
NOON_S = datetime(2026, 3, 1, 12).timestamp()
DAY_S = 86400


def write(folder, uid, *, time_s=NOON_S, stop="success", events=301, **facts):
    """One run of the journal."""
    start = {"uid": uid, "time": time_s, "plan_name": "blank", "sample_name": "glass", "scan": SCAN, "num_points": 301}
    start |= {"backend": "twin", "twin": TWIN, "blank_uid": "", **facts}
    lines = [["start", start]]
    if stop:
        lines.append(["stop", {"uid": "s", "run_start": uid, "exit_status": stop, "num_events": {"primary": events}}])
    path = folder / f"{datetime.fromtimestamp(time_s):%Y/%m/%d}" / f"{uid}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_newest_completed_run_that_fits_is_found(tmp_path):
    for day in range(3):
        write(tmp_path, f"run-{day}", time_s=NOON_S + day * 40 * DAY_S)
    write(tmp_path, "aborted", time_s=NOON_S + 100 * DAY_S, stop="abort")
    write(tmp_path, "cut", time_s=NOON_S + 101 * DAY_S, events=300)
    write(tmp_path, "open", time_s=NOON_S + 102 * DAY_S, stop="")
    write(tmp_path, "narrow", time_s=NOON_S + 103 * DAY_S, scan={**SCAN, "start_nm": 401.0})
    write(tmp_path, "off-grid", time_s=NOON_S + 104 * DAY_S, scan={**SCAN, "start_nm": 399.5})
    write(tmp_path, "other-bench", time_s=NOON_S + 105 * DAY_S, twin={"preset": "A", "seed": 2})
    write(tmp_path, "other-sample", time_s=NOON_S + 106 * DAY_S, sample_name="quartz")
    find = RunFinder(tmp_path, lambda: TWIN)
    assert find("blank", "glass", NEEDS) == "run-2"
    assert find("blank", "quartz", NEEDS) == "other-sample"
    assert find("blank", "nothing", NEEDS) == find("pl", "glass", NEEDS) == ""


def test_a_run_of_this_minute_is_found_by_a_finder_that_has_looked_before(tmp_path):
    find = RunFinder(tmp_path / "journal", lambda: TWIN)
    assert find("blank", "glass", NEEDS) == ""  # not even a folder
    write(tmp_path / "journal", "first")
    assert find("blank", "glass", NEEDS) == "first"
    second = write(tmp_path / "journal", "second", time_s=NOON_S + 1)
    assert find("blank", "glass", NEEDS) == "second"
    second.unlink()
    assert find("blank", "glass", NEEDS) == "first"


def test_a_run_that_is_still_measured_counts_once_it_is_over(tmp_path):
    find = RunFinder(tmp_path, lambda: TWIN)
    path = write(tmp_path, "running", stop="")
    whole = path.read_text()
    path.write_text(whole[:40])  # even its start is not complete
    assert find("blank", "glass", NEEDS) == ""
    write(tmp_path, "running")
    assert find("blank", "glass", NEEDS) == "running"


def test_each_start_is_read_once_however_often_one_looks(tmp_path, monkeypatch):
    for index in range(40):
        write(tmp_path, f"run-{index}", time_s=NOON_S + index * DAY_S, plan_name="pl" if index % 2 else "flim_raster")
    opened = []
    start_of = finder.start_of
    monkeypatch.setattr(finder, "start_of", lambda path: (opened.append(path), start_of(path))[1])
    find = RunFinder(tmp_path, lambda: TWIN)
    for _ in range(3):
        assert find("blank", "glass", NEEDS) == ""
    assert len(opened) == len(set(opened)) == 40


@pytest.mark.parametrize(
    "damaged",
    ['["start", {"uid": "x"\n', "not json\n", '["stop", {}]\n', '["start", {"uid": "x", "scan": [1, 2]}]\n', "\n"],
)
def test_damaged_and_foreign_files_are_passed_over(tmp_path, damaged):
    write(tmp_path, "good")
    bad = write(tmp_path, "bad", time_s=NOON_S + DAY_S)
    bad.write_text(damaged)
    torn = write(tmp_path, "torn", time_s=NOON_S + 2 * DAY_S)
    torn.write_text(torn.read_text().replace('["stop"', '["descriptor", {"na\n["stop"'))
    find = RunFinder(tmp_path, lambda: TWIN)
    assert find("blank", "glass", NEEDS) == "good"
    assert find.resolve("bad") == ("", "")


def test_a_run_is_named_by_the_beginning_of_its_uid(tmp_path):
    write(tmp_path, "abcd-1")
    write(tmp_path, "abcd-2", time_s=NOON_S + DAY_S, plan_name="pl")
    find = RunFinder(tmp_path, lambda: TWIN)
    assert find.resolve("abcd-2") == ("abcd-2", "pl")
    assert find.resolve("abcd") == find.resolve("none") == find.resolve("*") == find.resolve("") == ("", "")


def test_an_absorption_without_a_blank_tells_no_absorption(tmp_path):
    write(tmp_path, "with", plan_name="absorption", sample_name="A", blank_uid="b")
    write(tmp_path, "without", plan_name="absorption", sample_name="A", time_s=NOON_S + DAY_S)
    assert RunFinder(tmp_path, lambda: TWIN)("absorption", "A", NEEDS) == "with"
