"""Panels with curves: decays with their fit and residuals, distributions of lifetimes, the drift of the scene."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.decay import DecayModel
from analysis.figures import parts
from analysis.flim import FlimMap
from analysis.lifetimes import LifetimeDistribution

LEAST_EXPECTED = 8.0  # photons per point of a decay: a normal error bar is then fair
LEAST_WIDTH = 0.4  # of a point, in widths of the IRF: closer points show nothing new
STRIP_IN = 0.36  # height of a panel of residuals
HEADROOM = 0.66  # share of the height left to distributions, the rest is for their numbers
TRUSTWORTHY = 0.15  # relative error of tau2 in the pixels that stand for an image
TAILS = (0.02, 0.999)
LEAST_PHOTONS = 2  # a distribution needs more than one


@dataclass(frozen=True, eq=False)
class DecayPoints:
    """A decay ready to be drawn: time after the pulse and width of each point in ns, counts, and the fit's counts."""

    time_ns: np.ndarray
    width_ns: np.ndarray
    counts: np.ndarray
    expected: np.ndarray

    @property
    def residuals(self) -> np.ndarray:
        """Counts minus fit, in standard deviations of the fit."""
        return (self.counts - self.expected) / np.sqrt(np.maximum(self.expected, 1e-9))


def marked_pixels(image: FlimMap) -> list[tuple[int, int]]:
    """Pixels (row, column) of well determined short and long tau2: near the tails of its distribution.

    They are those closest to the 2 % and 99.9 % points of the pixels whose tau2 is known to 15 % (the better half,
    if there are none). Empty if no fit can be trusted.
    """
    tau_ns, error_ns = image.fit.tau_ns[..., -1], image.fit.tau_err_ns[..., -1]
    known = np.isfinite(tau_ns) & np.isfinite(error_ns) & (image.trusted_photons > 0)
    if not known.any():
        return []
    relative = np.divide(error_ns, tau_ns, out=np.full(tau_ns.shape, np.inf), where=known)
    good = known & (relative <= TRUSTWORTHY)
    good = good if good.any() else known & (relative <= np.median(relative[known]))
    wanted = np.quantile(tau_ns[good], TAILS)
    found = [int(np.argmin(np.where(good, np.abs(tau_ns - tau), np.inf))) for tau in wanted]
    return [(int(row), int(column)) for row, column in (np.unravel_index(one, tau_ns.shape) for one in found)]


def typical_pixel(image: FlimMap) -> tuple[int, int] | None:
    """The trusted pixel of median tau2; None if there is none."""
    tau_ns = np.where(image.trusted_photons > 0, image.fit.tau_ns[..., -1], np.nan)
    if not np.isfinite(tau_ns).any():
        return None
    row, column = np.unravel_index(int(np.nanargmin(np.abs(tau_ns - np.nanmedian(tau_ns)))), tau_ns.shape)
    return int(row), int(column)


# --- decays ------------------------------------------------------------------------------------------------


def since_pulse(model: DecayModel) -> np.ndarray:
    """Time after the excitation of each channel of the period, ns: from a tenth of the period before it."""
    axis = model.axis
    period_ns = axis.widths_ns.sum()
    centres = np.cumsum(axis.widths_ns) - axis.widths_ns / 2
    pulse_ns = centres[int(np.argmax(model.irf))] + model.t0_ns
    lead_ns = period_ns / 10
    return (centres - pulse_ns + lead_ns) % period_ns - lead_ns


def decay_points(image: FlimMap, pixel: tuple[int, int]) -> DecayPoints:
    """The decay of one pixel on time bins merged until the fit expects a few photons in each.

    The fit alone decides what is merged: merging by the counts themselves would distort them.
    """
    model, fit = image.model, image.fit
    counts = image.compressed[pixel].astype(float)
    share = model.expected(fit.tau_ns[pixel], fit.fraction[pixel], fit.background_fraction[pixel])
    live = model.time_bin >= 0
    labels, widths = model.time_bin[live], model.axis.widths_ns[live]
    width_ns = np.bincount(labels, widths, model.n_time_bins)
    time_ns = unbroken(since_pulse(model)[live], labels, model.axis.widths_ns.sum())
    time_ns = np.bincount(labels, widths * time_ns, model.n_time_bins) / width_ns
    order = np.argsort(time_ns)
    expected = counts.sum() * share[order]
    group = merged(expected, width_ns[order], LEAST_EXPECTED, LEAST_WIDTH * model.irf_fwhm_ns)
    width_ns, time_ns, counts = width_ns[order], time_ns[order], counts[order]
    total = [np.bincount(group, values) for values in (width_ns, counts, expected)]
    middle_ns = np.bincount(group, width_ns * time_ns) / total[0]
    centroid_ns = np.bincount(group, expected * time_ns) / np.maximum(total[2], 1e-300)
    # Halfway between the two, the mean over a wide point lies on the curve, to second order.
    return DecayPoints((middle_ns + centroid_ns) / 2, *total)


