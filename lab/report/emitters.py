"""Every number of the paper on single emitters, computed from what the runs returned."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.blinking import Survival
from analysis.cohorts import Cohort
from analysis.correlation.power import ZeroPower
from analysis.figures.fields import CONTOUR_COUNTS_PER_MS
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult
from lab.report.blinking import bleaching, blinking_traces, medians, on_fractions
from lab.report.medium import medium
from lab.report.rows import EMITTERS, Measured, Row, published, row
from lab.report.spectra import UNKNOWN, same

MODEL = ("G2-10",)  # a choice without a number


def measure_emitters(
    *,
    field: EmittersResult | None = None,
    example: HbtResult | None = None,
    zero_power: ZeroPower | None = None,
    rise: Mapping[str, Cohort] | None = None,
    on: Mapping[str, Cohort] | None = None,
    traces: Sequence[BlinkingResult] = (),
    bright: BlinkingResult | None = None,
    survival: Mapping[str, Survival] | None = None,
    doping_percent: Mapping[str, float] | None = None,
    thickness_nm: float = math.nan,
) -> list[Row]:
    """Compute every published number on single emitters that the given results allow.

    Parameters
    ----------
    field : search image of the film of single emitters
    example, zero_power : antibunching of the example emitter, and its power series
    rise : rise times (ns) of the roles "film" and "glass"
    on : ON fractions (0 to 1) of the roles "film", "film2", "film3" and "glass"
    traces, bright : the blinking traces compared, and that of the bright emitter at high intensity
    survival : of the roles "film" and "glass"
    doping_percent : of "A" and "single", from the sample records; thickness_nm : of the film, likewise
    """
    numbers = published(EMITTERS)
    found: dict[str, Measured] = {"SQ-04": Measured(CONTOUR_COUNTS_PER_MS)}
    found |= search_image(field, traces) | dilution(doping_percent or {})
    found |= example_dip(example) | far_below_saturation(zero_power, field)
    found |= rise_times(rise or {}) | medium(numbers["EMI-01"], thickness_nm, rise or {})
    found |= blinking_traces(on or {}, bright)
    cohorts = on_fractions(numbers["BLK-08"], on or {}) | bleaching(numbers["BLK-09"], survival or {})
    nothing: dict[str, Measured | None] = dict.fromkeys(MODEL)
    rows = [row(entry, found.get(name, nothing.get(name, UNKNOWN))) for name, entry in numbers.items()]
    return [cohorts.get(one.id, one) for one in rows]


# --- the search image --------------------------------------------------------------------------------------


def search_image(found: EmittersResult | None, traces: Sequence[BlinkingResult]) -> dict[str, Measured]:
    """SQ-01 to SQ-07 but the contour and the doping."""
    if found is None:
        return {}
    image, light = found.field, found.start["excitation"]
    blinking = same([one.start["excitation"] for one in traces], "intensity_w_cm2", 1e-3)
    height_um = image.qd_counts.shape[0] * image.pixel_um
    return {
        "SQ-01": Measured(float(light["wavelength_nm"])),
        "SQ-02": Measured(1e-3 * light["intensity_w_cm2"], also=blinking.value, note=blinking.note),
        "SQ-03": Measured(image.extent_um, also=height_um),
        "SQ-06": spots(found),
        "SQ-07": Measured(
            image.correlation,
            image.correlation_err,
            (image.perovskite_dispersion - 1) / image.perovskite_dispersion_err,
            f"variance over mean {image.perovskite_dispersion:.3f}",
        ),
    }


def spots(found: EmittersResult) -> Measured:
    """Median width of all spots, and the share of them that has no near neighbour."""
    emitters = found.field.emitters
    least_um = float(found.start.get("search", {}).get("least_distance_um", 0.6))
    alone = 100 * float((emitters.nearest_um >= least_um).mean()) if len(emitters) else math.nan
    isolated = int(emitters.isolated.sum())
    drawn = medians(emitters.fwhm_um, 0) if len(emitters) else np.full(1, math.nan)
    width_um, error_um = float(np.median(emitters.fwhm_um)) if len(emitters) else math.nan, float(drawn.std())
    return Measured(width_um, error_um, alone, f"{len(emitters)} spots, {isolated} isolated")


def dilution(percent: Mapping[str, float]) -> dict[str, Measured]:
    """Doping of A over that of the film of single emitters, from the records."""
    if not {"A", "single"} <= set(percent) or not percent["single"]:
        return {}
    return {"SQ-05": Measured(float(percent["A"] / percent["single"]))}


# --- antibunching ------------------------------------------------------------------------------------------


def example_dip(found: HbtResult | None) -> dict[str, Measured]:
    """G2-01 to G2-03 of the example emitter; infinite where no dip was found."""
    if found is None:
        return {}
    estimate, fit = found.estimate, found.estimate.fit
    if not fit.identified:
        return dict.fromkeys(("G2-01", "G2-02", "G2-03"), Measured(math.inf, note="no antibunching identified"))
    note = f"{estimate.coincidences_per_ns:.0f} coincidences per ns, start-stop"
    return {
        "G2-01": Measured(fit.tau_ns, fit.tau_err_ns, fit.tau_err_ns, note),
        "G2-02": Measured(fit.contrast, fit.contrast_err, note="background included, as in print"),
        "G2-03": Measured(fit.g2_zero, fit.g2_zero_err),
    }


def far_below_saturation(zero: ZeroPower | None, field: EmittersResult | None) -> dict[str, Measured]:
    """G2-11: excitations per lifetime at the intensity of the images, and how much shorter that makes the rise."""
    if zero is None or field is None:
        return {}
    intensity_w_cm2 = float(field.start["excitation"]["intensity_w_cm2"])
    value, error = zero.pump_times_tau(intensity_w_cm2)
    shorter = float(zero.rise(intensity_w_cm2)) / zero.tau_ns
    return {"G2-11": Measured(value, error, shorter, f"at zero power {zero.tau_ns:.1f} +- {zero.tau_err_ns:.1f} ns")}


def rise_times(rise: Mapping[str, Cohort]) -> dict[str, Measured]:
    """G2-04 to G2-09: how many, their means, their spreads, film against glass."""
    rows: dict[str, Measured] = {}
    for role, number, mean in (("film", "G2-04", "G2-05"), ("glass", "G2-06", "G2-07")):
        if role in rise:
            one = rise[role]
            rows[number] = Measured(float(one.n))
            rows[mean] = Measured(one.mean, one.mean_err, one.spread, "errors of measurement taken off the spread")
    if {"film", "glass"} <= set(rise):
        film, glass = rise["film"], rise["glass"]
        ratio = film.mean / glass.mean
        rows["G2-08"] = Measured(ratio, ratio * math.hypot(film.mean_err / film.mean, glass.mean_err / glass.mean))
        rows["G2-09"] = spreads(film, glass)
    return rows


def spreads(film: Cohort, glass: Cohort) -> Measured:
    """Relative spread in the film less that on glass, in per cent, and in its errors."""
    shares = [100 * one.spread / one.mean for one in (film, glass)]
    errors = [
        share * math.hypot(one.spread_err / one.spread, one.mean_err / one.mean) if one.spread > 0 else math.nan
        for share, one in zip(shares, (film, glass), strict=True)
    ]
    difference, error = shares[0] - shares[1], math.hypot(*errors)
    note = f"film {shares[0]:.0f} %, glass {shares[1]:.0f} %"
    return Measured(difference, error, difference / error if error else math.nan, note)
