"""Lifetimes: published numbers, simulated truth, honest errors, folded time axes, and bad input.

The simulator draws single photons in continuous time; it knows nothing of the model it tests.
"""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from analysis.decay import DecayModel, DecayWarning, fit_decays

BIN_NS, PERIOD_NS, PULSE_NS = 0.144, 500.0, 10.0
PIXEL_1 = {"tau_ns": (1.9, 6.6), "share": (0.49, 0.51), "background": 0.037}
PIXEL_2 = {"tau_ns": (4.1, 23.8), "share": (0.68, 0.32), "background": 0.031}
CARD = {"bin_width_ns": BIN_NS, "period_ns": PERIOD_NS}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def histogram(arrival_ns, pixel, *, n_pixels=1, n_bins=4096, bin_ns=BIN_NS, live_from_ns=0.0, period_ns=PERIOD_NS):
    """Counts (n_pixels, n_bins) of photons on a card whose live span begins at live_from_ns."""
    channel = (((arrival_ns - live_from_ns) % period_ns + live_from_ns) // bin_ns).astype(int)
    seen = channel < n_bins
    flat = np.bincount(pixel[seen] * n_bins + channel[seen], minlength=n_pixels * n_bins)
    return flat.reshape(n_pixels, n_bins)


def pulse(rng, n, fwhm_ns=1.0):
    """Delays of scattered photons: Gaussian jitter with a diffusion tail."""
    tail = np.where(rng.random(n) < 0.1, rng.exponential(0.4, n), 0.0)
    return PULSE_NS + rng.normal(0, fwhm_ns / 2.3548, n) + tail


def measured_irf(rng, n=300_000, dark=300, fwhm_ns=1.0, **card):
    arrival = np.concatenate([pulse(rng, n, fwhm_ns), rng.uniform(0, PERIOD_NS, dark)])
    return histogram(arrival, np.zeros(arrival.size, int), **card)[0]


def decays(rng, n_photons, *, tau_ns, share, background, n_pixels=1, t0_ns=0.0, fwhm_ns=1.0, **card):
    pixel = np.repeat(np.arange(n_pixels), rng.poisson(n_photons, n_pixels))
    lifetime = np.asarray(tau_ns)[rng.choice(len(tau_ns), pixel.size, p=share)]
    arrival = pulse(rng, pixel.size, fwhm_ns) + t0_ns + rng.exponential(lifetime)
    flat = rng.random(pixel.size) < background
    arrival[flat] = rng.uniform(0, PERIOD_NS, flat.sum())
    return histogram(arrival, pixel, n_pixels=n_pixels, **card)


@pytest.mark.parametrize(
    ("truth", "n_photons", "published_err_ns"),
    [(PIXEL_1, 580, (0.39, 0.92)), (PIXEL_2, 2750, (0.19, 1.57))],
    ids=["pixel 1", "pixel 2"],
)
def test_the_papers_two_pixels_come_back_with_honest_errors(rng, truth, n_photons, published_err_ns):
    fit = fit_decays(decays(rng, n_photons, **truth, n_pixels=1500, t0_ns=0.3), measured_irf(rng), **CARD)
    assert fit.converged.all()
    assert fit.degenerate.mean() < 0.005
    scatter = np.diff(np.percentile(fit.tau_ns, [16, 84], axis=0), axis=0)[0] / 2
    assert scatter == pytest.approx(published_err_ns, rel=0.1)
    assert np.all(np.abs(np.median(fit.tau_ns, axis=0) - truth["tau_ns"]) < 0.2 * scatter)
    estimates = (fit.tau_ns, fit.fraction, fit.background_fraction[:, None])
    errors = (fit.tau_err_ns, fit.fraction_err, fit.background_fraction_err[:, None])
    for estimate, error, true in zip(
        estimates, errors, (truth["tau_ns"], truth["share"], truth["background"]), strict=True
    ):
        pull = (estimate - true) / error
        low, middle, high = np.nanpercentile(pull, [16, 50, 84], axis=0)
        assert np.all(np.abs(middle) < 0.2)
        assert np.all(((high - low) / 2 > 0.9) & ((high - low) / 2 < 1.1))
        assert np.all(np.abs(np.nanmean(np.abs(pull) < 1, axis=0) - 0.68) < 0.05)


def test_tail_pulls_are_bounded_too(rng):
    fit = fit_decays(decays(rng, 2000, **PIXEL_1, n_pixels=800), measured_irf(rng), **CARD, t0_ns=0.0)
    pull = (fit.tau_ns - PIXEL_1["tau_ns"]) / fit.tau_err_ns
    assert np.all((pull.std(axis=0) > 0.9) & (pull.std(axis=0) < 1.1))


def test_the_error_of_a_single_decay_includes_that_of_its_own_t0(rng):
    irf = measured_irf(rng, n_bins=1024)
    card = {**PIXEL_1, "n_bins": 1024, "t0_ns": 0.2}
    measured = [decays(rng, 1500, **card)[0] for _ in range(70)]
    fits = [fit_decays(counts, irf, **CARD) for counts in measured]
    pull = np.array([(fit.tau_ns[0] - 1.9) / fit.tau_err_ns[0] for fit in fits])
    t0_pull = np.array([(fit.t0_ns - 0.2) / fit.t0_err_ns for fit in fits])
    assert 0.75 < np.nanstd(pull) < 1.25
    assert 0.75 < t0_pull.std() < 1.25
    known = fit_decays(measured[0], irf, **CARD, t0_ns=fits[0].t0_ns)
    assert known.tau_ns == pytest.approx(fits[0].tau_ns)
    assert known.tau_err_ns[0] < 0.95 * fits[0].tau_err_ns[0]


@pytest.mark.parametrize("n_components", [1, 3])
def test_one_and_three_lifetimes(rng, n_components):
    tau_ns, share = {1: ((5.0,), (1.0,)), 3: ((0.8, 4.0, 25.0), (0.3, 0.4, 0.3))}[n_components]
    counts = decays(rng, 200_000, tau_ns=tau_ns, share=share, background=0.02, n_pixels=4)
    fit = fit_decays(counts, measured_irf(rng, n=1_000_000), **CARD, n_components=n_components)
    assert fit.tau_ns.shape == (4, n_components)
    assert fit.tau_ns == pytest.approx(np.broadcast_to(tau_ns, (4, n_components)), rel=0.1)
    assert np.all(np.abs(fit.tau_ns - tau_ns) < 4.5 * fit.tau_err_ns)
    assert fit.fraction.sum(axis=-1) == pytest.approx(1)
    assert not fit.degenerate.any()


@pytest.mark.parametrize("live_from_ns", [69.7, 505 * BIN_NS])
def test_the_live_period_may_lie_anywhere_in_a_longer_window(rng, live_from_ns):
    place = {"live_from_ns": live_from_ns}
    irf = measured_irf(rng, **place)  # at 10 ns: the pulse comes late in the window and its tail wraps around
    counts = decays(rng, 5000, **PIXEL_2, n_pixels=300, t0_ns=-1.7, **place)
    fit = fit_decays(counts, irf, **CARD)
    elsewhere = fit_decays(np.roll(counts, -480, axis=1), np.roll(irf, -480), **CARD)
    assert np.array_equal(fit.n_photons, counts.sum(axis=1))
    assert fit.t0_ns == pytest.approx(-1.7, abs=0.1 * BIN_NS)
    pull = (fit.tau_ns - PIXEL_2["tau_ns"]) / fit.tau_err_ns
    assert np.all(np.abs(pull.mean(axis=0)) < 0.2)
    assert np.all(np.abs(fit.background_fraction.mean() - 0.031) < 0.002)
    assert elsewhere.tau_ns == pytest.approx(fit.tau_ns, rel=0.02)


def test_a_long_window_without_any_background(rng):
    irf = measured_irf(rng, dark=0, live_from_ns=69.7)
    counts = decays(rng, 3000, **{**PIXEL_1, "background": 0.0}, n_pixels=200, live_from_ns=69.7)
    fit = fit_decays(counts, irf, **CARD)
    assert np.array_equal(fit.n_photons, counts.sum(axis=1))
    assert np.median(fit.tau_ns, axis=0) == pytest.approx((1.9, 6.6), rel=0.03)
    assert np.median(fit.background_fraction) < 0.002
    assert np.isfinite(fit.background_fraction_err).all()


def test_a_pulse_on_the_seam_of_the_live_period(rng):
    place = {"live_from_ns": PULSE_NS + 0.2}
    irf = measured_irf(rng, **place)
    fit = fit_decays(decays(rng, 400_000, **PIXEL_2, t0_ns=0.5, **place), irf, **CARD)
    assert fit.tau_ns[0] == pytest.approx(PIXEL_2["tau_ns"], rel=0.03)
    assert fit.t0_ns == pytest.approx(0.5, abs=0.1 * BIN_NS)


def test_a_window_shorter_than_the_period(rng):
    card = {"n_bins": 256, "bin_ns": 0.39}
    irf = measured_irf(rng, **card)
    counts = decays(rng, 3000, tau_ns=(3.0, 15.0), share=(0.6, 0.4), background=0.03, n_pixels=400, t0_ns=0.15, **card)
    fit = fit_decays(counts, irf, bin_width_ns=0.39, period_ns=PERIOD_NS)
    pull = (fit.tau_ns - (3.0, 15.0)) / fit.tau_err_ns
    assert np.all(np.abs(np.nanmedian(pull, axis=0)) < 0.2)
    assert np.all((np.nanstd(pull, axis=0) > 0.85) & (np.nanstd(pull, axis=0) < 1.2))
    assert fit.background_fraction.mean() == pytest.approx(0.03 * 256 * 0.39 / PERIOD_NS, abs=0.003)


def test_older_pulses_are_in_the_tail(rng):
    counts = decays(rng, 300_000, tau_ns=(180.0,), share=(1.0,), background=0.0)
    with pytest.warns(DecayWarning, match="shorter than five"):
        fit = fit_decays(counts[0], measured_irf(rng), **CARD, n_components=1, tau_bounds_ns=(0.05, 1000.0))
    assert fit.tau_ns[0] == pytest.approx(180, rel=0.02)


@pytest.mark.parametrize("fwhm_ns", [0.45, 1.0])
@pytest.mark.parametrize("t0_ns", [-3.07, 0.05, 11.11])
def test_t0_of_a_heterogeneous_image_is_found_to_a_twentieth_of_a_bin(rng, t0_ns, fwhm_ns):
    total = np.zeros(4096, int)
    for _ in range(60):
        tau_ns, f = (rng.uniform(1.5, 4.5), rng.uniform(6, 25)), rng.uniform(0.3, 0.8)
        share = {"tau_ns": tau_ns, "share": (f, 1 - f), "background": 0.03}
        total += decays(rng, 20_000, **share, t0_ns=t0_ns, fwhm_ns=fwhm_ns)[0]
    model = DecayModel.from_irf(measured_irf(rng, fwhm_ns=fwhm_ns), **CARD).fit_t0(total)
    assert model.t0_ns == pytest.approx(t0_ns, abs=0.05 * BIN_NS)
    assert abs(model.t0_ns - t0_ns) < 4 * model.t0_err_ns + 0.002


def test_a_pixel_does_not_depend_on_its_batch(rng):
    irf, counts = measured_irf(rng, n_bins=1024), decays(rng, 400, **PIXEL_1, n_pixels=700, n_bins=1024)
    model = DecayModel.from_irf(irf, **CARD).fit_t0(counts.sum(axis=0))
    compressed = model.compress(counts)
    whole, again = model.fit(compressed), model.fit(compressed)
    parts = [model.fit(compressed[part]) for part in (slice(0, 1), slice(1, 300), slice(300, 700))]
    for name in ("tau_ns", "tau_err_ns", "fraction", "background_fraction_err", "deviance", "covariance"):
        together = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(getattr(whole, name), together, equal_nan=True)
        assert np.array_equal(getattr(whole, name), getattr(again, name), equal_nan=True)
    given = fit_decays(counts[5:9], irf, **CARD, t0_ns=0.1)
    assert np.array_equal(given.tau_ns, fit_decays(counts, irf, **CARD, t0_ns=0.1).tau_ns[5:9])


def test_compressed_scans_add_up(rng):
    model = DecayModel.from_irf(measured_irf(rng), **CARD)
    scans = decays(rng, 300, **PIXEL_1, n_pixels=6).reshape(3, 2, 4096)
    compressed = model.compress(scans)
    assert compressed.dtype == np.uint32
    assert compressed.shape == (3, 2, model.n_time_bins)
    assert np.array_equal(compressed.sum(axis=0), model.compress(scans.sum(axis=0)))
    assert compressed.sum() == scans.sum()
    assert model.n_time_bins < 150


def test_every_integer_type_and_layout_gives_the_same_fit(rng):
    irf, counts = (
        measured_irf(rng, n_bins=1024),
        decays(rng, 3000, **PIXEL_2, n_pixels=6, n_bins=1024).reshape(2, 3, -1),
    )
    fit = fit_decays(counts, irf, **CARD, t0_ns=0.0)
    assert fit.tau_ns.shape == (2, 3, 2)
    assert fit.n_photons.shape == (2, 3)
    for kind in ("u1", "u2", ">u2", "i4", "u8", "f4", "f8"):
        same = fit_decays(counts.astype(kind), irf, **CARD, t0_ns=0.0)
        assert np.array_equal(same.tau_ns, fit.tau_ns)
    routes = np.repeat(counts[:, :, None], 2, axis=2)
    assert np.array_equal(fit_decays(routes[:, :, 1], irf, **CARD, t0_ns=0.0).tau_ns, fit.tau_ns)
    assert np.array_equal(fit_decays(counts[1, 2], irf, **CARD, t0_ns=0.0).tau_ns, fit.tau_ns[1, 2])


def test_no_photons_few_photons_and_a_saturated_card(rng):
    irf, counts = measured_irf(rng), np.zeros((4, 4096), np.uint16)
    counts[1, 90] = 1
    counts[2, 90], counts[2, 300] = 1, 1
    counts[3, :3473] = 65535
    fit = fit_decays(counts, irf, **CARD, t0_ns=0.0)
    assert list(fit.n_photons) == [0, 1, 2, 3473 * 65535]
    assert np.isnan(fit.tau_ns[0]).all()
    assert not fit.converged[0]
    assert fit.degenerate.all()
    assert np.isnan(fit.tau_err_ns).all()
    assert fit.background_fraction[3] > 0.99
    empty = fit_decays(counts[:1], irf, **CARD)
    assert empty.degenerate.all()
    assert empty.t0_err_ns == np.inf


def test_one_lifetime_is_not_sold_as_two(rng):
    counts = decays(rng, 50_000, tau_ns=(5.0,), share=(1.0,), background=0.03, n_pixels=60)
    fit = fit_decays(counts, measured_irf(rng), **CARD, t0_ns=0.0)
    sure = ~fit.degenerate & (fit.fraction.min(axis=1) > 2 * fit.fraction_err.max(axis=1))
    assert sure.mean() < 0.1
    assert np.isnan(fit.tau_err_ns[fit.degenerate]).all()


def test_the_model_draws_what_it_fits(rng):
    model = DecayModel.from_irf(measured_irf(rng), **CARD, t0_ns=0.4)
    bins = model.expected((1.9, 6.6), (0.49, 0.51), 0.037)
    curve = model.expected_full((1.9, 6.6), (0.49, 0.51), 0.037)
    counts = decays(rng, 2_000_000, **PIXEL_1, t0_ns=0.4)[0]
    assert bins.sum() == pytest.approx(1)
    assert curve.sum() == pytest.approx(1)
    expected = curve * counts.sum()
    well = expected > 50
    assert np.mean((counts[well] - expected[well]) ** 2 / expected[well]) < 1.5
    many = model.expected(np.tile((1.9, 6.6), (5, 1)), np.tile((0.49, 0.51), (5, 1)), np.full(5, 0.037))
    assert many == pytest.approx(np.tile(bins, (5, 1)))


def test_a_good_fit_has_deviance_one(rng):
    fit = fit_decays(decays(rng, 300_000, **PIXEL_2, n_pixels=4), measured_irf(rng, n=3_000_000), **CARD)
    assert fit.deviance.mean() == pytest.approx(1, abs=0.25)


def test_dark_counts_of_the_irf_do_not_become_signal(rng):
    counts = decays(rng, 20_000, **PIXEL_1, n_pixels=50)
    fit = fit_decays(counts, measured_irf(rng, n=100_000, dark=5000), **CARD)
    assert fit.background_fraction.mean() == pytest.approx(0.037, abs=0.001)


def test_coarse_bins_and_short_windows_are_called_out(rng):
    coarse = {"n_bins": 640, "bin_ns": 0.78125}
    with pytest.warns(DecayWarning, match=r"wider than 0\.65"):
        DecayModel.from_irf(measured_irf(rng, **coarse), bin_width_ns=0.78125, period_ns=PERIOD_NS)
    short = {"n_bins": 256, "bin_ns": 0.39}
    counts = decays(rng, 5000, tau_ns=(4.0, 40.0), share=(0.5, 0.5), background=0.0, n_pixels=5, **short)
    with pytest.warns(DecayWarning, match="shorter than five"):
        fit_decays(counts, measured_irf(rng, **short), bin_width_ns=0.39, period_ns=PERIOD_NS, t0_ns=0.0)


def test_a_fit_reads_as_text(rng):
    fit = fit_decays(decays(rng, 5000, **PIXEL_1)[0], measured_irf(rng), **CARD)
    assert "ns" in str(fit)
    assert len(str(fit).splitlines()) == 5


IRF = np.bincount([20] * 50 + [21] * 90 + [22] * 100 + [23] * 80 + [24] * 30, minlength=256)
GOOD = np.ones(256, int)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": -GOOD}, "-1"),
        ({"counts": GOOD * 0.5}, "whole numbers"),
        ({"counts": np.where(GOOD, np.nan, 0)}, "NaN"),
        ({"counts": GOOD.astype(str)}, "type"),
        ({"counts": GOOD[:200]}, "256 bins"),
        ({"counts": np.array(3)}, "256 bins"),
        ({"irf": np.zeros(256)}, "no counts"),
        ({"irf": []}, "one histogram"),
        ({"irf": np.ones((2, 256))}, "one histogram"),
        ({"irf": IRF - 1.0}, "negative"),
        ({"irf": np.ones(256)}, "no pulse"),
        ({"bin_width_ns": 0.0}, "bin_width_ns"),
        ({"bin_width_ns": np.nan}, "bin_width_ns"),
        ({"period_ns": -500.0}, "period_ns"),
        ({"period_ns": np.nan}, "period_ns"),
        ({"period_ns": 5e-7}, "units"),
        ({"n_components": 0}, "1, 2 or 3"),
        ({"n_components": 4}, "1, 2 or 3"),
        ({"t0_ns": np.inf}, "t0_ns"),
        ({"tau_bounds_ns": (3.0, 1.0)}, "low < high"),
    ],
)
def test_bad_input_is_refused_with_a_reason(changes, message):
    given = {"counts": GOOD, "irf": IRF, "bin_width_ns": 0.2, "period_ns": 500.0, **changes}
    with pytest.raises(ValueError, match=message):
        fit_decays(given.pop("counts"), given.pop("irf"), **given)


