"""Clicks and start-stop: dead time, afterpulses, the first stop after each start; against a plain loop."""

from dataclasses import replace

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.card import CardSettings
from devices.iocs.twin.clicks import Detector, in_bins
from devices.iocs.twin.photons import TICKS_PER_NS
from devices.iocs.twin.start_stop import StartStop

SECOND = 1_000_000_000 * TICKS_PER_NS
PRESET = replace(presets.load("A").instrument.card, delay_ns=120.0)
SETTINGS = CardSettings.of(PRESET, 2, 0.0)


def random_clicks(cps, seconds, rng):
    return np.sort(rng.integers(0, round(seconds * SECOND), rng.poisson(cps * seconds)))


def detector(rng, *, dead_time_ns=0.0, afterpulses=0.0):
    return Detector(dead_time_ns=dead_time_ns, afterpulse_probability=afterpulses, afterpulse_ns=80.0, rng=rng)


def measured(starts, stops, *, settings=SETTINGS, preset=PRESET, ends=(SECOND,)):
    """A card fed in one piece, or in pieces with those ends."""
    card, first = StartStop(preset, settings), 0
    for end in ends:
        parts = [route[(route >= first) & (route < end)] for route in (starts, stops)]
        card.add(*parts, end)
        first = end
    return card


def plain(starts, stops, preset, settings):
    """What the card should count: the first stop no sooner than the blind start, one start at a time."""
    ticks = [preset.blind_start_ns, preset.dead_time_ns, settings.offset_ns, settings.window_ns, preset.delay_ns]
    blind, dead, offset, window, delay = (round(ns * TICKS_PER_NS) for ns in ticks)
    arrivals, counts, free = stops + delay, np.zeros(4096, int), -1
    for start in starts:
        if start < free:
            continue
        j = np.searchsorted(arrivals, start + blind)
        raw = arrivals[j] - start if j < len(arrivals) else window + 1
        channel = int((raw - offset) / (settings.bin_width_ns * TICKS_PER_NS))
        if offset <= raw <= window and channel < 4096:
            counts[channel] += 1
        free = start + max(min(raw, window), dead)
    return counts


@pytest.mark.parametrize("cps", [5e4, 4e5, 5e6])
@pytest.mark.parametrize(("code", "offset_ns"), [(2, 0.0), (1, 60.0), (0, 0.0)])
def test_histogram_is_that_of_a_plain_loop(rng, cps, code, offset_ns):
    settings = CardSettings.of(PRESET, code, offset_ns)
    starts, stops = random_clicks(cps, 2e4 / cps, rng), random_clicks(0.7 * cps, 2e4 / cps, rng)
    card = measured(starts, stops, settings=settings)
    assert card.counts.sum() > 50
    assert np.array_equal(card.counts, plain(starts, stops, PRESET, settings))


def test_pieces_make_no_difference(rng):
    starts, stops = random_clicks(2e6, 0.01, rng), random_clicks(2e6, 0.01, rng)
    ends = (np.linspace(0, 0.01, 2001)[1:] * SECOND).astype(int).tolist()
    whole = measured(starts, stops)
    cut = measured(starts, stops, ends=[*ends, SECOND])
    assert np.array_equal(whole.counts, cut.counts)
    assert whole.n_starts == cut.n_starts


def test_simultaneous_photons_lie_at_the_cable_delay_and_the_blind_start_is_empty(rng):
    both = random_clicks(1e4, 1.0, rng)
    raw_ns = np.flatnonzero(measured(both, both).counts) * SETTINGS.bin_width_ns
    assert raw_ns.min() == pytest.approx(120, abs=SETTINGS.bin_width_ns)
    early = replace(PRESET, delay_ns=5.0)
    assert measured(both, both, preset=early).counts.sum() < 300
    counts = measured(random_clicks(1e6, 0.5, rng), random_clicks(1e6, 0.5, rng)).counts
    assert not counts[: int(20 / SETTINGS.bin_width_ns)].any()
    assert counts[int(20 / SETTINGS.bin_width_ns) + 1]


