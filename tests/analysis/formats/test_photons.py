"""Photons whatever their format: the times of one detector."""

import numpy as np
import pytest

from analysis.correlation import coincidences
from analysis.formats import Photons


def record(route, macrotime=None):
    route = np.asarray(route)
    macrotime = np.arange(route.size) * 3 if macrotime is None else macrotime
    return Photons(macrotime, 1e-9, np.empty(0, np.uint16), np.nan, route)


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_times_are_those_of_the_photons_of_that_route(n, share):
    rng = np.random.default_rng(5)
    photons = record(np.where(rng.random(n) < share, 2, 7).astype(np.uint8), np.sort(rng.integers(0, 10**6, n)))
    for route in (2, 7, 0):
        times = photons.times(route)
        assert times.dtype == np.int64
        assert np.array_equal(times, photons.macrotime[photons.route == route])


def test_every_photon_has_one_route():
    photons = record(np.random.default_rng(6).integers(0, 256, 5000).astype(np.uint8))
    times = np.concatenate([photons.times(route) for route in range(256)])
    assert np.array_equal(np.sort(times), photons.macrotime)


def test_times_are_a_copy_and_the_photons_may_be_read_only_or_scattered():
    macrotime, route = np.arange(40)[::2], np.tile([0, 1], 20)[::2].astype(np.uint8)
    macrotime.flags.writeable = False
    photons = record(route, macrotime)
    times = photons.times(0)
    times += 1
    assert photons.macrotime[0] == 0
    assert photons.times(1).size == 0


@pytest.mark.parametrize("dtype", [">i8", np.int32, np.uint32])
def test_times_are_native_whatever_the_file_had(dtype):
    times = record([1, 0, 1], np.array([4, 5, 6], dtype)).times(1)
    assert times.dtype == np.int64
    assert times.dtype.isnative
    assert times.tolist() == [4, 6]


def test_times_go_straight_into_coincidences():
    photons = record([0, 1, 0, 1], np.array([10, 12, 50, 52]))
    pairs = coincidences(photons.times(0), photons.times(1), unit_s=1e-9, bin_ns=1, window_ns=3)
    assert dict(zip(pairs.delay_ns, pairs.counts, strict=True))[2.0] == 2


@pytest.mark.parametrize("route", [-1, 256])
def test_a_route_that_no_file_can_have_is_refused(route):
    with pytest.raises(ValueError, match=f"route {route}: expected one of 0 to 255; the photons have \\[0 1\\]"):
        record([0, 1, 1]).times(route)
