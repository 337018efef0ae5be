"""What there is to see in each kind of analysis: curves and images, from its stored arrays alone."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lab.view.analysed import Analysis
from lab.view.charts import Chart, Curve
from lab.view.images import Mark, Picture

Sight = Chart | Picture
Start = Mapping[str, Any]
BINS = 60
SCALES = ("viridis", "inferno", "cividis")
ROUTES = ("perovskite", "qd")
SPECTRUM = {"pl": "emission", "ple": "excitation spectrum", "calibrate": "scattered line", "blank": "transmission"}


def sights(found: Analysis, start: Start, marks: tuple[Mark, ...] = ()) -> list[Sight]:
    """Plots and images of an analysis; what cannot be drawn is left out.

    start : of the run that it is of; marks : emitters in a search image
    """
    draw = DRAWN.get(found.name)
    try:
        return [] if draw is None else [each for each in draw(found, start, marks) if each is not None]
    except (KeyError, TypeError, ValueError, IndexError):
        return []


def spectrum(found: Analysis, start: Start, marks: Any) -> Iterator[Sight]:
    """A spectrum with its error, and the bands in it."""
    x, y = found.array("wavelength_nm"), found.array("value")
    if x is None or y is None:
        return
    of = found.name.removesuffix("_analysis")
    unit = found.units.get("value", "")
    curves = [Curve("measured", x, y, found.array("err"), dots=True)]
    model = found.array("band_model")
    curves += [Curve("sum of the bands", x, model, kind="two")] if model is not None and model.size == x.size else []
    label = f"intensity ({unit})" if unit not in ("1", "") else "transmission" if of in ("blank", "absorption") else "1"
    yield Chart(SPECTRUM.get(of, "transmission").capitalize(), "wavelength (nm)", label, tuple(curves))
    yield from film(found)
    yield from coupling(found)


def film(found: Analysis) -> Iterator[Sight]:
    """What a film absorbs."""
    x, y = found.array("film_wavelength_nm"), found.array("film_absorbance")
    if x is not None and y is not None:
        curve = Curve("absorbance", x, y, found.array("film_absorbance_err"))
        yield Chart("Absorbance of the film, baseline removed", "wavelength (nm)", "absorbance", (curve,))


def coupling(found: Analysis) -> Iterator[Sight]:
    """How a film excites its dots, beside what uncoupled dots would show."""
    x, s, s0 = (found.array(f"coupling_{key}") for key in ("wavelength_nm", "s", "s0"))
    if x is None or s is None or s0 is None:
        return
    both = (
        Curve("S, measured", x, s, found.array("coupling_s_err")),
        Curve("S₀, uncoupled", x, s0, found.array("coupling_s0_err"), "two"),
    )
    yield Chart("Excitation of the dots", "wavelength (nm)", "S, normalised", both)
    ds = found.array("coupling_ds")
    if ds is not None:
        curve = Curve("ΔS", x, ds, found.array("coupling_ds_err"))
        yield Chart("Relative difference ΔS = (S - S₀) / S₀", "wavelength (nm)", "ΔS", (curve,), zero=True)


def pairs(found: Analysis, start: Start, marks: Any) -> Iterator[Sight]:
    """Antibunching, and how bright the emitter was meanwhile."""
    x, g2, model = (found.column("curve", name) for name in ("delay_ns", "g2", "g2_model"))
    if x is not None and g2 is not None:
        curves = [Curve("measured", x, g2, found.column("curve", "g2_err"), "soft", dots=False)]
        curves += [Curve("fit", x, model, kind="two")] if model is not None else []
        yield Chart("Antibunching", "delay (ns)", "g²(τ), start-stop corrected", tuple(curves), zero=True)
    times = found.column("rates", "time_s")
    both = [(name, found.column("rates", f"{name}_cps"), kind) for name, kind in (("start", "one"), ("stop", "two"))]
    if times is not None:
        curves = [Curve(name, times, y / 1e3, kind=kind) for name, y, kind in both if y is not None]
        yield Chart("Count rates of both SPADs", "time (s)", "rate (kcps)", tuple(curves), zero=True)


def trace(found: Analysis, start: Start, marks: Any) -> Iterator[Sight]:
    """A blinking trace, and how often each rate occurs."""
    times, counts = (found.column("trace", name) for name in ("time_s", "counts"))
    if times is None or counts is None or times.size < 2:
        return
    bin_s = float(np.median(np.diff(times)))
    rates = counts / bin_s / 1e3
    yield Chart(
        "Blinking trace",
        "time (s)",
        "rate (kcps)",
        (Curve("both SPADs", times, rates),),
        zero=True,
        note=f"bins of {bin_s * 1e3:.3g} ms; lowest and highest of neighbours are drawn",
    )
    n, edges = np.histogram(rates, bins=BINS)
    yield Chart("Rates in the trace", "rate (kcps)", "bins", (Curve("", *steps(n, edges)),), zero=True)


def steps(n: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A histogram as a line.

    >>> steps(np.array([1, 2]), np.array([0.0, 1.0, 2.0]))[1].tolist()
    [0.0, 1.0, 1.0, 2.0, 2.0, 0.0]
    """
    return np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(n, 2).astype(float), [0.0]])


