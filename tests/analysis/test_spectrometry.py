"""From documents to spectra: counts become values with the right errors, and nothing is lost, doubled or invented."""

import numpy as np
import pytest

from analysis.spectrometry import SpectralRun, scan_facts
from tests.analysis.simulated_spectra import ABSORPTION_NM, documents_start, point, transmission_run

NM = np.arange(450.0, 551.0)
OFFSETS = {"uid": "x", "excitation_offset_nm": 0.3, "excitation_offset_err_nm": 0.01}
OFFSETS |= {"emission_offset_nm": -0.2, "emission_offset_err_nm": 0.02}


def start(kind="emission", wavelength_nm=NM, *, dwell_s=0.5, plan_name="pl", **more):
    more = {"dead_time_ns": 0.0} | more
    return documents_start(plan_name, kind, wavelength_nm, dwell_s=dwell_s, uid="run-1", **more)


def band(peak):
    return peak * np.exp(-0.5 * ((NM - 500) / 12) ** 2)


def fill(run, counts, *, correction=1.0, reference=1.0, stream="primary", **place):
    correction, reference = (np.broadcast_to(v, len(counts)) for v in (correction, reference))
    for i, n in enumerate(counts):
        values = {"counts": n, "correction": correction[i], "reference": reference[i]}
        run.add_point(stream, point(i, NM[i], **values, **place))


def test_one_point_by_hand():
    """600 counts in 0.5 s, 25 ns blind after each, 40 of 50 dark counts per second in 10 s; each cps stands for 2."""
    run = SpectralRun(start(dead_time_ns=25.0))
    run.add_dark(400, 10)
    fill(run, [600], correction=2.0)
    curve = run.curve()
    true = 600 / (1 - 600 * 25e-9 / 0.5)
    assert curve.counts[0] == pytest.approx(true, abs=1e-9)
    assert curve.value[0] == pytest.approx((true / 0.5 - 40) * 2)
    assert curve.err[0] == pytest.approx(np.hypot(np.sqrt(600) / 0.5 * 2, 1e-3 * curve.value[0]), rel=1e-3)
    assert curve.background[0] == pytest.approx(20) and curve.background_err == pytest.approx(0.05)
    assert curve.n_photons == pytest.approx(true - 20)
    assert curve.value[0] == pytest.approx((curve.counts[0] - curve.background[0]) * curve.scale[0])


def test_dead_time_is_put_right_at_high_rates():
    """1e6 photons per second on a detector that is blind for 25 ns after each: 2.4 % are not counted."""
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(200):
        arrivals = np.cumsum(rng.exponential(1e-6, 12000) + 25e-9)  # a non-paralysable detector waits, then counts
        run = SpectralRun(start(dwell_s=0.01, dead_time_ns=25.0))
        fill(run, [np.searchsorted(arrivals, 0.01)])
        curve = run.curve()
        pulls.append((curve.value[0] - 1e6) / np.hypot(curve.err[0], 0))
    assert abs(np.mean(pulls)) < 0.3
    assert 0.85 < np.std(pulls) < 1.15


@pytest.mark.parametrize("peak_cps", [0, 3, 2000])
def test_counted_spectra_have_honest_errors(peak_cps):
    """Over all points, at no, few and many photons; zero counts are uncertain by one."""
    pulls, rate = [], band(peak_cps) + 50
    for seed in range(100):
        rng = np.random.default_rng(seed)
        run = SpectralRun(start(dead_time_ns=0.0))
        run.add_dark(50_000, 1000)
        fill(run, rng.poisson(rate * 0.5))
        curve = run.curve()
        pulls.append((curve.value - band(peak_cps)) / curve.err)
    assert abs(np.mean(pulls)) < 0.2
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


def test_zero_counts_have_an_error():
    run = SpectralRun(start())
    fill(run, np.zeros(10))
    assert (run.curve().value == 0).all() and (run.curve().err == 2).all()


def test_repeats_and_regions_are_summed():
    run = SpectralRun(start(regions=[1, 2], repeats=2))
    for region in (1, 2):
        for repeat in (1, 2):
            fill(run, band(1000) * region, region=region, repeat=repeat)
    np.testing.assert_allclose(run.curve(1).value, band(2000))
    np.testing.assert_allclose(run.curve(2).value, band(4000))
    np.testing.assert_allclose(run.curve().value, band(3000))
    np.testing.assert_allclose(run.curve().counts, band(6000))
    assert run.n_points == 4 * len(NM)
    assert run.curve().flicker == pytest.approx(0.5e-3)


