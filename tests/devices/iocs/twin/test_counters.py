import threading
from dataclasses import replace

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.counters import clicks
from devices.iocs.twin.truth import read

from .conftest import continuous, go_to, light, share_light
from .test_dots import lonely

SPADS = presets.load("single").instrument.spads
PLAIN = [replace(one, afterpulse_probability=0.0) for one in (SPADS.perovskite, SPADS.qd)]


def on_a_dot(make_bench, preset="example_qd", **options):
    bench = make_bench(preset, **{"state": continuous(), **options})
    share_light(bench)
    (dot,) = lonely(bench._made[bench.mounted])
    go_to(bench, dot)
    return bench, dot


def brute_force(rate_cps, dead_s, seconds, n, rng):
    """Clicks of a counter that is deaf after each one, photon by photon, in n bins of a long run."""
    gaps_s = rng.standard_exponential(int(rate_cps * seconds * n * 1.1)) / rate_cps + dead_s
    return np.histogram(np.cumsum(gaps_s), bins=n, range=(0, n * seconds))[0]


@pytest.mark.parametrize("rate_cps", [2e4, 8e5, 5e6])
def test_dead_time_makes_counts_fewer_and_steadier(rate_cps, rng):
    seconds, n = 1e-3, 4000
    drawn = clicks(np.full((n, 2), rate_cps * seconds), seconds, PLAIN, rng)
    for route, spad in enumerate(PLAIN):
        true = brute_force(rate_cps, spad.dead_time_ns * 1e-9, seconds, n, rng)
        assert drawn[:, route].mean() == pytest.approx(true.mean(), abs=6 * true.std() / np.sqrt(n))
        assert drawn[:, route].std() == pytest.approx(true.std(), rel=0.06)


def test_afterpulses_are_extra_counts(rng):
    photons = np.full((2000, 2), 1e4)
    with_them = clicks(photons, 1.0, [SPADS.perovskite, SPADS.qd], rng)
    np.testing.assert_allclose(with_them.mean(axis=0) / clicks(photons, 1.0, PLAIN, rng).mean(axis=0), 1.005, atol=5e-4)


def test_nothing_gives_no_counts(rng):
    assert not clicks(np.zeros((10, 2)), 1e-3, [SPADS.perovskite, SPADS.qd], rng).any()
    without_dead_time = [replace(one, dead_time_ns=0.0) for one in PLAIN]
    assert clicks(np.full((4000, 2), 9.0), 1e-3, without_dead_time, rng).var() == pytest.approx(9, rel=0.07)


def test_a_bright_dot_gives_800_kcps_once_dead_time_is_put_right(make_bench, preset_file):
    """Fig. 6d: at 28 kW/cm2, within 0.2 %; with dead time alone it would be 1.5 % less."""
    text = """
        base = "bright_qd"
        [sample.blinking]
        on_fraction = 1
        [instrument.spads.perovskite]
        afterpulse_probability = 0
        [instrument.spads.qd]
        afterpulse_probability = 0
        [instrument.drift]
        typical_um_per_1000s = 0
    """
    bench, _ = on_a_dot(make_bench, preset_file(text, name="bright"), state=continuous(28_000.0))
    block = bench.counters.acquire(10_000, 1e-3, acquisition=1, index=0)
    heard_cps = block.counts.sum(axis=0) / 10
    true_cps = heard_cps / (1 - heard_cps * np.array(bench.counters.dead_time_ns) * 1e-9)
    assert true_cps.sum() == pytest.approx(800e3, rel=2e-3)
    assert heard_cps.sum() < 0.99 * 800e3


def test_the_bright_dot_blinks_but_rarely(make_bench):
    bench, _ = on_a_dot(make_bench, "bright_qd", state=continuous(28_000.0))
    counts = bench.counters.acquire(6000, 0.01, acquisition=1, index=0).counts.sum(axis=1)
    on = counts > 0.6 * np.quantile(counts, 0.9)
    assert 0.85 < on.mean() < 0.995
    assert counts[~on].min() < 0.3 * counts.max()


