"""What the arguments of the plans may be, for forms and for checks without the lab: ranges by name, units in the names.

The plans check everything again, with the limits of the instruments, before anything moves. What stands here is refused
when it is asked for, an hour or a night earlier.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

RANGES: Mapping[str, tuple[float, float]] = {
    "extent_um": (0.001, 1000),
    "n_pixels": (1, 2048),
    "dwell_ms": (1, 3_600_000),
    "n_scans": (1, 10_000),
    "settle_ms": (0, 10_000),
    "intensity_w_cm2": (1e-3, 1e7),
    "intensities_w_cm2": (1e-3, 1e7),
    "min_counts": (1, 1_000_000_000),
    "n_photons": (1, 1_000_000_000),
    "integration_s": (0.001, 3600),
    "range_code": (0, 5),
    "max_time_s": (0.1, 100_000),
    "recentre_s": (1, 3600),
    "run_s": (0.1, 10),
    "duration_s": (0.1, 100_000),
    "segment_s": (0.1, 300),
    "bin_ms": (0.01, 60_000),
    "patch_ms": (1, 3_600_000),
    "target_err_ns": (1e-6, 1e6),
    "target_contrast_err": (1e-6, 1),
    "false_alarm": (1e-9, 100),
    "threshold_counts_per_ms": (0, 1e9),
    "max_emitters": (1, 1_000_000),
    "max_dose_kj_cm2": (1e-9, 1e9),
    "excitation_nm": (200, 1000),
    "emission_nm": (200, 1000),
    "elastic_nm": (200, 1000),
    "xe_line_nm": (200, 1000),
    "start_nm": (200, 1000),
    "stop_nm": (200, 1000),
    "step_nm": (0.01, 100),
    "slit_nm": (0, 30),
    "repeats": (1, 1000),
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "record": ("auto", "bins", "photons"),
    "counts_are": ("per dwell", "per second"),
}
PAIRS = ("at_um", "centre_um")


def annotation(plan: Callable, devices: Mapping[str, Any], samples: Sequence[str]) -> dict[str, Any]:
    """The parameters of a plan as bluesky-queueserver's `parameter_annotation_decorator` takes them.

    devices : the devices of the lab by name; an argument is given by the names of those that are of its class
    samples : names of the samples that have a record
    """
    parameters = inspect.signature(plan).parameters.values()
    found = {each.name: described(each, devices, samples) for each in parameters}
    return {"parameters": {name: about for name, about in found.items() if about}}


def described(parameter: inspect.Parameter, devices: Mapping[str, Any], samples: Sequence[str]) -> dict[str, Any]:
    """What one argument may be; empty if its own annotation says enough."""
    name, optional = parameter.name, parameter.default is None
    if fitting := [key for key, device in devices.items() if parameter.annotation is type(device)]:
        return {"annotation": "Instrument", "devices": {"Instrument": fitting}, "convert_device_names": True}
    if name == "sample":
        return enumeration("Sample", samples, optional)
    if name in WORDS:
        return enumeration("Word", WORDS[name], optional)
    if name in PAIRS:
        return {"annotation": "typing.Optional[typing.List[float]]"}
    if name in RANGES:
        low, high = RANGES[name]
        return {"min": low, "max": high}
    return {}


def enumeration(kind: str, words: Sequence[str], optional: bool) -> dict[str, Any]:
    """One of some words, or nothing if the argument is optional."""
    return {"annotation": f"typing.Optional[{kind}]" if optional else kind, "enums": {kind: list(words)}}