def unbroken(time_ns: np.ndarray, labels: np.ndarray, period_ns: float) -> np.ndarray:
    """Times of channels that are close to those of the first channel of their bin: none is cut by the period's end.

    >>> unbroken(np.array([5.0, 89.0, -10.0]), np.array([0, 1, 1]), 100.0).tolist()
    [5.0, 89.0, 90.0]
    """
    first_of = np.unique(labels, return_index=True)
    first_ns = time_ns[first_of[1]][np.searchsorted(first_of[0], labels)]
    return first_ns + (time_ns - first_ns + period_ns / 2) % period_ns - period_ns / 2


def merged(expected: np.ndarray, width_ns: np.ndarray, least: float, least_ns: float) -> np.ndarray:
    """Group of each bin, (n,): neighbours join until they expect `least` and span `least_ns`; the last takes the rest.

    >>> merged(np.array([9.0, 3, 3, 3, 9, 1]), np.ones(6), 8, 1).tolist()
    [0, 1, 1, 1, 2, 2]
    """
    group, number, held, span_ns = np.zeros(expected.size, int), 0, 0.0, 0.0
    for i, value in enumerate(expected):
        group[i] = number
        held, span_ns = held + value, span_ns + width_ns[i]
        if held >= least and span_ns >= least_ns:
            number, held, span_ns = number + 1, 0.0, 0.0
    return np.minimum(group, max(number - 1, 0))


