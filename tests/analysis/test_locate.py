"""The emitter in a small patch: honest errors, few false alarms, the right one of two, and an honest no."""

import numpy as np
import pytest

from analysis.emitters import locate
from tests.analysis.simulated_emitters import spot

PIXEL_UM, DWELL_S = 0.08, 0.005


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def patch(rng, x_um, y_um, peak, level, n=9):
    return rng.poisson(spot(n, PIXEL_UM, x_um, y_um, peak, level))


@pytest.mark.parametrize("peak, level, n", [(500, 60, 9), (25, 5, 9), (40, 60, 9), (2000, 1000, 15)])
def test_pulls_of_place_rate_and_background_have_unit_width(rng, peak, level, n):
    pulls = []
    for _ in range(100):
        x, y = n // 2 * PIXEL_UM + rng.uniform(-0.15, 0.15, 2)
        at = locate(patch(rng, x, y, peak, level, n), pixel_um=PIXEL_UM, dwell_s=DWELL_S)
        if at.found:
            pulls.append(
                (
                    (at.x_um - x) / at.x_err_um,
                    (at.y_um - y) / at.y_err_um,
                    (at.rate_cps - peak / DWELL_S) / at.rate_err_cps,
                    (at.background_cps - level / DWELL_S) / at.background_err_cps,
                )
            )
    assert len(pulls) > 96
    assert np.all(np.abs(np.mean(pulls, axis=0)) < 0.35)
    assert np.all((np.std(pulls, axis=0) > 0.8) & (np.std(pulls, axis=0) < 1.25))


@pytest.mark.parametrize("level", [0.3, 5, 60])
def test_an_even_patch_rarely_holds_an_emitter(rng, level):
    """One false alarm in a thousand is asked for; 6 in 500 come by chance once in 70 000 times."""
    found = [locate(rng.poisson(level, (9, 9)), pixel_um=PIXEL_UM, dwell_s=DWELL_S) for _ in range(500)]
    assert sum(at.found for at in found) <= 5
    missed = next(at for at in found if not at.found)
    assert "no emitter" in missed.reason and np.isnan(missed.x_um)
    assert missed.background_cps == pytest.approx(level / DWELL_S, rel=0.5)


def test_of_two_the_one_that_is_wanted(rng):
    image = rng.poisson(spot(15, PIXEL_UM, 0.3, 0.5, 300, 10) + spot(15, PIXEL_UM, 0.85, 0.6, 600, 10))
    settings = {"pixel_um": PIXEL_UM, "dwell_s": DWELL_S, "origin_um": (10.0, 20.0)}
    wanted = locate(image, near_um=(10.25, 20.5), **settings)
    assert (wanted.x_um, wanted.y_um) == pytest.approx((10.3, 20.5), abs=0.02)
    assert wanted.rate_cps == pytest.approx(300 / DWELL_S, rel=0.1)
    brightest = locate(image, **settings)
    assert (brightest.x_um, brightest.y_um) == pytest.approx((10.85, 20.6), abs=0.02)


def test_a_spot_beyond_the_border_is_not_found_but_told(rng):
    image = patch(rng, -0.13, 0.36, 2000, 20)
    at = locate(image, pixel_um=PIXEL_UM, dwell_s=DWELL_S)
    assert not at.found and "outside" in at.reason


def test_a_slope_is_no_emitter(rng):
    image = rng.poisson(np.add.outer(np.arange(9), np.zeros(9)) * 40 + 20)
    assert not locate(image, pixel_um=PIXEL_UM, dwell_s=DWELL_S).found


def test_an_emitter_that_was_dark_for_some_rows_has_larger_errors(rng):
    steady = patch(rng, 0.36, 0.36, 500, 20)
    blinked = steady.copy()
    blinked[4] = rng.poisson(20, 9)
    errors = [locate(image, pixel_um=PIXEL_UM, dwell_s=DWELL_S).y_err_um for image in (steady, blinked)]
    assert errors[1] > 2 * errors[0]


def test_an_empty_patch_has_no_emitter():
    at = locate(np.zeros((9, 9), int), pixel_um=PIXEL_UM, dwell_s=DWELL_S)
    assert not at.found and at.background_cps == 0 and at.background_err_cps > 0


@pytest.mark.parametrize(
    "image, settings, message",
    [
        (np.zeros((3, 9)), {}, "five or more"),
        (np.full((9, 9), 0.5), {}, "whole"),
        (np.full((9, 9), -1), {}, "non-negative"),
        (np.zeros((9, 9)), {"dwell_s": 0.0}, "dwell_s is 0"),
        (np.zeros((9, 9)), {"pixel_um": 80.0}, "give the pixel_um"),
        (np.zeros((9, 9)), {"false_alarm": 2.0}, "false_alarm is 2"),
    ],
)
def test_nonsense_is_refused(image, settings, message):
    with pytest.raises(ValueError, match=message):
        locate(image, **({"pixel_um": PIXEL_UM, "dwell_s": DWELL_S} | settings))
