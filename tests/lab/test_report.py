"""The report measures what the maps hold, and says missed where the paper is missed."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from analysis.decay import DecayFit
from analysis.flim import FlimMap, FlimRaster, RasterFacts, Response
from analysis.registration import Drift, LineDrift
from lab import report

N = 60
SETTINGS = {"doping_percent": (0.025, 0.1), "intensity_w_cm2": (50.0, 150.0)}


def raster_of(ny: int, nx: int, sample: str) -> RasterFacts:
    return RasterFacts("run-" + sample, sample, 1, ny, nx, 0.5, (0.0, 0.0), 1.0, 0.5, 16, 8.0)


@cache
def bare_map() -> FlimMap:
    """A map of one dark pixel, to be filled with other numbers."""
    pulse = np.array([[0, 20, 80, 100, 80, 20] + [0] * 10] * 2)
    raster = FlimRaster(raster_of(1, 1, "dark"), Response("irf", pulse, 0.5, 8.0))
    raster.add_line(0, np.zeros((1, 2, 16), np.uint16))
    return raster.result()


def fitted(tau1_ns, tau2_ns, *, share=0.5, background=0.03, photons=1000, shape=(N, N)) -> DecayFit:
    """A fit with the given numbers in every pixel."""
    tau_ns = np.stack(np.broadcast_arrays(np.full(shape, tau1_ns), np.broadcast_to(tau2_ns, shape)), axis=-1)
    shares = np.stack(np.broadcast_arrays(np.full(shape, share), np.full(shape, 1 - share)), axis=-1)
    ones, flag = np.ones(shape), np.ones(shape, bool)
    return DecayFit(
        tau_ns, 0.1 * tau_ns, shares, 0.05 * shares, background * ones, 0.01 * ones, 0.03, 0.001, ones,
        np.full(shape, photons), flag, ~flag, np.zeros((*shape, 5, 5)),
    )  # fmt: skip


def imaged(perovskite, qd, fit, *, shifts=((0.0, 0.0), (0.3, -0.4)), dark_cps=(8.0, 40.0), sample="A") -> FlimMap:
    """A map of pixels of half a um, a second each."""
    n = len(shifts)
    return replace(
        bare_map(), facts=raster_of(*perovskite.shape, sample), perovskite_counts=perovskite, qd_counts=qd, fit=fit,
        coverage=np.ones(perovskite.shape, int), drift=Drift(np.array(shifts), np.full((n, 2), 0.05), np.ones(n, bool)),
        scans_used=np.arange(n), dark_cps=np.array(dark_cps), dark_cps_err=np.array([0.5, 1.2]),
    )  # fmt: skip


def film_a(*, qd_cps=130.0, reach_um=1.0, seed=0) -> FlimMap:
    """Clusters of dots; the perovskite around them is brighter and lives longer."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros((N, N))
    seeds.flat[rng.choice(N * N, 60, replace=False)] = 1
    qd = gaussian_filter(seeds, 0.45, mode="wrap")
    around = gaussian_filter(seeds, reach_um / 0.5, mode="wrap") if reach_um else np.zeros((N, N))
    if reach_um:
        around /= around.max()
    perovskite = 560 * (1 + 2 * around)
    tau2_ns = rng.normal(8 + 10 * around, 0.8)
    counts = rng.poisson(perovskite + 8), rng.poisson(qd * qd_cps / qd.mean() + 40 + 0.012 * perovskite)
    return imaged(*counts, fitted(2.0, tau2_ns))


