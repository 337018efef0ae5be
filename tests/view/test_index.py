"""The index of runs: each file is opened once, and again only while its run grows."""

import pytest

from lab.view import index as module
from lab.view.entry import read_entry
from lab.view.index import Index
from lab.view.search import found, wish
from tests.view.folder import Folder


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    folder = Folder(tmp_path)
    yield folder
    folder.journal.close()


def test_a_file_is_opened_once(made, monkeypatch):
    for n in range(5):
        made.measured(f"{n}", 100.0 + n, plan_name="irf")
    index = Index(made.data / "journal")
    assert [entry.uid for entry in index.look().runs] == [made.uids[f"{n}"] for n in range(5)]
    opened = []
    monkeypatch.setattr(module, "read_entry", lambda path: opened.append(path.stem) or read_entry(path))
    index.look()
    made.measured("new", 1.0, plan_name="irf")
    index.look()
    assert opened == [made.uids["new"]]
    assert index.runs[0].uid == made.uids["new"]


def test_a_run_is_followed_to_its_end(made):
    index = Index(made.data / "journal")
    run = made.begin("one", 10.0, plan_name="hbt")
    assert index.look().runs[0].exit_status == "running"
    assert [entry.uid for entry in index.running()] == [made.uids["one"]]
    made.end(run, exit_status="abort", reason="enough")
    assert (index.look().runs[0].exit_status, index.runs[0].reason) == ("abort", "enough")
    assert index.running() == []


def test_a_run_without_a_writer_was_interrupted(made):
    made.begin("one", plan_name="hbt")
    made.journal.close()
    assert Index(made.data / "journal").look().runs[0].exit_status == "interrupted"


def test_a_file_that_is_gone_is_forgotten(made):
    made.measured("one", 5.0, plan_name="irf")
    index = Index(made.data / "journal")
    index.look().runs[0].path.unlink()
    assert index.look().runs == ()
    assert index.find(made.uids["one"]) is None


def test_the_newest_analysis_of_the_very_run_counts(made):
    one, other = (made.measured(name, 50.0, plan_name="pl") for name in ("one", "other"))
    first = made.analysed("pl_analysis", [one], {"n_photons": 1})
    second = made.analysed("pl_analysis", [one, other], {"n_photons": 2})
    made.analysed("pl_series", [one, other], {"n_photons": 3})
    index = Index(made.data / "journal").look()
    assert index.analysis_of(one).uid == second
    assert index.analysis_of(other) is None
    assert {entry.uid for entry in index.analyses_of(one)} == {first, second, made.uids["pl_series"]}


def test_runs_come_in_pages(made):
    for n in range(51):
        made.measured(f"{n}", 1000.0 - n, plan_name="irf")
    runs = Index(made.data / "journal").look().runs
    last = found(runs, wish({"page": "7"}))
    assert (last.total, last.page, last.pages, [entry.uid for entry in last.runs]) == (51, 2, 2, [made.uids["0"]])
