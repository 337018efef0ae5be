from dataclasses import replace

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.drift import Drift

PRESET = presets.load("A").instrument.drift


@pytest.mark.parametrize("seed", range(5))
def test_drift_over_one_image_is_typical_and_below_a_micrometre(seed):
    drift, start_s = Drift(PRESET, seed), np.arange(0, 40_000.0, 250.0)
    moved_um = np.hypot(*(drift.displacement_um(start_s + 1000) - drift.displacement_um(start_s)).T)
    assert np.array_equal(drift.displacement_um(0.0), [0, 0])
    assert moved_um.max() < 1.0
    assert 0.3 < np.sqrt(np.mean(moved_um**2)) < 0.75


def test_drift_depends_on_both_seeds_and_on_time_alone():
    times_s = np.linspace(0, 3000, 7)
    path = Drift(PRESET, 1).displacement_um(times_s)
    assert np.array_equal(Drift(PRESET, 1).displacement_um(times_s[3]), path[3])
    assert not np.allclose(Drift(PRESET, 2).displacement_um(times_s), path)
    assert not np.allclose(Drift(replace(PRESET, seed=1), 1).displacement_um(times_s), path)


def test_constant_velocity_and_a_jump():
    constant = replace(PRESET, kind="constant", direction_deg=90, jump_at_s=500, jump_um=(0.8, 0.0))
    drift = Drift(constant, 1)
    np.testing.assert_allclose(drift.displacement_um([0, 499, 1000]), [[0, 0], [0, 0.2994], [0.8, 0.6]], atol=1e-9)


def test_no_drift():
    assert not Drift(replace(PRESET, typical_um_per_1000s=0), 1).displacement_um(np.arange(5000.0)).any()
