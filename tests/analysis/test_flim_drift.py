"""The scene moves while it is scanned: rows put back one by one give a sharper and truer lifetime image."""

import numpy as np
import pytest
from scipy.special import ndtr

from analysis.flim import FlimMap, FlimRaster, RasterFacts, Response, line_drift_of
from analysis.registration import Drift, sum_aligned

N_BINS, BIN_NS, PERIOD_NS = 128, 0.5, 60.0
N_PX, PIXEL_UM, N_SCANS, DWELL_S = 64, 0.5, 10, 0.1
TIME_NS = (np.arange(N_BINS) + 0.5) * BIN_NS
IRF = np.round(1e5 * np.exp(-0.5 * ((TIME_NS - 8) / 0.5) ** 2))
DECAY = np.convolve(IRF, np.exp(-(TIME_NS - TIME_NS[0]) / 6.0))[:N_BINS] * (TIME_NS < PERIOD_NS)
FILM_SIGMA_PX, DOTS_SIGMA_PX = 2.0, 0.8


def row_of(points_px: np.ndarray, light: np.ndarray, sigma_px: float, row: int) -> np.ndarray:
    """Light of round spots on the pixels of one row, (N_PX,)."""
    edges, (y, x) = np.arange(N_PX + 1.0), points_px.T
    height = ndtr((row + 1 - y) / sigma_px) - ndtr((row - y) / sigma_px)
    return (light * height) @ np.diff(ndtr((edges - x[:, None]) / sigma_px), axis=1)


def scene(path_px: np.ndarray) -> np.ndarray:
    """Expected counts (2, ny, nx) of a lumpy film and its clusters of dots, each row at its own place (ny, 2)."""
    rng = np.random.default_rng(11)
    points, light = rng.uniform(-30, N_PX + 30, (380, 2)), rng.lognormal(0, 0.8, 380)
    film, dots = (
        np.stack([row_of(points + moved, light, sigma, row) for row, moved in enumerate(path_px)])
        for sigma in (FILM_SIGMA_PX, DOTS_SIGMA_PX)
    )
    return np.stack([20 + 30 * film / 0.025, 2 + 12 * dots / 0.025]) / light.mean() * 1.4


def scanned(path, n_scans: int = N_SCANS) -> tuple[FlimRaster, np.ndarray]:
    """A raster of a scene that follows path(scans) -> (m, 2) um, and where each row was, (n, ny, 2) px since scan 0."""
    facts = RasterFacts("u", "moving", n_scans, N_PX, N_PX, PIXEL_UM, (0, 0), DWELL_S, BIN_NS, N_BINS, PERIOD_NS)
    raster = FlimRaster(facts, Response("i", np.stack([IRF, IRF]), BIN_NS, PERIOD_NS))
    rng = np.random.default_rng(12)
    when = np.arange(n_scans)[:, None] + (np.arange(N_PX) + 0.5) / N_PX - 0.5
    moved = np.stack([path(each) for each in when]) / PIXEL_UM
    moved -= moved[0].mean(axis=0)
    for index in range(facts.n_lines):
        scan, row = divmod(index, N_PX)
        if row == 0:
            counts = rng.poisson(scene(moved[scan]))
        raster.add_line(index, rng.multinomial(counts[:, row].T, DECAY / DECAY.sum()).astype(np.uint16))
    return raster, moved


def still(t):
    return np.zeros((len(t), 2))


def steady(um_per_scan: float):
    return lambda t: np.outer(t, um_per_scan * np.array([0.6, -0.8]))


def bend(t):
    return np.outer(3 * np.sin(0.35 * t), [0.8, 0.6])


def jump(size_um: float):
    """Slow drift, and a step in the middle of the fifth scan."""
    return lambda t: np.outer(t, [0.1, -0.1]) + np.outer(t > 4.2, size_um * np.array([0.8, -0.6]))


def by_scans(raster: FlimRaster, image: FlimMap) -> tuple[np.ndarray, np.ndarray]:
    """What moving whole scans would give: counts (ny, nx, 2) and coverage."""
    return sum_aligned(np.moveaxis(raster.images, 0, -1), image.drift)


