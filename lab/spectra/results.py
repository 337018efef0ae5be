"""What a plan of the spectrofluorometer hands back at the prompt: one screen of text, with the way to the arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.spectra import Absorption, BandFit, Coupling, Curve, PlSeries
from analysis.spectrometry import NOT_CALIBRATED
from analysis.wavelengths import Calibration
from lab.shown import Shown
from lab.wording import bands, labelled, peak, warning_lines, whereabouts, within


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class SpectralResult(Shown):
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
            missing = "could not be computed, see the last warning" if self.start["blank_uid"] else "no blank was given"
            return [f"  absorption  none: {missing}"]
        at_nm = [wavelength_nm for wavelength_nm in (405.0, 445.0) if covered(film.wavelength_nm, wavelength_nm)]
        alpha_d = [f"{within(*film.at(wavelength_nm), '')} at {wavelength_nm:g} nm" for wavelength_nm in at_nm]
        middle = len(film.offset) // 2
        offset = within(film.offset[middle], film.offset_err[middle], "")
        return [
            f"  peak        {within(film.peak_nm, film.peak_err_nm, 'nm')}, "
            f"absorbance {within(film.peak_absorbance, film.peak_absorbance_err, '')}",
            *labelled("alpha d", [", ".join(alpha_d)] if alpha_d else []),
            f"  baseline    {offset} at {film.wavelength_nm[middle]:.0f} nm, taken off",
        ]

    def warnings(self) -> tuple[str, ...]:
        return self.curve.warnings if self.absorption is None else self.absorption.warnings

    def next(self) -> str:
        if self.absorption is None:
            return f'RE(blank(fs5, sample="{self.start["sample"].get("blank", "...")}")), then this again'
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
            if self.start["sample"].get("role") == "reference":
                return ["  coupling    none: this is the reference, films are compared with it"]
            if self.start["reference_uid"]:
                return ["  coupling    could not be computed, see the last warning"]
            return ["  coupling    none: measured without a reference"]
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
        if not self.start.get("pl_uid"):
            return (
                f"of the film not known, {found.own_light_err:.1%} allowed for; a pl of it, measured before, would tell"
            )
        window = f"{found.window.low_nm:g}-{found.window.high_nm:g} nm"
        share = f"{100 * found.own_light:.1f} +- {100 * found.own_light_err:.1f} %"
        return f"of the film, at full absorption {share} of the mean of {window}: subtracted"

    def maximum(self) -> str:
        found = self.coupling
        assert found is not None
        return (
            f"{within(found.maximum, found.maximum_err, '')} at {within(found.maximum_nm, found.maximum_err_nm, 'nm')}"
        )

    def warnings(self) -> tuple[str, ...]:
        return self.curve.warnings if self.coupling is None else self.coupling.warnings

    def next(self) -> str:
        name = self.sample
        if self.coupling is None and self.start["reference_uid"]:
            return f'RE(ple(fs5, sample="{name}")), as the warning says'
        if self.coupling is None:
            return 'RE(ple(fs5, sample="..."))  finds this run by itself'
        if not self.start.get("pl_uid"):
            return f'RE(pl(fs5, sample="{name}")), then RE(ple(fs5, sample="{name}")) again, its own light subtracted'
        return "result.coupling.ds, .ds_err; of two films: analysis.figures.figure3a(one.coupling, other.coupling)"


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
class PlSeriesResult(Shown):
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
        lines.append(f"  linearity   QD height grows as doping to the power {slope}")
        if self.derived_uid:
            lines.append(f'  stored      db["{self.derived_uid[:8]}"] (analysis)')
        return "\n".join(lines)


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


def covered(wavelength_nm: np.ndarray, at_nm: float) -> bool:
    return bool(wavelength_nm.size) and wavelength_nm[0] <= at_nm <= wavelength_nm[-1]
