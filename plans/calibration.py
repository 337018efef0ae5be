"""Where the monochromators of the spectrofluorometer really stand."""

from collections.abc import Generator
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, plan

from analysis.spectra import Offsets
from analysis.spectrometry import SpectralRun
from analysis.wavelengths import LAMP, SCATTER, calibration
from devices.spectrofluorometer import Spectrofluorometer
from plans.flight import fly
from plans.fluorometry import (
    WITHOUT_REFERENCE,
    check_problem,
    chosen_sample,
    lamp_problem,
    start_metadata,
    take_dark,
)
from plans.spectrum import Spectrum, seconds, set_scan
from plans.stubs import MeasurementError, md_problem, outside, plain, read, require

XE_LINE_NM = 467.12
REACH_NM = 10.0
POINT_KEYS = ("wavelength", "counts", "reference", "transmitted", "correction", "corrected", "elapsed")


@plan
def calibrate(
    fs5: Spectrofluorometer,
    *,
    sample: str | None = None,
    xe_line_nm: float = XE_LINE_NM,
    elastic_nm: float = 560.0,
    step_nm: float = 0.25,
    dwell_ms: float = 200.0,
    slit_nm: float = 1.0,
    md: dict | None = None,
) -> MsgGenerator:
    """Find the wavelength offsets of both monochromators; they are put right in every later spectrum.

    The excitation is scanned over the xenon line `xe_line_nm` of the lamp, seen by the reference detector; then the
    emission over the light that the sample scatters from `elastic_nm`, where the lamp has no lines and films do not
    absorb. The offsets hold until the instrument is restarted. Returns the run uid.
    """
    lamp = around("excitation", xe_line_nm, elastic_nm, step_nm, slit_nm, seconds(dwell_ms))
    scatter = around("emission", elastic_nm, elastic_nm, step_nm, slit_nm, seconds(dwell_ms))
    name, sample_problem = yield from chosen_sample(fs5, sample)
    require([md_problem(md), *lamp.problems(fs5), *scatter.problems(fs5), sample_problem])
    require([(yield from lamp_problem(fs5)), (yield from reference_problem(fs5))])
    for scan in (scatter, lamp):
        yield from set_scan(fs5, scan)
        require([(yield from check_problem(fs5))])
    yield from bps.mv(fs5.mounted, name)
    metadata = yield from start_metadata(fs5, "calibrate", name, lamp)
    metadata |= {
        "xe_line_nm": plain(xe_line_nm),
        "scatter_scan": scatter.facts,
        "num_points": lamp.num_points + scatter.num_points,
        "num_intervals": lamp.num_points + scatter.num_points - 1,
    }
    seen = SpectralRun({**metadata, "uid": ""})
    uid = yield from bpp.run_wrapper(both_lines(fs5, lamp, scatter, seen), md={**(md or {}), **metadata})
    yield from keep(fs5, uid, offsets_of(seen, xe_line_nm, elastic_nm))
    return uid


def reference_problem(fs5: Spectrofluorometer) -> Generator[Msg, Any, str | None]:
    """Whether the instrument tells what its reference detector sees of the lamp's line."""
    if (yield from read(fs5.backend)) in WITHOUT_REFERENCE:
        return "exported files do not hold the reference detector, which sees the lamp's line: calibrate in Fluoracle"
    return None


def around(kind: str, line_nm: Any, fixed_nm: Any, step_nm: Any, slit_nm: Any, dwell_s: Any) -> Spectrum:
    """The scan over a line."""
    require([outside("xe_line_nm" if kind == "excitation" else "elastic_nm", line_nm, 200, 1000)])
    line_nm, *others = map(plain, (line_nm, step_nm, fixed_nm, slit_nm, slit_nm, dwell_s))
    return Spectrum(kind, line_nm - REACH_NM, line_nm + REACH_NM, *others)


def both_lines(fs5: Spectrofluorometer, lamp: Spectrum, scatter: Spectrum, seen: SpectralRun) -> MsgGenerator:
    """Dark counts, then a flight over each line; what was measured goes into `seen` as well."""
    yield from take_dark(fs5)
    seen.add_dark((yield from read(fs5.dark_counts)), (yield from read(fs5.dark_time)))
    for stream, scan in ((LAMP, lamp), (SCATTER, scatter)):
        yield from set_scan(fs5, scan)
        yield from fly(fs5, stream=stream)
        for point in (yield from points_of(fs5)):
            seen.add_point(stream, point)


def points_of(fs5: Spectrofluorometer) -> Generator[Msg, Any, list[dict[str, Any]]]:
    """The points of the last flight, as its Events hold them."""
    columns = {}
    for key in POINT_KEYS:
        columns[f"fs5_{key}"] = np.atleast_1d((yield from read(getattr(fs5, key))))
    n_points = min(len(column) for column in columns.values())
    whole = {"fs5_region": 1, "fs5_repeat": 1}
    return [
        {**{key: float(column[i]) for key, column in columns.items()}, **whole, "fs5_point": i} for i in range(n_points)
    ]


def offsets_of(seen: SpectralRun, xe_line_nm: float, elastic_nm: float) -> Offsets:
    """The offsets, or the reason why there are none."""
    try:
        return calibration(seen, xe_line_nm=xe_line_nm, elastic_nm=elastic_nm).offsets
    except ValueError as why:
        raise MeasurementError(f"no calibration, the one before still holds: {why}") from why


def keep(fs5: Spectrofluorometer, uid: str, offsets: Offsets) -> MsgGenerator:
    """Remember the offsets for every later spectrum, until the instrument is restarted."""
    for side in ("excitation", "emission"):
        for key in (f"{side}_offset_nm", f"{side}_offset_err_nm"):
            yield from bps.mv(getattr(fs5, key), getattr(offsets, key))
    yield from bps.mv(fs5.calibration_uid, uid)
    yield from bps.mv(fs5.calibration_boot_id, (yield from read(fs5.boot_id)))  # last: now they hold