def untruth(total: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """1 - correlation of the rates (ny, nx, 2) of both routes with the scene as it was in scan 0, on average."""
    seen, true = coverage >= 0.75 * coverage.max(), scene(still(range(N_PX)))
    rates = total[seen] / coverage[seen, None]
    return np.array([1 - np.corrcoef(rates[:, k], true[k][seen])[0, 1] for k in range(2)])


def counts_of(image: FlimMap) -> np.ndarray:
    return np.stack([image.perovskite_counts, image.qd_counts], axis=-1)


@pytest.mark.parametrize(
    ("path", "gain"), [(steady(0.2), 1.5), (steady(0.7), 5), (steady(-1.4), 15), (bend, 1.15)], ids=lambda _: ""
)
def test_rows_put_back_show_the_scene_as_it_is(path, gain):
    raster, moved = scanned(path)
    image = raster.result()
    assert image.drift.reliable.all() and image.line_drift is not None
    away = image.line_drift.shift_px - moved
    assert np.sqrt(np.mean(away**2)) < 0.05 and np.abs(away / image.line_drift.shift_err_px).max() < 6
    rows, scans = untruth(counts_of(image), image.coverage), untruth(*by_scans(raster, image))
    assert (gain * rows < scans).all(), "worse than whole scans, moved as one"
    assert (rows < (0.0035, 0.012)).all()


def test_a_scene_that_does_not_move_is_summed_as_before():
    raster, _ = scanned(still)
    image = raster.result()
    total, coverage = by_scans(raster, image)
    np.testing.assert_array_equal(counts_of(image), total)
    np.testing.assert_array_equal(image.coverage, coverage)
    assert (coverage == N_SCANS).all() and np.abs(image.line_drift.shift_px).max() < 0.1


@pytest.mark.parametrize("size_um", [0.6, 2.8])
def test_a_jump_within_a_scan_does_no_more_harm_than_before(size_um):
    raster, _ = scanned(jump(size_um))
    image = raster.result()
    assert (untruth(counts_of(image), image.coverage) <= untruth(*by_scans(raster, image))).all()


def test_photons_and_exposure_go_together():
    """Stretched scans leave out rows and squeezed ones take them twice: what is counted is what was exposed."""
    raster, _ = scanned(steady(0.7))
    image = raster.result()
    assert image.coverage[N_PX // 3 : -N_PX // 3].min() < image.coverage[N_PX // 3 : -N_PX // 3].max()
    moved = np.rint(image.line_drift.shift_px).astype(int)
    places = np.arange(N_PX)[:, None] - moved
    inside = (places[..., 0] >= 0) & (places[..., 0] < N_PX)
    assert image.coverage.sum() == ((N_PX - np.abs(moved[..., 1])) * inside).sum()
    np.testing.assert_array_equal(image.fit.n_photons, image.perovskite_counts)
    np.testing.assert_allclose(image.time_s, image.coverage * DWELL_S)


def test_a_scan_that_is_left_out_took_its_time_all_the_same():
    raster, moved = scanned(bend)
    raster.add_facts(4 * N_PX + 7, lit=0.3, saturated=False)
    image = raster.result()
    kept = np.delete(np.arange(N_SCANS), 4)
    np.testing.assert_array_equal(image.scans_used, kept)
    assert image.line_drift.reliable.shape == (N_SCANS - 1,)
    np.testing.assert_allclose(image.line_drift.shift_px, moved[kept], atol=0.3)


@pytest.mark.parametrize(("path", "n_scans"), [(steady(0.3), 1), (jump(3.5), 10)], ids=["one scan", "a big jump"])
def test_rows_known_no_better_than_to_a_pixel_move_with_their_scan(path, n_scans):
    raster, _ = scanned(path, n_scans)
    image = raster.result()
    assert image.line_drift is None
    np.testing.assert_array_equal(counts_of(image), by_scans(raster, image)[0])


def test_more_rows_than_fit_into_memory_at_once_move_with_their_scans():
    rng = np.random.default_rng(5)
    film = np.broadcast_to(rng.poisson(30, (100, 8)), (50, 100, 8))
    drift = Drift(np.zeros((50, 2)), np.full((50, 2), 0.01), np.ones(50, bool))
    assert line_drift_of(film, drift, np.arange(50)) is None


@pytest.mark.parametrize("seed", range(12))
def test_a_film_of_a_few_photons_says_nothing_of_its_rows_or_something_finite(seed):
    film = (np.random.default_rng(seed).random((2, 16, 9)) < 0.01).astype(int)
    drift = Drift(np.array([[0, 0], [1.0, 2.0]]), np.array([[0, 0], [0.05, 0.05]]), np.ones(2, bool))
    lines = line_drift_of(film, drift, np.arange(2))
    assert lines is None or np.isfinite(lines.shift_px).all()
