import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.dots import Exposure
from devices.iocs.twin.sample import Sample

from .conftest import continuous, go_to, light, share_light


def exposure(xy_um, seconds, *, w_cm2=2500.0, lead_s=0.0, share=1.0):
    columns = (np.full(len(xy_um), float(one)) for one in (lead_s, seconds, share, w_cm2))
    return Exposure(np.asarray(xy_um, float), *columns)


def sample_of(preset="single", seed=1, **options):
    preset = presets.load(preset) if isinstance(preset, str) else preset
    return Sample(preset.sample, seed, name=preset.name, **options)


def places(sample, dots):
    return np.column_stack([sample.emitters["x_um"][dots], sample.emitters["y_um"][dots]])


def lonely(sample, count=1):
    """Dots with no other within 1 um, nearest to the middle first."""
    xy_um = places(sample, slice(None))
    crowd = np.array([len(near) for near in sample._tree.query_ball_point(xy_um, 1.0)])
    middle_um = np.hypot(*(xy_um - 50).T)
    return np.argsort(np.where(crowd == 1, middle_um, np.inf))[:count]


@pytest.fixture
def steady(preset_file):
    return preset_file('base = "example_qd"\n[sample.bleaching]\nmedian_s = 100', name="steady")


def test_lit_time_is_that_in_focus_and_dose_goes_with_intensity():
    sample = sample_of("example_qd")
    (dot,) = lonely(sample)
    for w_cm2, dose_s in ((2500, 10), (5000, 30), (250, 31)):
        sample.dots.live(exposure(places(sample, [dot]), 10.0, w_cm2=w_cm2))
        assert sample.dots.clocks_s[dot, 1] == pytest.approx(dose_s)
    assert sample.dots.clocks_s[dot, 0] == pytest.approx(30)
    assert np.count_nonzero(sample.dots.clocks_s) == 2


def test_beside_the_focus_both_clocks_follow_the_excitation_profile():
    sample = sample_of("example_qd")
    (dot,) = lonely(sample)
    lives = sample.dots.live(exposure(places(sample, [dot]) + np.array([0.106, 0.0]), 10.0))
    np.testing.assert_allclose(sample.dots.clocks_s[dot], 5.0)
    assert lives.profile[0] == pytest.approx(0.5 ** (0.212 / 0.24) ** 2)
    sample.dots.live(exposure(places(sample, [dot]) + np.array([0.5, 0.0]), 1e6))
    np.testing.assert_allclose(sample.dots.clocks_s[dot], 5.0)


def test_darkness_and_a_mere_look_change_nothing():
    sample = sample_of()
    there = places(sample, lonely(sample))
    sample.dots.live(exposure(there, 10.0, share=0.0))
    sample.dots.live(exposure(there, 10.0, w_cm2=0.0))
    sample.dots.live(exposure(there, 10.0), keep=False)
    assert not sample.dots.clocks_s.any()


