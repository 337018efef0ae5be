"""Decay fits at the limit of the statistics: Cramer-Rao bound, coverage of the intervals, time zero, local optima.

Expected decays are closed forms (Gaussian response, exponential decays); photons of the bound's test are drawn one by
one. Neither knows of the model under test.
"""

import numpy as np
import pytest
from scipy.stats import exponnorm, norm

from analysis.decay import DecayModel, fit_decays

PERIOD_NS, PULSE_NS, SIGMA_NS = 500.0, 10.0, 0.4
PIXEL_1 = ((1.9, 6.6), (0.49, 0.51), 0.037)
PIXEL_2 = ((4.1, 23.8), (0.68, 0.32), 0.031)
THREE = ((0.8, 4.0, 25.0), (0.3, 0.4, 0.3), 0.02)


def edges_ns(n_bins, bin_ns):
    return np.arange(n_bins + 1) * bin_ns


def card(n_bins=2048, bin_ns=0.2):
    return {"n_bins": n_bins, "bin_ns": bin_ns}


def response(n_bins, bin_ns, dark=1e-3):
    edges = edges_ns(n_bins, bin_ns)
    return (1 - dark) * np.diff(norm.cdf(edges, PULSE_NS, SIGMA_NS)) + dark * np.diff(edges) / PERIOD_NS


def decay(tau_ns, share, background, *, n_bins, bin_ns, t0_ns=0.0):
    """Share of all photons in each channel; the window ends before the period, what is left after it is negligible."""
    edges = edges_ns(n_bins, bin_ns)
    parts = [np.diff(exponnorm.cdf(edges, tau / SIGMA_NS, PULSE_NS + t0_ns, SIGMA_NS)) for tau in tau_ns]
    return (1 - background) * (np.asarray(share) @ parts) + background * np.diff(edges) / PERIOD_NS


def photon_by_photon(rng, n_photons, truth, n_pixels, *, n_bins, bin_ns):
    tau_ns, share, background = truth
    pixel = np.repeat(np.arange(n_pixels), rng.poisson(n_photons, n_pixels))
    lifetime_ns = np.asarray(tau_ns)[rng.choice(len(tau_ns), pixel.size, p=share)]
    arrival_ns = PULSE_NS + rng.normal(0, SIGMA_NS, pixel.size) + rng.exponential(lifetime_ns)
    stray = rng.random(pixel.size) < background
    arrival_ns[stray] = rng.uniform(0, PERIOD_NS, stray.sum())
    channel = ((arrival_ns % PERIOD_NS) / bin_ns).astype(int)
    seen = channel < n_bins
    return np.bincount(pixel[seen] * n_bins + channel[seen], minlength=n_pixels * n_bins).reshape(n_pixels, n_bins)


def model_of(n_components=2, **channels):
    irf = np.round(1e7 * response(**channels))
    options = {"bin_width_ns": channels["bin_ns"], "period_ns": PERIOD_NS, "n_components": n_components, "t0_ns": 0.0}
    return DecayModel.from_irf(irf, **options)


def bound_on_tau(truth, n_photons, **channels):
    """Cramer-Rao bound on the lifetimes, all other parameters unknown, on the channels of the card."""
    k = len(truth[0])

    def expected(x):
        share = np.append(x[k : 2 * k - 1], 1 - x[k : 2 * k - 1].sum())
        return x[-1] * decay(x[:k], share, x[2 * k - 1], **channels)

    centre = np.concatenate([truth[0], truth[1][:-1], [truth[2], n_photons]])
    steps = np.diag(1e-4 * centre)
    slope = np.array([(expected(centre + h) - expected(centre - h)) / (2 * h.sum()) for h in steps])
    return np.sqrt(np.diag(np.linalg.inv((slope / expected(centre)) @ slope.T)))[:k]


