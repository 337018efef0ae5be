from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.blinking import Trace

PRESET = presets.load("single").sample.blinking


def trace(on_fraction, seed=0, **changes):
    return Trace(replace(PRESET, **changes), on_fraction, np.random.default_rng(seed))


def periods(blinking, until_s):
    """Lengths and levels of all periods that are over by then, but the first."""
    edges_s = blinking.changes_s(0.0, until_s)
    return np.diff(edges_s), blinking.level(edges_s[:-1])


@pytest.mark.parametrize("law", [{}, {"on_law": "power", "on_span": 100}])
@pytest.mark.parametrize("on_fraction", [0.5, 0.9, 0.99])
def test_the_on_fraction_is_met_in_the_long_run(on_fraction, law):
    until_s = np.array([2000.0])
    met = [float(trace(on_fraction, seed, **law).integrals_s(until_s)[1][0]) / 2000 for seed in range(40)]
    assert np.mean(met) == pytest.approx(on_fraction, abs=4 * np.std(met) / np.sqrt(40))
    assert np.std(met) < 0.1 * (1 - on_fraction) + 0.002


def test_dark_periods_follow_the_truncated_power_law():
    lengths_s, levels = periods(trace(0.5), 600.0)
    dark_s = lengths_s[levels < 1]
    low, high = 0.002**-0.6, 2**-0.6
    assert len(dark_s) > 5000
    assert kstest(dark_s, lambda t: (low - t**-0.6) / (low - high)).pvalue > 1e-3
    assert dark_s.mean() == pytest.approx(0.0453, rel=0.1)
    assert 0.002 <= dark_s.min() < dark_s.max() <= 2


def test_bright_periods_are_exponential_and_as_long_as_the_on_fraction_asks():
    lengths_s, levels = periods(trace(0.9), 3000.0)
    bright_s = lengths_s[levels == 1]
    assert kstest(bright_s, "expon", args=(0, 0.0453 * 9)).pvalue > 1e-3


def test_some_dark_periods_are_grey():
    _, levels = periods(trace(0.5), 600.0)
    dark = levels[levels < 1]
    assert set(np.unique(dark)) == {0.02, 0.2}
    assert (dark == 0.2).mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("law", [{}, {"on_law": "power", "on_span": 100}])
def test_a_trace_begins_in_the_middle_of_its_life(law):
    """No moment is special: as many dots are bright at the start as ever after."""
    at_s = np.array([0.0, 0.01, 0.3, 5.0])
    bright = np.mean([trace(0.8, seed, **law).level(at_s) == 1 for seed in range(3000)], axis=0)
    np.testing.assert_allclose(bright, 0.8, atol=4 * np.sqrt(0.16 / 3000))


def test_a_trace_is_the_same_however_it_is_asked_for():
    at_once, piecewise = trace(0.7), trace(0.7)
    at_s = np.linspace(0, 300, 3001)
    levels = at_once.level(at_s)
    assert np.array_equal(levels, np.concatenate([piecewise.level(part) for part in np.array_split(at_s, 77)]))
    assert np.array_equal(at_once.changes_s(3.0, 250.0), piecewise.changes_s(3.0, 250.0))


def test_a_trace_is_the_same_whoever_else_asks():
    alone, shared, at_s = trace(0.5), trace(0.5), np.arange(0.0, 400.0, 0.5)
    with ThreadPoolExecutor(4) as others:
        asked = list(others.map(lambda until_s: shared.level(np.array([until_s])), at_s))
    assert np.array_equal(np.concatenate(asked), alone.level(at_s))


def test_the_integral_is_that_of_the_levels():
    blinking = trace(0.6)
    fine_s = (np.arange(200_000) + 0.5) * 1e-4
    light_s, bright_s = blinking.integrals_s(np.array([20.0]))
    levels = blinking.level(fine_s)
    assert light_s[0] == pytest.approx(levels.sum() * 1e-4, abs=0.02)
    assert bright_s[0] == pytest.approx((levels == 1).sum() * 1e-4, abs=0.02)


def test_a_dot_may_never_be_dark():
    steady = trace(1.0)
    assert len(steady.changes_s(0.0, 1e6)) == 0
    assert np.all(steady.level(np.linspace(0, 1e6, 11)) == 1)
    assert steady.integrals_s(np.array([7.0]))[0][0] == 7.0
