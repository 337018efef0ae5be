"""Every FLIM number of the paper, computed from lifetime images."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from analysis import images
from analysis.flim import PEROVSKITE, QD, FlimMap
from analysis.lifetimes import LifetimeDistribution, distribution
from lab.report.rows import Measured, Row, published, row

CROSSTALK = (0.012, 0.002)
LEAST_PIXELS = 400
N_BOOT = 400
TAIL_NS = 20.0
SEEN_SHARE = 0.75  # of the scans of the best seen pixel: drift within scans leaves out a row here and there


def measure(
    map_a: FlimMap | None,
    map_b: FlimMap | None,
    pixel1_map: FlimMap | None,
    pixel2_map: FlimMap | None,
    *,
    doping_percent: tuple[float, float],
    intensity_w_cm2: tuple[float, float],
    crosstalk: tuple[float, float] = CROSSTALK,
) -> list[Row]:
    """Compute every published FLIM number that the given maps allow.

    Parameters
    ----------
    map_a, map_b : lifetime images of samples A and B, each with a dark frame
    pixel1_map, pixel2_map : images of even samples that are like the marked pixels throughout, 400 pixels or more
    doping_percent, intensity_w_cm2 : of A and B, from the sample records and the start documents
    crosstalk : share of the detected perovskite signal that the QD detector sees, and its error: `crosstalk_of` an
        undoped film. The default is the red tail of the perovskite band in the QD filter (2e-4 of its
        peak) over its share of the green filter behind OD1, which nobody measured: hence an error of a sixth.
    """
    numbers = published()
    level_cps = float(numbers["FLIM-01"]["value"])
    found: dict[str, Measured] = {}
    found |= fits(pixel1_map, ["FIT-01", "FIT-02", "FIT-03", "FIT-04", "FIT-05", "FIT-11"])
    found |= fits(pixel2_map, ["FIT-06", "FIT-07", "FIT-08", "FIT-09", "FIT-10", "FIT-12"])
    found |= drifts([image for image in (map_a, map_b) if image is not None])
    found |= clusters(map_a, level_cps) | distributions_a(map_a, level_cps) | distributions_b(map_b)
    expected = doping_percent[1] / doping_percent[0] * intensity_w_cm2[1] / intensity_w_cm2[0]
    found["FLIM-11"] = Measured(expected, 0.0)
    if map_a is not None and map_b is not None:
        found |= ratios(map_a, map_b, crosstalk, intensity_w_cm2[1] / intensity_w_cm2[0], expected)
        found |= structures(map_a, map_b)
        found["DIS-09"] = quotient(found["DIS-07"], found["DIS-04"])
    return [row(entry, found.get(name)) for name, entry in numbers.items()]


# --- single pixels -----------------------------------------------------------------------------------------


def fits(image: FlimMap | None, ids: list[str]) -> dict[str, Measured]:
    """Medians over the pixels of an even sample: tau1, share 1, tau2, share 2, background, photons."""
    if image is None:
        return {}
    good, fit = image.trusted_photons > 0, image.fit
    shares = 100 * fit.fraction
    columns = [fit.tau_ns[..., 0], shares[..., 0], fit.tau_ns[..., 1], shares[..., 1], 100 * fit.background_fraction]
    n_lost = int((image.coverage > 0).sum() - good.sum())
    notes = [f"{n_lost} pixels not trusted"] if n_lost else []
    notes += [f"only {good.sum()} pixels, {LEAST_PIXELS} wanted"] if good.sum() < LEAST_PIXELS else []
    note = ", ".join(notes)
    return {name: typical(values[good], note) for name, values in zip(ids, [*columns, fit.n_photons], strict=True)}


def typical(values: np.ndarray, note: str) -> Measured:
    """Median of pixels with its bootstrap error; `also` is their scatter, half the 16 to 84 % range."""
    if not values.size:
        return Measured(math.nan, note=note)
    draws = np.random.default_rng(0).integers(values.size, size=(N_BOOT, values.size))
    error = np.std(np.median(values[draws], axis=1), ddof=1)
    low, high = np.quantile(values, [0.16, 0.84])
    return Measured(float(np.median(values)), float(error), float(high - low) / 2, note)


# --- drift -------------------------------------------------------------------------------------------------


def drifts(maps: list[FlimMap]) -> dict[str, Measured]:
    """The largest step between consecutive scans, and the worst axis of what whole-pixel shifts leave over."""
    steps = [step for image in maps for step in drift_steps(image)]
    rests = [rest for image in maps for rest in drift_rests(image)]
    found = {}
    if steps:
        value, error = max(steps)
        note = "between scans that were both found; the motion within a scan is not seen"
        found["DRF-01"] = Measured(value, error, note=note)
    if rests:
        value, error = max(rests)
        by_rows = all(image.line_drift is not None for image in maps if len(image.drift.reliable) > 1)
        note = "row by row" if by_rows else "scans as a whole: the motion within a scan comes on top"
        note = f"{note}; what the registration knows of, its own errors come on top"
        found["DRF-02"] = Measured(value, error, note=note)
    return found


def drift_steps(image: FlimMap) -> list[tuple[float, float]]:
    """Length of each step between neighbouring scans and its error, um."""
    both = image.drift.reliable[1:] & image.drift.reliable[:-1]
    step = np.diff(image.drift.shift_px, axis=0)[both] * image.facts.pixel_um
    variance = image.drift.shift_err_px**2 * image.facts.pixel_um**2
    error = np.sqrt((variance[1:] + variance[:-1])[both].sum(axis=1))
    return list(zip(np.hypot(*step.T).tolist(), error.tolist(), strict=True))


def drift_rests(image: FlimMap) -> list[tuple[float, float]]:
    """Root mean square of the fractional shifts of each axis and its error, px, over rows if these were put right.

    Scan 0 is the reference of whole scans. Rows of one scan share their errors.
    """
    found, first = (image.drift, 1) if image.line_drift is None else (image.line_drift, 0)
    known = np.flatnonzero(found.reliable)[first:]
    if not known.size:
        return []
    shift, error = (each[known].reshape(known.size, -1, 2) for each in (found.shift_px, found.shift_err_px))
    rest = shift - np.rint(shift)
    rms = np.sqrt(np.mean(rest**2, axis=(0, 1)))
    spread = np.sqrt((np.abs(rest * error).sum(axis=1) ** 2).sum(axis=0))
    return list(zip(rms.tolist(), (spread / np.maximum(rest[..., 0].size * rms, 1e-12)).tolist(), strict=True))


# --- intensities -------------------------------------------------------------------------------------------


def well_covered(image: FlimMap) -> np.ndarray:
    """Pixels that nearly every scan of the sum has seen, (ny, nx)."""
    return (image.coverage >= SEEN_SHARE * image.coverage.max()) & (image.coverage > 0)


def even_counts(image: FlimMap) -> tuple[np.ndarray, np.ndarray]:
    """Perovskite and QD counts, (ny, nx) each, as if all pixels had been exposed as long as the best seen one."""
    longest_s = float(image.time_s.max())
    return image.perovskite_cps * longest_s, image.qd_cps * longest_s


def signals(image: FlimMap, crosstalk: float) -> tuple[images.Signal, images.Signal]:
    """Perovskite and QD signal of the well covered area, without dark counts and crosstalk."""
    area: dict[str, Any] = {"exposure_s": image.time_s, "mask": well_covered(image)}
    perovskite = images.signal(image.perovskite_counts, dark_cps=image.dark_cps[PEROVSKITE], **area)
    dark_cps = image.dark_cps[QD]
    qd = images.signal(image.qd_counts, dark_cps=dark_cps, crosstalk=crosstalk, other=perovskite, **area)
    return perovskite, qd


def crosstalk_of(image: FlimMap | None) -> tuple[float, float]:
    """Share of the perovskite signal that the QD detector sees, and its error, from a film without dots.

    Without such an image, or without its dark frame: the assumed `CROSSTALK`.
    """
    if image is None or not np.isfinite(image.dark_cps).all():
        return CROSSTALK
    film, leak = signals(image, 0.0)
    error = math.hypot(leak.err, float(image.dark_cps_err[QD]) * leak.exposure_s)
    return leak.counts / film.counts, error / film.counts


def ratios(
    map_a: FlimMap, map_b: FlimMap, crosstalk: tuple[float, float], excitation: float, expected: float
) -> dict[str, Measured]:
    """B over A for both channels, and how far they exceed excitation and doping."""
    (p_a, q_a), (p_b, q_b) = (signals(image, crosstalk[0]) for image in (map_a, map_b))
    dark_err = np.maximum(map_a.dark_cps_err, map_b.dark_cps_err)
    perovskite = images.background_subtracted_ratio(p_b, p_a, dark_err_cps=dark_err[PEROVSKITE])
    qd = images.background_subtracted_ratio(q_b, q_a, dark_err_cps=dark_err[QD], crosstalk_err=crosstalk[1])
    missing = "a dark frame is missing" if not np.isfinite([*map_a.dark_cps, *map_b.dark_cps]).all() else ""
    subtracted = missing or f"dark counts and {crosstalk[0]:.3g} crosstalk subtracted; one place on each sample"
    plain = missing or "dark counts subtracted; one place on each sample"
    return {
        "FLIM-10": Measured(qd.value, qd.err, note=subtracted),
        "FLIM-12": Measured(perovskite.value, perovskite.err, note=plain),
        "FLIM-13": Measured(perovskite.value / excitation, perovskite.err / excitation, note=missing),
        "FLIM-14": Measured(qd.value / expected, qd.err / expected, note=missing),
    }


def clusters(image: FlimMap | None, level_cps: float) -> dict[str, Measured]:
    """Size of the QD clusters of A, their reach into the perovskite, and the correlation of both channels."""
    if image is None:
        return {}
    area, pixel_um = well_covered(image), image.facts.pixel_um
    perovskite, qd = even_counts(image)
    threshold = level_cps * float(image.time_s.max())
    found = images.blobs(qd, pixel_um=pixel_um, threshold=threshold, mask=area)
    reach = images.radial_excess(perovskite, found.x_um, found.y_um, pixel_um=pixel_um, mask=area)
    alike = images.correlation(qd, perovskite, mask=area)
    size_note = f"{int(found.whole.sum())} clusters above {level_cps:g} counts/s, optical resolution included"
    reach_note = f"{reach.n_clusters} clusters, excess at the centre {reach.significance:.1f} standard deviations"
    looked_in_vain = math.isfinite(reach.significance) and math.isnan(reach.radius_um)
    radius_um = math.inf if looked_in_vain else reach.radius_um
    return {
        "FLIM-02": Measured(found.median_fwhm_um, found.median_fwhm_err_um, note=size_note),
        "FLIM-15": Measured(radius_um, reach.radius_err_um, note=reach_note),
        "FLIM-16": Measured(alike.r, alike.r_err, alike.r_control),
    }


def structures(map_a: FlimMap, map_b: FlimMap) -> dict[str, Measured]:
    """How much more structured A is than B, photon noise subtracted."""
    perovskite, qd = (cv_ratio(map_a, map_b, route) for route in (PEROVSKITE, QD))
    return {"FLIM-17": Measured(perovskite.value, perovskite.error, note=f"QD images {qd.value:.3g}")}


def cv_ratio(map_a: FlimMap, map_b: FlimMap, route: int) -> Measured:
    """Coefficient of variation of A over that of B in one channel.

    A B without structure beyond photon noise counts with the error of its coefficient: the ratio is a lower bound.
    """
    a, b = (structure(image, route) for image in (map_a, map_b))
    return quotient(a, replace(b, value=max(b.value, b.error)))


def structure(image: FlimMap, route: int) -> Measured:
    """Coefficient of variation of one channel of one image."""
    counts = image.perovskite_counts if route == PEROVSKITE else image.qd_counts
    dark = float(np.nan_to_num(image.dark_cps[route])) * image.facts.dwell_s
    found = images.structure(counts, coverage=image.coverage, background=dark, mask=well_covered(image))
    return Measured(found.cv, found.cv_err)


def quotient(above: Measured, below: Measured) -> Measured:
    """A ratio with its error; NaN if there is nothing to divide by."""
    if not below.value:
        return Measured(math.nan)
    value = above.value / below.value
    return Measured(value, math.hypot(above.error, value * below.error) / abs(below.value))


# --- distributions -----------------------------------------------------------------------------------------


def slow_lifetimes(image: FlimMap, where: np.ndarray | None = None) -> LifetimeDistribution:
    """Intensity-weighted distribution of tau2 over the trusted pixels, or some of them."""
    weights = image.trusted_photons if where is None else np.where(where, image.trusted_photons, 0.0)
    return distribution(image.fit.tau_ns[..., -1], weights)


def distributions_a(image: FlimMap | None, level_cps: float) -> dict[str, Measured]:
    """The skewed distribution of A, and its parts with few and with many QDs."""
    if image is None:
        return {}
    whole = slow_lifetimes(image)
    poor, rich = (slow_lifetimes(image, where) for where in (image.qd_cps < level_cps, image.qd_cps >= level_cps))
    tail = Measured(100 * whole.share_above(TAIL_NS), 100 * whole.share_above_err(TAIL_NS))
    return {
        "DIS-01": Measured(whole.mode_ns, whole.mode_err_ns),
        "DIS-02": tail,
        "DIS-03": Measured(whole.skewness, whole.skewness_err),
        "DIS-07": Measured(rich.median_ns, rich.median_err_ns, note=f"{rich.n_pixels} pixels"),
        "DIS-08": Measured(poor.mode_ns, poor.mode_err_ns, note=f"{poor.n_pixels} pixels"),
    }


def distributions_b(image: FlimMap | None) -> dict[str, Measured]:
    """The narrow distribution of B."""
    if image is None:
        return {}
    found = slow_lifetimes(image)
    return {
        "DIS-04": Measured(found.median_ns, found.median_err_ns),
        "DIS-05": Measured(found.fwhm_ns, found.fwhm_err_ns, note="fit noise included, as in print"),
        "DIS-06": Measured(found.central_skewness, found.central_skewness_err, found.excess_kurtosis),
    }
