"""A raster that is cut off and continued holds the same photons as one that is not."""

from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from lab.config import read
from tests.conftest import house
from tests.lab.crashes import in_own_process
from tests.night.continuing import last_raster, measured

pytestmark = pytest.mark.xdist_group("night, continued")  # its labs are made once

N_LINES = 24


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    config = house(tmp_path_factory.mktemp("undisturbed"), prefix="whole:")
    return in_own_process(measured, str(config), None, [])


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    """The bench and the session are killed in turn."""
    config = house(tmp_path_factory.mktemp("disturbed"), prefix="parts:")
    with pytest.raises(BrokenProcessPool):
        in_own_process(measured, str(config), None, [("bench", 4), ("session", 13)])
    return in_own_process(measured, str(config), last_raster(read(config).folders.journal), [])


def test_every_line_is_the_same_and_there_once(undisturbed, disturbed):
    whole, parts = undisturbed["raster"], disturbed["raster"]
    assert whole["lines_of"] == [list(range(N_LINES))]
    assert len(parts["uids"]) == 3
    for line in range(N_LINES):
        (one, started_s), (other, again_s) = whole["rows"][line], parts["rows"][line]
        assert started_s == again_s and np.array_equal(one, other), f"line {line}"


def test_no_line_is_taken_twice_but_one_per_kill(disturbed):
    lines = [line for run in disturbed["raster"]["lines_of"] for line in run]
    assert sorted(set(lines)) == list(range(N_LINES)) and len(lines) <= N_LINES + 2


def test_the_image_is_of_all_lines_and_the_same(undisturbed, disturbed):
    whole, parts = undisturbed["raster"], disturbed["raster"]
    for key, array in whole["arrays"].items():
        np.testing.assert_array_equal(array, parts["arrays"][key], err_msg=key)
    assert whole["replayed"] and parts["replayed"]
    assert parts["analysis_of"] == [parts["uids"][-1], *parts["uids"][:-1]]


def test_the_next_step_is_the_same_too(undisturbed, disturbed):
    for line, (one, started_s) in undisturbed["next"]["rows"].items():
        other, again_s = disturbed["next"]["rows"][line]
        assert started_s == again_s and np.array_equal(one, other)


def test_each_run_says_how_it_ended_and_where_it_goes_on(disturbed):
    uids, cards, status = (disturbed["raster"][key] for key in ("uids", "cards", "status"))
    assert status[-1] == "success" and not {*status[:-1]} & {"success", "open"}
    for card, following in zip(cards, uids[1:], strict=False):
        assert f"continued in {following[:8]}" in card


def test_a_raster_without_missing_lines_is_not_measured_again(undisturbed, disturbed):
    assert undisturbed["nothing_left"] and disturbed["nothing_left"]