def test_an_interrupted_repeat_counts_where_it_was():
    run = SpectralRun(start(repeats=2))
    fill(run, band(1000), repeat=1)
    fill(run, band(1000)[:30], repeat=2)
    curve = run.curve()
    np.testing.assert_allclose(curve.value, band(2000))
    assert curve.counts[10] == pytest.approx(band(2000)[10]) and curve.counts[50] == pytest.approx(band(1000)[50])


def test_points_come_in_any_order_and_count_once():
    forward, backward = SpectralRun(start()), SpectralRun(start())
    data = [point(i, w, counts=c, correction=1.0) for i, (w, c) in enumerate(zip(NM, band(900).round(), strict=True))]
    for one in data:
        forward.add_point("primary", one)
    for one in data[::-1] + data[:20]:
        backward.add_point("primary", one)
    np.testing.assert_array_equal(forward.curve().value, backward.curve().value)
    np.testing.assert_array_equal(forward.curve().wavelength_nm, backward.curve().wavelength_nm)


@pytest.mark.parametrize(("kind", "offset_nm", "err_nm"), [("emission", -0.2, 0.02), ("excitation", 0.3, 0.01)])
def test_the_axis_is_that_of_the_monochromator_that_moves(kind, offset_nm, err_nm):
    run = SpectralRun(start(kind, calibration=OFFSETS))
    fill(run, band(100))
    np.testing.assert_allclose(run.curve().wavelength_nm, NM + offset_nm)
    assert run.curve().wavelength_err_nm == err_nm
    assert not any("calibrated" in warning for warning in run.curve().warnings)


def test_an_instrument_never_calibrated_says_so():
    nothing = dict.fromkeys(OFFSETS, 0.0) | {"uid": "", "excitation_offset_err_nm": float("nan")}
    run = SpectralRun(start(calibration=nothing))
    fill(run, band(100))
    assert any("never calibrated" in warning for warning in run.curve().warnings)
    np.testing.assert_array_equal(run.curve().wavelength_nm, NM)


def test_a_calibration_is_read_on_the_axis_the_instrument_was_told():
    run = SpectralRun(start("excitation", calibration=OFFSETS, plan_name="calibrate"))
    fill(run, band(100), reference=np.linspace(1, 2, len(NM)), stream="lamp")
    lamp = run.reference_curve(stream="lamp")
    np.testing.assert_array_equal(lamp.wavelength_nm, NM)
    np.testing.assert_allclose(lamp.value, np.linspace(1, 2, len(NM)))
    np.testing.assert_allclose(lamp.err, 1e-3 * lamp.value)
    assert len(run.curve().value) == 0 and run.n_points == len(NM)


def test_a_dead_lamp_sector_is_unknown_and_told():
    run = SpectralRun(start("excitation"))
    dead = (NM >= 498) & (NM <= 511)
    fill(run, band(1000), reference=np.where(dead, 1e-4, 1.0))
    curve = run.curve()
    np.testing.assert_array_equal(np.isnan(curve.value), dead)
    np.testing.assert_array_equal(curve.lit, ~dead)
    assert "no lamp light between 498 and 511 nm" in curve.warnings
    assert curve.n_photons == pytest.approx(band(1000)[~dead].sum())  # what came in the dark is no light


def test_an_excitation_without_lamp_light_is_told_in_one_sentence():
    """The diode then reads its own noise, half of it below zero: what stands above is no light."""
    for seed in range(50):
        run = SpectralRun(start("emission"))
        noise = np.random.default_rng(seed).normal(size=len(NM))
        fill(run, np.full(len(NM), 5), reference=1e-4 * noise + 1e-5, correction=1e4)
        curve = run.curve()
        assert not curve.lit.any()
        assert [text for text in curve.warnings if "lamp" in text] == ["no lamp light at 650 nm, the excitation"]


def test_a_lamp_that_goes_out_is_told_in_one_sentence():
    run = SpectralRun(start("emission"))
    fill(run, band(1000), reference=np.where(NM < 530, 1.0, 1e-5))
    curve = run.curve()
    np.testing.assert_array_equal(curve.lit, NM < 530)
    assert "no lamp light at 650 nm, the excitation, at 21 of 101 points" in curve.warnings


def test_light_in_a_few_points_of_a_dark_scan_is_seen():
    run = SpectralRun(start("excitation"))
    noise = 1e-4 * np.random.default_rng(0).normal(size=len(NM))
    fill(run, band(1000), reference=np.where(NM > 546, 1.0, 0.0) + noise)
    np.testing.assert_array_equal(run.curve().lit, NM > 546)


