"""What a file does not tell of its measurement, as the user tells it: arguments, or `import.toml` beside the files."""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

WIRINGS = ("raster", "hbt", "clock")
KINDS = ("blinking", "lifetime", "irf", "hbt", "pl", "ple", "absorption", "blank")
DATE_ORDERS = ("dmy", "mdy", "ymd")
COUNTS_ARE = ("per dwell", "per second")


class ImportRefused(ValueError):  # noqa: N818  (a refusal, not a mistake)
    """What was told cannot be; nothing was imported. The message says what was given and what is allowed."""


@dataclass(frozen=True)
class Told:
    """Facts that are in no file; what is not told stays unknown and is never guessed.

    sample : name of its record; operator, laser, filters, splitter, notes : in words
    wiring : "raster" (pulsed laser on SYNC), "clock" (continuous light, a clock on SYNC), "hbt" (one SPAD on SYNC)
    kind : what the file is, where its wiring does not say it; one of KINDS
    irf : the instrument response: number of a curve of the same file, from 1, or the name of a file beside it, or the
        uid of a run
    curves : numbers of the curves to read, from 1; routes : of the detectors that see the emitter, and `irf_routes` in
        the instrument response, from 0
    repetition_hz : of the laser, where it is better known than from the rate meter in the file
    wavelength_nm, intensity_w_cm2 : of the excitation; dead_time_ns : of each SPAD; delay_ns : of the cable ("hbt")
    blind_ns : times below it that the card does not see ("hbt"); bin_ms : of a trace
    date_order : of dates in the header, "dmy", "mdy" or "ymd"; counts_are : of spectra, "per dwell" or "per second"
    blank, reference, absorption_run : uids of the runs a spectrum is compared with; "auto" finds them, "none": none
    """

    sample: str = ""
    operator: str = ""
    wiring: str = ""
    kind: str = ""
    irf: int | str = ""
    curves: tuple[int, ...] = ()
    routes: tuple[int, ...] = ()
    irf_routes: tuple[int, ...] = ()
    repetition_hz: float = math.nan
    laser: str = ""
    wavelength_nm: float = math.nan
    intensity_w_cm2: float = math.nan
    filters: str = ""
    splitter: str = ""
    dead_time_ns: tuple[float, ...] = ()
    delay_ns: float = math.nan
    blind_ns: float = math.nan
    bin_ms: float = 1.0
    date_order: str = "dmy"
    counts_are: str = "per dwell"
    blank: str = "auto"
    reference: str = "auto"
    absorption_run: str = "auto"
    notes: str = ""

    def __post_init__(self):
        for name in ("curves", "routes", "irf_routes", "dead_time_ns"):
            object.__setattr__(self, name, listed(getattr(self, name)))
        problems = [problem for one in fields(self) if (problem := problem_of(one.name, getattr(self, one.name)))]
        if problems:
            raise ImportRefused("nothing was imported:\n  - " + "\n  - ".join(problems))

    @classmethod
    def of(cls, facts: Mapping[str, Any], where: str = "") -> "Told":
        """From facts by name; ImportRefused for a name that does not exist, with the place where it was given."""
        return cls().but(facts, where)

    def but(self, facts: Mapping[str, Any], where: str = "") -> "Told":
        """The same with some facts told otherwise."""
        known = [one.name for one in fields(self)]
        for name in facts:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise ImportRefused(f"{where}{name}: there is no such fact; there are {', '.join(known)}.{hint}")
        try:
            return replace(self, **facts)
        except ImportRefused as why:
            raise ImportRefused(f"{where}{why}") from why

    @property
    def facts(self) -> dict[str, Any]:
        """Those that were told, as documents hold them."""
        usual = asdict(Told())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != usual[name] and not (isinstance(value, float) and math.isnan(value))
        }


def listed(value: Any) -> Any:
    """A tuple of one number or of several; what is neither stays as it is, to be refused."""
    if isinstance(value, list | tuple):
        return tuple(value)
    return (value,) if is_number(value) else value


def problem_of(name: str, value: Any) -> str | None:
    """What is wrong with one fact, or None."""
    if name in CHECKS:
        allowed, fine = CHECKS[name]
        return None if fine(value) else f"{name}={value!r}: must be {allowed}"
    return None if isinstance(value, str) else f"{name}={value!r}: must be text"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def one_of(*words: str) -> tuple[str, Callable[[Any], bool]]:
    """A word, or none."""
    return f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in ("", *words)


def between(low: float, high: float) -> tuple[str, Callable[[Any], bool]]:
    """A number, or NaN where it is not told."""
    return f"{low:g}..{high:g}", lambda value: is_number(value) and (math.isnan(value) or low <= value <= high)


def whole(low: int, high: int) -> tuple[str, Callable[[Any], bool]]:
    """Different whole numbers."""

    def fine(values: Any) -> bool:
        numbers = isinstance(values, tuple) and all(isinstance(value, int) and is_number(value) for value in values)
        return numbers and len(set(values)) == len(values) and all(low <= value <= high for value in values)

    return f"different whole numbers in {low}..{high}", fine


def is_irf(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and is_number(value) and value >= 1)


def are_dead_times(value: Any) -> bool:
    return value == () or (
        isinstance(value, tuple) and len(value) == 2 and all(is_number(one) and 0 <= one <= 1e5 for one in value)
    )


CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "wiring": one_of(*WIRINGS),
    "kind": one_of(*KINDS),
    "irf": ("the number of a curve, from 1, the name of a file, or the uid of a run", is_irf),
    "curves": whole(1, 10_000),
    "routes": whole(0, 255),
    "irf_routes": whole(0, 255),
    "repetition_hz": between(1.0, 1e9),
    "wavelength_nm": between(100.0, 2000.0),
    "intensity_w_cm2": between(1e-6, 1e9),
    "dead_time_ns": ("two numbers in 0..1e5, one for each SPAD", are_dead_times),
    "delay_ns": between(0.0, 1e5),
    "blind_ns": between(0.0, 1e4),
    "bin_ms": ("0.01..1000", lambda value: is_number(value) and 0.01 <= value <= 1000),
    "date_order": (f"one of {', '.join(DATE_ORDERS)}", lambda value: value in DATE_ORDERS),
    "counts_are": (f"one of {', '.join(COUNTS_ARE)}", lambda value: value in COUNTS_ARE),
}
