"""What a plan hands back at the prompt: one screen of text, with the way to everything behind it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.flim import FlimMap, Response
from lab.flim.shortcuts import OfImage
from lab.shown import Shown
from lab.wording import count, whereabouts, within

PILE_UP = 0.01  # photons per pulse from which lifetimes come out too short


@dataclass(frozen=True)
class IrfResult(Shown):
    """The instrument response of a session, route by route."""

    response: Response
    routes: tuple[str, ...]
    exit_status: str

    def __repr__(self) -> str:
        lines = [f"instrument response {self.response.uid[:8]}, {self.exit_status}"]
        for route, counts in zip(self.routes, self.response.counts, strict=True):
            width_ns = pulse_width(counts) * self.response.bin_width_ns
            lines.append(f"  {route:11} {counts.sum():>10,} counts, FWHM {width_ns:.2f} ns")
        return "\n".join([*lines, "  next        RE(flim_raster(microscope, sample=...))"])


def pulse_width(counts: np.ndarray) -> float:
    """Full width at half maximum of the highest pulse, in channels, by linear interpolation."""
    counts = np.roll(counts, counts.size // 2 - int(np.argmax(counts))).astype(float)
    half = counts.max() / 2
    above = np.flatnonzero(counts > half)
    if not 0 < above[0] <= above[-1] < counts.size - 1:
        return float("nan")
    rise = above[0] - (counts[above[0]] - half) / (counts[above[0]] - counts[above[0] - 1])
    fall = above[-1] + (counts[above[-1]] - half) / (counts[above[-1]] - counts[above[-1] + 1])
    return float(fall - rise)


@dataclass(frozen=True)
class FlimResult(OfImage, Shown):
    """A raster with its lifetime image. `map` holds the arrays, `derived_uid` names the stored analysis."""

    uid: str
    derived_uid: str | None
    exit_status: str
    map: FlimMap
    figure: Path | None = None
    storage: str = ""  # what is wrong with storage, if anything; the journal has the run in any case

    def __repr__(self) -> str:
        return "\n".join([*heading(self), *lifetimes(self), *quality(self.map), *whereabouts(self)])


def heading(result: FlimResult) -> list[str]:
    facts = result.map.facts
    photons = [int(counts.sum()) for counts in (result.map.perovskite_counts, result.map.qd_counts)]
    part = "part of " if lines_missing(result.map) else ""
    scans = f"{part}{len(result.map.scans_used)} of {facts.n_scans} scans of {facts.dwell_s * 1e3:g} ms"
    return [
        f"lifetime image of {facts.sample}, run {result.uid[:8]}, {result.exit_status}",
        f"  raster      {facts.nx} x {facts.ny} pixels of {facts.pixel_um:.3g} um, {scans}",
        f"  photons     {photons[0]:,} perovskite, {photons[1]:,} QD",
    ]


def lifetimes(result: FlimResult) -> list[str]:
    """Medians over the image, weighted by photons as in Fig. 5b of the paper."""
    lines, fit = [], result.map.fit
    for k, spread in reversed(list(enumerate(result.spread))):
        per_pixel = np.nanmedian(fit.tau_err_ns[..., k]) if spread.n_pixels else np.nan
        median = within(spread.median_ns, spread.median_err_ns, "ns")
        lines.append(
            f"  tau{k + 1}        median {median}, FWHM {spread.fwhm_ns:.2f} ns, one pixel +- {per_pixel:.2f} ns"
        )
    return lines


def quality(image: FlimMap) -> list[str]:
    fit, drift = image.fit, image.drift
    moved_um = np.hypot(*(drift.shift_px[-1] * image.facts.pixel_um))
    error_um = np.hypot(*drift.shift_err_px[-1]) * image.facts.pixel_um
    moved = f"{moved_um:.2f} +- {error_um:.2f} um from first to last scan" if len(drift.reliable) > 1 else "one scan"
    registered = f"{int(drift.reliable.sum())} of {len(drift.reliable)} scans registered"
    dark = [f"  dark        {image.dark_cps[0]:.1f} and {image.dark_cps[1]:.1f} cps"]
    return [
        f"  fit         deviance {np.nanmedian(fit.deviance):.3f} per degree of freedom, "
        f"{trusted_share(image):.1%} of the pixels trusted, t0 {fit.t0_ns:+.3f} +- {fit.t0_err_ns:.3f} ns",
        f"  drift       {moved}, {registered}",
        *(dark if np.isfinite(image.dark_cps).all() else []),
        *warnings(image),
    ]


def warnings(image: FlimMap) -> list[str]:
    """What a careful reader must know before believing the numbers."""
    dim = int((image.lit < 1).sum())
    per_pulse, share = photons_per_pulse(image), trusted_share(image)
    missing = lines_missing(image)
    piled = int((per_pulse > PILE_UP).sum())
    found = [
        f"{missing} of {image.facts.ny} rows of the image were not measured: no number is of them" if missing else "",
        f"only {share:.0%} of the pixels could be fitted" if share < 0.5 else "",
        f"pile-up: {count(piled, 'pixel')} above {PILE_UP:.0%} photons per pulse (brightest {per_pulse.max():.1%})"
        if piled
        else "",
        f"{count(dim, 'line')} without full light left out" if dim else "",
        f"a channel was full in {count(int(image.saturated.sum()), 'line')}" if image.saturated.any() else "",
        "" if image.drift.reliable.all() else "scans could not be placed: summed where they are, or left out",
    ]
    return [f"  WARNING     {text}" for text in found if text]


def lines_missing(image: FlimMap) -> int:
    """Rows of the image that no scan has seen: the first scan was not ended, or the light failed."""
    return int((image.coverage == 0).all(axis=1).sum())


def trusted_share(image: FlimMap) -> float:
    """Share of the exposed pixels whose fit can be believed."""
    seen = image.coverage > 0
    return float((image.trusted_photons > 0)[seen].mean()) if seen.any() else 0.0


def photons_per_pulse(image: FlimMap) -> np.ndarray:
    """Detected photons per laser pulse, both routes, per pixel; 0.01 is the usual limit. 0 where nothing was seen."""
    return np.nan_to_num(image.perovskite_cps + image.qd_cps) * image.facts.period_ns * 1e-9


def flim_arrays(image: FlimMap) -> dict[str, tuple[np.ndarray, str]]:
    """The arrays of a derived run, each with its unit."""
    fit, lines = image.fit, image.line_drift
    rows = (
        {}
        if lines is None
        else {"line_drift_px": (lines.shift_px, "px"), "line_drift_err_px": (lines.shift_err_px, "px")}
    )
    return rows | {
        "tau_ns": (fit.tau_ns, "ns"),
        "tau_err_ns": (fit.tau_err_ns, "ns"),
        "fraction": (fit.fraction, "1"),
        "fraction_err": (fit.fraction_err, "1"),
        "background_fraction": (fit.background_fraction, "1"),
        "background_fraction_err": (fit.background_fraction_err, "1"),
        "deviance": (fit.deviance, "1"),
        "converged": (fit.converged.astype(np.uint8), "1"),
        "degenerate": (fit.degenerate.astype(np.uint8), "1"),
        "n_photons": (np.asarray(fit.n_photons, np.int64), "photons"),
        "t0_ns": (np.asarray(fit.t0_ns), "ns"),
        "t0_err_ns": (np.asarray(fit.t0_err_ns), "ns"),
        "perovskite_counts": (image.perovskite_counts, "counts"),
        "qd_counts": (image.qd_counts, "counts"),
        "coverage": (image.coverage, "scans"),
        "drift_px": (image.drift.shift_px, "px"),
        "drift_err_px": (image.drift.shift_err_px, "px"),
        "drift_reliable": (image.drift.reliable.astype(np.uint8), "1"),
        "scans_used": (image.scans_used.astype(np.int64), "1"),
        "dark_cps": (image.dark_cps, "cps"),
        "dark_cps_err": (image.dark_cps_err, "cps"),
    }
