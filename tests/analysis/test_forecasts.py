"""Errors told before a measurement are those that fits then have: Fisher information against simulated fits."""

from typing import Any

import numpy as np
import pytest

from analysis import emitters
from analysis.blinking import on_fraction
from analysis.blinking.forecast import expected_on_fraction
from analysis.correlation import fit_antibunching
from analysis.correlation.forecast import expected_errors as expected_dip
from analysis.correlation.forecast import rise, time_to_errors
from analysis.decay.forecast import decay_model, expected_errors, gaussian_irf, pile_up
from analysis.emitters.forecast import expected_place, faintest_cps
from analysis.spectra import fit_bands
from analysis.spectra.forecast import bands, expected_bands

TAU_NS, FRACTION, BACKGROUND = (2.4, 14.0), (0.6, 0.4), 0.04


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.fixture(scope="module")
def model():
    irf = gaussian_irf(0.5, bin_width_ns=0.144, n_bins=4096)
    return decay_model(irf, bin_width_ns=0.144, period_ns=500.0)


def test_two_lifetimes_spread_as_fisher_says(model, rng):
    told = expected_errors(model, n_photons=20_000, tau_ns=TAU_NS, fraction=FRACTION, background_fraction=BACKGROUND)
    share = model.expected_full(np.array(TAU_NS), np.array(FRACTION), BACKGROUND)
    fits = model.fit(model.compress(rng.poisson(20_000 * share / share.sum(), (600, share.size))))
    assert fits.tau_ns.std(axis=0) == pytest.approx(told.tau_err_ns, rel=0.1)
    assert fits.fraction.std(axis=0) == pytest.approx(told.fraction_err, rel=0.1)


def test_a_second_lifetime_costs_more_than_the_root_of_the_photons(model):
    told = expected_errors(model, n_photons=1000, tau_ns=TAU_NS, fraction=FRACTION, background_fraction=BACKGROUND)
    assert told.tau_err_ns[1] > 2 * TAU_NS[1] / np.sqrt(1000)
    assert expected_errors(model, n_photons=0, tau_ns=TAU_NS, fraction=FRACTION).tau_err_ns == (np.inf, np.inf)
    with pytest.raises(ValueError, match="2 lifetimes, 1 fractions"):
        expected_errors(model, n_photons=10, tau_ns=TAU_NS, fraction=[1.0])


@pytest.mark.parametrize("per_pulse", [0.02, 0.3])
def test_pile_up_bends_a_decay_as_told(per_pulse, rng):
    told, n_pulses = pile_up(per_pulse * 2e6, 2e6), 2_000_000
    pulse = rng.integers(0, n_pulses, rng.poisson(per_pulse * n_pulses))
    delay = rng.exponential(1.0, pulse.size)
    first = np.full(n_pulses, np.inf)
    np.minimum.at(first, pulse, delay)
    counted = first[np.isfinite(first)]
    assert 1 - counted.size / pulse.size == pytest.approx(told.lost, abs=0.003)
    assert counted.mean() - 1 == pytest.approx(told.tau_bias, abs=4 / np.sqrt(counted.size))


def test_the_dip_of_an_emitter_spreads_as_fisher_says(rng):
    rate, background, tau_ns, sigma_ns, live_s = 66_500.0, 12_100.0, 22.9, 0.456, 120.0
    told = expected_dip(live_s, rate, background, tau_ns=tau_ns, sigma_ns=sigma_ns)
    edges = np.arange(-100, 470, 0.576)
    lag_ns, stop_cps = edges[:-1] + 0.288, (rate + background) / 2
    mean = told.coincidences_per_ns * 0.576 * (1 - told.contrast * rise(lag_ns, tau_ns, sigma_ns))
    mean *= np.exp(-stop_cps * (lag_ns + 100) * 1e-9)
    fixed = {"irf_sigma_ns": sigma_ns, "estimator": "start_stop", "stop_cps": stop_cps, "t0_ns": 0.0}
    fits = [fit_antibunching(lag_ns, rng.poisson(mean), **fixed) for _ in range(250)]
    assert np.std([fit.tau_ns for fit in fits]) == pytest.approx(told.tau_err_ns, rel=0.12)
    assert np.std([fit.contrast for fit in fits]) == pytest.approx(told.contrast_err, rel=0.12)
    wished = time_to_errors(rate, background, tau_ns=tau_ns, sigma_ns=sigma_ns, target_err_ns=told.tau_err_ns)
    assert wished == pytest.approx(live_s, rel=1e-3)