def test_counts_are_those_of_the_truth(make_bench, tmp_path):
    bench, dot = on_a_dot(make_bench, "film2", truth=tmp_path / "truth.json")
    block = bench.counters.acquire(600, 0.1, acquisition=1, index=0)
    bench.close()
    (entry,) = read(tmp_path / "truth.json")["acquisitions"]
    arrays = entry["arrays"]
    assert (entry["kind"], entry["n_pixels"]) == ("bins", 600)
    assert entry["filters"]["splitter"] == "50:50"
    assert set(arrays["dot"][0]) == {float(dot)}
    rates_cps = (arrays["cw_signal_cps"] + arrays["cw_background_cps"] + arrays["background_cps"])[0]
    dead_s = np.array(bench.counters.dead_time_ns) * 1e-9
    pulls = (block.counts - 100.5e-3 * rates_cps / (1 + rates_cps * dead_s)) / np.sqrt(0.1 * rates_cps)
    assert abs(pulls.mean()) < 0.15
    assert pulls.std() == pytest.approx(1, abs=0.1)


def test_true_on_fraction_and_transitions_of_a_trace(make_bench, tmp_path):
    bench, dot = on_a_dot(make_bench, "film2", truth=tmp_path / "truth.json")
    bench.counters.acquire(300, 0.1, acquisition=1, index=0)
    bench.close()
    arrays = read(tmp_path / "truth.json")["acquisitions"][0]["arrays"]
    lit_s, trace = bench.dots().clocks_s[dot, 0], bench.dots().trace(dot)
    passed_s = np.diff(np.append(arrays["dot_lit_s"][0], lit_s))
    bright_s = trace.integrals_s(np.array([lit_s]))[1][0]
    assert arrays["dot_bright"][0] @ passed_s == pytest.approx(min(bright_s, lit_s), rel=1e-6)


def test_the_example_dot_has_the_published_rate_and_contrast(make_bench, tmp_path):
    bench, _ = on_a_dot(make_bench, truth=tmp_path / "truth.json")
    block = bench.counters.acquire(100, 0.1, acquisition=1, index=0)
    bench.close()
    arrays = read(tmp_path / "truth.json")["acquisitions"][0]["arrays"]
    assert arrays["contrast"][0, 0] == pytest.approx(0.77, abs=1e-3)
    assert arrays["rise_ns"][0, 0] == pytest.approx(17.7, abs=0.01)
    assert block.counts.sum() / 10 == pytest.approx(100e3, rel=0.01)


@pytest.mark.parametrize("kind", ["bins", "counts"])
def test_speed_does_not_change_the_data(make_bench, kind):
    def measure(speed):
        bench, _ = on_a_dot(make_bench, "film2", speed=speed)
        if kind == "bins":
            return [bench.counters.acquire(50, 0.02, acquisition=1, index=i).counts for i in range(3)]
        x_um = bench.stage.at_um[0] - 0.5 + 0.1 * np.arange(10)
        settings = {"dwell_s": 0.01, "settle_s": 0.001, "acquisition": 1}
        return [bench.scan_counts(x_um, bench.stage.at_um[1], index=i, **settings).counts for i in range(3)]

    assert np.array_equal(measure(np.inf), measure(200.0))


def test_stop_keeps_the_whole_bins(make_bench):
    bench, _ = on_a_dot(make_bench)
    stop = threading.Event()
    stop.set()
    block = bench.counters.acquire(10, 0.1, acquisition=1, index=0, stop=stop)
    assert block.interrupted
    assert block.elapsed_s == block.counts.sum() == 0


def test_in_the_dark_there_are_only_dark_counts(make_bench):
    bench, _ = on_a_dot(make_bench, state=continuous(shutter_open=False))
    block = bench.counters.acquire(10, 10.0, acquisition=1, index=0)
    assert block.lit_fraction == 0
    np.testing.assert_allclose(block.counts.sum(axis=0), [804, 4020], atol=300)


def test_counters_hear_pulsed_light(make_bench):
    bench = make_bench("A", state=light())
    block = bench.counters.acquire(10, 1.0, acquisition=1, index=0)
    seen = bench._train.view(np.array([bench.stage.at_um[:2]]), np.zeros(1), np.ones(1), np.array([50.0]))
    np.testing.assert_allclose(block.counts.mean(axis=0), 1.005 * seen.total_cps[0], rtol=0.1)


@pytest.mark.parametrize("wrong", [{"n_bins": 0}, {"n_bins": 10**8}, {"bin_s": 0.0}, {"bin_s": np.nan}])
def test_impossible_bins_are_refused(make_bench, wrong):
    bench = make_bench("example_qd", state=continuous())
    with pytest.raises(ValueError, match=r"n_bins|bin_s"):
        bench.counters.acquire(**{"n_bins": 10, "bin_s": 0.1, **wrong}, acquisition=1, index=0)
    assert bench.clock.now_s == 0
