"""Decays, coincidences, traces, spectra and photons of a run, from its analysis or from the instruments' files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.flim import raster_facts
from analysis.formats.photons import Photons
from analysis.formats.records import decode_records
from lab.catalog import rasters
from lab.catalog.reading import SPECTRA, about, analysed, fit, is_tagged, measured, need, plan_of
from lab.catalog.views import Decays, PairCurve, Spectrum, Trace, from_columns
from lab.emitters.arrays import COLUMNS
from lab.stored.streams import PRIMARY, streams_of

if TYPE_CHECKING:
    from lab.catalog.run import Run

TAGS = 4096  # channels of the nanotimes of a card


def decays(run: Run, *, registered: bool = False, route: str = "", row: Any = None, column: Any = None) -> Decays:
    """Histograms of arrival times of a raster, a dot, or an instrument response."""
    need(run, "decays", "flim_raster", "lifetime_at", "irf")
    plan, source = plan_of(run.start), measured(run)
    if plan == "lifetime_at":
        return of_dot(run)
    routes = list(source.start["routes"])
    route = route or ("perovskite" if "perovskite" in routes else routes[0])
    if route not in routes:
        raise LookupError(f"route={route!r}: run {run.uid[:8]} has {', '.join(routes)}")
    if plan == "irf":
        response = fit(source).response
        axis = {"bin_width_ns": response.bin_width_ns, "period_ns": response.period_ns}
        counts = response.counts[routes.index(route)]
        return Decays(uid=source.uid, about="the instrument response", counts=counts, irf=None, route=route, **axis)
    return of_raster(source, routes.index(route), route, registered, row, column)


def of_raster(run: Run, index: int, route: str, registered: bool, row: Any, column: Any) -> Decays:
    """Pixel by pixel, or the sum of those that were picked."""
    facts = raster_facts(run.start)
    rows, columns = rasters.picked(row, facts.ny, "row"), rasters.picked(column, facts.nx, "column")
    derived_uid = ""
    if registered:
        arrays, derived_uid = analysed(run)
        counts = rasters.registered_cube(run, index, arrays)
    else:
        counts = rasters.cube(run, index, rows)
    region = "all pixels, registered" if registered else "all pixels"
    if row is not None or column is not None:
        counts = counts[np.ix_(rows, columns)].sum(axis=(0, 1), dtype=np.int64)
        region = f"rows {told(rows)}, columns {told(columns)}{', registered' * registered}"
    irf = run.db.fitted.irf_of(run.start["irf_uid"]).counts[index]
    return Decays(
        uid=run.uid, derived_uid=derived_uid, about=about(run), counts=counts, irf=irf, route=route, region=region,
        bin_width_ns=facts.bin_width_ns, period_ns=facts.period_ns,
    )  # fmt: skip


def told(indices: np.ndarray) -> str:
    return f"{indices[0]}" if len(indices) == 1 else f"{indices[0]} to {indices[-1]}"


def of_dot(run: Run) -> Decays:
    arrays, derived_uid = analysed(run)
    columns = from_columns(arrays, "decay", COLUMNS["decay"])
    source = measured(run)
    tcspc = source.start.get("tcspc", {})
    response = source.db.fitted.irf_of(source.start["irf_uid"])
    return Decays(
        uid=source.uid, derived_uid=derived_uid, about=about(source), counts=columns["counts"].astype(np.int64),
        irf=columns["irf"], bin_width_ns=float(tcspc.get("bin_width_ns", response.bin_width_ns)),
        period_ns=float(tcspc.get("period_ns", response.period_ns)),
    )  # fmt: skip


def pairs(run: Run) -> PairCurve:
    """The curve of an hbt run."""
    need(run, "g2", "hbt")
    arrays, derived_uid = analysed(run)
    source, columns = measured(run), from_columns(arrays, "curve", COLUMNS["curve"])
    return PairCurve(
        uid=source.uid, derived_uid=derived_uid, about=about(source), delay_ns=columns["delay_ns"],
        counts=columns["counts"].astype(np.int64), g2=columns["g2"], g2_err=columns["g2_err"],
        model=columns["g2_model"], found=run.headline(),
    )  # fmt: skip


def trace(run: Run) -> Trace:
    """Counts of a blinking run, rates of an hbt run."""
    need(run, "trace", "blinking", "hbt")
    arrays, derived_uid = analysed(run)
    source = measured(run)
    of = {"uid": source.uid, "derived_uid": derived_uid, "about": about(source), "found": run.headline()}
    none = np.empty((0, 2))
    if plan_of(run.start) == "hbt":
        rates = from_columns(arrays, "rates", COLUMNS["rates"])
        both = np.column_stack([rates["start_cps"], rates["stop_cps"]])
        return Trace(time_s=rates["time_s"], values=both, unit="cps", bin_s=step(rates["time_s"]), gaps_s=none, **of)
    columns = from_columns(arrays, "trace", COLUMNS["trace"])
    fine_s, gaps = float(arrays["bin_s"][0]), arrays.get("gaps")
    bin_s = max(fine_s, step(columns["time_s"]))
    threshold = float(arrays["threshold"][0]) * bin_s / fine_s
    return Trace(
        time_s=columns["time_s"], values=columns["counts"], unit="counts", bin_s=bin_s, threshold=threshold,
        gaps_s=none if gaps is None else np.asarray(gaps[0]).reshape(-1, 2), **of,
    )  # fmt: skip


def step(time_s: np.ndarray) -> float:
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def spectrum(run: Run) -> Spectrum:
    """The spectrum of a run of the spectrofluorometer."""
    need(run, "spectrum", *SPECTRA)
    arrays, derived_uid = analysed(run)
    source = measured(run)

    def optional(key: str) -> np.ndarray | None:
        return np.asarray(arrays[key][0]) if key in arrays else None

    return Spectrum(
        uid=source.uid, derived_uid=derived_uid, about=f"{source.start['plan_name']} of {about(source)}",
        wavelength_nm=np.asarray(arrays["wavelength_nm"][0]), value=np.asarray(arrays["value"][0]),
        err=np.asarray(arrays["err"][0]), unit=arrays["value"][1], counts=optional("counts"),
        model=optional("band_model"), found=run.headline(),
    )  # fmt: skip


def photons(run: Run) -> Photons:
    """Every photon with its time since the first segment, of a run that recorded them one by one."""
    source = measured(run)
    if not is_tagged(source.start):
        need(run, "photons (it did not record them one by one)")
    record = source.start["record"]
    unit_s = float(record.get("macrotime_unit_s") or 1e-7)
    stream = streams_of(source.documents())[PRIMARY]
    parts, first_s = [], None
    for number, row in stream.rows("timeharp_records"):
        if (data := stream.data.get(number)) is None:
            continue
        first_s = data["timeharp_started"] if first_s is None else first_s
        tags = decode_records(np.asarray(row)[: int(data["timeharp_n_records"])])
        began = round((data["timeharp_started"] - first_s) / unit_s)
        parts.append((tags.macrotime + began, tags.nanotime, tags.route))
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)] if parts else [np.empty(0, np.int64)] * 3
    bin_width_ns = float(source.start.get("tcspc", {}).get("bin_width_ns", np.nan))
    return Photons(
        columns[0], unit_s, columns[1], bin_width_ns * 1e-9, columns[2], n_channels=TAGS, reversed=True,
        header={"uid": source.uid, "sample": source.start.get("sample_name", "")},
    )  # fmt: skip