def test_bands_spread_as_fisher_says(rng):
    at_nm, shape = np.arange(500.0, 600.0), ([1500.0], [541.0], [35.0])
    told = expected_bands(at_nm, height=shape[0], centre_nm=shape[1], fwhm_nm=shape[2], background=30.0)
    mean = 30 + bands(at_nm, *map(np.array, shape))
    fits = [fit_bands(at_nm, rng.poisson(mean), n_bands=1) for _ in range(150)]
    assert np.std([fit.centre_nm[0] for fit in fits]) == pytest.approx(told.centre_err_nm[0], rel=0.15)
    assert np.std([fit.fwhm_nm[0] for fit in fits]) == pytest.approx(told.fwhm_err_nm[0], rel=0.15)


def test_an_emitter_is_placed_as_fisher_says(rng):
    image: dict[str, Any] = {"dwell_s": 0.005, "pixel_um": 0.08}
    told = expected_place(40_000, 8_000, **image)
    x_um, y_um = np.meshgrid(*[(np.arange(15) - 7) * 0.08] * 2)
    mean = 0.005 * (40_000 * np.exp(-4 * np.log(2) * (x_um**2 + y_um**2) / 0.24**2) + 8_000)
    found = [emitters.locate(rng.poisson(mean), **image) for _ in range(250)]
    assert np.std([place.x_um for place in found]) == pytest.approx(told.x_err_um, rel=0.12)
    assert np.std([place.rate_cps for place in found]) == pytest.approx(told.rate_err_cps, rel=0.15)


def test_half_of_the_faintest_emitters_are_found(rng):
    dim = faintest_cps(10_000, dwell_s=0.01, pixel_um=0.1, n_pixels=100)
    x_um, y_um = np.meshgrid(*[np.arange(100) * 0.1] * 2)
    for share, least, most in ((0.5, 0, 4), (1.0, 5, 20), (2.0, 24, 25)):
        light = np.zeros_like(x_um)
        for x, y in np.ndindex(5, 5):
            away2 = (x_um - 1 - 2 * x) ** 2 + (y_um - 1 - 2 * y) ** 2
            light += share * dim * np.exp(-4 * np.log(2) * away2 / 0.24**2)
        image = rng.poisson(0.01 * (light + 10_000))
        seen = emitters.find(image, pixel_um=0.1, dwell_s=0.01, psf_fwhm_um=0.24, false_alarm=0.01)
        assert least <= len(seen.x_um) <= most


def telegraph(rng, duration_s, *, bin_s, bright_s, dark_s, on_cps, off_cps):
    """Counts (n_bins,) of an emitter with exponential periods, looked at from some moment on."""
    n = int(2 * duration_s / (bright_s + dark_s)) + 100
    lengths = np.stack([rng.exponential(bright_s, n), rng.exponential(dark_s, n)], axis=1).ravel()
    ends = np.concatenate([[0], np.cumsum(lengths)])
    bright_until = np.concatenate([[0], np.cumsum(lengths * (np.arange(lengths.size) % 2 == 0))])
    clock = rng.uniform(10, 20) + np.arange(round(duration_s / bin_s) + 1) * bin_s
    share = np.diff(np.interp(clock, ends, bright_until)) / bin_s
    return rng.poisson(bin_s * (off_cps + share * (on_cps - off_cps)))


def test_the_share_of_bright_time_spreads_as_told(rng):
    given = {"bin_s": 0.01, "bright_s": 3.0, "dark_s": 0.6}
    told = expected_on_fraction(120, rate_on_cps=60_000, rate_off_cps=10_000, **given)
    traces = [telegraph(rng, 120, on_cps=60_000, off_cps=10_000, **given) for _ in range(150)]
    found = [on_fraction(trace, bin_s=0.01) for trace in traces]
    assert np.mean([one.value for one in found]) == pytest.approx(told.value, abs=0.01)
    assert np.std([one.value for one in found]) == pytest.approx(told.err, rel=0.2)


def test_bins_without_photons_tell_no_levels_apart():
    bins = {"bin_s": 1e-4, "rate_on_cps": 20_000, "rate_off_cps": 10_000}
    told = expected_on_fraction(60, **bins)
    assert told.false_on > 0.1
    assert expected_on_fraction(60, **{**bins, "bin_s": 0.01}).false_on < 0.01