def zero(found: Analysis, start: Start, marks: Any) -> Iterator[Sight]:
    """The response of the coincidence set-up."""
    x, y = (found.column("response", name) for name in ("delay_ns", "counts"))
    if x is not None and y is not None:
        yield Chart("Pairs of one pulse", "start-stop delay (ns)", "coincidences", (Curve("", x, y),), log=True)


def raster(found: Analysis, start: Start, marks: Any) -> Iterator[Sight | None]:
    """Intensity and lifetime images, the spread of the lifetimes, the drift."""
    side_um = float(start["raster"]["extent_um"])
    for route, scale in zip(ROUTES, SCALES, strict=False):
        counts = found.array(f"{route}_counts", 2)
        if counts is not None:
            note = "colours from the 1st to the 99th percentile"
            yield Picture(f"Intensity, {route}", counts, "counts, all scans", side_um, scale, note=note)
    tau, photons = found.array("tau_ns", 3), found.array("n_photons", 2)
    if tau is None or photons is None:
        return
    good = (found.array("converged", 2) == 1) & (found.array("degenerate", 2) != 1)
    for k in reversed(range(tau.shape[-1])):
        shown = np.where(good, tau[..., k], np.nan)
        note = "grey: no trustworthy fit; colours from the 1st to the 99th percentile"
        yield Picture(f"Lifetime τ{'₁₂'[k]}", shown, "ns", side_um, "cividis", note=note)
    yield spread(tau, good, photons)
    yield drift(found, start)


def spread(tau: np.ndarray, good: np.ndarray, photons: np.ndarray) -> Chart:
    """How the lifetimes are distributed, weighted by intensity as the medians are."""
    curves = []
    for k, kind in zip(reversed(range(tau.shape[-1])), ("one", "two"), strict=False):
        values = tau[..., k][good]
        low, high = np.percentile(values, (0.5, 99.5))
        n, edges = np.histogram(values, bins=BINS, range=(low, high), weights=photons[good])
        curves.append(Curve(f"τ{'₁₂'[k]}", *steps(n / n.sum(), edges), kind=kind))
    title = "Lifetimes of the pixels, weighted by photons"
    return Chart(title, "lifetime (ns)", "share of the photons", tuple(curves), zero=True)


def drift(found: Analysis, start: Start) -> Chart | None:
    """By how much the sample moved from scan to scan."""
    moved, err = found.array("drift_px", 2), found.array("drift_err_px", 2)
    pixel_um = float(start["raster"]["extent_um"]) / float(start["raster"]["n_pixels"])
    if moved is None or err is None or len(moved) < 2:
        return None
    scans = np.arange(1, len(moved) + 1, dtype=float)
    curves = (
        Curve("x", scans, moved[:, 1] * pixel_um, err[:, 1] * pixel_um, "one", dots=True),
        Curve("y", scans, moved[:, 0] * pixel_um, err[:, 0] * pixel_um, "two", dots=True),
    )
    return Chart("Drift of the sample", "scan", "shift (µm)", curves, zero=True)


def field(found: Analysis, start: Start, marks: tuple[Mark, ...]) -> Iterator[Sight]:
    """A search image with its emitters."""
    images, side_um = found.array("images", 3), float(start["raster"]["extent_um"])
    if images is None:
        return
    note = "rings: emitters found, faint ones are not isolated" if marks else ""
    yield Picture("QD channel", images[1], "counts", side_um, "inferno", low=0.0, note=note, marks=marks)
    yield Picture("Perovskite channel", images[0], "counts", side_um, "viridis", low=0.0)


def series(found: Analysis, start: Start, marks: Any) -> Iterator[Sight]:
    """What the doping does to the dots' band."""
    x, y = found.array("doping_percent"), found.array("qd_height")
    if x is not None and y is not None:
        curve = Curve("", x, y, found.array("qd_height_err"), dots=True)
        yield Chart("Height of the QD band", "doping (%)", "height (perovskite = 1)", (curve,), zero=True)


Draw = Callable[[Analysis, Start, Any], Iterator[Sight | None]]
DRAWN: dict[str, Draw] = {
    **{f"{plan}_analysis": spectrum for plan in ("pl", "ple", "absorption", "blank", "calibrate")},
    "hbt_analysis": pairs,
    "blinking_analysis": trace,
    "time_zero_analysis": zero,
    "flim_analysis": raster,
    "emitters_analysis": field,
    "pl_series": series,
}
