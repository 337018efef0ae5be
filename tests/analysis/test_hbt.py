"""Antibunching from the documents of a run: the paper's dot, honest errors, pairs, blinking, bleaching, bad data."""

import numpy as np
import pytest

from analysis.hbt import HbtRun, fit_of
from analysis.integrations import AFTERPULSES_CPS
from analysis.signal_share import signal_share
from tests.analysis.simulated_emitters import (
    BIN_NS,
    N_BINS,
    T0_NS,
    first_stops,
    hbt_event,
    hbt_start,
    mean_level,
    refocus_event,
    switching,
)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def measured(rng, per_ns, *, tau_ns, contrast, rho, rate_cps=100e3, share=0.5, n=2, calibrated=True):
    run = HbtRun(hbt_start(calibrated=calibrated))
    for _ in range(n):
        stop_cps = rate_cps * (1 - share)
        run.add_histogram(first_stops(rng, per_ns / n, tau_ns=tau_ns, contrast=contrast, stop_cps=stop_cps))
        run.add_facts(hbt_event(rng, rho * rate_cps, (1 - rho) * rate_cps, 9.0, share=share))
    run.add_refocus(refocus_event(rng, (1 - rho) * rate_cps, share=share))
    return run.estimate()


def test_the_papers_dot_comes_back_at_775_coincidences_per_ns(rng):
    """Fig. 6c: 17.7 ± 0.4 ns, C = 0.77; with rho = 0.877 the emitter itself never emits two photons."""
    found = [measured(rng, 775, tau_ns=17.7, contrast=0.77, rho=0.77**0.5) for _ in range(8)]
    assert np.mean([f.fit.tau_ns for f in found]) == pytest.approx(17.7, abs=0.45)
    assert np.mean([f.fit.contrast for f in found]) == pytest.approx(0.77, abs=0.009)
    assert np.mean([f.corrected_contrast for f in found]) == pytest.approx(1.0, abs=0.012)
    assert found[0].fit.tau_err_ns == pytest.approx(0.4, abs=0.05)
    assert found[0].coincidences_per_ns == pytest.approx(775, rel=0.01)
    assert all(f.decision.single is True and not f.warnings for f in found)
    assert found[0].numbers()["single"] == 1 and found[0].numbers()["identified"] == 1


@pytest.mark.parametrize(
    "per_ns, tau_ns, rho, share",
    [(66, 12, 0.877, 0.5), (66, 4, 0.96, 0.3), (300, 45, 0.5, 0.3), (700, 8, 0.45, 0.5), (30, 45, 0.95, 0.5)],
)
def test_pulls_have_unit_width_for_fast_slow_bright_dim_and_unequal(rng, per_ns, tau_ns, rho, share):
    found = [measured(rng, per_ns, tau_ns=tau_ns, contrast=rho**2, rho=rho, share=share) for _ in range(80)]
    pulls = [
        np.array([(f.fit.tau_ns - tau_ns) / f.fit.tau_err_ns for f in found]),
        np.array([(f.fit.contrast - rho**2) / f.fit.contrast_err for f in found]),
        np.array([(f.corrected_contrast - 1) / f.corrected_contrast_err for f in found]),
    ]
    for pull in pulls:
        assert abs(pull.mean()) < 0.4
        assert 0.75 < pull.std() < 1.3
    assert sum(f.decision.single is True for f in found) >= 0.97 * len(found)


@pytest.mark.parametrize("rho", [0.95, 0.877])
def test_two_emitters_are_not_single_however_little_background(rng, rho):
    found = [measured(rng, 200, tau_ns=12, contrast=rho**2 / 2, rho=rho) for _ in range(20)]
    assert all(f.decision.single is False for f in found)
    assert found[0].numbers()["single"] == 0


