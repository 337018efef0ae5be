"""A process of the lab is killed or frozen at a random moment: the run says so, it is dark in time, the lab goes on."""

import itertools

import pytest

from tests.conftest import house
from tests.faults.conftest import THOROUGH
from tests.faults.menu import PRESET
from tests.faults.scenes import FROZEN_S, Scene, play_all
from tests.lab.crashes import in_own_process

SPEED = 10.0
DARK_S = 2.0
REASONS = ("hangs", "went away", "restarted", "went out", "lease", "not there", "IOC", "answer")
FEW = {
    "caproto": [
        Scene("flim_raster", "storage", "SIGKILL"),
        Scene("flim_raster", "light", "SIGKILL"),
        Scene("blinking", "bench", "SIGSTOP"),
        Scene("hbt", "supervisor", "SIGKILL"),
    ],
    "pyepics": [Scene("flim_raster", "bench", "SIGKILL")],
}
PLANS, PARTS = ("flim_raster", "hbt", "blinking", "pl"), ("light", "bench", "storage")
ALL = [Scene(*each) for each in itertools.product(PLANS, PARTS, ("SIGKILL", "SIGSTOP"), range(3))]
SUPERVISOR = [Scene(plan, "supervisor", "SIGKILL") for plan in PLANS]


@pytest.mark.timeout(7200 if THOROUGH else 240)
@pytest.mark.parametrize("layer", ["caproto", "pyepics"])
def test_a_lost_process_ends_the_run_truthfully_and_in_the_dark(tmp_path, monkeypatch, layer):
    monkeypatch.setenv("OPHYD_CONTROL_LAYER", layer)
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    config = house(tmp_path, preset=PRESET)
    scenes = thorough() if THOROUGH else FEW[layer]
    *told, left = in_own_process(play_all, str(config), scenes, SPEED, timeout_s=300.0 + 60.0 * len(scenes))
    for scene, found in zip(scenes, told, strict=True):
        check(scene, found)
    assert not left["processes"] and not left["ports"] and left["free"], left


def thorough():
    """All scenes; storage and the supervisor are brought back five times in ten minutes, so their deaths lie apart."""
    rare = [scene for scene in ALL if (scene.part, scene.signal) == ("storage", "SIGKILL")] + SUPERVISOR
    often = [scene for scene in ALL if scene not in rare]
    each = len(often) // len(rare)
    return [scene for n, one in enumerate(rare) for scene in (*often[n * each : (n + 1) * each], one)] + often[
        len(rare) * each :
    ]


def check(scene, found):
    """One scene: truthful end, complete documents, dark, and the next run works."""
    assert not found["wrong"], found
    assert found["again"] == "success", found
    if scene.part == "storage":
        assert found["failure"] == "aborted by hand" and found["exit_status"] == "abort", found
        return
    assert found["exit_status"] == "fail" and any(reason in found["failure"] for reason in REASONS), found
    assert found["lit_for_s"] < DARK_S, found
    assert found["hung_for_s"] < 30.0 + FROZEN_S, found