def test_without_a_dark_count_it_is_told():
    run = SpectralRun(start())
    run.add_dark(float("nan"), 0.0)
    fill(run, band(100))
    assert any("no dark count" in warning for warning in run.curve().warnings)


def test_without_a_correction_the_counts_stand_for_themselves():
    run = SpectralRun(start())
    fill(run, band(100), correction=np.nan)
    np.testing.assert_allclose(run.curve().value, band(200))
    assert run.curve().unit == "cps" and run.curve().flicker == 0
    assert any("no spectral correction" in warning for warning in run.curve().warnings)


def corrected_only(rng, *, peak, gain, dark):
    run = SpectralRun(start())
    values = gain * (rng.poisson(band(peak) + dark) - dark)
    for i, value in enumerate(values):
        run.add_point("primary", point(i, NM[i], corrected=value))
    return run.curve()


@pytest.mark.parametrize(("peak", "dark"), [(3000, 0), (3000, 100), (60000, 15)])
def test_errors_of_spectra_that_were_not_counted_come_from_their_scatter(peak, dark):
    gain = 0.02 * np.exp(-(NM - 500) / 100)
    pulls = []
    for seed in range(60):
        curve = corrected_only(np.random.default_rng(seed), peak=peak, gain=gain, dark=dark)
        pulls.append((curve.value - gain * band(peak)) / curve.err)
    for part in (slice(20, 81), slice(40, 61)):
        assert np.std(np.array(pulls)[:, part]) == pytest.approx(1, abs=0.15)
    assert curve.counts is None and np.isnan(curve.n_photons)
    assert any("scatter of neighbouring points" in warning for warning in curve.warnings)


def test_too_few_points_or_none_at_all_scatter_have_no_known_error():
    run = SpectralRun(start())
    for i in range(5):
        run.add_point("primary", point(i, NM[i], corrected=1.0 + i % 2))
    assert np.isnan(run.curve().err).all() and not run.curve().lit.any()
    for i in range(50):
        run.add_point("primary", point(i, NM[i], corrected=0.0))
    assert np.isnan(run.curve().err).all()


@pytest.mark.parametrize("noise", [1e-4, 1e-3, 1e-2])
def test_the_noise_of_a_transmission_is_that_of_its_points(noise):
    exciton = 0.2 * np.exp(-0.5 * ((ABSORPTION_NM - 520) / 6) ** 2)
    estimates = []
    for seed in range(40):
        curve = transmission_run(exciton, np.random.default_rng(seed), uid="film", noise=noise).curve()
        estimates.append(np.median(curve.err / curve.value) / np.log(10) / noise)
    assert np.mean(estimates) == pytest.approx(1, abs=0.04)
    assert np.std(estimates) < 0.1


def test_two_transmissions_are_averaged():
    run = SpectralRun(start("transmission", repeats=2))
    rng = np.random.default_rng(1)
    for repeat in (1, 2):
        for i, w in enumerate(NM[: 101 if repeat == 1 else 50]):
            run.add_point("primary", point(i, w, repeat=repeat, reference=2.0, transmitted=1 + 1e-3 * rng.normal()))
    curve = run.curve()
    assert curve.value.mean() == pytest.approx(0.5, abs=1e-3)
    assert curve.err[80] / curve.err[20] == pytest.approx(np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("kind", ["emission", "excitation", "transmission"])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_the_first_points_are_a_spectrum(kind, n):
    run = SpectralRun(start(kind))
    for i in range(n):
        run.add_point("primary", point(i, NM[i], counts=0, reference=1.0, correction=1.0, transmitted=0.5))
    assert len(run.curve().value) == len(run.reference_curve().value) == n


def test_what_was_not_told_may_be_missing():
    """JSON has no NaN: a document from storage carries None."""
    run = SpectralRun(start())
    run.add_point("primary", point(0, 450.0, counts=10, correction=1.0) | {"fs5_transmitted": None})
    assert run.curve().value[0] == 20


def test_the_facts_are_those_of_the_start_document():
    facts = scan_facts(start("excitation", repeats=3, regions=[2, 5], warnings=["second order at 500 nm"]))
    assert (facts.kind, facts.dwell_s, facts.step_nm, facts.regions, facts.repeats) == (
        "excitation",
        0.5,
        1.0,
        (2, 5),
        3,
    )
    run = SpectralRun(start(warnings=["second order at 500 nm"]))
    assert "second order at 500 nm" in run.curve().warnings and run.curve().uids == ("run-1",)


def test_another_kind_of_run_is_refused():
    with pytest.raises(KeyError, match="scan"):
        scan_facts({"uid": "1", "plan_name": "flim_raster"})
