"""A spectrum: one scan, at several places of a sample, several times. What is wrong with it, how it is told."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import MsgGenerator

from devices.spectrofluorometer import Spectrofluorometer
from plans.stubs import is_number, outside

MAX_POINTS = 100_000  # of all flights of a run
FEWEST = 6  # points of a window, one to spare for the calibration of the axis
MAX_REGIONS = 1000
LAST_REGION = 9999  # the instrument takes no higher number


@dataclass(frozen=True)
class Spectrum:
    """What is scanned: wavelengths and slits in nm; `fixed_nm` is what stands still, 0 for transmission."""

    kind: str
    start_nm: float
    stop_nm: float
    step_nm: float
    fixed_nm: float
    excitation_slit_nm: float
    emission_slit_nm: float
    dwell_s: float
    regions: tuple[int, ...] = (1,)
    repeats: int = 1

    def problems(self, fs5: Spectrofluorometer) -> list[str | None]:
        """What is wrong with it, if anything."""
        found = [
            outside("start_nm", self.start_nm, *fs5.scan_start.limits),
            outside("stop_nm", self.stop_nm, *fs5.scan_stop.limits),
            outside("step_nm", self.step_nm, *fs5.step.limits),
            outside("slit_nm", self.excitation_slit_nm, *fs5.excitation_slit.limits),
            outside("dwell_ms", milliseconds(self.dwell_s), *(1e3 * limit for limit in fs5.dwell.limits)),
            outside("repeats", self.repeats, 1, MAX_REGIONS, whole=True),
            self.fixed_problem(*fs5.scan_start.limits),
        ]
        return found if any(found) else [self.range_problem(), self.size_problem()]

    def fixed_problem(self, low: float, high: float) -> str | None:
        name = {"emission": "excitation_nm", "excitation": "emission_nm"}.get(self.kind)
        return outside(name, self.fixed_nm, low, high) if name else None

    def range_problem(self) -> str | None:
        """Whether the scan runs upwards over at least two points."""
        told = f"start_nm={self.start_nm:g}, stop_nm={self.stop_nm:g}"
        if self.stop_nm < self.start_nm:
            return f"{told}: the range is reversed; exchange them"
        if self.n_points < 2:
            return f"{told}, step_nm={self.step_nm:g}: one point is no spectrum; a wider range, or a smaller step"
        return None

    def missing_window(self, low_nm: float, high_nm: float) -> str | None:
        """What to say if fewer than `FEWEST` points lie in a window that the analysis needs, else None."""
        first, last = max(self.start_nm, low_nm), min(self.stop_nm, high_nm)
        if (last - first) / self.step_nm >= FEWEST:
            return None
        return f"start_nm={self.start_nm:g}, stop_nm={self.stop_nm:g}: the scan leaves out {low_nm:g}..{high_nm:g} nm"

    def order_problem(self) -> str | None:
        """Luminescence is red of what excites it; None too if the numbers are none."""
        if not all(is_number(value) for value in (self.start_nm, self.stop_nm, self.fixed_nm)):
            return None
        if self.kind == "emission" and self.start_nm <= self.fixed_nm:
            return (
                f"start_nm={self.start_nm:g}: the detection would start at or below the excitation of "
                f"{self.fixed_nm:g} nm and see the lamp; start_nm above {self.fixed_nm:g}"
            )
        if self.kind == "excitation" and self.stop_nm >= self.fixed_nm:
            return (
                f"stop_nm={self.stop_nm:g}: the excitation would reach the detection at {self.fixed_nm:g} nm and "
                f"the detector see the lamp; stop_nm below {self.fixed_nm:g}"
            )
        return None

    def size_problem(self) -> str | None:
        if self.num_points <= MAX_POINTS:
            return None
        return (
            f"{self.n_points} points x {len(self.regions)} regions x {self.repeats} repeats are {self.num_points}, "
            f"more than {MAX_POINTS}: a larger step_nm, or fewer regions or repeats"
        )

    @property
    def n_points(self) -> int:
        """Points of one flight."""
        return int((self.stop_nm - self.start_nm) / self.step_nm + 1e-6) + 1

    @property
    def num_points(self) -> int:
        """Points of all flights."""
        return self.n_points * len(self.regions) * int(self.repeats)

    @property
    def flights(self) -> Iterator[tuple[int, int]]:
        """Region and repeat of each flight, in order; both count from 1."""
        return ((region, repeat + 1) for region in self.regions for repeat in range(int(self.repeats)))

    @property
    def facts(self) -> dict[str, Any]:
        """The scan as runs tell it."""
        return {key: value for key, value in asdict(self).items() if key not in ("regions", "repeats")}


def milliseconds(seconds: Any) -> Any:
    """Milliseconds without the noise of binary fractions; what is no number stays as it is."""
    return round(seconds * 1e3, 9) if is_number(seconds) else seconds


def seconds(milliseconds: Any) -> Any:
    """Seconds; what is no number stays as it is, to be refused by name."""
    return milliseconds / 1e3 if is_number(milliseconds) else milliseconds


def numbered(regions: Any) -> tuple[tuple[int, ...], str | None]:
    """The numbers of the regions to measure, and what is wrong with them: n is 1..n, a list is taken as it is.

    >>> numbered(3), numbered([2, 5])
    (((1, 2, 3), None), ((2, 5), None))
    """
    if not isinstance(regions, (list, tuple, range)):
        problem = outside("regions", regions, 1, MAX_REGIONS, whole=True)
        return ((1,) if problem else tuple(range(1, int(regions) + 1))), problem
    problems = [outside("regions", region, 1, LAST_REGION, whole=True) for region in regions]
    problem = next((problem for problem in problems if problem), None)
    if problem is None and len(set(regions)) < max(len(regions), 1):
        problem = f"regions={regions!r}: must be different numbers, at least one"
    return ((1,) if problem else tuple(int(region) for region in regions)), problem


def set_scan(fs5: Spectrofluorometer, scan: Spectrum) -> MsgGenerator:
    """Tell the instrument the scan; nothing moves yet."""
    yield from bps.mv(fs5.scan_kind, scan.kind, fs5.region, scan.regions[0])
    yield from bps.mv(fs5.scan_start, scan.start_nm, fs5.scan_stop, scan.stop_nm, fs5.step, scan.step_nm)
    yield from bps.mv(fs5.fixed, scan.fixed_nm, fs5.dwell, scan.dwell_s)
    yield from bps.mv(fs5.excitation_slit, scan.excitation_slit_nm, fs5.emission_slit, scan.emission_slit_nm)
