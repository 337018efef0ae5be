"""Every plan of the lab, as small as it can be: (name, wiring of the card, plan)."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps

import plans

PRESET = "A,example_qd"
RASTER = {"sample": "A", "extent_um": 2.0, "n_pixels": 3, "dwell_ms": 10.0, "n_scans": 1}
SCAN = {"sample": "A", "start_nm": 500.0, "stop_nm": 506.0, "step_nm": 2.0, "dwell_ms": 50.0}
campaign_numbers = itertools.count(1)


def dot(lab: Any) -> dict[str, Any]:
    """A dot that was found before, with nothing near it."""
    return {"sample": "example_qd", "emitter": lab.dot}


def find_dot(lab: Any) -> str:
    """Name of an isolated dot of the mounted film."""
    found = lab.RE(plans.find_emitters(lab.microscope, sample="example_qd", extent_um=4.0, n_pixels=40))
    return found.ids[int(np.flatnonzero(found.field.emitters.isolated)[0])]


def mount(lab: Any, sample: str):
    """Change the sample, unless it is there."""
    if lab.microscope.sample.mounted.get() != sample:
        lab.RE(bps.mv(lab.microscope.sample.mounted, sample))


def campaign(lab: Any):
    """A campaign that nobody has begun before."""
    options: dict[str, Any] = {"hbt": {"target_err_ns": 50.0, "max_time_s": 6.0}, "blinking": {"duration_s": 5.0}}
    name = f"small-{next(campaign_numbers)}"
    return plans.qd_campaign(
        lab.microscope, sample="example_qd", extent_um=3.0, **options, campaign=name, max_emitters=1
    )


MENU: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "irf": ("raster", lambda lab: plans.irf(lab.microscope, min_counts=2000, integration_s=1.0)),
    "flim_raster": ("raster", lambda lab: plans.flim_raster(lab.microscope, **RASTER)),
    "lifetime_at": ("raster", lambda lab: plans.lifetime_at(lab.microscope, **dot(lab), n_photons=500, max_time_s=4.0)),
    "recentre": ("raster", lambda lab: plans.recentre(lab.microscope, **dot(lab))),
    "find_emitters": (
        "raster",
        lambda lab: plans.find_emitters(lab.microscope, sample="example_qd", extent_um=2.0, n_pixels=15),
    ),
    "park": ("raster", lambda lab: plans.park(lab.microscope)),
    "calibrate": ("raster", lambda lab: plans.calibrate(lab.fs5, sample="A", step_nm=1.0, dwell_ms=50.0)),
    "blank": ("raster", lambda lab: plans.blank(lab.fs5, **{**SCAN, "sample": None})),
    "absorption": ("raster", lambda lab: plans.absorption(lab.fs5, **SCAN, blank=None)),
    "pl": ("raster", lambda lab: plans.pl(lab.fs5, **SCAN, excitation_nm=405.0)),
    "ple": ("raster", lambda lab: plans.ple(lab.fs5, **SCAN, emission_nm=650.0, reference=None, absorption_run=None)),
    "warm_up": ("raster", lambda lab: plans.warm_up(lab.fs5)),
    "time_zero": ("hbt", lambda lab: plans.time_zero(lab.microscope, min_counts=1000, integration_s=1.0)),
    "hbt": ("hbt", lambda lab: plans.hbt(lab.microscope, **dot(lab), max_time_s=2.0)),
    "blinking": ("hbt", lambda lab: plans.blinking(lab.microscope, **dot(lab), duration_s=2.0, segment_s=1.0)),
    "power_series": (
        "hbt",
        lambda lab: plans.power_series(lab.microscope, **dot(lab), intensities_w_cm2=(1000.0, 2000.0), max_time_s=2.0),
    ),
    "qd_campaign": ("hbt", campaign),
}
ON_A_DOT = ("lifetime_at", "recentre", "hbt", "blinking", "power_series")
HARMLESS = {"import_scan"}  # makes a run of a file: nothing moves, nothing shines