def test_two_emitters_are_not_single_even_if_one_is_three_times_as_bright(rng):
    """Their contrast, 0.625, is that of no single emitter, though clearly above 0.5."""
    found = [measured(rng, 4000, tau_ns=12, contrast=0.625 * 0.9**2, rho=0.9) for _ in range(6)]
    assert all(f.decision.single is not True for f in found)
    assert any(f.decision.single is False for f in found)


def test_the_counters_say_how_many_stops_are_lost(rng):
    """With the rate of the stops the rise time is better known than with a free slope, and as right."""
    found = [measured(rng, 66, tau_ns=17.7, contrast=0.77, rho=0.877) for _ in range(6)]
    free = [fit_of(f.facts, first_stops(rng, 66, tau_ns=17.7, contrast=0.77)) for f in found]
    assert np.mean([f.fit.tau_err_ns for f in found]) < 0.92 * np.mean([f.tau_err_ns for f in free])
    assert found[0].fit.stop_cps == pytest.approx(50e3 + AFTERPULSES_CPS, rel=0.3)


@pytest.mark.parametrize("afterpulses", [0.0, 0.005, 0.01])
def test_afterpulses_do_not_bias_a_long_measurement(rng, afterpulses):
    """Those of stops before the window come early in it; later ones are never the first stop (80 ns)."""
    early = 1 + afterpulses * np.exp(-np.arange(N_BINS) * BIN_NS / 80)
    pulls = []
    for _ in range(10):
        run = HbtRun(hbt_start())
        run.add_histogram(rng.poisson(first_stops(rng, 20_000, tau_ns=17.7, contrast=0.77) * early))
        run.add_facts(hbt_event(rng, 87.7e3, 12.3e3, 9.0))
        fit = run.estimate().fit
        pulls.append((fit.tau_ns - 17.7) / 0.4)
    assert abs(np.mean(pulls)) < 0.35  # of the error of the paper's measurement


def test_one_emitter_in_much_background_is_single_because_the_background_was_measured(rng):
    found = measured(rng, 700, tau_ns=8, contrast=0.2, rho=0.2**0.5)
    assert found.fit.contrast < 0.3
    assert found.decision.single is True


def test_zero_delay_is_found_if_it_was_not_calibrated(rng):
    found = measured(rng, 300, tau_ns=12, contrast=0.77, rho=0.877, calibrated=False)
    assert found.fit.t0_ns == pytest.approx(T0_NS, abs=0.5)
    assert any("not calibrated" in text for text in found.warnings)


def test_the_curve_for_the_figure_is_flat_at_one_at_400_kcps(rng):
    """First stops fall by 20 % over the window; g2 does not."""
    found = measured(rng, 3000, tau_ns=12, contrast=0.77, rho=0.877, rate_cps=800e3)
    early, late = (found.delay_ns < -60) & (found.delay_ns > -95), found.delay_ns > 400
    assert found.counts[late].mean() < 0.85 * found.counts[early].mean()
    assert found.g2[early].mean() == pytest.approx(1, abs=0.02)
    assert found.g2[late].mean() == pytest.approx(1, abs=0.02)
    assert found.g2_model[np.argmin(np.abs(found.delay_ns))] == pytest.approx(0.24, abs=0.05)


def test_pairs_weigh_more_when_a_blinking_emitter_is_bright():
    """Dark for half of the time: it has 10/12 of the photons while bright, and as many of the pairs squared."""
    rates = np.array([[6e4, 6e4], [1e4, 1e4]])
    share = signal_share(rates, [1.0, 1.0], background_cps=2e4, background_err_cps=0.0)
    assert share.value**2 == pytest.approx((5 * 5) / (6 * 6 + 1 * 1))


