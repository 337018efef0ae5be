import numpy as np
import pytest

from devices.iocs.twin.beam import BeamWriter
from devices.iocs.twin.continuous import second_photon
from devices.iocs.twin.light import TwinLight
from devices.iocs.twin.train import Glimpse
from devices.iocs.twin.truth import read

from .conftest import continuous, go_to, light, share_light
from .test_dots import lonely, places

SECONDS = 0.1


def looks(n, *, w_cm2=2500.0, lit=1.0, start_s=0.0):
    """Glimpses of continuous light, one after the other."""
    return [Glimpse(start_s + SECONDS * i, SECONDS, 0.0, 0.0, 0.0, True, lit, w_cm2, lit) for i in range(n)]


def bench_on_dot(make_bench, preset="example_qd", shared=True, **options):
    bench = make_bench(preset, **{"state": continuous(), **options})
    if shared:
        share_light(bench)
    (dot,) = lonely(bench._made[bench.mounted])
    go_to(bench, dot)
    return bench, dot


def see(bench, glimpses, **options):
    spot_um = np.repeat([bench.stage.at_um[:2]], len(glimpses), axis=0)
    return bench._train.see(spot_um, glimpses, **options)


def heard_cps(bench, **options):
    """Signal and background of both routes."""
    view = see(bench, looks(1, **options), keep=False)
    return view.cw.signal_cps[0], view.cw.flat_cps[0]


def test_the_dichroic_sends_all_light_of_dots_to_one_counter(make_bench):
    bench, _ = bench_on_dot(make_bench, shared=False)
    signal_cps, flat_cps = heard_cps(bench)
    assert signal_cps[1] == pytest.approx(87_750, rel=1e-3)
    assert signal_cps[0] == pytest.approx(1e-4 * signal_cps[1])
    np.testing.assert_allclose(flat_cps, [20, 12_202])


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_the_splitter_shares_dots_and_background(make_bench, preset_file, share):
    preset = preset_file(f'base = "example_qd"\n[instrument.optics]\nsplitter_share = {share}', name=f"arms{share}")
    bench, _ = bench_on_dot(make_bench, preset)
    for cps, total in zip(heard_cps(bench), (87_750, 12_202), strict=True):
        np.testing.assert_allclose(cps, [share * total, (1 - share) * total], rtol=1e-3)


def test_the_splitter_shares_pulsed_light_as_well(make_bench):
    bench, _ = bench_on_dot(make_bench, shared=False, state=light())
    spot, now, lit, w_cm2 = np.array([bench.stage.at_um[:2]]), np.zeros(1), np.ones(1), np.array([50.0])
    before = bench._train.view(spot, now, lit, w_cm2).signal_cps[0]
    share_light(bench)
    np.testing.assert_allclose(bench._train.view(spot, now, lit, w_cm2).signal_cps[0], before[1] / 2)
    for route in ("perovskite", "qd"):
        bench.filters.set(route, "scatter")
    np.testing.assert_allclose(bench._train.view(spot, now, lit, w_cm2).signal_cps[0], 30_000)


def test_the_filter_of_the_dots_is_dark_behind_the_dichroic(make_bench):
    bench, _ = bench_on_dot(make_bench, shared=False)
    bench.filters.set("perovskite", "FBH650-40+655/15")
    signal_cps, flat_cps = heard_cps(bench)
    assert signal_cps[0] == flat_cps[0] == 0


def test_scattered_laser_light_is_flat_and_strong(make_bench):
    bench, _ = bench_on_dot(make_bench)
    bench.filters.set("qd", "scatter")
    signal_cps, flat_cps = heard_cps(bench)
    assert signal_cps[1] == 0
    assert flat_cps[1] == pytest.approx(30_000 * 2500 / 50)


def test_without_a_film_there_is_no_perovskite(make_bench):
    bench, _ = bench_on_dot(make_bench, "halide_qds", shared=False)
    assert heard_cps(bench)[1][0] == 0


