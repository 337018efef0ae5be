"""Raster lines to lifetime image: order, drift, dark lines, interrupted rasters; live and replayed give the same."""

import uuid

import h5py
import numpy as np
import pytest

from analysis.callbacks import LiveFlim
from analysis.derived import derived_run
from analysis.flim import FlimRaster, Response, raster_facts

N_BINS, BIN_NS, PERIOD_NS, T0_NS, SIGMA_NS = 512, 0.25, 100.0, 8.0, 0.45
NY = NX = 24
N_SCANS = 4
DRIFT_PX = np.array([[0, 0], [1, 0], [1, -2], [2, -2]])


def start_document(n_scans: int = N_SCANS) -> dict:
    raster = {"n_pixels": NX, "extent_um": 12.0, "n_scans": n_scans, "centre_um": [50.0, 40.0], "dwell_ms": 100.0}
    tcspc = {"bin_width_ns": BIN_NS, "n_bins": N_BINS, "period_ns": PERIOD_NS}
    return {
        "uid": str(uuid.uuid4()),
        "time": 0.0,
        "sample_name": "test",
        "raster": raster,
        "tcspc": tcspc,
        "irf_uid": "i",
    }


def decays(rng, photons: np.ndarray, tau_ns: float) -> np.ndarray:
    """Histograms (..., N_BINS) of so many photons from one exponential behind a Gaussian response, wrapped."""
    counts = np.zeros((photons.size, N_BINS), np.uint16)
    for k, n in enumerate(photons.ravel()):
        t = T0_NS + rng.normal(0, SIGMA_NS, n) + rng.exponential(tau_ns, n)
        counts[k] = np.bincount((t % PERIOD_NS / BIN_NS).astype(int), minlength=N_BINS)
    return counts.reshape(*photons.shape, N_BINS)


@pytest.fixture(scope="module")
def irf() -> Response:
    edges = np.arange(N_BINS + 1) * BIN_NS
    rng = np.random.default_rng(0)
    counts = np.histogram(T0_NS + rng.normal(0, SIGMA_NS, 300_000), edges)[0]
    return Response("i", np.stack([counts, counts]), BIN_NS, PERIOD_NS)