def test_passing_over_dots_is_like_staying_on_them():
    """A line lights each dot for the settling and dwell times of the pixels around it, in order of time."""
    one, other = sample_of("film2"), sample_of("film2")
    line_um = np.column_stack([45 + 0.1 * np.arange(100), np.full(100, 50.0)])
    whole = one.dots.live(exposure(line_um, 0.01, lead_s=0.001))
    parts = [other.dots.live(exposure(line_um[[i]], 0.01, lead_s=0.001)) for i in range(100)]
    np.testing.assert_allclose(one.dots.clocks_s, other.dots.clocks_s, rtol=1e-12)
    order = np.lexsort((whole.dot, whole.step))
    for name in ("dot", "profile", "level", "bright", "lit_from_s", "lit_to_s"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(getattr(whole, name)[order], joined, rtol=1e-9)
    np.testing.assert_allclose(whole.dose_to_s - whole.dose_from_s, (whole.lit_to_s - whole.lit_from_s))


def test_dots_survive_an_exponential_dose(steady):
    sample = sample_of(steady)
    dots = np.arange(len(sample.emitters))
    for seconds, left in ((100, 0.5), (100, 0.25), (200, 0.0625)):
        sample.dots.live(exposure(places(sample, dots), seconds))
        expected = left * len(dots)
        assert np.count_nonzero(~sample.dots.bleached(dots)) == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_a_dot_bleaches_within_a_step(steady):
    sample = sample_of(steady)
    (dot,) = lonely(sample)
    lives = sample.dots.live(exposure(places(sample, np.repeat(dot, 1000)), 1.0))
    assert lives.level.sum() == pytest.approx(sample.emitters["survival_s"][dot])
    assert lives.level[-1] == 0


def test_a_bleached_dot_is_dark_under_pulsed_light_too():
    sample = sample_of()
    (dot,) = lonely(sample)
    x_um, y_um = places(sample, [dot])[0]
    before = sample.emission(x_um, y_um, 50.0)
    sample.dots.live(exposure([[x_um, y_um]], 1e5))
    after = sample.emission(x_um, y_um, 50.0)
    assert before.qd_cps > 50
    assert after.qd_cps < 1e-3 * before.qd_cps
    assert after.perovskite_cps == before.perovskite_cps


def test_pulsed_light_neither_blinks_nor_bleaches(make_bench):
    bench = make_bench("single")
    go_to(bench, lonely(bench._made["single"])[0])
    bench.card.acquire(50.0, acquisition=1, index=0)
    bench.scan_line(40.0 + 0.1 * np.arange(100), 50.0, dwell_s=0.01, settle_s=0.0, acquisition=2, index=0)
    assert not bench.dots().clocks_s.any()


def test_rate_meters_leave_the_dots_alone(make_bench):
    """Whoever reads the meters meanwhile, the dots live the same life."""
    benches = [make_bench("film2", state=continuous()) for _ in range(2)]
    done = threading.Event()

    def look():
        while not done.is_set():
            benches[0].spads.rates()

    watcher = threading.Thread(target=look)
    watcher.start()
    for bench in benches:
        go_to(bench, lonely(bench._made["film2"])[0])
    traces = [bench.counters.acquire(300, 0.1, acquisition=1, index=0).counts for bench in benches]
    done.set()
    watcher.join()
    assert np.array_equal(*traces)
    assert np.array_equal(*(bench.dots().clocks_s for bench in benches))


def test_a_restarted_bench_goes_on_where_the_dots_were(make_bench, tmp_path):
    """Blinking and doses of a bench that was replaced half-way are those of one that was not."""
    whole = make_bench("film2", state=continuous())
    halves = [make_bench("film2", state=continuous(), memory=tmp_path / "dots") for _ in range(2)]
    (dot,) = lonely(whole._made["film2"])
    traces = []
    for first, second in ((whole, whole), halves):
        for index, bench in enumerate((first, second)):
            share_light(bench)
            bench.clock.advance(30.0 * index + 60.0 - bench.clock.now_s)
            go_to(bench, dot)
            traces.append(bench.counters.acquire(300, 0.1, acquisition=1, index=index).counts)
    assert np.array_equal(traces[0], traces[2])
    assert np.array_equal(traces[1], traces[3])
    np.testing.assert_allclose(halves[1].dots().clocks_s, whole.dots().clocks_s, rtol=1e-6)


def test_a_killed_process_forgets_nothing(tmp_path):
    code = f"""
        import os, signal
        from tests.devices.iocs.twin.test_dots import exposure, lonely, places, sample_of
        from pathlib import Path
        sample = sample_of(memory=Path({str(tmp_path / "clocks")!r}))
        sample.dots.live(exposure(places(sample, lonely(sample)), 1e5))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, cwd=Path(__file__).parents[4])
    again = sample_of(memory=tmp_path / "clocks")
    (dot,) = lonely(again)
    assert again.dots.bleached(np.array([dot]))[0]
    assert again.dots.clocks_s[dot, 0] == pytest.approx(1e5)


def test_clocks_of_other_dots_are_refused(tmp_path):
    sample_of("single", memory=tmp_path / "clocks")
    with pytest.raises(ValueError, match=r"clocks holds \d+ bytes, not \d+: delete it"):
        sample_of("example_qd", memory=tmp_path / "clocks")


def test_under_both_lasers_a_bleached_dot_leaves_the_image(make_bench):
    bench = make_bench("single", state=light(cw_on=True, cw_w_cm2=2500.0))
    (dot,) = lonely(bench._made["single"])
    go_to(bench, dot)
    bench.counters.acquire(10, 1000.0, acquisition=1, index=0)
    go_to(bench, dot)
    bench.counters.acquire(10, 100.0, acquisition=1, index=1)
    assert bench.dots().bleached(np.array([dot]))[0]
