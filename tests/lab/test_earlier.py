"""What earlier runs have found is read from the journal alone: the newest that fits, of this bench, in few numbers."""

import numpy as np
import pytest

from lab.earlier import EarlierRuns
from lab.journal import Journal

BENCH = {"preset": "A", "seed": 1}


@pytest.fixture
def write(tmp_path):
    """Write one run of one Event."""
    journal, seen = Journal(tmp_path, sync=False), []

    def run(name, data, time_s, stream="primary", **start):
        uid = f"0000000{len(seen)}-run"
        seen.append(uid)
        journal("start", {"uid": uid, "time": time_s, "plan_name": name, "purpose": "measurement", **start})
        journal("descriptor", {"uid": f"d-{uid}", "run_start": uid, "name": stream, "time": time_s, "data_keys": {}})
        event = {"uid": f"e-{uid}", "descriptor": f"d-{uid}", "seq_num": 1, "time": time_s, "timestamps": {}}
        journal("event", {**event, "data": data})
        journal("stop", {"uid": f"s-{uid}", "run_start": uid, "time": time_s, "exit_status": "success"})
        return uid

    yield run
    journal.close()


def scattered(counts, seconds=2.0):
    return {"timeharp_counts": counts, "timeharp_elapsed": seconds, "timeharp_coincidences": 800}


def test_the_newest_run_of_this_bench_counts(write, tmp_path):
    write("irf", scattered([20_000, 22_000]), 1.78e9, "irf", twin=BENCH)
    uid = write("irf", scattered([60_000, 61_000]), 1.78e9 + 5, "irf", twin=BENCH)
    write("irf", scattered([1, 1]), 1.78e9 + 9, "irf", twin={**BENCH, "seed": 2})
    earlier = EarlierRuns(tmp_path, lambda: BENCH)
    found = earlier("irf")
    assert found is not None
    assert (found.uid, found.facts["rate_cps"], found.facts["pairs_cps"]) == (uid, (30_000, 30_500), 400)
    assert earlier.began(uid) == 1.78e9 + 5
    assert np.isnan(earlier.began("nobody"))


def test_a_run_that_is_not_there_or_says_nothing_is_none(write, tmp_path):
    write("irf", {}, 1.78e9, "irf", twin=BENCH)
    write("hbt_analysis", {"rate_cps": 1.0}, 1.78e9, sample_name="B", analysis_of=["gone"])
    earlier = EarlierRuns(tmp_path, lambda: BENCH)
    assert earlier("irf") is None
    assert earlier("hbt", "B") is None
    assert earlier("flim_raster", "A") is None
    assert earlier("park") is None


def test_a_raster_becomes_rates_and_lifetimes(write, tmp_path):
    measured = {"twin": BENCH, "raster": {"dwell_ms": 100.0}, "excitation": {"intensity_w_cm2": 50.0}}
    uid = write("flim_raster", {}, 1.78e9, sample_name="A", **measured)
    fits = {"tau_ns": np.full((3, 3, 2), [2.0, 10.0]), "fraction": np.full((3, 3, 2), 0.5)}
    counts = {"perovskite_counts": np.full((3, 3), 500), "qd_counts": np.eye(3) * 90, "coverage": np.full((3, 3), 10)}
    whole = {"n_photons": np.full((3, 3), 500), "converged": np.ones((3, 3)), "background_fraction": np.zeros((3, 3))}
    data = {key: value.tolist() for key, value in {**fits, **counts, **whole}.items()}
    write("flim_analysis", data, 1.78e9 + 1, sample_name="A", analysis_of=[uid])
    found = EarlierRuns(tmp_path, lambda: BENCH)("flim_raster", "A")
    assert found is not None
    assert (found.uid, found.w_cm2) == (uid, 50.0)
    assert found.facts["rate_cps"] == (500.0, 0.0)
    assert found.facts["tau_ns"] == (2.0, 10.0)
    assert found.facts["peak_cps"][1] == pytest.approx(90.0)
