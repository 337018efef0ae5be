"""Single emitters against the sealed truth, without a lab: what the bench delivers goes straight into the analysis.

The dots are none of the built-in ones: unequal arms, another cable and card, afterpulses, fast drift, pairs, dots that
are grey or never dark, and some that bleach soon.
"""

import math
from typing import Any, cast

import numpy as np
import pytest
from scipy.spatial import KDTree

from analysis.blinks import BlinkRun
from analysis.field import FieldRun
from analysis.hbt import HbtRun
from devices.iocs.twin import preset as presets
from devices.iocs.twin.bench import Bench
from devices.iocs.twin.clock import Clock
from tests.devices.iocs.twin.conftest import SteadyBeam, continuous, go_to, share_light

FIELD = """
base = "single"
name = "field"
[sample.qd]
single_density_um2 = 0.4
pair_share = 0.15
tau_ref_sd_ns = 25
[sample.blinking]
on_fraction = 0.97
[instrument.drift]
kind = "constant"
typical_um_per_1000s = 1.4
"""
ALIKE = """
base = "example_qd"
name = "alike"
[sample.qd]
tau_ref_mean_ns = 40
pair_share = 0.4
[sample.cw]
background_cps = 25000
[instrument.drift]
typical_um_per_1000s = 0
[instrument.optics]
splitter_share = 0.3
[instrument.spads.qd]
dark_cps = 300
[instrument.card]
base_resolution_ps = 39.0
delay_ns = 263.0
"""
BLINKING = """
base = "example_qd"
name = "switching"
[sample.blinking]
on_fraction = 0.93
spread_ln_sd = 1.2
on_law = "power"
grey_share = 0.6
[sample.bleaching]
median_s = 40
[instrument.drift]
typical_um_per_1000s = 0
"""
ABOUT = {"uid": "0", "sample_name": "film", "excitation": {"intensity_w_cm2": 2500.0}, "dead_time_ns": [45.0, 32.0]}
N, PIXEL_UM, CENTRE_UM = 100, 0.1, 50.0


@pytest.fixture
def bench_of(tmp_path):
    """A bench with a sample of this text under continuous light."""

    def make(text, seed):
        path = tmp_path / "own.toml"
        path.write_text(text)
        bench = Bench(presets.load(path), seed=seed, clock=Clock(math.inf), beam=cast(Any, SteadyBeam(continuous())))
        bench.card.wiring = "hbt"
        return bench

    return make


def searched(bench):
    """The field of 10 um, and where its middle lay on the sample when it was passed."""
    raster = {"n_pixels": N, "extent_um": N * PIXEL_UM, "centre_um": (CENTRE_UM, CENTRE_UM), "dwell_ms": 10.0}
    run = FieldRun({**ABOUT, "raster": raster})
    bench.filters.set("qd", "FBH650-40+655/15")
    axis = CENTRE_UM + PIXEL_UM * (np.arange(N) - (N - 1) / 2)
    shifts = []
    for row, y_um in enumerate(axis):
        line = bench.scan_counts(axis, y_um, dwell_s=0.01, settle_s=0.001, acquisition=1, index=row)
        perovskite, qd = line.counts.T
        data = {"scanner_perovskite_counts": perovskite, "scanner_qd_counts": qd, "scanner_lit": line.lit.mean()}
        run.add_line({**data, "scanner_line": row})
        at_s = line.started_s + line.elapsed_s / 2
        shifts.append(bench._train.drift.displacement_um(at_s))
    return run.result(), axis, np.array(shifts)


@pytest.mark.parametrize("seed", [3, 4])
def test_isolated_dots_are_found_and_nothing_else(bench_of, seed):
    bench = bench_of(FIELD, seed)
    field, axis, shifts = searched(bench)
    dots = bench.dots().emitters
    at_um = np.column_stack([dots["x_um"], dots["y_um"]])
    seen = np.column_stack([field.emitters.x_um, field.emitters.y_um])
    drift = np.column_stack([np.interp(seen[:, 1], axis, shift) for shift in shifts.T])
    distance, _ = KDTree(at_um).query(seen - drift)
    assert (distance > 0.15).mean() <= 0.05
    own = at_um + shifts.mean(axis=0)
    inside = np.abs(own - CENTRE_UM).max(axis=1) < N * PIXEL_UM / 2 - 0.4
    alone = KDTree(at_um).query(at_um, k=2)[0][:, 1] > 0.6
    lit = dots["on_fraction"] > 0.5
    missed = KDTree(seen - drift).query(at_um[inside & alone & lit])[0] > 0.15
    assert missed.size >= 12 and missed.mean() <= 0.05