@pytest.mark.parametrize(("cps", "lost"), [(5e4, 0.03), (4e5, 0.18)])
def test_losses_and_slope_of_random_light(rng, cps, lost):
    """Of starts; the histogram falls with the rate of stops, 0.40 per us at 400 kcps."""
    seconds = 2e6 / cps
    starts, stops = random_clicks(cps, seconds, rng), random_clicks(cps, seconds, rng)
    card = measured(starts, stops, ends=(round(seconds * SECOND),))
    assert 1 - card.n_starts / len(starts) == pytest.approx(lost, abs=0.006)
    early, late = card.counts[200:1200].sum(), card.counts[3000:4000].sum()
    slope = np.log(early / late) / (2800 * SETTINGS.bin_width_ns * 1e-9)
    assert slope == pytest.approx(cps, abs=4 * np.sqrt(1 / early + 1 / late) / 4.03e-7)


@pytest.mark.parametrize(("total_cps", "change"), [(1e5, 1.01), (4e5, 1.05), (8e5, 1.10), (1.6e6, 1.20)])
def test_first_stops_fall_behind_all_pairs_across_220_ns(rng, total_cps, change):
    """As a Monte Carlo simulation of such a card found: all pairs of random light are the same everywhere."""
    seconds = 5e6 / total_cps
    starts, stops = (random_clicks(total_cps / 2, seconds, rng) for _ in range(2))
    counts = measured(starts, stops, ends=(round(seconds * SECOND),)).counts
    raw_ns = (np.arange(4096) + 0.5) * SETTINGS.bin_width_ns
    early, late = (counts[(raw_ns > low) & (raw_ns < low + 100)] for low in (25, 245))
    assert early.mean() / late.mean() == pytest.approx(change, abs=0.01 + 3 * np.sqrt(1 / early.sum() + 1 / late.sum()))


def test_sixteen_bits_overflow(rng):
    both = np.arange(70_000) * 1000 * TICKS_PER_NS
    histogram, full = measured(both, both).histogram()
    assert full
    assert histogram.max() == 65_535
    assert histogram.dtype == np.uint16


@pytest.mark.parametrize("cps", [1e5, 8e5, 5e6])
def test_dead_time_of_a_counter(rng, cps):
    photons = random_clicks(cps, 2e5 / cps, rng)
    clicks = detector(rng, dead_time_ns=45.0).hear(photons, 2**62)
    assert np.diff(clicks).min() >= 45 * TICKS_PER_NS
    mean = len(photons) / (1 + cps * 45e-9)
    assert len(clicks) == pytest.approx(mean, abs=4 * np.sqrt(mean))


def test_afterpulses_follow_their_click(rng):
    photons = np.arange(400_000) * 2000 * TICKS_PER_NS
    clicks = detector(rng, dead_time_ns=32.0, afterpulses=0.01).hear(photons, 2**62)
    own = np.isin(clicks, photons)
    share = (~own).sum() / len(photons)
    assert share == pytest.approx(0.01 / 0.99, abs=4 * np.sqrt(0.01 / len(photons)))
    delay_ns = (clicks[1:] - clicks[:-1])[~own[1:]] / TICKS_PER_NS
    assert delay_ns.min() >= 32
    assert delay_ns.mean() == pytest.approx(112, abs=4 * 80 / np.sqrt(len(delay_ns)))


def test_a_counter_hears_the_same_in_pieces_and_out_of_order(rng):
    photons = random_clicks(2e6, 0.01, rng)
    whole = detector(rng, dead_time_ns=45.0).hear(photons, SECOND)
    some = detector(rng, dead_time_ns=45.0)
    ends = np.sort(rng.integers(0, SECOND // 100, 300))
    parts = []
    for first, end in zip(np.append(0, ends[:-1]), ends, strict=True):
        late = 500 * TICKS_PER_NS  # some of the photons are told before their turn
        fresh = photons[(photons >= first + late * (first > 0)) & (photons < end + late)]
        parts.append(some.hear(rng.permutation(fresh), int(end)))
    parts.append(some.hear(photons[photons >= ends[-1] + 500 * TICKS_PER_NS], SECOND))
    assert np.array_equal(np.concatenate(parts), whole)


def test_counts_in_bins_are_all_clicks(rng):
    routes = [random_clicks(1e5, 0.1, rng), random_clicks(5e4, 0.1, rng)]
    edges = np.linspace(0, SECOND // 10, 101).astype(np.int64)
    counts = in_bins(routes, edges)
    assert counts.shape == (100, 2)
    assert counts.sum(axis=0).tolist() == [len(route) for route in routes]
