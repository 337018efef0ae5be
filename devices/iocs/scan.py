"""What a spectrofluorometer is told of a scan, and the points it gives back, as PVs."""

import functools
import time

from caproto.server import pvproperty

from devices.iocs.backends import SCAN_KINDS, Point, Scan
from devices.iocs.chamber import ChamberIOC
from devices.iocs.instrument import Refused, choice, guarded, quantity

MAX_POINTS = 10_000


@guarded
async def at_rest(group, instance, value):
    """Putter of everything that must not change under a running scan."""
    group.require_rest()


setting = functools.partial(quantity, put=at_rest)


def column(name: str, units: str, doc: str):
    """A read-only array that grows by one element a point."""
    return pvproperty(value=[0.0], max_length=MAX_POINTS, name=name, units=units, precision=6, read_only=True, doc=doc)


class ScanSettingsIOC(ChamberIOC):
    """The next scan. Limits are those of the backend; what makes no sense together is refused by `Check`."""

    scan_kind = choice("ScanKind", SCAN_KINDS, put=at_rest, doc="what moves; transmission: detector behind the sample")
    scan_start = setting("ScanStart", 400.0, "nm", 100.0, 2000.0, "first wavelength")
    scan_stop = setting("ScanStop", 700.0, "nm", 100.0, 2000.0, "last wavelength")
    step = setting("Step", 1.0, "nm", 1e-3, 1000.0, "distance of neighbouring points")
    fixed = setting("Fixed", 0.0, "nm", -2000.0, 2000.0, "what stands still; synchronous: emission minus excitation")
    excitation_slit = setting("ExcitationSlit", 1.0, "nm", 1e-3, 100.0, "bandpass of the excitation monochromator")
    emission_slit = setting("EmissionSlit", 1.0, "nm", 1e-3, 100.0, "bandpass of the emission monochromator")
    dwell = setting("Dwell", 0.3, "s", 1e-4, 3600.0, "counting time per point")
    region = pvproperty(
        value=1, name="Region", lower_ctrl_limit=1, upper_ctrl_limit=9999, put=at_rest, doc="place on the sample"
    )

    @scan_start.startup
    async def scan_start(self, instance, async_lib):
        """Narrow the limits to what this instrument has."""
        limits = self.backend.limits
        edges = [*limits["excitation_nm"], *limits["emission_nm"]]
        low, high = min(edges), max(edges)
        narrowed = {
            self.scan_start: (low, high),
            self.scan_stop: (low, high),
            self.fixed: (low - high, high),
            self.step: limits["step_nm"],
            self.excitation_slit: limits["slit_nm"],
            self.emission_slit: limits["slit_nm"],
            self.dwell: limits["dwell_s"],
        }
        for pv, (lowest, highest) in narrowed.items():
            await pv.write_metadata(lower_ctrl_limit=lowest, upper_ctrl_limit=highest)

    def told(self) -> Scan:
        """The scan the settings describe; Refused or ValueError if it cannot be done."""
        scan = Scan(
            kind=self.scan_kind.value,
            start_nm=self.scan_start.value,
            stop_nm=self.scan_stop.value,
            step_nm=self.step.value,
            fixed_nm=self.fixed.value,
            excitation_slit_nm=self.excitation_slit.value,
            emission_slit_nm=self.emission_slit.value,
            dwell_s=self.dwell.value,
            region=int(self.region.value),
        )
        most = min(self.backend.max_points, MAX_POINTS)
        if scan.stop_nm < scan.start_nm:
            raise Refused(f"the scan ends at {scan.stop_nm:g} nm, before its start at {scan.start_nm:g} nm: swap them")
        if scan.n_points > most:
            raise Refused(f"{scan.n_points} points: at most {most}; choose a wider step or a shorter range")
        self.backend.check(scan)
        return scan


class PointsIOC(ScanSettingsIOC):
    """The points of the scan so far. `PointsDone` is written last: that many elements of each array are valid."""

    points = pvproperty(value=0, name="Points", read_only=True, doc="points of the whole scan")
    points_done = pvproperty(value=0, name="PointsDone", read_only=True, doc="points there are")
    wavelength = column("Wavelength", "nm", "where the scanned monochromator was told to stand")
    counts = column("Counts", "counts", "photomultiplier in the dwell, raw")
    reference = column("Reference", "uA", "reference detector")
    transmitted = column("Transmitted", "uA", "detector behind the sample")
    correction = column("Correction", "1/uA", "spectral response over reference, of one net count per second")
    corrected = column("Corrected", "", "net counts per second times correction; transmission: over reference")
    measured_at = column("Time", "s", "when the point was delivered, seconds since 1970")
    elapsed = column("Elapsed", "s", "instrument time of the point")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.taken: list[tuple[Point, float]] = []

    def take(self, index: int, point: Point):
        """Keep a point (called in the thread of the scan)."""
        if index != len(self.taken):
            raise RuntimeError(f"point {index} came after point {len(self.taken) - 1}")
        self.taken.append((point, time.time()))

    async def publish(self):
        """Bring the arrays up to the points taken, then their number."""
        taken = list(self.taken)
        if not taken or len(taken) == self.points_done.value:
            return
        for name in ("wavelength", "counts", "reference", "transmitted", "correction", "corrected"):
            source = f"{name}_nm" if name == "wavelength" else name
            await getattr(self, name).write([float(getattr(point, source)) for point, _ in taken])
        await self.elapsed.write([float(point.time_s) for point, _ in taken])
        await self.measured_at.write([told_s for _, told_s in taken])
        await self.points_done.write(len(taken))