@pytest.mark.parametrize(
    ("truth", "n_photons"), [(PIXEL_1, 2000), (PIXEL_2, 1000), (((5.0,), (1.0,), 0.03), 1000)], ids=["1", "2", "single"]
)
def test_the_scatter_is_the_cramer_rao_bound(truth, n_photons):
    rng, channels = np.random.default_rng(3), card()
    model = model_of(len(truth[0]), **channels)
    fit = model.fit(model.compress(photon_by_photon(rng, n_photons, truth, 3000, **channels)))
    scatter = np.diff(np.percentile(fit.tau_ns, [16, 84], axis=0), axis=0)[0] / 2
    assert scatter == pytest.approx(bound_on_tau(truth, n_photons, **channels), rel=0.05)
    assert fit.tau_ns.std(axis=0) == pytest.approx(bound_on_tau(truth, n_photons, **channels), rel=0.07)


def covered(fit, truth):
    low, high = fit.tau_ns - fit.tau_err_ns, fit.tau_ns + fit.tau_err_ns
    return ((low < truth[0]) & (truth[0] < high))[~fit.degenerate].mean(axis=0)


@pytest.mark.parametrize(
    ("truth", "n_photons"), [(PIXEL_1, 500), (PIXEL_2, 500), (THREE, 3000)], ids=["1", "2", "three"]
)
def test_error_bars_cover_two_thirds_from_500_photons_on(truth, n_photons):
    rng, model = np.random.default_rng(4), model_of(len(truth[0]), **card())
    fit = model.fit(model.compress(rng.poisson(n_photons * decay(*truth, **card()), (2500, 2048))))
    assert fit.degenerate.mean() < 0.02
    assert np.all(np.abs(covered(fit, truth) - 0.68) < 0.04)
    pull = ((fit.tau_ns - truth[0]) / fit.tau_err_ns)[~fit.degenerate]
    half_width = np.diff(np.percentile(pull, [16, 84], axis=0), axis=0)[0] / 2
    assert np.all((half_width > 0.9) & (half_width < 1.1))
    assert np.all(np.abs(np.median(pull, axis=0)) < 0.2)


@pytest.mark.parametrize("truth", [PIXEL_1, PIXEL_2, THREE, ((5.0,), (1.0,), 0.03)], ids=["1", "2", "three", "single"])
def test_profile_intervals_cover_two_thirds_at_200_photons(truth):
    rng, model = np.random.default_rng(5), model_of(len(truth[0]), **card())
    compressed = model.compress(rng.poisson(200 * decay(*truth, **card()), (1500, 2048)))
    low, high = np.moveaxis(model.profile(compressed), -1, 0)
    assert np.all(low < high)
    assert np.all(np.abs(((low < truth[0]) & (truth[0] < high)).mean(axis=0) - 0.68) < 0.05)


def test_profile_intervals_become_error_bars_when_photons_are_many():
    rng, channels = np.random.default_rng(6), card()
    counts = rng.poisson(300_000 * decay(*PIXEL_2, **channels), (20, 2048))
    irf = rng.poisson(1e5 * response(**channels))
    fit = fit_decays(counts, irf, bin_width_ns=0.2, period_ns=PERIOD_NS, intervals="profile")
    low, high = np.moveaxis(fit.tau_interval_ns, -1, 0)
    assert (high - low) / 2 == pytest.approx(fit.tau_err_ns, rel=0.03)  # the error of t0 is in both
    assert (high + low) / 2 == pytest.approx(fit.tau_ns, rel=0.005)


def test_profile_intervals_are_open_where_the_counts_say_nothing():
    model = model_of(**card())
    counts = np.zeros((3, 2048), int)
    counts[1, 60] = 1
    counts[2] = np.random.default_rng(0).poisson(3000 * decay((5.0,), (1.0,), 0.0, **card()))
    nothing, one_photon, one_lifetime = model.profile(model.compress(counts))
    assert np.isnan(nothing).all()
    assert one_photon[0, 0] == 0
    assert one_photon[1, 1] == np.inf
    assert one_lifetime[0, 0] == 0 or one_lifetime[1, 1] == np.inf
    alone = model_of(1, **card())
    interval, error = alone.profile(alone.compress(counts[2]))[0], alone.fit(alone.compress(counts[2])).tau_err_ns[0]
    assert np.diff(interval)[0] / 2 == pytest.approx(error, rel=0.02)