def pairs_of(bench, dot, seconds, n):
    """The estimate of n integrations on a dot, its background known as from re-centrings."""
    go_to(bench, dot)
    card, preset = bench.card, bench.preset
    card.configure(3, 0.0)
    delay = {"declared_ns": 260.0, "t0_ns": 263.0, "t0_err_ns": 0.01, "sigma_ns": 0.455, "uid": "t"}
    tcspc = {"range_code": 3, "bin_width_ns": card.bin_width_ns, "n_bins": 4096, "offset_ns": 0.0}
    run = HbtRun({**ABOUT, "delay": delay, "tcspc": tcspc, "blind_ns": 20.0})
    for index in range(n):
        block = card.acquire_hbt(seconds, n_bins=100, acquisition=dot, index=index)
        run.add_histogram(block.histogram)
        facts = {"timeharp_trace": block.counts.ravel(), "timeharp_elapsed": block.elapsed_s, "timeharp_overflow": 0}
        run.add_facts({**facts, "timeharp_lit": 1.0})
    spads = preset.instrument.spads
    background = preset.sample.cw.background_cps + spads.perovskite.dark_cps + spads.qd.dark_cps
    run.add_refocus(
        {"target_found": 1, "target_background_cps": background * 1.005, "target_background_err_cps": 200.0}
    )
    return run.estimate()


def test_pairs_and_single_dots_have_the_numbers_they_have(bench_of):
    """Arms 30:70, contrast 0.51; half of the places hold two dots."""
    bench = bench_of(ALIKE, 8)
    share_light(bench)
    dots = bench.dots().emitters
    middle = np.hypot(dots["x_um"] - 50, dots["y_um"] - 50)
    chosen = [int(dot) for dot in np.argsort(middle, kind="stable")[:26]]
    places = {(dots["x_um"][dot], dots["y_um"][dot]): dot for dot in chosen}
    taus, contrasts = [], []
    for dot in places.values():
        near = np.hypot(dots["x_um"] - dots["x_um"][dot], dots["y_um"] - dots["y_um"][dot]) < 0.5
        one = bool(near.sum() == 1)
        found = pairs_of(bench, dot, 10.0, 3 if one else 1)
        assert found.decision.single in (one, None), found.decision.reason
        if one:
            assert found.decision.single is True
            signal = float(dots["cw_cps"][dot])
            rho2 = np.prod([
                share * signal / (share * (signal + 25_000) + dark) for share, dark in ((0.3, 8.0), (0.7, 300.0))
            ])  # fmt: skip
            taus.append((found.fit.tau_ns - dots["rise_ns"][dot]) / found.fit.tau_err_ns)
            contrasts.append((found.fit.contrast - 0.99 * rho2) / found.fit.contrast_err)
    assert len(taus) >= 8
    for pulls in (np.array(taus), np.array(contrasts)):
        assert abs(pulls.mean()) < 3 / np.sqrt(pulls.size)
        assert 0.5 < pulls.std() < 1.6 and np.abs(pulls).max() < 4


def test_on_fractions_are_those_of_the_trace(bench_of):
    """Within one point each: grey, with power laws, never dark, bleached on the way."""
    bench = bench_of(BLINKING, 2)
    share_light(bench)
    dots = bench.dots()
    middle = np.hypot(dots.emitters["x_um"] - 50, dots.emitters["y_um"] - 50)
    misses, bleached = [], 0
    for dot in map(int, np.argsort(middle)[:16]):
        go_to(bench, dot)
        record = {"kind": "bins", "bin_s": 1e-3, "segment_s": 5.0}
        run, lit_from_s = BlinkRun({**ABOUT, "record": record}), dots.clocks_s[dot, 0]
        for index in range(12):
            block = bench.counters.acquire(5000, 1e-3, acquisition=100 + dot, index=index)
            facts = {"counters_elapsed": block.elapsed_s, "counters_started": block.started_s, "counters_lit": 1.0}
            run.add_bins(block.counts, facts)
        run.add_refocus({"target_found": 1, "target_background_cps": 12_250.0, "target_background_err_cps": 150.0})
        found, survival_s = run.estimate(), float(dots.emitters["survival_s"][dot])
        bleaches = survival_s < 54
        bleached += bleaches
        assert found.observed == bleaches
        assert -2.1 < found.survival_s - min(survival_s, 60.0) < 1.5  # who bleaches in the dark is seen no more
        _, bright_s = dots.trace(dot).integrals_s(lit_from_s + np.array([0, min(survival_s, found.survival_s)]))
        misses.append(found.on.value - float(np.ptp(bright_s)) / found.survival_s)
    assert 3 <= bleached <= 13
    assert np.abs(misses).max() < 0.01, np.round(misses, 4)
