import threading

import numpy as np
import pytest

from devices.iocs.twin import preset as presets

from .conftest import light

LINE_UM = 25.25 + 0.5 * np.arange(100)
BLOCK = ("histograms", "overflow", "lit", "x_um", "y_um")


def scan(bench, *, index=0, acquisition=1, x_um=LINE_UM, y_um=40.0, **options):
    settings = {"dwell_s": 0.1, "settle_s": 0.01, "acquisition": acquisition, "index": index, **options}
    return bench.scan_line(x_um, y_um, **settings)


@pytest.fixture(scope="module")
def bench(make_bench):
    return make_bench()


@pytest.fixture(autouse=True)
def _usual(bench):
    bench.beam.state = light()
    bench.filters.set("perovskite", "532/10+OD1")
    bench.filters.set("qd", "FBH650-40+655/15")
    bench.card.configure(2, 0.0)


def test_a_line_has_the_published_rates(bench):
    lines = [scan(bench, index=index, y_um=26.0 + 5 * index) for index in range(10)]
    assert lines[0].histograms.shape == (100, 2, 4096)
    assert lines[0].histograms.dtype == np.uint16
    perovskite_cps, qd_cps = np.mean([line.histograms.sum(axis=(0, 2)) / 10 for line in lines], axis=0)
    assert perovskite_cps == pytest.approx(800 * 1.028 + 8, rel=0.1)
    assert qd_cps == pytest.approx(180, rel=0.6)


@pytest.mark.parametrize("name", ["A", "B"])
def test_counts_are_poisson_about_the_truth(make_bench, tmp_path, name):
    from devices.iocs.twin.truth import read

    bench = make_bench(name, truth=tmp_path / "truth.json", pulsed_w_cm2=50.0 if name == "A" else 150.0)
    counts = np.array([scan(bench, index=i, y_um=30.0 + i).histograms.sum(axis=2) for i in range(5)])
    bench.close()
    arrays = read(tmp_path / "truth.json")["acquisitions"][0]["arrays"]
    rates = arrays["signal_cps"] + arrays["crosstalk_cps"] + arrays["background_cps"]
    lost = rates.sum(axis=-1, keepdims=True) * 0.2e-6 + rates * 40e-9
    pulls = (counts - 0.1 * rates * (1 - lost)) / np.sqrt(0.1 * rates)
    assert abs(pulls.mean()) < 0.1
    assert pulls.std() == pytest.approx(1, abs=0.07)


def test_speed_does_not_change_the_data(make_bench):
    fast, paced = (make_bench(speed=speed) for speed in (np.inf, 2000.0))
    for one in (fast, paced):
        one.stage.move(30, 30, 10)
    lines = [[scan(one, index=index, x_um=LINE_UM[:20]) for index in range(3)] for one in (fast, paced)]
    blocks = [one.card.acquire(0.5, acquisition=2, index=0) for one in (fast, paced)]
    assert fast.clock.now_s == paced.clock.now_s
    for a, b in zip(*lines, strict=True):
        assert all(np.array_equal(getattr(a, key), getattr(b, key)) for key in BLOCK)
    assert np.array_equal(blocks[0].histograms, blocks[1].histograms)


def test_seed_acquisition_and_index_change_the_noise(make_bench):
    def counts(seed=1, **key):
        return scan(make_bench(seed=seed), x_um=LINE_UM[:10], **key).histograms

    first = counts()
    assert np.array_equal(first, counts())
    for other in (counts(seed=2), counts(acquisition=2), counts(index=1)):
        assert not np.array_equal(first, other)


def test_rate_meters_disturb_nothing(make_bench):
    quiet, busy = make_bench(), make_bench()
    done = threading.Event()

    def look():
        while not done.is_set():
            busy.spads.rates()
            busy.stage.position_um()

    watcher = threading.Thread(target=look)
    watcher.start()
    lines = [[scan(one, index=index) for index in range(3)] for one in (busy, quiet)]
    done.set()
    watcher.join()
    assert all(np.array_equal(a.histograms, b.histograms) for a, b in zip(*lines, strict=True))
    assert busy.clock.now_s == quiet.clock.now_s


def test_in_the_dark_there_are_only_dark_counts(bench):
    bench.beam.state = light(shutter_open=False)
    block = bench.card.acquire(100.0, acquisition=3, index=0)
    assert block.lit_fraction == 0
    for counts, expected in zip(block.histograms.sum(axis=1).tolist(), (800, 4000), strict=True):
        assert counts == pytest.approx(expected, abs=4 * np.sqrt(expected))
    occupied = block.histograms[1, 484:3957].astype(int)
    assert abs(occupied[:1736].sum() - occupied[1736:].sum()) < 5 * np.sqrt(4000)
    assert bench.spads.rates()["perovskite"] < 100
    bench.beam.state = light(interlock_closed=False)
    assert bench.card.acquire(1.0, acquisition=3, index=1).histograms.sum() == 0


def test_sync_is_electrical_and_counted_in_coarse_steps(bench):
    bench.beam.state = light(shutter_open=False, repetition_hz=20e3)
    before_s = bench.clock.now_s
    assert bench.card.sync_rate_hz() == 19_968
    assert bench.clock.now_s - before_s == pytest.approx(0.5)
    bench.beam.state = light(pulsed_on=False)
    assert bench.card.sync_rate_hz() == 0


def test_the_front_panel_decides_the_true_rate(make_bench, preset_file):
    bench = make_bench(preset_file('base = "A"\n[instrument.laser]\nfront_panel_hz = 1e6'))
    assert bench.card.sync_rate_hz() == pytest.approx(1e6, abs=64)
    bench.card.configure(3, 0.0)
    decay = bench.card.acquire(5.0, acquisition=1, index=0).histograms[0]
    assert decay.argmax() == pytest.approx(4095 - 990 / 0.288, abs=8)


