"""Pairs of time tags: equal to a brute-force count whatever the tags, and normalised for records that end."""

import numpy as np
import pycorrelate
import pytest

from analysis.correlation import coincidences

TICK = {"unit_s": 1e-12}


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def steady(rng, rate_cps, duration_s, unit_s=1e-12):
    n = rng.poisson(rate_cps * duration_s)
    return np.sort(rng.integers(0, round(duration_s / unit_s), n))


def brute_force(a, b, width, side):
    """Every pair, in whole numbers of any size."""
    counts = np.zeros(2 * side + 1, dtype=int)
    for x in a.tolist():
        for y in b.tolist():
            k = (y - x + width // 2) // width + side
            if 0 <= k < counts.size:
                counts[k] += 1
    return counts


def streams(rng):
    """Pairs of streams that peers lose pairs in, or crash on."""
    even = np.sort(rng.integers(0, 4000, 300))
    yield "even", even, np.sort(rng.integers(0, 4000, 200))
    yield "same times", even, even
    yield "all at once", np.full(60, 5), np.full(70, 5)
    yield "one photon each", np.array([7]), np.array([9])
    yield "no photon", np.array([], dtype=np.int64), even
    yield "no photons", np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    clusters = (np.arange(8)[:, None] * 10**12 + np.sort(rng.integers(0, 60, (8, 12)))).ravel()
    yield "far clusters", clusters, clusters + 3
    yield "unequal rates", np.sort(rng.integers(0, 9000, 4)), np.sort(rng.integers(0, 9000, 900))
    yield "negative", even - 2000, even[::2] - 1990
    yield "small type", even.astype(np.int16), even[::3].astype(np.int32)
    yield "mixed types", even.astype(np.uint64), even[::3].astype(np.int16)
    yield "near 2^63", even + (2**63 - 5000), even[::2] + (2**63 - 5001)
    yield (
        "past 2^63",
        even.astype(np.uint64) + np.uint64(2**64 - 5000),
        even.astype(np.uint64) + np.uint64(2**64 - 4999),
    )
    yield "big endian", even.astype(">i8"), even[::2].astype(">u4")
    yield "strided", np.repeat(even, 2)[::2], np.repeat(even, 3)[::3]


@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_every_pair_is_counted_once(rng, width):
    side = 9
    for name, a, b in streams(rng):
        ns = width * 1e-3
        pairs = coincidences(a, b, **TICK, bin_ns=ns, window_ns=side * ns)
        assert pairs.counts.tolist() == brute_force(a, b, width, side).tolist(), name
        assert pairs.delay_ns == pytest.approx(np.arange(-side, side + 1) * ns), name


def test_threads_change_nothing(rng):
    a, b = steady(rng, 2e5, 0.4), steady(rng, 6e5, 0.4)
    setting = {**TICK, "bin_ns": 0.5, "window_ns": 500}
    one = coincidences(a, b, **setting, n_threads=1)
    for n_threads in (None, 2, 3, 64):
        assert np.array_equal(coincidences(a, b, **setting, n_threads=n_threads).counts, one.counts)


def test_an_independent_correlator_agrees(rng):
    a, b = steady(rng, 5e5, 0.02), steady(rng, 8e5, 0.02)
    pairs = coincidences(a, b, **TICK, bin_ns=0.5, window_ns=400)
    edges = np.arange(pairs.counts.size + 1) * 500  # it knows no negative delays: let b come later
    per_tick = pycorrelate.pcorrelate(a, b + 400_250, edges)
    assert np.array_equal(np.rint(per_tick * 500), pairs.counts)


@pytest.mark.parametrize("rate_cps", [(1e5, 1e5), (8e5, 2e5)])
def test_uncorrelated_light_has_g2_of_one_out_to_the_length_of_the_record(rng, rate_cps):
    duration_s = 2e-3
    counts = expected = 0
    for _ in range(60):
        a, b = (steady(rng, rate, duration_s) for rate in rate_cps)
        pairs = coincidences(a, b, **TICK, bin_ns=20_000, window_ns=2_000_000, duration_s=duration_s)
        counts, expected = counts + pairs.counts, expected + pairs.expected
    assert expected.sum() == pytest.approx(counts.sum(), rel=4e-2)
    some = expected > 50
    assert some.sum() > 90
    third = counts[some].size // 3
    for part in (slice(0, third), slice(third, 2 * third), slice(2 * third, None)):
        assert counts[some][part].sum() == pytest.approx(expected[some][part].sum(), rel=0.05)


def test_expected_pairs_are_exact_for_a_short_record():
    """A tick per photon: every instant of the record is occupied, so counts and expectation agree exactly."""
    full = np.arange(40)
    pairs = coincidences(full, full, unit_s=1e-9, bin_ns=3, window_ns=60)
    assert pairs.expected == pytest.approx(pairs.counts)
    assert pairs.counts.sum() == 1600
    assert pairs.duration_s == pytest.approx(40e-9)
    assert np.isnan(pairs.g2[0])
    assert np.nanmax(np.abs(pairs.g2 - 1)) < 1e-12


def test_g2_carries_its_poisson_error(rng):
    pulls = []
    for _ in range(40):
        a, b = steady(rng, 4e5, 0.02), steady(rng, 4e5, 0.02)
        pairs = coincidences(a, b, **TICK, bin_ns=10, window_ns=400, duration_s=0.02)
        pulls.append((pairs.g2 - 1) / pairs.g2_err)
    assert 0.9 < np.std(pulls) < 1.1
    assert abs(np.mean(pulls)) < 0.1
    assert pairs.rate_a_cps == pytest.approx(4e5, rel=0.05)
    assert pairs.n_photons == a.size + b.size


def test_one_stream_is_not_paired_with_itself(rng):
    times = steady(rng, 1e6, 5e-3)
    alone = coincidences(times, times, **TICK, bin_ns=10, window_ns=500, same=True)
    twice = coincidences(times, times, **TICK, bin_ns=10, window_ns=500)
    middle = alone.counts.size // 2
    assert twice.counts[middle] - alone.counts[middle] == times.size
    assert alone.n_coincidences == pytest.approx(alone.expected.sum(), rel=0.1)
    with pytest.raises(ValueError, match="give one stream twice"):
        coincidences(times, times[1:], **TICK, bin_ns=10, window_ns=500, same=True)


def test_the_bin_is_rounded_to_whole_ticks():
    pairs = coincidences([0, 1000], [0, 1000], unit_s=4e-12, bin_ns=0.51, window_ns=10)
    assert pairs.bin_ns == pytest.approx(0.512)
    assert np.diff(pairs.delay_ns) == pytest.approx(0.512)


def test_no_photon_gives_no_g2():
    pairs = coincidences([], [], **TICK, bin_ns=1, window_ns=10)
    assert pairs.counts.sum() == 0
    assert np.isnan(pairs.g2).all()
    assert np.isnan(pairs.rate_a_cps)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"times_a": [0, 5, 3]}, r"times_a\[2\] = 3 comes after 5"),
        ({"times_b": [4, 3]}, r"times_b\[1\] = 3"),
        ({"times_a": [0.5, 1.0]}, "float64: give whole ticks"),
        ({"times_a": [[0, 1]]}, "one stream"),
        ({"times_a": [-(2**62), 2**62]}, "2\\^62"),
        ({"unit_s": 0.0}, "unit_s is 0.0: give a positive"),
        ({"bin_ns": np.nan}, "bin_ns is nan"),
        ({"window_ns": -1}, "window_ns is -1"),
        ({"bin_ns": 1e-4}, "half a tick"),
        ({"bin_ns": 1e-3, "window_ns": 1e7}, "bins: at most"),
        ({"bin_ns": 1e9, "window_ns": 1e13}, "2\\^50"),
        ({"duration_s": 1e-13}, "shorter than"),
        ({"n_threads": 0}, "n_threads is 0"),
    ],
)
def test_nonsense_is_refused_in_words(change, says):
    good = {"times_a": [0, 1], "times_b": [0, 1], **TICK, "bin_ns": 1, "window_ns": 10}
    with pytest.raises(ValueError, match=says):
        coincidences(**{**good, **change})