def test_a_dot_saturates_and_its_background_does_not(make_bench):
    """The rate is k G/(k + G) and the rise time 1/(k + G): at k = G half of the most, and half the lifetime."""
    bench, dot = bench_on_dot(make_bench)
    emitter = bench.dots().emitters[dot]
    decay_hz = 1e9 / emitter["tau_ns"]
    for w_cm2 in (250.0, 2500.0, 25_000.0):
        pump_hz = 3.5302e6 * w_cm2 / 2500
        signal_cps, flat_cps = heard_cps(bench, w_cm2=w_cm2)
        assert signal_cps.sum() == pytest.approx(0.026514 * pump_hz * decay_hz / (pump_hz + decay_hz), rel=1e-3)
        assert flat_cps.sum() == pytest.approx(12_202 * w_cm2 / 2500)


def test_the_image_of_a_dot_is_as_wide_as_the_detected_profile(make_bench):
    bench, _ = bench_on_dot(make_bench)
    x_um, y_um = bench.stage.at_um[:2]
    away_um = np.linspace(-0.4, 0.4, 81)
    spots = np.column_stack([x_um + away_um, np.full(81, y_um)])
    seen = bench._train.see(spots, looks(81, w_cm2=25.0), keep=False).cw.signal_cps.sum(axis=1)
    half = away_um[seen > seen.max() / 2]
    assert half[-1] - half[0] == pytest.approx(0.24, abs=0.012)


def test_dots_add_up_and_pairs_have_half_the_contrast(make_bench, preset_file, tmp_path):
    text = 'base = "example_qd"\n[sample.qd]\npair_share = 1\n[sample.cw]\nbackground_cps = 0'
    bench = make_bench(preset_file(text, name="pairs"), state=continuous(), truth=tmp_path / "truth.json")
    share_light(bench)
    pair = bench.dots().emitters
    dot = int(np.argmin(np.hypot(pair["x_um"] - 50, pair["y_um"] - 50)))
    go_to(bench, dot)
    view = see(bench, looks(2))
    emitters = bench._train.cw_light(view).sources
    assert {one.number for one in emitters} == {dot, int(pair["pair"][dot])}
    assert view.cw.signal_cps[0].sum() == pytest.approx(2 * 87_750, rel=2e-3)
    bench.counters.acquire(5, 0.1, acquisition=1, index=0)
    bench.close()
    contrast = read(tmp_path / "truth.json")["acquisitions"][0]["arrays"]["contrast"]
    np.testing.assert_allclose(contrast, 0.25, atol=2e-3)


def test_stretches_hold_what_the_steps_have_in_the_mean(make_bench, preset_file):
    """Cut at every change of a blinking, bleaching, drifting dot, the light is still the same light."""
    text = 'base = "film2"\n[sample.blinking]\non_fraction = 0.6\nspread_ln_sd = 0\n[sample.bleaching]\nmedian_s = 12'
    bench, dot = bench_on_dot(make_bench, preset_file(text, name="restless"))
    bench.clock.advance(1000.0)
    go_to(bench, dot)
    view = see(bench, looks(300, start_s=1000.0))
    found = bench._train.cw_light(view)
    photons = (found.signal_cps + found.flat_cps) * np.diff(found.edges_s)[:, None]
    step = np.minimum(((found.edges_s[1:] + found.edges_s[:-1]) / 2 / SECONDS).astype(int), 299)
    summed = np.array([np.bincount(step, column) for column in photons.T]).T
    np.testing.assert_allclose(summed, SECONDS * (view.cw.total_cps + np.array([8, 40])), rtol=1e-6)
    (source,) = (one for one in found.sources if one.number == dot)
    assert len(found.edges_s) > 400
    assert len(np.unique(source.efficiency.round(12))) == 4  # bright, grey, off, bleached
    assert np.all(np.diff(found.edges_s) > 0)


