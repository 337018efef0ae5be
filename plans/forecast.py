"""What a plan will take, before it begins: time, light, disk, counts; the calibrations it needs and makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

IRF, TIME_ZERO, LAMP, WAVELENGTHS = "irf", "time_zero", "warm_up", "calibrate"  # by the plan that makes it
BLANK, REFERENCE, ABSORPTION, SEARCH = "blank", "ple", "absorption", "find_emitters"
CALIBRATIONS = (IRF, TIME_ZERO, LAMP, WAVELENGTHS)  # held by an instrument, lost when it restarts


@dataclass(frozen=True)
class Forecast:
    """What a plan is expected to take.

    duration_s, longest_s : expected, and at most
    light_s, dose_kj_cm2 : at most, at the place that gets most
    disk_bytes : at most
    expects : counts and errors, in sentences; limits : what may end it early, or bounds it
    needs : calibrations without which it does not start; prefers : those without which it is less exact
    provides : the calibration it makes, or ""
    """

    duration_s: float
    longest_s: float
    light_s: float = 0.0
    dose_kj_cm2: float = 0.0
    disk_bytes: float = 0.0
    expects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    provides: str = ""


@dataclass(frozen=True)
class Bench:
    """What forecasts must know of the instruments as they stand.

    mounted : the sample on the stage; chamber: in the spectrofluorometer
    warm_up_s : until the lamp is steady; repetition_hz: of the pulsed laser
    """

    devices: Mapping[str, Any]
    mounted: str = ""
    chamber: str = ""
    warm_up_s: float = 1800.0
    repetition_hz: float = 2e6

    @property
    def microscope(self) -> Any:
        return self.devices["microscope"]

    @property
    def fs5(self) -> Any:
        return self.devices["fs5"]


Forecaster = Callable[[Bench, Mapping[str, Any]], Forecast]


def forecast(bench: Bench, name: str, given: Mapping[str, Any]) -> Forecast:
    """What a plan will take with these arguments; the others have their defaults."""
    from plans import forecast_counting, forecast_emitters, forecast_spectra
    from plans.known import defaults

    tables = (forecast_counting.FORECASTS, forecast_emitters.FORECASTS, forecast_spectra.FORECASTS)
    known: dict[str, Forecaster] = {key: each for table in tables for key, each in table.items()}
    return known[name](bench, {**defaults(name), **given})
