"""Spectra that were measured by hand: an exported file becomes a run, analysed like any other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from analysis.exported_scan import ExportedScan, exported_scan
from analysis.formats import read as read_file
from analysis.formats.photons import Spectrum as Curves
from devices.recorded import RecordedScan
from devices.spectrofluorometer import Spectrofluorometer
from plans.fluorometry import NOT_CALIBRATED, metadata
from plans.spectroscopy import blank_of, links_of
from plans.spectrum import Spectrum
from plans.stubs import PlanError, require, sample_problem, unknown

FILE = "file"
PLANS = {"emission": ("pl",), "excitation": ("ple",), "transmission": ("absorption", "blank")}


@plan
def import_scan(
    fs5: Spectrofluorometer,
    path: str | Path,
    *,
    sample: str,
    plan_name: str | None = None,
    counts_are: str = "per dwell",
    curves: int | Sequence[int] | None = None,
    blank: str | None = "auto",
    reference: str | None = "auto",
    absorption_run: str | None = "auto",
    md: dict | None = None,
) -> MsgGenerator:
    """Make a run of a file that Fluoracle exported, as if it were measured now; nothing moves.

    `plan_name` is "pl", "ple", "absorption" or "blank"; without it, what the kind of scan suggests. The runs it is
    compared with are found among imported ones, or given as for the plans of these names. Of a file with curves of
    several samples, `curves` numbers the one to read, from 1, or the repeats. Returns the run uid.
    """
    found = read_export(Path(path), counts_are, curves)
    scan = Spectrum(**found.settings, repeats=found.repeats)
    name = plan_name or PLANS[scan.kind][0]
    require(
        [unknown("plan_name", name, PLANS[scan.kind]), sample_problem(sample, fs5.samples, []), dwell_problem(scan)]
    )
    links, problems = compared(fs5, name, sample, scan, blank, reference, absorption_run)
    require([*problems, scan.order_problem()])
    told = {"dead_time_ns": 0.0, "calibration": dict(NOT_CALIBRATED), "warnings": [], "file": str(path)}
    about = {**(md or {}), **metadata(fs5, name, sample, scan, backend=FILE, **told), **links}
    recorded: Any = RecordedScan(found.rows, source=str(path), name=fs5.name)
    return (yield from bpp.run_wrapper(landed(recorded), md=about))


def read_export(path: Path, counts_are: Any, curves: int | Sequence[int] | None = None) -> ExportedScan:
    """The scan in a file; PlanError with what is wrong with the file."""
    try:
        found = read_file(path)
        if not isinstance(found, Curves):
            raise ValueError(f"{path} holds no spectra: give a text file that Fluoracle exported")
        return exported_scan(found, counts_are=counts_are, curves=curves)
    except (ValueError, OSError) as why:
        raise PlanError(f"nothing has moved, no run was opened:\n  - {path}: {why}") from why


def dwell_problem(scan: Spectrum) -> str | None:
    """Rates need the time they were counted in."""
    return None if scan.dwell_s > 0 else f"Dwell Time is {scan.dwell_s:g} s in the file: it must be above 0"


def compared(
    fs5: Spectrofluorometer, name: str, sample: str, scan: Spectrum, blank: Any, reference: Any, absorption_run: Any
) -> tuple[dict[str, str], list[str | None]]:
    """The uids of the runs an imported one is compared with, and what is wrong with them."""
    if name == "absorption":
        blank_uid, problem = blank_of(fs5, sample, scan, blank, backend=FILE)
        return {"blank_uid": blank_uid}, [problem]
    if name == "ple":
        return links_of(fs5, sample, scan, reference, absorption_run, backend=FILE)
    return {}, []


def landed(recorded: Any) -> MsgGenerator:
    """All points of a recorded scan, into the stream "primary"."""
    yield from bps.declare_stream(recorded, name="primary", collect=True)
    yield from bps.kickoff(recorded, wait=True)
    yield from bps.complete(recorded, wait=True)
    yield from bps.collect(recorded, name="primary", return_payload=False)
