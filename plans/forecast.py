"""What a plan will take, before it begins: time, light, disk, counts; the calibrations it needs and makes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plans.facts import EXACT, Earlier, Expected, Light, Move, Peak, Used

IRF, TIME_ZERO, LAMP, WAVELENGTHS = "irf", "time_zero", "warm_up", "calibrate"  # by the plan that makes it
BLANK, REFERENCE, ABSORPTION, SEARCH = "blank", "ple", "absorption", "find_emitters"
CALIBRATIONS = (IRF, TIME_ZERO, LAMP, WAVELENGTHS)  # held by an instrument, lost when it restarts


@dataclass(frozen=True)
class Forecast:
    """What a plan is expected to take, and to find.

    duration_s, longest_s : expected, and at most; shortest_s : at least, 0 if the emitter may end it at once
    range_s : where the duration will probably lie; NaN where it is counted out
    certainty : of the duration: "exact" (counted out), "known" (from measured rates), "guess"
    light_s, dose_kj_cm2 : at most, at the place that gets most
    disk_bytes : at most
    expects : counts and errors, in sentences; limits : what may end it early, or bounds it
    needs : calibrations without which it does not start; prefers : those without which it is less exact
    provides : the calibration it makes, or ""
    moves, lights : what moves, and what shines, with the time the shutter is open
    n_photons, photons_of : expected, and in what ("a pixel", "a bin", ...); NaN where nothing is counted
    errors : numbers with the errors they will have, from Fisher information
    peak : the highest rate of a counter, None where no rate is known
    basis : where the rates come from, in words; warnings : what will go wrong, in sentences
    uses : earlier runs it will be analysed with
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
    shortest_s: float = 0.0
    range_s: tuple[float, float] = (math.nan, math.nan)
    certainty: str = EXACT
    moves: tuple[Move, ...] = ()
    lights: tuple[Light, ...] = ()
    n_photons: float = math.nan
    photons_of: str = ""
    errors: tuple[Expected, ...] = ()
    peak: Peak | None = None
    basis: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    uses: tuple[Used, ...] = ()


def nothing_earlier(plan_name: str, sample: str = "", emitter: str = "") -> Earlier | None:
    """No run was ever measured."""
    return None


@dataclass(frozen=True)
class Bench:
    """What forecasts must know of the instruments as they stand.

    mounted : the sample on the stage; chamber: in the spectrofluorometer
    warm_up_s : until the lamp is steady; repetition_hz: of the pulsed laser
    changes_s : what changing samples and filters by hand takes; 0 on the simulated bench
    standing : positions of "splitter", "perovskite", "qd" (filters), "x", "y" (stage), by name
    wavelength_nm : of the lasers "pulsed" and "cw"
    dead_time_ns, trip_cps : of the SPADs
    irf_uid, time_zero_uid, calibration_uid : those that hold now, ""; sigma_ns : of the response to pairs, NaN
    base_ps : finest channel of the card; wiring : of it; backend : of the spectrofluorometer
    earlier : what was measured before, by plan, sample and emitter; began : Unix time of a run; now_s : likewise
    """

    devices: Mapping[str, Any]
    mounted: str = ""
    chamber: str = ""
    warm_up_s: float = 1800.0
    repetition_hz: float = 2e6
    changes_s: float = 0.0
    standing: Mapping[str, Any] = field(default_factory=dict)
    wavelength_nm: Mapping[str, float] = field(default_factory=lambda: {"pulsed": 445.0, "cw": 561.0})
    dead_time_ns: float = 45.0
    trip_cps: float = 5e6
    irf_uid: str = ""
    time_zero_uid: str = ""
    calibration_uid: str = ""
    sigma_ns: float = math.nan
    base_ps: float = 36.0
    wiring: str = "raster"
    backend: str = "twin"
    earlier: Callable[..., Earlier | None] = nothing_earlier
    began: Callable[[str], float] = lambda uid: math.nan
    now_s: float = math.nan

    @property
    def microscope(self) -> Any:
        return self.devices["microscope"]

    @property
    def fs5(self) -> Any:
        return self.devices["fs5"]

    def used(self, what: str, uid: str) -> tuple[Used, ...]:
        """An earlier run with its age; nothing for no uid."""
        return (Used(what, uid, self.now_s - self.began(uid)),) if uid else ()

    def told(self, run: Earlier) -> str:
        """An earlier run in words.

        >>> Bench({}, now_s=7300.0).told(Earlier("hbt", "0a1b2c3d-1", 100.0))
        'hbt 0a1b2c3d, 2.0 h ago'
        """
        return f"{run.plan_name} {run.uid[:8]}, {age_of(self.now_s - run.time_s)}"


def age_of(seconds: float) -> str:
    """How long ago, for people.

    >>> age_of(30), age_of(7200), age_of(2e6), age_of(math.nan)
    ('30 s ago', '2.0 h ago', '23 days ago', 'some time ago')
    """
    if not math.isfinite(seconds):
        return "some time ago"
    if seconds < 120:
        return f"{max(seconds, 0.0):.0f} s ago"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.1f} h ago" if seconds < 172_800 else f"{seconds / 86_400:.0f} days ago"


Forecaster = Callable[[Bench, Mapping[str, Any]], Forecast]


def forecast(bench: Bench, name: str, given: Mapping[str, Any]) -> Forecast:
    """What a plan will take with these arguments; the others have their defaults."""
    from plans import forecast_counting, forecast_emitters, forecast_spectra
    from plans.known import defaults

    tables = (forecast_counting.FORECASTS, forecast_emitters.FORECASTS, forecast_spectra.FORECASTS)
    known: dict[str, Forecaster] = {key: each for table in tables for key, each in table.items()}
    return known[name](bench, {**defaults(name), **given})
