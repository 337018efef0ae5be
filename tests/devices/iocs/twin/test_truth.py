import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.truth import read

X_UM = 40.0 + 0.5 * np.arange(8)


def measure(bench, acquisition, lines=3):
    for index in range(lines):
        bench.scan_line(X_UM, 45.0 + index, dwell_s=0.1, settle_s=0.01, acquisition=acquisition, index=index)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "truth.json"


def test_truth_is_what_the_sample_is_at_the_true_place(make_bench, path):
    bench = make_bench(truth=path)
    bench.clock.advance(5000)
    measure(bench, 1)
    bench.finish_acquisition(1)
    truth = read(path)
    (entry,) = truth["acquisitions"]
    arrays = entry["arrays"]
    assert (entry["sample"], entry["kind"], entry["n_lines"], entry["n_pixels"]) == ("A", "line", 3, 8)
    assert arrays["signal_cps"].shape == (3, 8, 2)
    assert arrays["index"].tolist() == [0, 1, 2]
    moved_um = np.hypot(arrays["dx_um"], arrays["dy_um"])
    assert 0.1 < moved_um.mean() < 5
    expected_um = 50 + (arrays["x_um"] - 50) * 1.002 + 0.003 * (arrays["y_um"] - 50) - arrays["dx_um"]
    np.testing.assert_allclose(arrays["scene_x_um"], expected_um, atol=1e-3)
    emission = bench._made["A"].emission(arrays["scene_x_um"], arrays["scene_y_um"], 50.0)
    np.testing.assert_allclose(arrays["tau2_ns"], emission.tau2_ns)
    np.testing.assert_allclose(arrays["signal_cps"][..., 0], emission.perovskite_cps)
    np.testing.assert_allclose(arrays["signal_cps"][..., 1], emission.qd_cps)
    np.testing.assert_allclose(arrays["crosstalk_cps"][..., 1], 0.012 * emission.perovskite_cps)


def test_truth_about_the_sample(make_bench, path):
    make_bench("single", truth=path)
    sample = read(path)["samples"]["single"]
    emitters = sample["arrays"]["emitters"]
    assert sample["preset"]["doping_percent"] == 0.01
    assert len(emitters) > 5000
    assert {"x_um", "y_um", "tau_ns", "brightness"} <= set(emitters.dtype.names)
    assert sample["arrays"]["crystallinity"].ndim == 2


def test_unfinished_acquisitions_are_written_on_close(make_bench, path):
    bench = make_bench(truth=path)
    measure(bench, 4)
    bench.card.acquire(0.35, acquisition=5, index=0)
    assert read(path)["acquisitions"] == []
    bench.close()
    line, block = read(path)["acquisitions"]
    assert (line["acquisition"], block["acquisition"], block["kind"], block["n_pixels"]) == (4, 5, "block", 4)


def test_a_restarted_bench_adds_to_the_same_truth(make_bench, path):
    for acquisition in (1, 2):
        bench = make_bench(truth=path)
        measure(bench, acquisition, lines=1)
        bench.close()
    assert [one["acquisition"] for one in read(path)["acquisitions"]] == [1, 2]
    make_bench("glass", truth=path).close()
    assert read(path)["acquisitions"] == []


def test_short_lines_are_filled_with_nan(make_bench, path):
    bench = make_bench(truth=path)
    for index, n_pixels in enumerate((8, 3)):
        bench.scan_line(X_UM[:n_pixels], 45.0, dwell_s=0.1, settle_s=0, acquisition=1, index=index)
    bench.close()
    lit = read(path)["acquisitions"][0]["arrays"]["lit"]
    assert np.isnan(lit[1]).tolist() == [False] * 3 + [True] * 5


def test_the_preset_is_in_the_truth(make_bench, path):
    make_bench("B", seed=7, truth=path)
    truth = read(path)
    assert truth["seed"] == 7
    assert truth["preset"]["instrument"]["card"]["t0_ns"] == presets.load("B").instrument.card.t0_ns


def test_other_files_are_not_overwritten(make_bench, path):
    path.write_text("[folders]")
    with pytest.raises(ValueError, match="no truth file"):
        make_bench("glass", truth=path)
    assert path.read_text() == "[folders]"
