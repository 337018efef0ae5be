import math
import threading
from dataclasses import replace

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.piezo import TwinStage

PRESET = presets.load("A").instrument.piezo


def test_a_move_settles_and_reads_back_with_sensor_noise():
    clock = Clock()
    stage = TwinStage(PRESET, clock, 1)
    assert stage.move(10, 20, 5)
    assert stage.on_target
    assert clock.now_s == pytest.approx(0.02)
    readings = np.array([stage.position_um() for _ in range(400)])
    np.testing.assert_allclose(readings.mean(axis=0), [10, 20, 5], atol=0.001)
    np.testing.assert_allclose(readings.std(axis=0), 0.005, rtol=0.15)


@pytest.mark.parametrize("target", [(math.nan, 0, 0), (0, -0.1, 0), (100.1, 0, 0), (0, 0, 21), (0, math.inf, 0)])
def test_impossible_targets_move_nothing(target):
    stage = TwinStage(PRESET, Clock(), 1)
    before = stage.at_um
    with pytest.raises(ValueError, match="the stage goes from 0 to"):
        stage.move(*target)
    assert stage.at_um == before


def test_stop_leaves_the_stage_on_its_way():
    clock, stop = Clock(), threading.Event()
    stop.set()
    stage = TwinStage(PRESET, clock, 1)
    assert not stage.move(0, 0, 0, stop)
    assert stage.at_um == (50, 50, 10)


def test_sensor_errors_move_the_truth_unseen():
    wrong = replace(PRESET, scale_error=(0.02, 0.0), axis_crosstalk=0.01, axis_sign=(1, -1))
    stage = TwinStage(wrong, Clock(), 1)
    np.testing.assert_allclose(stage.true_um(np.array([[50.0, 50.0]])), [[50, 50]])
    np.testing.assert_allclose(stage.true_um(np.array([[60.0, 50.0]])), [[60.2, 49.9]])
    np.testing.assert_allclose(stage.true_um(np.array([[50.0, 60.0]])), [[50.1, 40.0]])


def test_the_stage_lags_when_it_is_not_given_time():
    stage, path_um = TwinStage(PRESET, Clock(), 1), np.array([[0.0, 0.0], [1.0, 0.0]])
    assert abs(stage.lag_um(path_um, np.array([0.03]), 0.1)).max() < 1e-5
    lag_um = stage.lag_um(path_um, np.array([0.0]), 0.001)[0, 0]
    t_s = np.linspace(0, 0.001, 2001)
    assert lag_um == pytest.approx(-np.exp(-t_s / 0.003).mean(), rel=1e-4)