def test_flickering_light_is_seen_by_each_pixel(bench):
    def shut_after_five(pixel):
        if pixel == 4:
            bench.beam.state = light(shutter_open=False)

    line = scan(bench, on_pixel=shut_after_five, x_um=LINE_UM[:10])
    assert line.lit.tolist() == [1] * 5 + [0] * 5
    assert line.histograms[:5, 0].sum() > 10 * line.histograms[5:, 0].sum()
    assert not line.interrupted


def test_stop_ends_a_line_after_a_pixel(bench):
    stop = threading.Event()
    line = scan(bench, stop=stop, on_pixel=lambda pixel: stop.set() if pixel == 2 else None, x_um=LINE_UM[:6])
    assert line.interrupted
    assert line.lit.tolist() == [1, 1, 1, 0, 0, 0]
    assert line.histograms[:3].sum() > 0
    assert line.histograms[3:].sum() == 0
    assert np.isnan(line.x_um).tolist() == [False] * 3 + [True] * 3
    none = scan(bench, stop=stop)
    assert none.interrupted
    assert none.histograms.shape == (100, 2, 4096)
    block = bench.card.acquire(1.0, acquisition=4, index=0, stop=stop)
    assert block.interrupted
    assert block.elapsed_s == block.histograms.sum() == 0


def test_a_line_takes_fly_back_settling_and_dwells(bench):
    line = scan(bench, x_um=LINE_UM[:10])
    assert line.elapsed_s == pytest.approx(0.05 + 10 * 0.11)
    np.testing.assert_allclose(line.x_um, LINE_UM[:10], atol=0.05)
    assert line.x_um.std() > 0


def test_a_hurried_line_is_measured_behind_where_it_was_sent(bench):
    line = scan(bench, x_um=np.arange(20.0, 80.0), dwell_s=0.003, settle_s=0)
    assert np.mean(np.arange(20.0, 80.0)[1:] - line.x_um[1:]) == pytest.approx(1 - np.exp(-1), abs=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dwell_s": 0.0},
        {"dwell_s": np.nan},
        {"settle_s": -1.0},
        {"x_um": []},
        {"x_um": [[1.0, 2.0]]},
        {"x_um": [np.nan, 1.0]},
        {"x_um": [99.0, 101.0]},
        {"y_um": -1.0},
    ],
)
def test_impossible_lines_move_nothing(bench, wrong):
    before = bench.clock.now_s, bench.stage.at_um
    with pytest.raises(ValueError, match=r"dwell_s|settle_s|shape|stage"):
        scan(bench, **wrong)
    assert (bench.clock.now_s, bench.stage.at_um) == before


def test_the_instrument_response_is_prompt_with_little_pile_up(bench):
    bench.filters.set("perovskite", "scatter")
    block = bench.card.acquire(2.0, acquisition=5, index=0)
    counts = block.histograms[0].astype(float)
    true = 2.0 * (30_000 * 1.028 + 8)
    assert 0.975 < counts.sum() / true < 0.995  # 1.5 % of pulses have a photon, half of seconds are lost
    half = np.flatnonzero(counts > counts.max() / 2)
    assert (half[-1] - half[0]) * bench.card.bin_width_ns == pytest.approx(1.0, abs=0.3)
    assert counts.argmax() == pytest.approx(693, abs=3)


def test_without_the_attenuator_there_is_ten_times_more(bench):
    with_od1 = int(bench.card.acquire(2.0, acquisition=6, index=0).histograms[0].sum())
    bench.filters.set("perovskite", "532/10")
    without = int(bench.card.acquire(2.0, acquisition=6, index=1).histograms[0].sum())
    assert without == pytest.approx(10 * with_od1, rel=0.12)


def test_filters_are_those_of_the_wheel(bench):
    for route, position in (("red", "scatter"), ("qd", "532/10")):
        with pytest.raises(ValueError, match=r"route|filter"):
            bench.filters.set(route, position)
    assert bench.filters.get("qd") == "FBH650-40+655/15"


def test_samples_are_changed_on_the_same_instrument(make_bench, preset_file):
    bench = make_bench(preset_file('base = "A"\n[sample.perovskite]\nmean_cps = 4000\n[instrument.card]\nt0_ns = 30'))
    assert bench.mounted == "A"
    assert set(bench.samples) == set(presets.names())
    assert bench.card.acquire(1.0, acquisition=1, index=0).histograms[0].sum() > 2000
    bench.mount("glass")
    assert bench.card.acquire(1.0, acquisition=1, index=1).histograms[0].sum() < 40
    bench.filters.set("perovskite", "scatter")
    assert bench.card.acquire(1.0, acquisition=1, index=2).histograms[0].argmax() > 800
    with pytest.raises(ValueError, match="sample = 'E': there are A"):
        bench.mount("E")


def test_rates_need_no_simulated_time(bench):
    bench.stage.move(50, 50, 10)
    before_s = bench.clock.now_s
    rates = [bench.spads.rates() for _ in range(50)]
    assert bench.clock.now_s == before_s
    assert np.mean([one["perovskite"] for one in rates]) > 500
    assert len({one["perovskite"] for one in rates}) > 5


def test_long_acquisitions_saturate_and_say_so(bench):
    bench.filters.set("qd", "scatter")
    block = bench.card.acquire(20.0, acquisition=7, index=0)
    assert block.overflow.tolist() == [False, True]
    assert block.histograms[1].max() == 65_535
