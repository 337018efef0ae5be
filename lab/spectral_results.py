"""What a plan of the spectrofluorometer hands back at the prompt: one screen of text, with the way to the arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.spectra import Absorption, BandFit, Coupling, Curve, PlSeries
from analysis.spectrometry import NOT_CALIBRATED
from analysis.wavelengths import Calibration

SHOWN_WARNINGS = 4


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class SpectralResult:
    """A run of the spectrofluorometer: `curve` is its spectrum, `start` its start document.

    derived_uid : the stored analysis, None if there is none; storage : what is wrong with storage, if anything
    """

    start: dict[str, Any]
    curve: Curve
    derived_uid: str | None = None
    exit_status: str = "open"
    figure: Path | None = None
    storage: str = ""

    @property
    def uid(self) -> str:
        return self.start["uid"]

    @property
    def sample(self) -> str:
        return self.start["sample_name"]

    @property
    def analysis_of(self) -> tuple[str, ...]:
        """The run, and those it was compared with."""
        return (self.uid,)

    def numbers(self) -> list[str]:
        """What was found, line by line."""
        return []

    def next(self) -> str:
        """What to type next."""
        return f'RE(absorption(fs5, sample="..."))  finds this {self.start["plan_name"]} by itself'

    def warnings(self) -> tuple[str, ...]:
        """What a careful reader must know before believing the numbers."""
        return self.curve.warnings

    def __repr__(self) -> str:
        new = tuple(text for text in self.warnings() if text not in self.start["warnings"])  # those were told before
        told = [*heading(self), *self.numbers(), *warning_lines(new), *whereabouts(self)]
        return "\n".join([*told, f"  next        {self.next()}"])


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PlRegion:
    """One place of the sample: its number, its spectrum, its bands."""

    number: int
    curve: Curve
    fit: BandFit


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PlResult(SpectralResult):
    """An emission spectrum with its bands; `regions` one by one, `curve` and `fit` of all of them together."""

    fit: BandFit
    regions: tuple[PlRegion, ...] = ()

    def numbers(self) -> list[str]:
        each = [f"region {region.number}: {peak(region.fit)}" for region in self.regions]
        return [*bands(self.fit), *labelled("regions", each)]

    def next(self) -> str:
        return f'RE(ple(fs5, sample="{self.sample}")), or session.pl_series([uids of several samples])'


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class AbsorptionResult(SpectralResult):
    """A transmission spectrum and what the film absorbs; `absorption` is None where no blank was given."""

    absorption: Absorption | None = None

    @property
    def analysis_of(self) -> tuple[str, ...]:
        return tuple(uid for uid in (self.uid, self.start["blank_uid"]) if uid)

    def numbers(self) -> list[str]:
        if (film := self.absorption) is None:
            return ["  absorption  none: measured without a blank"]
        at_nm = [wavelength_nm for wavelength_nm in (405.0, 445.0) if covered(film.wavelength_nm, wavelength_nm)]
        alpha_d = [f"{within(*film.at(wavelength_nm), '')} at {wavelength_nm:g} nm" for wavelength_nm in at_nm]
        offset = film.offset[len(film.offset) // 2], film.offset_err[len(film.offset) // 2]
        return [
            f"  peak        {within(film.peak_nm, film.peak_err_nm, 'nm')}, "
            f"absorbance {within(film.peak_absorbance, film.peak_absorbance_err, '')}",
            *labelled("alpha d", [", ".join(alpha_d)] if alpha_d else []),
            f"  baseline    {within(*offset, '')} taken off",
        ]

    def warnings(self) -> tuple[str, ...]:
        return self.curve.warnings if self.absorption is None else self.absorption.warnings

    def next(self) -> str:
        return f'RE(ple(fs5, sample="{self.sample}"))'


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PleResult(SpectralResult):
    """An excitation spectrum and the coupling it shows; `coupling` is None for the reference sample."""

    coupling: Coupling | None = None

    @property
    def analysis_of(self) -> tuple[str, ...]:
        """The run, reference and absorption run, and the blank of that."""
        linked = (self.start["reference_uid"], self.start["absorption_uid"])
        compared = () if self.coupling is None else self.coupling.uids
        return tuple(dict.fromkeys(uid for uid in (self.uid, *linked, *compared) if uid))

    def numbers(self) -> list[str]:
        if (found := self.coupling) is None:
            return ["  coupling    none: there is nothing this run was compared with"]
        each = [
            f"{region.name:4}{region.low_nm:.0f}-{region.high_nm:.0f} nm  {within(region.mean, region.mean_err, '')}  "
            f"{SIGNS[region.sign]} ({abs(region.significance):.1f} sigma)"
            for region in found.regions
        ]
        crossings = [within(crossing.wavelength_nm, crossing.err_nm, "nm") for crossing in found.crossings]
        return [
            *labelled("Delta S", each),
            f"  crossings   {', '.join(crossings) or 'none'}",
            *labelled("maximum", [self.maximum()] if np.isfinite(found.maximum) else []),
            f"  own light   {self.own_light()}",
        ]

    def own_light(self) -> str:
        found = self.coupling
        assert found is not None
        if not found.own_light:
            return f"of the film not known, {found.own_light_err:.1%} allowed for; RE(pl(...)) of it would tell"
        return f"of the film {100 * found.own_light:.1f} +- {100 * found.own_light_err:.1f} % of the window, subtracted"

    def maximum(self) -> str:
        found = self.coupling
        assert found is not None
        return (
            f"{within(found.maximum, found.maximum_err, '')} at {within(found.maximum_nm, found.maximum_err_nm, 'nm')}"
        )

    def warnings(self) -> tuple[str, ...]:
        return self.curve.warnings if self.coupling is None else self.coupling.warnings

    def next(self) -> str:
        return 'RE(pl(fs5, sample="..."))' if self.coupling else 'RE(ple(fs5, sample="..."))  finds this run by itself'


SIGNS = {-1: "negative: quenched", 0: "not different from zero", 1: "positive: sensitised"}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CalibrationResult(SpectralResult):
    """Where both monochromators really stand; `curve` is the scattered line."""

    calibration: Calibration

    def numbers(self) -> list[str]:
        found = self.calibration.offsets
        excitation = within(found.excitation_offset_nm, found.excitation_offset_err_nm, "nm")
        emission = within(found.emission_offset_nm, found.emission_offset_err_nm, "nm")
        return [
            f"  excitation  stands {excitation} further than told",
            f"  emission    stands {emission} further than told; later spectra are put right",
        ]

    def warnings(self) -> tuple[str, ...]:
        """Those of the scan; that it was not calibrated before goes without saying."""
        return tuple(text for text in self.curve.warnings if text != NOT_CALIBRATED)

    def next(self) -> str:
        return "RE(blank(fs5)), RE(pl(fs5, sample=...))"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PlSeriesResult:
    """Emission spectra of several samples, put on one scale; `results` are those of the single runs."""

    results: tuple[PlResult, ...]
    series: PlSeries
    derived_uid: str | None = None

    @property
    def uids(self) -> tuple[str, ...]:
        return tuple(result.uid for result in self.results)

    def __repr__(self) -> str:
        series = self.series
        lines = [f"luminescence of {', '.join(series.names)}; the peak of {series.narrowest} is 1"]
        for i, name in enumerate(series.names):
            centre = within(series.qd_centre_nm[i], series.qd_centre_err_nm[i], "nm")
            lines.append(
                f"  {name:10}  {series.doping_percent[i]:g} %  QD height "
                f"{within(series.qd_height[i], series.qd_height_err[i], '')}, rescaled "
                f"{within(series.rescaled_height[i], series.rescaled_height_err[i], '')}, centre {centre}"
            )
        slope = within(series.linearity.slope, series.linearity.slope_err, "")
        return "\n".join([*lines, f"  linearity   QD height grows as doping to the power {slope}"])


def heading(result: SpectralResult) -> list[str]:
    """What was measured, and how much light there was."""
    start, scan = result.start, result.start["scan"]
    places = f", {len(start['regions'])} regions" if len(start["regions"]) > 1 else ""
    repeats = f", {start['repeats']} repeats" if start["repeats"] > 1 else ""
    photons = result.curve.n_photons
    lit = int(result.curve.lit.sum())
    return [
        f"{start['plan_name']} of {start['sample_name']}, run {result.uid[:8]}, {result.exit_status}",
        f"  scan        {scan['start_nm']:g} to {scan['stop_nm']:g} nm in steps of {scan['step_nm']:g} nm, "
        f"{scan['dwell_s'] * 1e3:g} ms{places}{repeats}",
        f"  points      {lit} with light" + (f", {photons:,.0f} photons" if np.isfinite(photons) else ""),
    ]


def bands(fit: BandFit) -> list[str]:
    """The bands of a spectrum, and how well they describe it."""
    if not fit.converged:
        return ["  bands       none that could be fitted"]
    if not fit.n_bands:
        return ["  bands       none above the noise"]
    each = [band(fit, i) for i in range(fit.n_bands)]
    return [*labelled("bands", each), f"  maximum     {peak(fit)}, deviance {fit.deviance:.2f} per degree of freedom"]


def band(fit: BandFit, i: int) -> str:
    """Centre and width of one band."""
    width = within(fit.fwhm_nm[i], fit.fwhm_err_nm[i], "nm")
    doubt = "" if fit.identified[i] else "  (not identified)"
    return f"{within(fit.centre_nm[i], fit.centre_err_nm[i], 'nm')}, FWHM {width}{doubt}"


def peak(fit: BandFit) -> str:
    """Maximum and width of the sum of the bands."""
    width = within(fit.peak_fwhm_nm, fit.peak_fwhm_err_nm, "nm")
    return f"{within(fit.peak_nm, fit.peak_err_nm, 'nm')}, FWHM {width}"


def labelled(label: str, lines: list[str]) -> list[str]:
    """Lines under one label, which stands before the first."""
    return [f"  {label if i == 0 else '':11} {line}" for i, line in enumerate(lines)]


def within(value: float, error: float, unit: str) -> str:
    """A number with its error, to two digits of the error.

    >>> within(540.3123, 0.0512, "nm"), within(-0.83456, 0.0041, ""), within(1.5, float("nan"), "")
    ('540.312 +- 0.051 nm', '-0.8346 +- 0.0041', '1.5')
    """
    behind = f" {unit}" if unit else ""
    if not np.isfinite(value):
        return f"unknown{behind}"
    if not (np.isfinite(error) and error > 0):
        return f"{value:.5g}{behind}"
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 6))
    return f"{value:.{digits}f} +- {error:.{digits}f}{behind}"


def covered(wavelength_nm: np.ndarray, at_nm: float) -> bool:
    return bool(wavelength_nm.size) and wavelength_nm[0] <= at_nm <= wavelength_nm[-1]


def warning_lines(warnings: tuple[str, ...]) -> list[str]:
    shown = list(dict.fromkeys(warnings))
    more = [f"{len(shown) - SHOWN_WARNINGS} more: result.warnings()"] if len(shown) > SHOWN_WARNINGS else []
    return [f"  WARNING     {text}" for text in [*shown[:SHOWN_WARNINGS], *more]]


def whereabouts(result: SpectralResult) -> list[str]:
    derived = f'db["{result.derived_uid[:8]}"] (analysis)' if result.derived_uid else "analysis not stored"
    figure = [f"  figure      {result.figure}"] if result.figure else []
    if result.storage:
        return [f"  WARNING     the journal has the run {result.uid[:8]}; storage: {result.storage}", *figure]
    return [f'  stored      db["{result.uid[:8]}"] (run), {derived}', *figure]
