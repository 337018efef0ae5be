"""Time zero is the delay of photons of the same pulse, wherever else pulses meet."""

import numpy as np
import pytest

from analysis.pair_response import pair_response

BIN_NS = 0.288


def run(declared_ns, repetition_hz=2e6):
    """Start document and histogram of a split pulse behind 351 ns; the pulses before and after are as strong."""
    rng = np.random.default_rng(1)
    period_ns = 1e9 / repetition_hz
    raw = np.concatenate([rng.normal(351.0 + k * period_ns, 0.45, 5000 + 400 * k) for k in (-1, 0, 1, 2)])
    counts = np.histogram(raw, BIN_NS * np.arange(4097))[0]
    tcspc = {"bin_width_ns": BIN_NS, "n_bins": 4096, "offset_ns": 0.0}
    start = {"tcspc": tcspc, "excitation": {"repetition_hz": repetition_hz}, "delay": {"declared_ns": declared_ns}}
    return start, counts


@pytest.mark.parametrize("repetition_hz", [2e6, 4e6])
def test_photons_of_one_pulse_are_not_mistaken_for_those_of_the_next(repetition_hz):
    found = pair_response(*run(350.0, repetition_hz))
    assert found.clear and found.fit.t0_ns == pytest.approx(351.0, abs=0.05)
    assert found.fit.sigma_ns == pytest.approx(0.45, abs=0.03)


def test_without_a_declared_delay_the_highest_peak_is_taken():
    start, counts = run(350.0)
    del start["delay"]
    assert pair_response(start, counts).fit.t0_ns == pytest.approx(851.0, abs=0.05)
