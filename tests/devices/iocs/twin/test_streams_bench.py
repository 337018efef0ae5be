"""Coincidences and records as the whole bench delivers them, in every wiring of the card."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.photons import TICKS_PER_NS

CW = {"pulsed_on": False, "cw_on": True, "cw_w_cm2": 2500.0}
QD_BAND = "FBH650-40+655/15"


def steady():
    """example_qd on a bench that does not drift, its pixels true."""
    preset = presets.load("example_qd")
    drift = replace(preset.instrument.drift, typical_um_per_1000s=0.0, jump_um=(0.0, 0.0))
    piezo = replace(preset.instrument.piezo, scale_error=(0.0, 0.0), axis_crosstalk=0.0, axis_sign=(1, 1))
    return replace(preset, instrument=replace(preset.instrument, drift=drift, piezo=piezo))


@pytest.fixture
def on_a_dot(make_bench):
    """A bench on an isolated dot, both SPADs in its light, wired as asked."""

    def make(wiring="hbt", preset=None, filters=(QD_BAND, QD_BAND), splitter="50:50", **changes):
        bench = make_bench(preset or steady(), **(CW | changes))
        for route, position in zip((*bench.routes, "splitter"), (*filters, splitter), strict=True):
            bench.filters.set(route, position)
        bench.card.wiring = wiring
        dots = bench.dots().emitters
        alone = np.hypot(*(dots[axis][:, None] - dots[axis] for axis in ("x_um", "y_um"))) + 99 * np.eye(len(dots))
        centre_um = 50.0
        off_um = np.hypot(dots["x_um"] - centre_um, dots["y_um"] - centre_um)
        one = dots[np.argmin(np.where(alone.min(axis=1) > 1.5, off_um, np.inf))]
        bench.stage.move(one["x_um"], one["y_um"], bench.stage.position_um()[2])
        return bench

    return make


def hbt(bench, seconds, index=0, **options):
    return bench.card.acquire_hbt(seconds, n_bins=100, acquisition=7, index=index, **options)


def test_the_published_dot_is_antibunched_as_published(on_a_dot):
    """100 kcps; 77 % of the coincidences are missing at zero delay, and come back with 17.7 ns."""
    bench = on_a_dot()
    block = hbt(bench, 60.0)
    assert block.counts.shape == (100, 2)
    assert block.counts.sum(axis=0) / 60 == pytest.approx([50e3, 50e3], rel=0.02)
    assert block.lit_fraction == 1
    lag_ns = (np.arange(4096) + 0.5) * bench.card.bin_width_ns - 120.8
    counts = block.histogram * np.exp(50e3 * (lag_ns + 100) * 1e-9)
    plateau = counts[lag_ns > 200].mean()
    for low_ns, high_ns in ((0, 3), (-10, 0), (10, 20), (-30, -20), (40, 60)):
        inside = (lag_ns > low_ns) & (lag_ns < high_ns)
        expected = 1 - 0.762 * np.exp(-np.abs(lag_ns[inside]) / 17.7).mean()
        spread = np.sqrt(expected / (plateau * inside.sum()))
        assert counts[inside].mean() / plateau == pytest.approx(expected, abs=4 * spread + 0.01)


def test_photons_of_one_pulse_meet_at_the_cable_delay_and_a_period_later(on_a_dot):
    preset = steady()
    bench = on_a_dot(
        preset=preset, filters=("scatter", "scatter"), pulsed_on=True, cw_on=False, pulsed_w_cm2=50.0, repetition_hz=4e6
    )
    histogram = sum(hbt(bench, 10.0, index=k).histogram.astype(int) for k in range(3))
    raw_ns = (np.arange(4096) + 0.5) * bench.card.bin_width_ns
    instrument = preset.instrument
    parts_ns = [spad.jitter_fwhm_ns for spad in (instrument.spads.perovskite, instrument.spads.qd)]
    sigma_ns = np.hypot(np.hypot(*parts_ns), np.sqrt(2) * instrument.laser.pulse_fwhm_ns) / 2.3548
    for centre_ns in (instrument.card.delay_ns, instrument.card.delay_ns + 250):
        near = np.abs(raw_ns - centre_ns) < 10
        n = histogram[near].sum()
        assert n > 1000
        mean_ns = (histogram[near] @ raw_ns[near]) / n
        assert mean_ns == pytest.approx(centre_ns, abs=4 * sigma_ns / np.sqrt(n) + 0.005)
        spread_ns = np.sqrt(histogram[near] @ (raw_ns[near] - mean_ns) ** 2 / n)
        assert spread_ns == pytest.approx(sigma_ns, rel=0.1)
    assert histogram[(raw_ns > 130) & (raw_ns < 360)].sum() < 0.01 * histogram.sum()


def test_records_hold_all_photons_of_both_routes(on_a_dot):
    bench = on_a_dot("clock")
    block = bench.card.acquire_records(2.0, acquisition=7, index=0)
    words = block.records
    assert words.dtype == np.uint32
    assert len(words) <= bench.card.max_records
    photons = words[(words >> 30) & 1 == 1]
    assert np.bincount((photons >> 28) & 3).tolist() == block.counts.tolist()
    clicks_cps = 100e3
    assert len(photons) / 2 == pytest.approx(clicks_cps / (1 + clicks_cps * 350e-9), rel=0.02)
    assert (words == 0x0800FFFF).sum() == int(2.0 / 6.5536e-3)
    assert not block.overrun
    assert block.elapsed_s == 2.0
    raw_ns = ((photons >> 16) & 0xFFF) * bench.card.bin_width_ns
    assert 19.8 < raw_ns.min() < raw_ns.max() < 120.1
    assert bench.card.sync_rate_hz() == pytest.approx(1e7, rel=1e-4)


def test_without_pulses_the_raster_wiring_counts_nothing(on_a_dot):
    bench = on_a_dot("raster")
    assert bench.card.acquire(0.5, acquisition=7, index=0).histograms.sum() == 0
    assert bench.spads.rates()["qd"] > 40e3


def test_beside_pulses_continuous_light_is_flat_in_the_raster_wiring(on_a_dot):
    both = on_a_dot("raster", pulsed_on=True, pulsed_w_cm2=1.0, cw_on=True)
    alone = on_a_dot("raster", pulsed_on=True, pulsed_w_cm2=1.0, cw_on=False)
    with_cw, without = (bench.card.acquire(5.0, acquisition=7, index=0).histograms[1] for bench in (both, alone))
    more = with_cw.astype(int) - without
    occupied = more[3957 - 3472 : 3956]
    blocks = occupied[: len(occupied) // 10 * 10].reshape(10, -1).sum(axis=1)
    busy_s = (330 * 350 + 170 * 435) / 500 * 1e-9  # of the converter that both share, for a stop after 20..520 ns
    assert blocks.sum() == pytest.approx(5 * 50e3 / (1 + 100e3 * busy_s), rel=0.01)
    assert blocks == pytest.approx(blocks.mean(), abs=5 * np.sqrt(blocks.mean()))


def test_darkness_is_dark_counts(on_a_dot):
    bench = on_a_dot(cw_on=False)
    dark_cps = [spad.dark_cps for spad in (bench.preset.instrument.spads.perovskite, bench.preset.instrument.spads.qd)]
    block = hbt(bench, 100.0)
    assert block.lit_fraction == 0
    assert block.counts.sum(axis=0) == pytest.approx(np.array(dark_cps) * 100, abs=4 * np.sqrt(4000))
    assert block.histogram.sum() < 3


def test_a_wiring_refuses_what_it_cannot_do(on_a_dot):
    bench = on_a_dot("raster")
    card, which = bench.card, {"acquisition": 7, "index": 0}
    calls = {
        "raster": lambda: card.acquire(0.01, **which),
        "hbt": lambda: card.acquire_hbt(0.01, n_bins=1, **which),
        "clock": lambda: card.acquire_records(0.01, **which),
    }
    for wiring in calls:
        card.wiring = wiring
        for needed, call in calls.items():
            if needed == wiring:
                call()
                continue
            with pytest.raises(ValueError, match=f"wired for '{wiring}'.*needs '{needed}'.*recable"):
                call()
    with pytest.raises(ValueError, match="wiring = 'router'"):
        card.wiring = "router"
    card.wiring = "hbt"
    for seconds, bins in ((0.0, 10), (-1.0, 10), (float("nan"), 10), (1.0, 0)):
        with pytest.raises(ValueError, match=r"tacq_s|n_bins"):
            card.acquire_hbt(seconds, n_bins=bins, **which)


def test_a_stopped_integration_keeps_what_was_counted(on_a_dot):
    bench = on_a_dot(speed=10.0)
    stop = threading.Event()
    timer = threading.Timer(0.12, stop.set)
    timer.start()
    block = hbt(bench, 60.0, stop=stop)
    timer.join()
    assert block.interrupted
    assert 0 < block.elapsed_s < 60
    counted = block.counts.sum(axis=1)
    assert counted.sum() == pytest.approx(100e3 * block.elapsed_s, rel=0.05)
    assert not counted[int(block.elapsed_s / 0.6) + 2 :].any()
    bench.card.wiring = "clock"
    nothing = bench.card.acquire_records(1.0, acquisition=8, index=0, stop=stop)
    assert nothing.interrupted
    assert nothing.counts.sum() == nothing.elapsed_s == 0


@pytest.mark.parametrize("wiring", ["hbt", "clock"])
def test_the_same_seed_gives_the_same_data_at_any_speed(on_a_dot, wiring):
    def taken(bench):
        if wiring == "hbt":
            block = hbt(bench, 0.5)
            return np.concatenate([block.histogram, block.counts.ravel()])
        return bench.card.acquire_records(0.5, acquisition=7, index=0).records

    at_once, in_time, other = (taken(on_a_dot(wiring, **how)) for how in ({}, {"speed": 20.0}, {"seed": 2}))
    assert np.array_equal(at_once, in_time)
    assert not np.array_equal(at_once, other)


def test_the_sync_meter_hears_what_is_cabled_to_it(on_a_dot):
    bench = on_a_dot(pulsed_on=True)
    assert bench.card.sync_rate_hz() == pytest.approx(50e3, rel=0.05)
    bench.card.wiring = "raster"
    assert bench.card.sync_rate_hz() == pytest.approx(2e6, rel=1e-3)


def test_ticks_outlast_any_acquisition():
    assert 36_000 * 1_000_000_000 * TICKS_PER_NS < 2**62