def film_b(*, perovskite_cps=4800.0, qd_cps=5720.0, seed=1, **kwargs) -> FlimMap:
    """Even, bright, long-lived."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(perovskite_cps + 8, (N, N)), rng.poisson(qd_cps + 40 + 0.012 * perovskite_cps, (N, N))
    return imaged(*counts, fitted(2.7, rng.normal(12.5, 0.85, (N, N))), sample="B", **kwargs)


def pixels(tau1, tau2, share, background, photons, n=25, seed=2) -> FlimMap:
    """An even sample: (value, scatter) of both lifetimes, from pixel to pixel."""
    rng = np.random.default_rng(seed)
    fit = fitted(1.0, rng.normal(*tau2, (n, n)), share=share, background=background, photons=photons, shape=(n, n))
    fit.tau_ns[..., 0] = rng.normal(*tau1, (n, n))
    return imaged(np.full((n, n), photons), np.full((n, n), 50), fit)


def by_id(*maps, **settings) -> dict[str, report.Row]:
    return {row.id: row for row in report.measure(*maps, **{**SETTINGS, **settings})}


@pytest.fixture(scope="module")
def rows() -> dict[str, report.Row]:
    pixel1 = pixels((1.9, 0.4), (6.6, 0.9), 0.49, 0.037, 580)
    return by_id(film_a(), film_b(), pixel1, pixels((4.1, 0.2), (23.8, 1.5), 0.68, 0.031, 2750))


# --- the published side ------------------------------------------------------------------------------------


def test_every_flim_number_of_the_paper_is_there():
    ids = set(report.published())
    assert ids == {"DRF-01", "DRF-02", "FLIM-01", "FLIM-02"} | {
        f"FLIM-{i}" for i in (10, 11, 12, 13, 14, 15, 16, 17)
    } | {f"FIT-{i:02}" for i in range(1, 14)} | {f"DIS-{i:02}" for i in range(1, 11)}


def test_printed_values_lie_within_their_own_tolerances():
    for entry in report.published().values():
        if "value" in entry and not entry.get("setting"):
            assert report.within(entry["value"], entry), entry["id"]


@pytest.mark.parametrize("name", ["FIT-01", "FIT-03", "FIT-06", "FIT-08"])
def test_lifetimes_are_asked_to_3_percent_and_their_scatter_to_15(name):
    entry = report.published()[name]
    assert (entry["low"], entry["high"]) == pytest.approx((0.97 * entry["value"], 1.03 * entry["value"]))
    scatter = entry["also"]["low"], entry["also"]["high"]
    assert scatter == pytest.approx((0.85 * entry["uncertainty"], 1.15 * entry["uncertainty"]))


# --- the measured side -------------------------------------------------------------------------------------


def test_ratios_are_those_of_the_signals_without_dark_counts_and_crosstalk(rows):
    assert abs(rows["FLIM-10"].measured - 44) < 4 * rows["FLIM-10"].error
    assert rows["FLIM-12"].measured == pytest.approx(4800 / (film_a().perovskite_counts.mean() - 8), rel=0.002)
    assert rows["FLIM-13"].measured == pytest.approx(rows["FLIM-12"].measured / 3)
    assert rows["FLIM-14"].measured == pytest.approx(rows["FLIM-10"].measured / 12)


def test_crosstalk_is_an_argument_with_an_error():
    ratio = {
        known: by_id(film_a(), film_b(), None, None, crosstalk=known)["FLIM-10"] for known in ((0, 0), (0.012, 0.004))
    }
    assert ratio[0, 0].measured < ratio[0.012, 0.004].measured
    assert ratio[0.012, 0.004].error > 1.5 * ratio[0, 0].error


def test_without_a_dark_frame_ratios_are_not_measured():
    found = by_id(film_a(), film_b(dark_cps=(np.nan, np.nan)), None, None)
    for name in ("FLIM-10", "FLIM-12", "FLIM-13", "FLIM-14"):
        assert (found[name].verdict, found[name].measured) == ("not measured", None)
        assert found[name].note == "a dark frame is missing"


def test_the_expected_ratio_follows_from_the_records():
    assert by_id(None, None, None, None)["FLIM-11"].measured == pytest.approx(12)
    assert by_id(None, None, None, None)["FLIM-11"].verdict == "ok"
    other = by_id(None, None, None, None, doping_percent=(0.05, 0.1))["FLIM-11"]
    assert (other.measured, other.verdict) == (pytest.approx(6), "missed")


def test_a_sample_unlike_the_paper_misses():
    found = by_id(film_a(), film_b(perovskite_cps=2000, qd_cps=1000), None, None)
    assert {found[name].verdict for name in ("FLIM-10", "FLIM-12", "FLIM-13", "FLIM-14")} == {"missed"}
    swapped = by_id(film_b(), film_a(), None, None)
    assert {swapped[name].verdict for name in ("DIS-01", "DIS-04", "FLIM-17")} == {"missed"}


def test_clusters_reach_into_the_perovskite_and_correlate_with_it(rows):
    assert rows["FLIM-02"].measured == pytest.approx(0.45 * 0.5 * 2.355, abs=0.15)
    assert 1.0 < rows["FLIM-15"].measured < 3.0
    assert rows["FLIM-16"].measured > 0.3 and "shuffled control" in rows["FLIM-16"].note
    assert rows["FLIM-17"].verdict == "ok"


def test_dots_without_influence_are_reported_so():
    found = by_id(film_a(reach_um=0), None, None, None)
    assert (found["FLIM-15"].verdict, found["FLIM-15"].measured) == ("missed", None)
    assert abs(found["FLIM-16"].measured) < 4 * found["FLIM-16"].error
    assert found["FLIM-16"].verdict == "missed"


def test_fits_are_medians_with_the_error_of_a_median(rows):
    tau2 = rows["FIT-03"]
    assert abs(tau2.measured - 6.6) < 4 * tau2.error
    assert tau2.error == pytest.approx(1.2533 * 0.9 / 25, rel=0.4)
    assert tau2.note.startswith("scatter") and float(tau2.note.split()[1]) == pytest.approx(0.9, rel=0.1)
    assert (rows["FIT-02"].measured, rows["FIT-05"].measured, rows["FIT-11"].measured) == pytest.approx((49, 3.7, 580))
    assert rows["FIT-08"].verdict == "ok"


def test_a_wrong_scatter_misses_even_if_the_median_is_right():
    narrow = by_id(None, None, pixels((1.9, 0.1), (6.6, 0.9), 0.49, 0.037, 580), None)
    assert narrow["FIT-01"].verdict == "missed" and narrow["FIT-03"].verdict == "ok"


def test_pixels_that_cannot_be_trusted_are_left_out_and_counted():
    image = pixels((1.9, 0.4), (6.6, 0.9), 0.49, 0.037, 580)
    image.fit.degenerate[:12] = True
    image.fit.tau_ns[:12] = 99.0
    found = by_id(None, None, image, None)["FIT-03"]
    assert found.measured < 7
    assert found.note.endswith("300 pixels not trusted, only 325 pixels, 400 wanted")


def test_drift_is_the_largest_step_and_the_worst_axis_of_what_is_left():
    shifts = ((0, 0), (1.2, 0.5), (1.2, -1.0), (9.0, 9.0))
    image = replace(film_b(), drift=Drift(np.array(shifts), np.full((4, 2), 0.1), np.array([True, True, True, False])))
    found = by_id(None, image, None, None)
    assert found["DRF-01"].measured == pytest.approx(1.5 * 0.5)
    assert found["DRF-01"].error == pytest.approx(0.5 * np.hypot(0.2, 0) * 1.0, rel=0.01)
    assert found["DRF-02"].measured == pytest.approx(np.sqrt((0.5**2 + 0) / 2))
    assert found["DRF-02"].verdict == "ok"


def test_rows_put_right_one_by_one_leave_what_their_rounding_leaves():
    row = np.stack([np.linspace(-0.5, 0.5, 60), np.full(60, 0.25)], axis=-1)
    shift = np.stack([row, row + np.array([1, 0])])
    lines = LineDrift(shift, np.full_like(shift, 0.1), np.ones(2, bool), np.ones(2), np.ones(2))
    found = by_id(None, replace(film_b(), line_drift=lines), None, None)["DRF-02"]
    assert found.measured == pytest.approx(np.sqrt(1 / 12), rel=0.03)
    assert found.error == pytest.approx(0.1 / np.sqrt(2) * np.sqrt(3) / 2, rel=0.03), (
        "rows of a scan share their errors"
    )
    assert found.note.startswith("row by row")


def test_rows_that_were_seen_more_often_than_others_are_not_brighter():
    image, coverage = film_a(), np.full((N, N), 5)
    coverage[::7] = 4

    def seen(times):
        counts = image.perovskite_counts * times, image.qd_counts * times
        return replace(image, perovskite_counts=counts[0], qd_counts=counts[1], coverage=times)

    evenly, unevenly = (by_id(seen(times), None, None, None) for times in (np.full((N, N), 5), coverage))
    for name in ("FLIM-02", "FLIM-15", "FLIM-16"):
        assert unevenly[name].measured == pytest.approx(evenly[name].measured, rel=1e-6)


def test_distributions_are_weighted_and_split_at_the_contour_level(rows):
    image = film_a()
    rich = image.qd_cps >= 250
    order = np.argsort(image.fit.tau_ns[rich][:, 1])
    weight = np.cumsum(image.perovskite_counts[rich][order])
    by_hand = image.fit.tau_ns[rich][order, 1][np.searchsorted(weight, weight[-1] / 2)]
    assert rows["DIS-07"].measured == pytest.approx(by_hand, abs=0.05)
    assert rows["DIS-07"].note == f"{rich.sum()} pixels"
    assert rows["DIS-04"].measured == pytest.approx(12.5, abs=0.08)
    assert rows["DIS-05"].measured == pytest.approx(2.355 * 0.85, abs=0.25)
    assert rows["DIS-09"].measured == pytest.approx(rows["DIS-07"].measured / rows["DIS-04"].measured)
    assert rows["DIS-03"].measured > 0.7


def test_a_normal_distribution_is_not_leptokurtic(rows):
    assert rows["DIS-06"].verdict == "missed"
    assert abs(rows["DIS-06"].measured) < 0.2 and "excess kurtosis" in rows["DIS-06"].note


# --- what can be missing -----------------------------------------------------------------------------------


def test_without_maps_nothing_is_measured_but_the_settings():
    found = by_id(None, None, None, None)
    assert {row.verdict for row in found.values()} == {"ok", "setting", "not measured"}
    assert [name for name, row in found.items() if row.verdict == "ok"] == ["FLIM-11"]


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (8, 8)])
def test_dark_and_tiny_maps_give_a_report(shape):
    dark = fitted(np.nan, np.nan, photons=0, shape=shape)
    dark.degenerate[...] = True
    image = imaged(np.zeros(shape, int), np.zeros(shape, int), dark, shifts=((0.0, 0.0),))
    found = by_id(image, image, image, image)
    assert not {"ok"} & {row.verdict for row in found.values() if row.id != "FLIM-11"}
    json.loads(report.to_json(found.values()))
    report.table(found.values())


# --- text --------------------------------------------------------------------------------------------------


def test_the_table_is_aligned_and_fits_the_screen(rows):
    lines = report.table(rows.values()).splitlines()
    assert len(lines) == 2 + len(rows) + 1
    assert max(map(len, lines)) <= 120
    assert len({tuple(i for i, c in enumerate(line) if c == "|") for line in (lines[0], *lines[2:-1])}) == 1
    assert lines[-1].count("ok") == 1 and "3 setting" in lines[-1]


def test_no_quantity_is_cut(rows):
    text = report.table(rows.values())
    assert all(row.quantity in text and row.published in text for row in rows.values())


def test_json_holds_every_row(rows):
    stored = json.loads(report.to_json(rows.values()))
    assert [one["id"] for one in stored] == list(rows)
    assert stored[4]["measured"] == rows[stored[4]["id"]].measured