def test_a_decay_that_was_not_compressed_is_refused(rng):
    model = DecayModel.from_irf(measured_irf(rng), **CARD)
    with pytest.raises(ValueError, match="compress"):
        model.fit(np.zeros((2, 4096), int))


def thd_curve(raw: bytes, index: int) -> tuple[np.ndarray, float, float]:
    """Counts, bin width (ns) and period (ns) of one curve of a version 6.0 file."""
    start = 588 + 16484 * index
    sync_hz, (bin_ns,) = struct.unpack_from("<i", raw, start + 72)[0], struct.unpack_from("<f", raw, start + 88)
    return np.frombuffer(raw, "<u4", 4096, start + 100), bin_ns, 1e9 / sync_hz


def test_coumarin_39_on_a_real_card():
    path = Path(__file__).parents[3] / "shared" / "data" / "timeharp" / "v60.thd"
    if not path.exists():
        pytest.skip("the TimeHarp sample file v60.thd is not there")
    raw = path.read_bytes()
    irf, _, _ = thd_curve(raw, 0)
    counts, bin_ns, period_ns = thd_curve(raw, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        card = {"bin_width_ns": bin_ns, "period_ns": period_ns, "n_components": 1}
        fit = fit_decays(counts, irf, **card)
    assert fit.tau_ns[0] == pytest.approx(4.515, abs=0.01)
    assert fit.n_photons == 2216305
    assert fit.deviance < 1.8  # uneven channels of a real card, two million photons: the excess is slow
    model = DecayModel.from_irf(irf, **card).fit_t0(counts)
    expected = model.expected_full(fit.tau_ns, fit.fraction, fit.background_fraction) * fit.n_photons
    n, expected = counts[expected > 0], expected[expected > 0]
    deviance = 2 * (n * np.log(np.maximum(n, 1) / expected) - n + expected).sum() / (n.size - 4)
    assert deviance == pytest.approx(1.15, abs=0.02)


def test_lifetimes_that_are_one_are_flagged():
    """6 and 7.8 ns with 1800 photons cannot be told apart: hardly any pixel is trusted, none with an error above it."""
    t_ns = np.arange(2048) * 0.144
    irf = np.round(2e5 * 0.144 * np.exp(-0.5 * ((t_ns - 10) / 0.43) ** 2)).astype(int)
    model = DecayModel.from_irf(irf, bin_width_ns=0.144, period_ns=2048 * 0.144)
    shape = model.expected([6.0, 7.8], [0.57, 0.43], 0.03)
    fit = model.fit(np.random.default_rng(1).poisson(1800 * shape, (600, shape.size)))
    trusted = fit.converged & ~fit.degenerate
    assert trusted.mean() < 0.15
    assert not (fit.tau_err_ns[trusted] > fit.tau_ns[trusted]).any()