def test_half_the_time_lit_is_half_the_light(make_bench):
    bench, _ = bench_on_dot(make_bench)
    whole, half = (see(bench, looks(1, lit=lit), keep=False) for lit in (1.0, 0.5))
    np.testing.assert_allclose(half.cw.total_cps, whole.cw.total_cps / 2)
    np.testing.assert_allclose(bench._train.cw_light(half).signal_cps, whole.cw.signal_cps / 2)


def test_far_dots_are_left_out(make_bench):
    bench, dot = bench_on_dot(make_bench)
    assert [one.number for one in bench._train.cw_light(see(bench, looks(3))).sources] == [dot]
    bench.stage.place(bench.stage.at_um[0] + 0.45, bench.stage.at_um[1], 10.0)
    assert bench._train.cw_light(see(bench, looks(3))).sources == ()


def test_in_the_dark_there_is_light_of_nothing(make_bench):
    bench, _ = bench_on_dot(make_bench)
    found = bench._train.cw_light(see(bench, looks(3, lit=0.0)))
    assert found.sources == ()
    assert np.array_equal(found.flat_cps, [[8, 40]] * 3)
    assert found.duration_s == pytest.approx(0.3)


def test_a_view_without_continuous_light_says_so(make_bench):
    bench, _ = bench_on_dot(make_bench)
    spot = np.array([bench.stage.at_um[:2]])
    with pytest.raises(ValueError, match="take it with `see`"):
        bench._train.cw_light(bench._train.view(spot, np.zeros(1), np.ones(1), np.ones(1)))


def test_continuous_light_is_flat_between_laser_pulses(make_bench):
    bench, _ = bench_on_dot(make_bench, shared=False, state=light(pulsed_w_cm2=0.0, cw_on=True, cw_w_cm2=250.0))
    histogram = bench.card.acquire(20.0, acquisition=1, index=0).histograms[1].astype(float)
    window = histogram[484:3956]
    expected = 20 * see(bench, looks(1, w_cm2=250.0), keep=False).heard_cps[0, 1]
    assert expected > 150_000
    assert window.sum() == pytest.approx(expected, rel=0.02)
    assert window.reshape(8, -1).sum(axis=1).std() < 3 * np.sqrt(expected / 8)


def test_meters_hear_both_lasers(make_bench):
    bench, _ = bench_on_dot(make_bench)
    rates = np.array([list(bench.spads.rates().values()) for _ in range(20)]).mean(axis=0)
    np.testing.assert_allclose(rates, 50_000, rtol=0.02)


def test_a_raster_under_continuous_light_shows_the_dots(make_bench, tmp_path):
    bench = make_bench("single", state=continuous(), truth=tmp_path / "truth.json")
    x_um = 48 + 0.1 * np.arange(40)
    settings = {"dwell_s": 0.01, "settle_s": 0.001, "acquisition": 1}
    lines = [bench.scan_counts(x_um, 48 + 0.1 * row, index=row, **settings) for row in range(40)]
    image = np.array([line.counts[:, 1] for line in lines])
    bench.close()
    arrays = read(tmp_path / "truth.json")["acquisitions"][0]["arrays"]
    rates_cps = (arrays["cw_signal_cps"] + arrays["cw_background_cps"] + arrays["background_cps"])[..., 1]
    pulls = (image - 10.05e-3 * rates_cps) / np.sqrt(0.01 * rates_cps)
    assert abs(pulls.mean()) < 0.1
    assert pulls.std() == pytest.approx(1, abs=0.06)
    assert np.median(image) == pytest.approx(124, abs=4)
    assert image.max() > 500
    dots = bench.dots().emitters
    inside = (abs(dots["x_um"] - 50) < 1.7) & (abs(dots["y_um"] - 50) < 1.7)
    assert set(dots["id"][inside]) <= set(np.unique(arrays["dot"][np.isfinite(arrays["dot"])]))
    perovskite = np.array([line.counts[:, 0] for line in lines])
    assert perovskite.mean() == pytest.approx(0.28, abs=0.06)


