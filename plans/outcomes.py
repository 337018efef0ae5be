"""What the plans of single emitters return: why they ended, and the numbers that decided it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RecentreOutcome:
    """Where an emitter is; `_err` is one standard deviation, NaN if it was not found."""

    uid: str
    emitter: str
    found: bool
    x_um: float
    y_um: float
    x_err_um: float
    y_err_um: float
    rate_cps: float
    background_cps: float
    attempts: int


@dataclass(frozen=True)
class HbtOutcome:
    """How an antibunching measurement ended; `_err` is one standard deviation, NaN is not known.

    stopped_by : "target", "single", "not single", "bleached", "lost" or "max_time_s"
    single : 1, 0, or -1 if it is not decided
    live_s : seconds of light that count; jumps: times the emitter was found farther away than drift goes
    """

    uid: str
    stopped_by: str
    emitter: str
    x_um: float
    y_um: float
    live_s: float
    tau_ns: float
    tau_err_ns: float
    contrast: float
    contrast_err: float
    corrected_contrast: float
    corrected_contrast_err: float
    single: int
    significance_sigma: float
    bleached: bool
    rate_cps: float
    background_cps: float
    jumps: int


@dataclass(frozen=True)
class BlinkingOutcome:
    """How a blinking trace ended. stopped_by : "duration_s", "bleached" or "lost"."""

    uid: str
    stopped_by: str
    emitter: str
    x_um: float
    y_um: float
    live_s: float
    on_fraction: float
    on_fraction_err: float
    bleached: bool
    jumps: int


@dataclass(frozen=True)
class LifetimeOutcome:
    """How a decay of one emitter ended. stopped_by : "n_photons", "max_time_s" or "lost"."""

    uid: str
    stopped_by: str
    emitter: str
    x_um: float
    y_um: float
    n_photons: int