@pytest.fixture(scope="module")
def lines() -> np.ndarray:
    """(N_SCANS * NY, NX, 2, N_BINS): lumps that drift by whole pixels, lifetime 3 ns plus 20 % of 9 ns."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-8 : NY + 8, -8 : NX + 8]
    lumps = sum(np.exp(-((y - r) ** 2 + (x - c) ** 2) / 6) for r, c in rng.uniform(0, NX, (9, 2)))
    scene = 30 + 220 * lumps
    scans = []
    for dy, dx in DRIFT_PX:
        rate = scene[8 - dy : 8 - dy + NY, 8 - dx : 8 - dx + NX]
        perovskite = decays(rng, rng.poisson(0.8 * rate), 3.0) + decays(rng, rng.poisson(0.2 * rate), 9.0)
        scans.append(np.stack([perovskite, decays(rng, rng.poisson(0.1 * rate), 5.0)], axis=2))
    return np.concatenate(scans)


def analysed(irf, lines, order) -> FlimRaster:
    raster = FlimRaster(raster_facts(start_document()), irf)
    for index in order:
        raster.add_line(index, lines[index])
        raster.add_facts(index, lit=1.0, saturated=False)
    return raster


def test_facts_come_from_the_start_document():
    facts = raster_facts(start_document())
    assert facts.pixel_um == 0.5 and facts.origin_um == (44.25, 34.25) and facts.n_lines == 96


def test_drifting_scans_are_aligned_and_every_photon_of_the_overlap_is_fitted(irf, lines):
    image = analysed(irf, lines, range(len(lines))).result()
    assert image.drift.reliable.all()
    np.testing.assert_allclose(image.drift.shift_px, DRIFT_PX, atol=0.35)
    assert image.coverage.max() == N_SCANS and image.coverage.min() >= 1
    np.testing.assert_array_equal(image.fit.n_photons, image.perovskite_counts)
    whole = image.model.fit(image.compressed.sum(axis=(0, 1)))
    np.testing.assert_allclose(whole.tau_ns, [3.0, 9.0], atol=4 * whole.tau_err_ns.max())
    np.testing.assert_allclose(whole.fraction, [0.8, 0.2], atol=4 * whole.fraction_err.max())


def test_the_order_of_later_lines_does_not_matter(irf, lines):
    forwards = analysed(irf, lines, range(len(lines))).result()
    backwards = analysed(irf, lines, [0, *range(len(lines) - 1, 0, -1)]).result()
    np.testing.assert_array_equal(forwards.fit.tau_ns, backwards.fit.tau_ns)
    np.testing.assert_array_equal(forwards.qd_counts, backwards.qd_counts)


def test_a_line_that_was_not_fully_lit_is_left_out(irf, lines):
    raster = analysed(irf, lines, range(len(lines)))
    raster.add_facts(2 * NY + 3, lit=0.4, saturated=False)
    image = raster.result()
    assert list(image.scans_used) == [0, 1, 3]


def test_an_interrupted_first_scan_gives_the_rows_there_are(irf, lines):
    image = analysed(irf, lines, range(10)).result()
    assert (image.coverage[:10] == 1).all() and not image.coverage[10:].any()
    assert image.fit.converged[:10].mean() > 0.9 and not image.fit.converged[10:].any()


def test_no_line_at_all_is_said(irf):
    with pytest.raises(ValueError, match="no line was measured"):
        FlimRaster(raster_facts(start_document()), irf).result()


def documents_of(lines, folder):
    """The documents of a raster whose histograms lie in a file, as a RunEngine would emit them."""
    path = folder / f"{uuid.uuid4().hex}.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["histograms"] = lines
    start, descriptor, resource = start_document(), str(uuid.uuid4()), str(uuid.uuid4())
    yield "start", start
    yield "descriptor", {"uid": descriptor, "run_start": start["uid"], "name": "primary"}
    where = {"uri": f"file://localhost{path}", "parameters": {"dataset": "histograms"}}
    yield "stream_resource", {"uid": resource, "run_start": start["uid"], **where}
    for index in range(len(lines)):
        indices = {"start": index, "stop": index + 1}
        yield "stream_datum", {"stream_resource": resource, "descriptor": descriptor, "indices": indices}
        data = {"scanner_line": index, "scanner_lit": 1.0, "scanner_overflow": 0}
        yield "event", {"descriptor": descriptor, "data": data, "seq_num": index + 1}
    yield "stop", {"run_start": start["uid"], "exit_status": "success"}


def test_live_and_replayed_give_the_same_arrays(irf, lines, tmp_path):
    live, replayed = LiveFlim(lambda uid: irf), LiveFlim(lambda uid: irf, in_place=True)
    for name, doc in documents_of(lines, tmp_path):
        live(name, doc)
        replayed(name, doc)
    first, second = live.done.result(60).fit, replayed.done.result(0).fit
    for key in ("tau_ns", "tau_err_ns", "fraction", "deviance", "n_photons"):
        np.testing.assert_array_equal(getattr(first, key), getattr(second, key))


def test_a_missing_response_ends_the_analysis_and_nothing_else(lines, tmp_path, caplog):
    def lookup(uid):
        raise LookupError("run 'i' holds no instrument response")

    live = LiveFlim(lookup, in_place=True)
    for name, doc in documents_of(lines, tmp_path):
        live(name, doc)
    assert isinstance(live.done.exception(), LookupError)
    assert "the run goes on" in caplog.text


def test_a_derived_run_names_its_origin_and_keeps_its_arrays():
    tau_ns = np.arange(6.0).reshape(2, 3)
    documents = dict(
        derived_run("test", ["a"], {"tau_ns": (tau_ns, "ns"), "n": (np.int64(3), "1")}, parameters={}, code_version="1")
    )
    assert documents["start"]["purpose"] == "analysis" and documents["start"]["analysis_of"] == ["a"]
    assert documents["descriptor"]["data_keys"]["tau_ns"]["shape"] == [2, 3]
    assert documents["event"]["data"]["n"] == 3
    np.testing.assert_array_equal(documents["event"]["data"]["tau_ns"], tau_ns)
    assert documents["stop"]["num_events"] == {"primary": 1}


@pytest.mark.parametrize(("bin_width_ns", "period_ns"), [(2 * BIN_NS, PERIOD_NS), (BIN_NS, 2 * PERIOD_NS)])
def test_a_response_on_another_time_axis_is_refused(irf, bin_width_ns, period_ns):
    other = Response("other", irf.counts, bin_width_ns, period_ns)
    with pytest.raises(ValueError, match="it needs a response of its own"):
        FlimRaster(raster_facts(start_document()), other)


def test_dots_smaller_than_a_pixel_do_not_bend_the_drift(irf):
    """The QD image is aliased: the drift is that of the smooth film, within its errors."""
    rng, n = np.random.default_rng(3), 40
    shifts = np.array([[0, 0], [0.55, -0.5], [1.35, -0.8]])
    start = start_document(len(shifts))
    start["raster"] |= {"n_pixels": n}
    raster = FlimRaster(raster_facts(start), irf)
    y, x = np.mgrid[:n, :n].astype(float)
    places = rng.uniform(0, n, (120, 2))
    shape = irf.counts[0] / irf.counts[0].sum()
    for scan, (dy, dx) in enumerate(shifts):
        far2 = [(y - r - dy) ** 2 + (x - c - dx) ** 2 for r, c in places]
        film = 40 + 60 * sum(np.exp(-d2 / 8) for d2 in far2[:40])
        dots = 3000 * sum(np.exp(-d2 / 0.06) for d2 in far2)
        counts = rng.poisson(np.stack([film, dots], axis=-1))
        for row in range(n):
            raster.add_line(scan * n + row, rng.multinomial(counts[row], shape).astype(np.uint16))
    drift = raster.result().drift
    assert drift.reliable.all()
    away = (drift.shift_px - shifts)[1:]
    assert np.sqrt(np.mean(away**2)) < 0.05 and np.abs(away / drift.shift_err_px[1:]).max() < 4
