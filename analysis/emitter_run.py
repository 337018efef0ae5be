"""What the start documents of all runs on one emitter say alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class EmitterFacts:
    """Of a run under continuous light.

    emitter, campaign : "" if it has none; at_um : where the emitter was looked for, NaN if not told
    dead_time_ns : of each SPAD
    """

    uid: str
    sample: str
    emitter: str
    at_um: tuple[float, float]
    campaign: str
    intensity_w_cm2: float
    dead_time_ns: tuple[float, float]


def emitter_facts(start: Mapping) -> dict[str, Any]:
    """The fields of `EmitterFacts` from a start document; KeyError or ValueError if it is not of such a run."""
    x, y = start.get("at_um") or (np.nan, np.nan)
    first, second = start.get("dead_time_ns", (0.0, 0.0))
    return {
        "uid": start["uid"],
        "sample": start["sample_name"],
        "emitter": str(start.get("emitter") or ""),
        "at_um": (float(x), float(y)),
        "campaign": str(start.get("campaign") or ""),
        "intensity_w_cm2": float(start["excitation"]["intensity_w_cm2"]),
        "dead_time_ns": (float(first), float(second)),
    }