def test_blinking_does_not_bias_the_contrast_of_the_emitter(rng):
    signal, background, corrected = 88e3, 12e3, []
    for _ in range(25):
        run, pairs = HbtRun(hbt_start()), np.zeros(2)
        run.add_refocus(refocus_event(rng, background))
        for _ in range(4):
            edges, levels = switching(rng, 5.0, 0.9)
            light, time = signal * levels, np.diff(edges)
            pairs += time @ (light**2), time @ ((light + background) ** 2)
            on = mean_level(edges, levels, np.linspace(0, 5, 101))
            run.add_facts(hbt_event(rng, signal, background, 5.0, on=on))
        for _ in range(4):
            run.add_histogram(first_stops(rng, 25, tau_ns=15, contrast=pairs[0] / pairs[1]))
        corrected.append(run.estimate())
    pull = np.array([(f.corrected_contrast - 1) / f.corrected_contrast_err for f in corrected])
    assert abs(pull.mean()) < 0.6 and pull.std() < 1.5
    assert not any(f.bleached for f in corrected)


def test_the_integrations_after_bleaching_are_left_out(rng):
    run = HbtRun(hbt_start())
    run.add_refocus(refocus_event(rng, 10e3))
    for k in range(8):
        on = (5 * k + np.arange(100) * 0.05 < 23.7).astype(float)
        run.add_facts(hbt_event(rng, 40e3, 10e3, 5.0, on=on))
        run.add_histogram(first_stops(rng, 30 if on[-1] else 1, tau_ns=15, contrast=0.64))
        assert run.estimate().bleached == (k > 4)
    found = run.estimate()
    assert found.bleached_at_s == pytest.approx(23.7, abs=0.1)
    assert (found.n_runs, found.n_left_out, found.live_s) == (4, 4, 20.0)
    assert found.rate_cps == pytest.approx(50e3, rel=0.01)
    assert found.dose_kj_cm2 == pytest.approx(100.0)


def test_dark_periods_of_two_seconds_are_no_bleaching(rng):
    run = HbtRun(hbt_start())
    run.add_refocus(refocus_event(rng, 10e3))
    for _ in range(3):
        run.add_facts(hbt_event(rng, 40e3, 10e3, 5.0, on=np.repeat([1.0, 0.0], [60, 40])))
        run.add_histogram(first_stops(rng, 30, tau_ns=15, contrast=0.64))
        assert not run.estimate().bleached


def test_dark_and_full_integrations_are_left_out_and_told(rng):
    run = HbtRun(hbt_start())
    for facts in ({"lit": 0.4}, {"overflow": 1}, {}):
        run.add_histogram(first_stops(rng, 66, tau_ns=12, contrast=0.77))
        run.add_facts(hbt_event(rng, 88e3, 12e3, 9.0, **facts))
    found = run.estimate()
    assert (found.n_runs, found.n_left_out) == (1, 2)
    assert any("2 integrations were left out" in text for text in found.warnings)


def test_what_comes_twice_counts_once_and_order_does_not_matter(rng):
    rows = [first_stops(rng, 30, tau_ns=12, contrast=0.77) for _ in range(3)]
    events = [hbt_event(rng, 88e3, 12e3, 9.0) for _ in range(3)]
    forwards, backwards = HbtRun(hbt_start()), HbtRun(hbt_start())
    for k in (0, 1, 2):
        forwards.add_histogram(rows[k], k)
        forwards.add_facts(events[k], k)
    for k in (2, 0, 1, 0):
        backwards.add_facts(events[k], k)
        backwards.add_histogram(rows[k], k)
    assert forwards.estimate().fit.tau_ns == backwards.estimate().fit.tau_ns
    assert forwards.estimate().n_photons == backwards.estimate().n_photons


def test_nothing_measured_is_said_so():
    found = HbtRun(hbt_start()).estimate()
    numbers = found.numbers()
    assert numbers["single"] == -1 and numbers["identified"] == 0 and numbers["n_coincidences"] == 0
    assert np.isnan(numbers["tau_ns"]) and np.isnan(numbers["rate_cps"])


def test_a_histogram_of_another_card_is_refused():
    with pytest.raises(ValueError, match=rf"\(100,\): this run has \({N_BINS},\)"):
        HbtRun(hbt_start()).add_histogram(np.zeros(100, np.uint16))
