"""A search raster from its lines: emitters, images that have nothing in common, rows that are missing."""

import numpy as np
import pytest

from analysis.field import FieldRun
from tests.analysis.simulated_emitters import spot

N, PIXEL_UM = 60, 0.1
PLACES_UM = np.array([[1.03, 1.21], [4.4, 1.5], [2.5, 3.6], [4.6, 4.5], [1.2, 4.75]])


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def start(**search):
    return {
        "uid": "search-run",
        "sample_name": "film",
        "raster": {"n_pixels": N, "extent_um": 6.0, "centre_um": [50.0, 40.0], "dwell_ms": 10.0, "n_scans": 1},
        "excitation": {"laser": "CW 561", "intensity_w_cm2": 2500.0},
        "search": search,
    }


def images(rng, level=120):
    """Perovskite and QD counts: no structure in one, five dots of 100 kcps in the other."""
    qd = sum(spot(N, PIXEL_UM, x, y, 880, 0) for x, y in PLACES_UM) + level
    return rng.poisson(0.3, (N, N)), rng.poisson(qd)


def raster(perovskite, qd, rows=range(N), lit=1.0, **search):
    run = FieldRun(start(**search))
    for row in rows:
        run.add_line(
            {
                "scanner_line": row,
                "scanner_perovskite_counts": perovskite[row],
                "scanner_qd_counts": qd[row],
                "scanner_lit": lit,
            }
        )
    return run


def test_the_emitters_are_where_they_are_in_stage_coordinates(rng):
    field = raster(*images(rng)).result()
    found = field.emitters
    assert len(found) == len(PLACES_UM) and found.isolated.all()
    origin = np.array([50 - 2.95, 40 - 2.95])
    away = np.hypot(
        found.x_um[:, None] - origin[0] - PLACES_UM[:, 0], found.y_um[:, None] - origin[1] - PLACES_UM[:, 1]
    )
    assert away.min(axis=1).max() < 0.02
    assert np.median(found.fwhm_um) == pytest.approx(0.24, abs=0.02)
    assert field.numbers() == {"n_found": 5, "n_isolated": 5, "run_uid": "search-run"}


def test_the_paper_threshold_of_18_counts_per_ms_leaves_dim_dots_out(rng):
    assert len(raster(*images(rng), threshold_counts_per_ms=18).result().emitters) == 5
    assert len(raster(*images(rng), threshold_counts_per_ms=200).result().emitters) == 0


def test_the_perovskite_image_is_noise(rng):
    """SQ-07: no correlation with the dots, scatter of photons."""
    found = [raster(*images(rng)).result() for _ in range(20)]
    correlation = np.array([f.correlation / f.correlation_err for f in found])
    dispersion = np.array([(f.perovskite_dispersion - 1) / f.perovskite_dispersion_err for f in found])
    assert abs(correlation.mean()) < 0.7 and 0.6 < correlation.std() < 1.5
    assert abs(dispersion.mean()) < 0.7 and 0.6 < dispersion.std() < 1.5


def test_an_image_of_the_dots_is_no_noise(rng):
    _, qd = images(rng)
    field = raster(rng.binomial(qd, 0.02), qd).result()
    assert field.correlation > 10 * field.correlation_err
    assert field.perovskite_dispersion > 1 + 5 * field.perovskite_dispersion_err


def test_rows_that_are_missing_make_no_spots(rng):
    """On a bright background, a missing row is a deep trench."""
    perovskite, qd = images(rng, level=5000)
    rows = [row for row in range(N) if row not in (20, 21, 33)]
    field = raster(perovskite, qd, rows).result()
    expected = [y for _, y in PLACES_UM if abs(y - 2.05) > 0.3 and abs(y - 3.3) > 0.35]
    assert len(field.emitters) == pytest.approx(len(expected), abs=1)
    assert field.exposure_s[20] == 0 and field.exposure_s[0] == 0.01
    assert "3 of 60 rows" in field.warnings[0]


def test_an_interrupted_raster_gives_what_there_is(rng):
    perovskite, qd = images(rng)
    assert len(raster(perovskite, qd, range(25)).result().emitters) == 2
    nothing = raster(perovskite, qd, []).result()
    assert len(nothing.emitters) == 0 and np.isnan(nothing.correlation)
    assert len(raster(perovskite, qd, lit=0.5).result().emitters) == 0


def test_lines_may_come_in_any_order_and_twice(rng):
    perovskite, qd = images(rng)
    shuffled = [*rng.permutation(N), 3, 7]
    a, b = raster(perovskite, qd).result(), raster(perovskite, qd, shuffled).result()
    assert np.array_equal(a.emitters.x_um, b.emitters.x_um)


def test_a_field_without_dots_is_empty(rng):
    found = [raster(rng.poisson(1, (N, N)), rng.poisson(120, (N, N))).result() for _ in range(15)]
    assert sum(len(f.emitters) for f in found) <= 2
