"""The checks of this room see what they are made to see: each fault in a good run is named."""

import copy
import json

import pytest

from tests.faults.invariants import disorders, false_success, fits, loose_json, missing_rows
from tests.lab.documents import documents


def good():
    return [(name, copy.deepcopy(dict(doc))) for name, doc in documents(3)]


def events(run):
    return [doc for name, doc in run if name == "event"]


def twice(run, name):
    return [*run, next(each for each in run if each[0] == name)]


def renumbered(run):
    events(run)[2]["seq_num"] = 5
    return run


def without_key(run):
    del events(run)[1]["data"]["x_um"]
    return run


def mistyped(run):
    events(run)[1]["data"]["x_um"] = "far"
    return run


def miscounted(run):
    run[-1][1]["num_events"] = {"primary": 7}
    return run


def nameless(run):
    del run[0][1]["time"]
    run[0][1]["time"] = "noon"
    return run


FAULTS = {
    "no start": lambda run: run[1:],
    "two starts": lambda run: [run[0], *run],
    "two stops": lambda run: twice(run, "stop"),
    "an event before its descriptor": lambda run: [run[0], run[2], run[1], *run[3:]],
    "an event missing": lambda run: [run[0], run[1], *run[3:]],
    "a number skipped": renumbered,
    "a key missing": without_key,
    "another type": mistyped,
    "another count": miscounted,
}


def test_a_good_run_is_in_order():
    assert disorders(good()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault):
    assert disorders(FAULTS[fault](good())), fault


def test_a_time_that_is_no_number_does_not_fit_the_schema():
    with pytest.raises(TypeError):
        disorders(nameless(good()))


def test_shapes_and_types_of_values():
    assert fits(3, {"dtype": "number", "shape": []}) and not fits("3", {"dtype": "number", "shape": []})
    assert fits([1, 2], {"dtype": "array", "shape": [2]}) and not fits([1, 2], {"dtype": "array", "shape": [3]})


def test_a_success_in_the_dark_or_with_lines_missing_is_false():
    run = good()
    assert not false_success(run)
    events(run)[0]["data"]["scanner_lit"] = 0.4
    assert "lit 0.4" in false_success(run)[0]
    run = good()
    run[0][1].update(plan_name="flim_raster", num_points=4)
    assert false_success(run) == ["3 of 4 lines"]


def test_json_that_is_not_strict_is_found(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(f"{json.dumps(['event', {'x': 1.0}])}\n{json.dumps(['event', {'x': float('nan')}])}\n")
    assert loose_json(path) == ["line 2: NaN"]


def test_a_file_outside_the_data_folder_is_found(tmp_path):
    resource = {"uid": "r", "uri": "file://localhost/etc/passwd", "run_start": "s"}
    assert "not a file below" in missing_rows([("stream_resource", resource)], tmp_path)[0]
    resource["uri"] = f"file://localhost{tmp_path}/a/../b.h5"
    assert missing_rows([("stream_resource", resource)], tmp_path)
