"""Stored runs are read in one way, wherever the folder is and whoever asks."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from devices.portable import file_uri
from lab.catalog.fitted import Fitted
from lab.emitters.cohorts import compared, members
from lab.stored.analyses import analysis_of, belongs_to, measured_by
from lab.stored.index import Index, ends
from lab.stored.streams import PRIMARY, streams_of
from lab.stored.whereabouts import file_in, found_again
from tests.lab.test_figures_origin import measured


@pytest.fixture
def raw(tmp_path):
    """A folder with two files of the same name."""
    for day in ("02", "03"):
        (tmp_path / "raw" / day).mkdir(parents=True)
        (tmp_path / "raw" / day / "a b.h5").write_bytes(b"")
    return tmp_path / "raw"


def test_a_file_is_found_by_as_many_of_its_folders_as_there_are(raw):
    assert file_in("file://localhost/gone/raw/03/a%20b.h5", raw) == raw / "03/a b.h5"
    assert file_in("file://localhost/D:/lab/raw/02/a%20b.h5", raw) == raw / "02/a b.h5"


@pytest.mark.parametrize(
    "uri",
    ["file://localhost/gone/raw/04/a%20b.h5", "file://localhost/raw/../raw/03/a%20b.h5", "http://x/raw/03/a%20b.h5"],
)
def test_what_is_not_below_the_folder_stays_as_it_was(raw, uri):
    assert file_in(uri, raw) is None
    resource = {"uri": uri, "data_key": "x"}
    assert list(found_again([("stream_resource", resource)], raw.parent)) == [("stream_resource", resource)]


def test_a_copy_is_read_and_not_its_original(raw, tmp_path):
    original = tmp_path / "original/raw/03/a b.h5"
    original.parent.mkdir(parents=True)
    original.write_bytes(b"")
    ((_, told),) = found_again([("stream_resource", {"uri": file_uri(str(original))})], raw.parent)
    assert told["uri"] == file_uri(str(raw / "03/a b.h5"))


def test_an_analysis_belongs_to_what_it_is_of_and_not_to_what_it_compares_with():
    start = {"plan_name": "flim_analysis", "analysis_of": ["b", "a", "blank"], "earlier_runs": ["a"]}
    assert [uid for uid in ("a", "b", "blank") if belongs_to(start, uid)] == ["a", "b"]
    assert not belongs_to({**start, "plan_name": "cohort_analysis"}, "b") and not belongs_to({}, "b")
    assert all(measured_by(analysis_of(plan)) == plan for plan in ("flim_raster", "find_emitters", "hbt", "pl"))


def filled(folder, *starts):
    """A journal with runs that have begun."""
    for n, start in enumerate(starts):
        path = folder / f"2026/01/0{n + 1}/{start['uid']}.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(["start", {"time": float(n), **start}]) + "\n")
    return folder


def test_the_newest_analysis_counts_for_every_run_it_is_of(tmp_path):
    about = {"purpose": "analysis", "plan_name": "flim_analysis"}
    index = Index(
        filled(
            tmp_path,
            {"uid": "x", **about, "analysis_of": ["a"]},
            {"uid": "y", **about, "analysis_of": ["b", "a"], "earlier_runs": ["a"]},
            {"uid": "z", **about, "analysis_of": ["b"], "plan_name": "pl_series"},
        )
    )
    assert index.analyses == {"a": "y", "b": "y"}
    start, stop = ends(tmp_path / "2026/01/01/x.jsonl")
    assert start["uid"] == "x" and stop == {}


def test_rows_without_their_event_are_left_out():
    keys = {"n": {"dtype_numpy": "<i4"}, "decay": {"units": "counts"}}
    resource = {"uid": "file", "data_key": "decay", "uri": "file://localhost/x.h5"}
    rows = {"descriptor": "d", "stream_resource": "file", "seq_nums": {"start": 1, "stop": 4}}
    documents = [
        ("descriptor", {"uid": "d", "name": PRIMARY, "data_keys": keys}),
        ("stream_resource", resource),
        ("stream_datum", {**rows, "indices": {"start": 0, "stop": 3}}),
    ]
    event = {"descriptor": "d", "data": {"n": 7}, "time": 0.0}
    told = [("event", {**event, "seq_num": number}) for number in (1, 2)]
    assert streams_of(documents)[PRIMARY].filed("decay") == [1, 2, 3]
    stream = streams_of([*documents, *told])[PRIMARY]
    assert stream.filed("decay") == [1, 2] and stream.whole() == ["n"]
    np.testing.assert_array_equal(stream.column("n"), np.array([7, 7], "<i4"))


def test_a_stored_cohort_is_computed_again_from_the_registry(tmp_path):
    registry, emitters = measured(tmp_path)
    shown = compared(members(registry, "film"), members(registry, "glass"), samples={}, thickness_nm=88.0)
    registry.record("hbt-later", emitters["film"][0], "hbt", {"single": 1, "tau_ns": 99.0, "tau_err_ns": 0.1})
    registry.close()
    parameters = {**shown.parameters, "emitters": emitters, "left_out": {"film-009": "not single"}}
    start = {"plan_name": "cohort_analysis", "analysis_of": list(shown.uids), "parameters": parameters}
    run = SimpleNamespace(uid="cohort-0", start=start, purpose="analysis", picture=lambda: Path("cohort.png"))
    found = Fitted(SimpleNamespace(data=tmp_path, documents=None)).of(run)
    assert repr((found.film, found.glass, found.ratio)) == repr((shown.film, shown.glass, shown.ratio))
    assert found.left_out == {"film-009": "not single"}
    assert found.derived_uid == "cohort-0" and found.figure == Path("cohort.png")
