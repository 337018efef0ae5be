"""Overviews of single emitters: the field, the dip of one, the blinking of one, its power series."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blinks import BlinkEstimate
from analysis.correlation.power import Saturation, ZeroPower
from analysis.field import Field
from analysis.figures import blinks, dips, fields, parts, traces
from analysis.figures.traces import BLUE, GREEN, ORANGE
from analysis.hbt import HbtEstimate

FIELD_IN = 3.10
POINT = {"fmt": "o", "markersize": 3.0, "markeredgewidth": 0, "elinewidth": 0.7}
WIDTH_FWHM_UM = (0.10, 0.60)  # shown of the widths of spots
NEEDED = 3  # looks at least, to draw how an error fell


def emitters_overview(field: Field, *, names: Sequence[str] = ()) -> Figure:
    """A field with its emitters encircled and named, their rates and widths; those that stand alone are bold.

    names : ids, row by row of `field.emitters`; where there is none, the rank in brightness is shown
    """
    figure = Figure(figsize=(parts.WIDTH_IN, FIELD_IN + 0.72))
    ax = parts.place(figure, 0.06, 0.20, FIELD_IN, FIELD_IN)
    fields.qd_panel(ax, parts.place(figure, FIELD_IN + 0.11, 0.20, 0.09, FIELD_IN), field, "a")
    fields.circles(ax, field.emitters, names)
    left = FIELD_IN + 1.0
    widths = parts.place(figure, left, 2.02, parts.WIDTH_IN - left - 0.12, FIELD_IN - 1.82)
    widths_panel(widths, field)
    small_in = 1.30
    image = parts.place(figure, left - 0.40, 0.20, small_in, small_in)
    fields.perovskite_panel(image, parts.place(figure, left + small_in - 0.35, 0.20, 0.09, small_in), field, "c")
    traces.label(image, (1.42, 0.98), told_of_noise(field), va="top")
    figure.text(0.06 / parts.WIDTH_IN, 0.955, summary(field), size=parts.FONT)
    return figure


def summary(field: Field) -> str:
    """What was measured and found, in a line."""
    n, alone = len(field.emitters), int(field.emitters.isolated.sum())
    missing = int((field.exposure_s <= 0).sum())
    return (
        f"sample {field.sample}  ·  {field.facts.n} × {field.facts.n} pixels of {field.pixel_um:g} µm, "
        f"{field.dwell_s * 1e3:g} ms, {field.facts.intensity_w_cm2 / 1e3:g} kW/cm²  ·  {n} spots, {alone} isolated"
        + (f", {missing} rows missing" if missing else "")
    )


def told_of_noise(field: Field) -> str:
    """Whether the perovskite image shows anything but noise."""
    correlation = parts.uncertain(field.correlation, field.correlation_err)
    dispersion = parts.uncertain(field.perovskite_dispersion, field.perovskite_dispersion_err)
    return f"correlation with a:\n{correlation}\nvariance over mean:\n{dispersion}"


def widths_panel(ax: Axes, field: Field) -> None:
    """Width against rate of every spot, the widest that may be one emitter as a line."""
    found = field.emitters
    for where, color in ((found.isolated, GREEN), (~found.isolated, parts.GREY)):
        x, y = found.rate_cps[where] / 1e3, found.fwhm_um[where]
        errors = found.rate_err_cps[where] / 1e3, found.fwhm_err_um[where]
        ax.errorbar(x, y, xerr=errors[0], yerr=errors[1], color=color, **POINT)
    ax.axhline(field.facts.search.get("largest_fwhm_um", np.nan), color="0.4", linewidth=0.6, dashes=(4, 2))
    ax.set_xlim(0, 1.1 * traces.top([found.rate_cps / 1e3], 1.0))
    traces.value_axis(ax, "width (FWHM, µm)", *WIDTH_FWHM_UM)
    ax.set_xlabel("kcounts/s in focus", size=parts.FONT, labelpad=1)
    traces.names(ax, [("isolated", GREEN), ("not isolated", parts.GREY)])
    parts.headline(ax, "b", "spots")


def hbt_overview(estimate: HbtEstimate, *, looks: np.ndarray | None = None) -> Figure:
    """One antibunching measurement: dip, fit and residuals, rates, whether it is single, how the error fell.

    looks : (n, 3) seconds with light, tau and its error (ns) as they were while the run went on
    """
    figure = Figure(figsize=(parts.WIDTH_IN, 3.92))
    dips.dip_panel(figure, (0.47, 0.36, 3.20, 3.16), estimate, "a")
    left, width = 4.20, parts.WIDTH_IN - 4.20 - 0.12
    dips.rates_panel(parts.place(figure, left, 2.62, width, 0.90), estimate, "b")
    dips.verdict_panel(parts.place(figure, left, 1.62, width, 0.42), estimate, "c")
    errors_panel(parts.place(figure, left, 0.36, width, 0.68), estimate, looks)
    figure.text(0.06 / parts.WIDTH_IN, 0.958, told_of(estimate), size=parts.FONT)
    return figure


def told_of(estimate: HbtEstimate) -> str:
    """What was measured, in a line."""
    facts, fit = estimate.facts, estimate.fit
    zero = f"time zero run {facts.time_zero_uid[:8]}" if facts.time_zero_uid else "time zero not calibrated"
    quality = f"deviance {fit.deviance:.2f}" if np.isfinite(fit.deviance) else "nothing fitted"
    return (
        f"sample {facts.sample}  ·  {facts.intensity_w_cm2 / 1e3:g} kW/cm², {estimate.dose_kj_cm2:.3g} kJ/cm²  ·  "
        f"{estimate.live_s:.0f} s in {estimate.n_runs} integrations  ·  {zero}  ·  {quality}"
    )


def errors_panel(ax: Axes, estimate: HbtEstimate, looks: np.ndarray | None) -> None:
    """Error of the rise time against time with light: as it was, and as counting statistics have it."""
    fit, now_s = estimate.fit, max(estimate.live_s, 1e-3)
    known = fit.identified and fit.tau_err_ns > 0
    first_s = now_s / 30 if looks is None or len(looks) < NEEDED else max(float(looks[0, 0]), now_s / 1e3)
    parts.headline(ax, "d", "error of the rise time" if known else "the rise time is not known yet")
    ax.set(xscale="log", yscale="log", xlim=(0.9 * first_s, 1.2 * now_s))
    ax.set_xlabel("time with light (s)", size=parts.FONT, labelpad=1)
    ax.set_ylabel("ns", size=parts.FONT, labelpad=2)
    parts.label_decades(ax.xaxis, first_s, now_s)
    if not known:
        ax.set_yticks([])
        return
    time_s = np.geomspace(first_s, now_s, 50)
    ax.plot(time_s, fit.tau_err_ns * np.sqrt(now_s / time_s), color="0.4", linewidth=0.6, dashes=(4, 2))
    if looks is not None:
        ax.plot(looks[:, 0], looks[:, 2], "o", color=BLUE, markersize=2, markeredgewidth=0)
    ax.plot(now_s, fit.tau_err_ns, "D", color=ORANGE, markersize=4, markeredgewidth=0)
    ax.set_ylim(0.6 * fit.tau_err_ns, 1.6 * fit.tau_err_ns * np.sqrt(now_s / first_s))
    parts.label_decades(ax.yaxis, *ax.get_ylim())


def blinking_overview(estimate: BlinkEstimate) -> Figure:
    """One blinking trace: its rate with threshold and histogram, how long it stays bright and dark, its numbers."""
    figure = Figure(figsize=(parts.WIDTH_IN, 3.92))
    blinks.trace_panel(figure, (0.47, 2.20, parts.WIDTH_IN - 0.66, 1.32), estimate, "a")
    blinks.durations_panel(parts.place(figure, 0.47, 0.36, 2.75, 1.28), estimate, "b")
    first = parts.place(figure, 3.80, 0.36, parts.WIDTH_IN - 3.80 - 0.19, 1.28)
    start_panel(first, estimate)
    facts = estimate.facts
    text = (
        f"sample {facts.sample}  ·  {facts.intensity_w_cm2 / 1e3:g} kW/cm², {estimate.dose_kj_cm2:.3g} kJ/cm²  ·  "
        f"{estimate.live_s:.0f} s of light in {estimate.n_segments} segments, {estimate.n_photons:,} photons  ·  "
        f"{estimate.on.n_off_periods} dark periods"
    )
    figure.text(0.06 / parts.WIDTH_IN, 0.958, text, size=parts.FONT)
    return figure


def start_panel(ax: Axes, estimate: BlinkEstimate) -> None:
    """The seconds around the first dark period, bin by bin."""
    start_s, counts, width_s = blinks.shown(estimate)
    rate = counts / (1e3 * width_s)
    dark = np.flatnonzero(rate < blinks.threshold_kcps(estimate))
    middle = int(dark[0]) if dark.size else 0
    half = max(1, round(1.0 / width_s))
    part = slice(max(0, middle - half), middle + half)
    ax.plot(start_s[part], rate[part], color=BLUE, linewidth=0.6, drawstyle="steps-post")
    ax.axhline(blinks.threshold_kcps(estimate), color=ORANGE, linewidth=0.7, dashes=(4, 2))
    traces.value_axis(ax, "kcounts/s", 0, 1.06 * traces.top([rate], 1.0))
    ax.set_xlabel("time (s)", size=parts.FONT, labelpad=1)
    parts.headline(ax, "c", "around the first dark period" if dark.size else "never dark")


def power_overview(
    zero: ZeroPower, saturation: Saturation | None, *, name: str = "", uids: Sequence[str] = ()
) -> Figure:
    """A power series: 1 / rise time, with the line that leads to the lifetime, and the rate with its saturation."""
    figure = Figure(figsize=(parts.WIDTH_IN, 2.62))
    left, right = (parts.place(figure, x, 0.40, 2.62, 1.90) for x in (0.52, 3.86))
    rise_panel(left, zero)
    parts.headline(left, "a", f"{name}: rise".lstrip(": "))
    if saturation is not None:
        saturation_panel(right, saturation)
    parts.headline(right, "b", "rate" if saturation is not None else "no rates")
    parts.footnote(right, parts.run_names(uids, per_line=3), upright=True)
    return figure


def power_axis(ax: Axes, intensity_w_cm2: np.ndarray) -> np.ndarray:
    """The axis of powers from zero; returns powers along it, W/cm2."""
    last = 1.08 * traces.top([intensity_w_cm2], 1.0)
    ax.set_xlim(0, last / 1e3)
    ax.set_xlabel("intensity (kW/cm²)", size=parts.FONT, labelpad=1)
    return np.linspace(0, last, 100)


def rise_panel(ax: Axes, zero: ZeroPower) -> None:
    """Inverse rise times with errors, the line through them, the lifetime at zero power."""
    dense = power_axis(ax, zero.intensity_w_cm2)
    inverse = 1e3 / zero.rise_ns
    ax.errorbar(
        zero.intensity_w_cm2 / 1e3, inverse, yerr=inverse * zero.rise_err_ns / zero.rise_ns, color=BLUE, **POINT
    )
    ax.plot(dense / 1e3, 1e3 / zero.rise(dense), color="black", linewidth=0.9)
    at_zero = 1e3 / zero.tau_ns
    ax.errorbar(0, at_zero, yerr=at_zero * zero.tau_err_ns / zero.tau_ns, color=ORANGE, clip_on=False, **POINT)
    highest = 1.15 * traces.top([inverse, np.array([at_zero])])
    traces.value_axis(ax, "1 / rise time (1/µs)", 0, highest)
    tau = parts.uncertain(zero.tau_ns, zero.tau_err_ns)
    traces.names(ax, [(f"at zero power ({tau}) ns", ORANGE), (told_chi2(zero.chi2), "black")], (0.97, 0.20))


def told_chi2(chi2: float) -> str:
    """How well the curve fits, if that can be told."""
    return f"χ² {chi2:.2f} per degree of freedom" if np.isfinite(chi2) else ""


def saturation_panel(ax: Axes, found: Saturation) -> None:
    """Rates with errors, the saturation curve, the background under it."""
    dense = power_axis(ax, found.intensity_w_cm2)
    ax.errorbar(found.intensity_w_cm2 / 1e3, found.rate_cps / 1e3, yerr=found.rate_err_cps / 1e3, color=BLUE, **POINT)
    ax.plot(dense / 1e3, found.rate(dense) / 1e3, color="black", linewidth=0.9)
    background = found.background_cps_per_w_cm2 * dense
    ax.plot(dense / 1e3, background / 1e3, color="0.4", linewidth=0.6, dashes=(4, 2))
    traces.value_axis(ax, "kcounts/s", 0, 1.15 * traces.top([found.rate_cps / 1e3], 1.0))
    half = parts.uncertain(found.saturation_w_cm2 / 1e3, found.saturation_err_w_cm2 / 1e3)
    most = parts.uncertain(found.rate_max_cps / 1e3, found.rate_max_err_cps / 1e3)
    told = [f"half of ({most}) kcounts/s", f"at ({half}) kW/cm²", told_chi2(found.chi2)]
    traces.names(ax, [(text, "black") for text in told], (0.97, 0.30))
