"""What a raster hands back at the prompt, also one that was cut off in its first scan."""

from dataclasses import replace

import numpy as np
import pytest

from lab.flim.results import FlimResult
from tests.analysis.test_figures import raster

NY, NX = 6, 8


@pytest.fixture
def result():
    rng = np.random.default_rng(3)
    grown = raster(np.full((NY, NX), 9.0), np.full((NY, NX), 500.0), rng.uniform(10, 90, (NY, NX)))
    return FlimResult("9f2c" * 9, None, "success", grown.result())


def test_a_whole_raster_has_no_word_of_missing_rows(result):
    assert "not measured" not in repr(result) and "part of" not in repr(result)


def test_rows_that_were_not_measured_are_told_and_no_number_is_of_them(result):
    coverage = result.map.coverage.copy()
    coverage[2:] = 0
    told = repr(replace(result, exit_status="abort", map=replace(result.map, coverage=coverage)))
    assert f"part of {len(result.map.scans_used)} of" in told
    assert f"{NY - 2} of {NY} rows of the image were not measured" in told