@pytest.mark.parametrize(("n_bins", "bin_ns", "largest_ps"), [(3400, 0.147, 0.5), (1000, 0.45, 2.0)])
def test_t0_is_right_without_noise_up_to_half_a_fwhm_per_channel(n_bins, bin_ns, largest_ps):
    channels = {"n_bins": n_bins, "bin_ns": bin_ns}
    irf = np.round(1e9 * response(**channels))
    for t0_ns in (0.0, 0.11, -1.27):
        summed = np.round(1e8 * decay(*PIXEL_1, **channels, t0_ns=t0_ns))
        model = DecayModel.from_irf(irf, bin_width_ns=bin_ns, period_ns=PERIOD_NS).fit_t0(summed)
        assert 1e3 * model.t0_ns == pytest.approx(1e3 * t0_ns, abs=largest_ps)
        fit = model.fit(model.compress(summed))
        assert fit.tau_ns == pytest.approx(PIXEL_1[0], rel=0.005)


@pytest.mark.parametrize("n_irf", [3e3, 3e5])
def test_the_error_of_t0_includes_the_noise_of_the_irf(n_irf):
    rng, channels = np.random.default_rng(8), card(1024, 0.2)
    pulls = []
    for _ in range(30):
        irf, summed = rng.poisson(n_irf * response(**channels)), rng.poisson(1e6 * decay(*PIXEL_2, **channels))
        model = DecayModel.from_irf(irf, bin_width_ns=0.2, period_ns=PERIOD_NS).fit_t0(summed)
        pulls.append(model.t0_ns / model.t0_err_ns)
    assert abs(np.mean(pulls)) < 0.5
    assert 0.7 < np.std(pulls) < 1.3


def test_an_irf_that_is_not_counts_has_no_noise():
    channels = card(1024, 0.2)
    summed = np.round(1e6 * decay(*PIXEL_2, **channels))
    few = np.round(3e4 * response(**channels))
    counted, normalised = (
        DecayModel.from_irf(irf, bin_width_ns=0.2, period_ns=PERIOD_NS).fit_t0(summed) for irf in (few, few / few.sum())
    )
    assert normalised.t0_ns == pytest.approx(counted.t0_ns, abs=1e-3)
    assert normalised.t0_err_ns < 0.6 * counted.t0_err_ns


@pytest.mark.parametrize("truth", [PIXEL_1, PIXEL_2], ids=["1", "2"])
def test_hardly_any_pixel_misses_the_optimum(truth):
    """Against all pairs of 28 lifetimes, their amplitudes from 200 steps of expectation maximisation."""
    rng, model = np.random.default_rng(9), model_of(**card(512, 0.4))
    compressed = model.compress(rng.poisson(200 * decay(*truth, **card(512, 0.4)), (60, 512)))
    fit = model.fit(compressed)
    tau_ns = np.geomspace(0.1, 100, 28)
    shapes = model.expected(tau_ns[:, None], np.ones((28, 1)), np.zeros(28))
    pairs = np.array([(a, b) for b in range(28) for a in range(b)])
    parts = np.concatenate([shapes[pairs], np.broadcast_to(model.live_fraction, (len(pairs), 1, shapes.shape[1]))], 1)
    missed = []
    for i, pixel in enumerate(compressed):
        share = np.full((len(pairs), 1, 3), 1 / 3)
        for _ in range(200):
            share *= (parts @ (pixel / (share @ parts)[:, 0])[:, :, None]).transpose(0, 2, 1) / pixel.sum()
        best = (np.log(share @ parts)[:, 0] @ pixel).max()
        own = model.expected(np.nan_to_num(fit.tau_ns[i], nan=1.0), fit.fraction[i], fit.background_fraction[i])
        missed.append(best - np.log(np.maximum(own, 1e-12)) @ pixel > 0.1)
    assert np.mean(missed) < 0.05