def test_lines_that_differ_in_light_fit_in_one_truth(make_bench, tmp_path):
    bench = make_bench("example_qd", state=continuous(), truth=tmp_path / "truth.json")
    settings = {"dwell_s": 0.01, "settle_s": 0.001, "acquisition": 1}
    for row, state in enumerate((continuous(shutter_open=False), continuous())):
        bench.beam.state = state
        bench.scan_counts(50 + 0.1 * np.arange(5), 50.0, index=row, **settings)
    bench.close()
    arrays = read(tmp_path / "truth.json")["acquisitions"][0]["arrays"]
    assert np.isnan(arrays["cw_signal_cps"][0]).all()
    assert arrays["cw_lit"][1].tolist() == [1.0] * 5


@pytest.mark.parametrize("floor", [0.0, 0.05, 0.15])
def test_pairs_of_photons_raise_the_floor(floor):
    excited = 0.06
    chance = second_photon(floor, excited)
    assert chance / (excited * (1 + chance) ** 2) == pytest.approx(floor)


def test_a_sample_comes_back_a_little_elsewhere(make_bench, preset_file):
    text = 'base = "example_qd"\nname = "moved"\n[instrument.mounting]\nremount_um = 1.5\nremount_deg = 3'
    bench = make_bench(preset_file(text, name="moved"), state=continuous())
    corners = np.array([[45.0, 45.0], [55.0, 45.0], [45.0, 55.0]])

    def scene():
        return bench._train.view(corners, np.zeros(3), np.zeros(3), np.zeros(3)).scene_um

    seen = [scene()]
    for name in ("glass", "moved", "glass", "moved"):
        bench.mount(name)
        seen.append(scene())
    assert not np.allclose(seen[2], seen[4])
    for one in seen[1:]:
        sides, before = one[1:] - one[0], seen[0][1:] - seen[0][0]
        turned = np.rad2deg(np.arctan2(*sides[0][::-1]) - np.arctan2(*before[0][::-1]))
        assert abs(turned) == pytest.approx(3)
        np.testing.assert_allclose(np.hypot(*sides.T), np.hypot(*before.T))


def test_a_remounted_sample_stays_where_it_is_when_the_bench_restarts(make_bench, preset_file, tmp_path):
    preset = preset_file('base = "example_qd"\nname = "moved"\n[instrument.mounting]\nremount_um = 1.5', name="moved")
    first = make_bench(preset, state=continuous(), memory=tmp_path)
    first.mount("glass")
    first.mount(preset.name)
    again = make_bench(preset, state=continuous(), memory=tmp_path)
    assert np.array_equal(again._train.mounting.shift_um, first._train.mounting.shift_um)
    assert first._train.mounting.shift_um.any()


def test_the_continuous_laser_has_a_limit_of_its_own(tmp_path, make_bench):
    laser = make_bench("single").preset.instrument.laser
    path = tmp_path / "beam"
    BeamWriter(path).close()
    one = TwinLight(path, laser)
    one.cw(True, 28_000.0)
    assert one.max_cw_w_cm2 == 50_000
    with pytest.raises(ValueError, match=r"intensity = 50001\.0 W/cm2: allowed is 0\.\.50000"):
        one.cw(True, 50_001.0)
    with pytest.raises(ValueError, match=r"allowed is 0\.\.1000"):
        one.pulsed(True, 2e6, 2500.0)
    one.close()


def test_drift_takes_a_dot_out_of_focus(make_bench):
    """0.6 um in 1000 s: without re-centring half of the light is lost within minutes."""
    bench, dot = bench_on_dot(make_bench)
    now_cps = heard_cps(bench)[0].sum()
    bench.clock.advance(1000.0)
    later = see(bench, looks(1, start_s=1000.0), keep=False).cw.signal_cps.sum()
    assert later < 0.7 * now_cps
    go_to(bench, dot)
    assert see(bench, looks(1, start_s=1000.0), keep=False).cw.signal_cps.sum() == pytest.approx(now_cps, rel=1e-3)
    assert places(bench._made["example_qd"], [dot]).shape == (1, 2)