def fit_curve(image: FlimMap, pixel: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Time after the pulse (ns) and fitted counts per ns on every recorded channel, in order of time."""
    model, fit = image.model, image.fit
    full = model.expected_full(fit.tau_ns[pixel], fit.fraction[pixel], fit.background_fraction[pixel])
    per_ns = model.axis.fold(full) / model.axis.widths_ns * image.compressed[pixel].sum()
    order = np.argsort(since_pulse(model))
    order = order[model.time_bin[order] >= 0]
    return since_pulse(model)[order], per_ns[order]


def draw_decay(ax: Axes, image: FlimMap, pixel: tuple[int, int], color: str, marker: str) -> DecayPoints:
    """Counts per ns with error bars, and the fit as a dashed line."""
    points = decay_points(image, pixel)
    rate, error = points.counts / points.width_ns, np.sqrt(points.counts) / points.width_ns
    drawn = points.counts > 0
    ax.errorbar(
        points.time_ns[drawn], rate[drawn], yerr=np.minimum(error, 0.999 * rate)[drawn], fmt=marker, color=color,
        markersize=2.6, markeredgewidth=0, elinewidth=0.5, zorder=2,
    )  # fmt: skip
    time_ns, per_ns = fit_curve(image, pixel)
    ax.plot(time_ns, per_ns, color="black", linewidth=0.9, dashes=(4, 1.5), zorder=3)
    return points


def draw_irf(ax: Axes, image: FlimMap, peak: float) -> None:
    """The instrument response as a grey area, scaled to a peak, its name at its foot."""
    time_ns = since_pulse(image.model)
    order = np.argsort(time_ns)
    pulse = image.model.irf[order] / image.model.irf.max() * peak
    ax.fill_between(time_ns[order], pulse, color="0.8", linewidth=0, step="mid", zorder=1)
    foot = (2 * image.model.irf_fwhm_ns, 0.02)
    ax.annotate("IRF", foot, xycoords=("data", "axes fraction"), size=parts.SMALL, color=parts.GREY)


def frame_decay(ax: Axes, image: FlimMap, pixels: list[tuple[int, int]], peak: float, floor: float) -> None:
    """Limits and labels of a decay panel: from just before the pulse to six slow lifetimes."""
    longest_ns = max((image.fit.tau_ns[(*pixel, -1)] for pixel in pixels), default=10.0)
    window_ns = image.model.axis.n_live * image.model.axis.bin_width_ns
    ax.set_yscale("log")
    ax.set_xlim(-0.04 * min(window_ns, 6 * longest_ns), min(0.9 * window_ns, 6 * longest_ns))
    ax.set_ylim(0.4 * floor, 2.5 * peak)
    parts.label_decades(ax.yaxis, floor, 200 * floor)
    ax.set_ylabel("photons per ns", size=parts.FONT, labelpad=2)


def draw_residuals(ax: Axes, points: DecayPoints, color: str, marker: str) -> None:
    """Weighted residuals, with one and no standard deviation marked."""
    ax.axhspan(-1, 1, color="0.92", linewidth=0)
    ax.axhline(0, color="0.4", linewidth=0.5)
    ax.plot(points.time_ns, points.residuals, marker, color=color, markersize=2.4, markeredgewidth=0)
    largest = max(4.0, float(np.abs(points.residuals).max(initial=0.0)) * 1.1)
    ax.set_ylim(-largest, largest)
    tick = 3 * max(1, int(largest / 6))
    ax.set_yticks([-tick, 0, tick])


def fit_text(image: FlimMap, pixel: tuple[int, int]) -> str:
    """The parameters of one pixel, a line each."""
    fit, lines = image.fit, []
    for k in range(fit.tau_ns.shape[-1]):
        at = (*pixel, k)
        share = parts.uncertain(100 * fit.fraction[at], 100 * fit.fraction_err[at])
        tau = parts.uncertain(fit.tau_ns[at], fit.tau_err_ns[at])
        lines.append(rf"$\tau_{k + 1}$ = ({tau}) ns, ({share}) %")
    background = parts.uncertain(100 * fit.background_fraction[pixel], 100 * fit.background_fraction_err[pixel])
    return "\n".join([*lines, f"background ({background}) %", f"{int(fit.n_photons[pixel]):,} photons"])


def decay_panel(
    figure: Figure,
    box_in: tuple[float, float, float, float],
    image: FlimMap,
    pixels: list[tuple[int, int]],
    looks: list[tuple[str, str, str]],
) -> Axes:
    """Decays of some pixels over their residuals, in a box (left, bottom, width, height).

    looks: colour, marker and name of each.
    """
    left, bottom, width, height = box_in
    strips_in = STRIP_IN * len(pixels) + 0.06
    ax = parts.place(figure, left, bottom + strips_in, width, height - strips_in)
    drawn = [draw_decay(ax, image, pixel, *look[:2]) for pixel, look in zip(pixels, looks, strict=True)]
    per_ns = [one.expected / one.width_ns for one in drawn]
    peak = max((float(rate.max()) for rate in per_ns), default=1.0)
    floor = min((float(rate.min()) for rate in per_ns), default=0.01)
    draw_irf(ax, image, peak)
    frame_decay(ax, image, pixels, peak, floor)
    lowest = residual_strips(figure, ax, (left, bottom, width), drawn, looks)
    lowest.set_xlabel("time after the laser pulse (ns)", size=parts.FONT, labelpad=1)
    return ax


def residual_strips(
    figure: Figure,
    ax: Axes,
    foot_in: tuple[float, float, float],
    drawn: list[DecayPoints],
    looks: list[tuple[str, str, str]],
) -> Axes:
    """One strip of residuals per decay under `ax`, upwards from (left, bottom, width); return the lowest axes."""
    lowest, (left, bottom, width) = ax, foot_in
    for i, (points, look) in enumerate(zip(drawn, looks, strict=True)):
        lowest.tick_params(labelbottom=False)
        lowest = parts.place(figure, left, bottom + (len(drawn) - 1 - i) * STRIP_IN, width, STRIP_IN - 0.05)
        lowest.sharex(ax)
        draw_residuals(lowest, points, *look[:2])
    if drawn:
        x, y = left - 0.36, bottom + len(drawn) * STRIP_IN / 2
        style = {"size": parts.SMALL, "rotation": 90, "ha": "center", "va": "center"}
        figure.text(x, y, "residuals (σ)", transform=figure.dpi_scale_trans, **style)
    return lowest


# --- distributions and drift -------------------------------------------------------------------------------


def distributions_panel(ax: Axes, found: list[LifetimeDistribution], looks: list[tuple[str, str]]) -> None:
    """Distributions as filled curves with a line at each median, their numbers above; looks: colour and name."""
    for i, (one, (color, name)) in enumerate(zip(found, looks, strict=True)):
        if one.n_pixels >= LEAST_PHOTONS:
            draw_distribution(ax, one, color)
        words = in_words(one) if one.n_pixels >= LEAST_PHOTONS else "no pixels"
        ax.text(
            0.02 + 0.475 * i, 0.97, f"{name}\n{words}", transform=ax.transAxes, size=parts.SMALL, color=color, va="top",
            linespacing=1.2,
        )  # fmt: skip
    frame_distributions(ax, [one for one in found if one.n_pixels >= LEAST_PHOTONS])


def draw_distribution(ax: Axes, found: LifetimeDistribution, color: str) -> None:
    """The density as a filled curve, the median as a line up to it."""
    ax.fill_between(found.grid_ns, found.density, color=color, alpha=0.18, linewidth=0)
    ax.plot(found.grid_ns, found.density, color=color, linewidth=1.0)
    height = float(np.interp(found.median_ns, found.grid_ns, found.density))
    ax.plot([found.median_ns] * 2, [0, height], color=color, linewidth=0.8)


def in_words(found: LifetimeDistribution) -> str:
    """Mode, median and width, a line each."""
    named = [("mode", found.mode_ns, found.mode_err_ns), ("median", found.median_ns, found.median_err_ns)]
    named.append(("FWHM", found.fwhm_ns, found.fwhm_err_ns))
    return "\n".join(f"{name} ({parts.uncertain(value, error)}) ns" for name, value, error in named)


def frame_distributions(ax: Axes, found: list[LifetimeDistribution]) -> None:
    """Common limits and labels; the axis holds all but a thousandth of each distribution."""
    ends = [reach_ns(one) for one in found]
    ax.set_xlim(min((low for low, _ in ends), default=0.0), max((high for _, high in ends), default=25.0))
    ax.set_ylim(0, max((float(one.density.max()) for one in found), default=1.0) / HEADROOM)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel(r"slow lifetime $\tau_2$ (ns)", size=parts.FONT, labelpad=1)
    ax.set_ylabel("density (1/ns)", size=parts.FONT, labelpad=2)


def reach_ns(found: LifetimeDistribution) -> tuple[float, float]:
    """Lifetimes that all but a thousandth of a distribution lie between, in whole steps of 5 ns."""
    below = np.cumsum(found.density) / found.density.sum()
    low, high = found.grid_ns[np.searchsorted(below, [0.001, 0.999])]
    return float(np.floor(low / 5) * 5), float(np.floor(high / 5) * 5 + 5)


def drift_panel(ax: Axes, image: FlimMap) -> None:
    """Where the scene was during each scan, in um since the first, with error bars, and the path of its rows if known.

    Unknown scans are left out.
    """
    known = image.drift.reliable & np.isfinite(image.drift.shift_px).all(axis=1)
    y_um, x_um = image.drift.shift_px[known].T * image.facts.pixel_um
    y_err, x_err = np.nan_to_num(image.drift.shift_err_px[known]).T * image.facts.pixel_um
    path = image.drift.shift_px[known] if image.line_drift is None else image.line_drift.shift_px[known].reshape(-1, 2)
    y_path, x_path = path.T * image.facts.pixel_um
    ax.plot(x_path, y_path, color=parts.GREY, linewidth=0.5)
    ax.errorbar(x_um, y_um, xerr=x_err, yerr=y_err, fmt="none", ecolor="black", elinewidth=0.6)
    order = np.flatnonzero(known) + 1
    ax.scatter(x_um, y_um, c=order, cmap="viridis", s=9, zorder=3, linewidths=0)
    for place in {0, len(order) - 1}:
        ax.annotate(str(order[place]), (x_um[place], y_um[place]), (3, 3), textcoords="offset points", size=parts.FONT)
    reach = max(image.facts.pixel_um, 0.65 * float(max(np.ptp(x_path), np.ptp(y_path))))
    ax.set_xlim(float(x_path.min() + x_path.max()) / 2 - reach, float(x_path.min() + x_path.max()) / 2 + reach)
    ax.set_ylim(float(y_path.min() + y_path.max()) / 2 - reach, float(y_path.min() + y_path.max()) / 2 + reach)
    ax.set_aspect("equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3))
    ax.set_xlabel("drift along x (µm)", size=parts.FONT, labelpad=1)
    ax.set_ylabel("drift along y (µm)", size=parts.FONT, labelpad=2)
