"""What a campaign is asked for, and the runs it is made of."""

import math
from dataclasses import dataclass, field
from typing import Any

from bluesky.utils import MsgGenerator

from analysis.correlation.forecast import live_time_s
from devices.microscope import Microscope
from plans.antibunching import hbt as measure_hbt
from plans.finding import find_emitters
from plans.intermittency import blinking as watch_blinking

LONGEST_HBT_S = 600.0
LONGEST_BLINKING_S = 300.0
HOPELESS = 4.0  # times the longest measurement: a dot whose image promises no less is left out as dim
OVERHEAD_S = 5.0  # re-centring and looks, for each dot
SHORTEST_S = 5.0  # of light, or a measurement is not begun
DONE, REJECTED, FAILED, BEGUN = "done", "rejected", "failed", "begun"
LOST = "lost"


@dataclass(frozen=True)
class Job:
    """What a campaign was asked for; it is the same campaign as long as `settings` are the same.

    step : what it belongs to, such as an item of a night; its images and dots are parts of it
    """

    sample: str
    search: dict[str, Any]
    hbt: dict[str, Any]
    blinking: dict[str, Any] | None
    intensity_w_cm2: float
    max_time_s: float = math.inf
    max_dose_kj_cm2: float = math.inf
    max_emitters: float = math.inf
    md: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    step: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        known = {"search": self.search, "hbt": self.hbt, "blinking": self.blinking}
        return {**known, "intensity_w_cm2": self.intensity_w_cm2}

    @property
    def targets(self) -> dict[str, float]:
        """The errors that are wished."""
        return {key: self.hbt[key] for key in ("target_err_ns", "target_contrast_err") if self.hbt.get(key)}

    @property
    def most_light_s(self) -> float:
        """For one dot, of HBT and blinking together."""
        return self.max_dose_kj_cm2 * 1e3 / self.intensity_w_cm2

    @property
    def longest_s(self) -> float:
        """The longest HBT measurement of one dot."""
        return min(self.hbt.get("max_time_s", LONGEST_HBT_S), self.most_light_s)

    @property
    def about(self) -> dict[str, Any]:
        """For the start document of each run."""
        return {**self.md, "campaign": self.name}

    def hbt_s(self, dot) -> float:
        """How much light its HBT will take, from the image."""
        return live_time_s(dot.rate_cps, dot.background_cps, **self.targets)

    def expected_s(self, dot) -> float:
        """How long the dot will take altogether."""
        blinking_s = 0.0 if self.blinking is None else self.blinking.get("duration_s", LONGEST_BLINKING_S)
        return min(self.hbt_s(dot), self.longest_s) + blinking_s + OVERHEAD_S


def unfit(job: Job, dot) -> str:
    """Why a dot is not worth its light, from the image; nothing if it is."""
    if not dot.isolated:
        return "not isolated"
    if (needed_s := job.hbt_s(dot)) > HOPELESS * job.longest_s:
        return f"dim: {dot.rate_cps:.0f} cps would take {needed_s:.0f} s"
    return ""


def within_dose(job: Job, live_s: float) -> dict[str, Any] | None:
    """Options of the blinking trace with what is left of the dose; None if that is too little, or none is wished."""
    if (options := job.blinking) is None:
        return None
    wished_s = options.get("duration_s", LONGEST_BLINKING_S)
    duration_s = min(wished_s, job.most_light_s - live_s)
    enough = duration_s >= min(wished_s, max(SHORTEST_S, options.get("segment_s", 0.0)))
    return {**options, "duration_s": duration_s} if enough else None


def searched(microscope: Microscope, job: Job) -> MsgGenerator:
    """The image of the field."""
    centre_um = job.search["centre_um"]
    options = {**job.search, "centre_um": tuple(centre_um) if isinstance(centre_um, list) else centre_um}
    options["intensity_w_cm2"] = job.intensity_w_cm2
    return find_emitters(microscope, sample=job.sample, **options, md=job.about)


def correlated(
    microscope: Microscope, job: Job, longest_s: float, *, targets: bool = True, **which: Any
) -> MsgGenerator:
    """Photon pairs of one dot: left as soon as it is not single, else measured to the target, if there is one."""
    left_out = () if targets else tuple(job.targets)
    options: dict[str, Any] = {key: value for key, value in job.hbt.items() if key not in left_out}
    options["max_time_s"] = longest_s
    light: dict[str, Any] = {"intensity_w_cm2": job.intensity_w_cm2}
    return measure_hbt(microscope, **which, **options, **light, decide=True, md=job.about)


def watched(microscope: Microscope, job: Job, options: dict[str, Any], **which: Any) -> MsgGenerator:
    """Blinking of one dot."""
    return watch_blinking(microscope, **which, **options, intensity_w_cm2=job.intensity_w_cm2, md=job.about)
