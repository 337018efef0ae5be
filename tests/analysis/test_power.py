"""Lifetime at zero power, and saturation, of a simulated two-level emitter."""

import numpy as np
import pytest

from analysis.correlation import saturation, zero_power

W_CM2 = np.array([1250.0, 2500, 5000, 10000, 20000])
TAU_NS, PUMP = 17.7, 1400.0  # Hz per W/cm2: k tau = 0.06 at 2.5 kW/cm2


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def rise_ns():
    return 1e9 / (1e9 / TAU_NS + PUMP * W_CM2)


def test_two_exact_points_lie_on_the_line():
    line = zero_power([1000, 2000], [10.0, 5.0 * 2 * 0.9], [0.1, 0.1])
    assert 1 / line.tau_ns == pytest.approx(2 / 10 - 1 / 9)
    assert np.isnan(line.chi2)
    assert line.rise([1000, 2000]) == pytest.approx([10.0, 9.0])


def test_the_lifetime_comes_back_with_an_honest_error(rng):
    pulls = []
    for _ in range(300):
        tau = rise_ns() * (1 + 0.04 * rng.normal(size=5))
        line = zero_power(W_CM2, tau, 0.04 * rise_ns())
        pump, pump_err = line.pump_times_tau(2500)
        pulls.append(
            (
                (line.tau_ns - TAU_NS) / line.tau_err_ns,
                (line.pump_hz_per_w_cm2 - PUMP) / line.pump_err_hz_per_w_cm2,
                (pump - PUMP * 2500 * TAU_NS * 1e-9) / pump_err,
            )
        )
    assert np.all(np.abs(np.mean(pulls, axis=0)) < 0.2)
    assert np.all((np.std(pulls, axis=0) > 0.85) & (np.std(pulls, axis=0) < 1.2))


def test_an_emitter_far_below_saturation_is_said_to_be():
    """G2-11: k tau below 0.15 at the setting of the measurement."""
    value, _ = zero_power(W_CM2, rise_ns(), 0.01 * rise_ns()).pump_times_tau(2500)
    assert value == pytest.approx(0.06, abs=0.005)


@pytest.mark.parametrize("known", [True, False])
def test_saturation_comes_back_with_an_honest_error(rng, known):
    top, half, slope = 1.2e6, 30e3, 5.0
    true = top * W_CM2 / (W_CM2 + half) + slope * W_CM2
    pulls = []
    for _ in range(60):
        err = 0.003 * true
        seen = saturation(W_CM2, true + err * rng.normal(size=5), err, slope * W_CM2 if known else None)
        pulls.append(
            (
                (seen.saturation_w_cm2 - half) / seen.saturation_err_w_cm2,
                (seen.slope_cps_per_w_cm2 - top / half) / seen.slope_err_cps_per_w_cm2,
            )
        )
    low, middle, high = np.percentile(pulls, [16, 50, 84], axis=0)
    assert np.all(np.abs(middle) < 0.45)
    assert np.all(((high - low) / 2 > 0.65) & ((high - low) / 2 < 1.4))


def test_a_straight_line_does_not_saturate():
    seen = saturation(W_CM2, 40 * W_CM2, 0.01 * W_CM2, 0 * W_CM2)
    assert seen.slope_cps_per_w_cm2 == pytest.approx(40, rel=1e-3)
    assert seen.saturation_w_cm2 > 1e6
    assert seen.rate(2500) == pytest.approx(100e3, rel=1e-3)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: zero_power([1000], [10], [1]), "two different"),
        (lambda: zero_power([1000, 2000], [10, np.nan], [1, 1]), "missing"),
        (lambda: zero_power([1000, 2000], [10, -1], [1, 1]), "positive"),
        (lambda: zero_power([1000, 2000], [10], [1]), "different lengths"),
        (lambda: zero_power([1000, 2000], [10, 9], [1, 0]), "not positive"),
        (lambda: saturation([1000, 2000], [10, 9], [1, 1]), "give 3 different"),
        (lambda: saturation([1000, 2000], [10, 9], [1, 1], [-1, 1]), "negative"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
