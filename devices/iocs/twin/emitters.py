"""The table of all dots of a sample: where they are, how long they live, how bright, how steady."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.fields import Nuclei
from devices.iocs.twin.medium import lifetime_ratio
from devices.iocs.twin.preset import QdPreset, SamplePreset

Floats = NDArray[np.float64]
DOT_RADIUS_NM = 5.5
JOULE_NM = 1.98644586e-16  # Planck's constant times the speed of light, J nm
EMITTER = np.dtype(
    [
        ("id", "i4"),
        ("x_um", "f8"),
        ("y_um", "f8"),
        ("z_nm", "f8"),
        ("tau_ref_ns", "f8"),
        ("tau_ns", "f8"),
        ("brightness", "f8"),
        ("relative_brightness", "f8"),
        ("cluster", "i4"),  # of which it is a member; -1: of none
        ("pair", "i4"),  # id of the dot at the same place; -1: there is none
        ("on_fraction", "f8"),  # of the time lit, in the long run
        ("survival_s", "f8"),  # lit in focus at the reference intensity; inf: it never bleaches
        ("cw_cps", "f8"),  # when bright, in focus at the reference intensity, both counters
        ("rise_ns", "f8"),  # of its coincidences, in focus at the reference intensity
    ]
)


def pump_hz(preset: SamplePreset, w_cm2: Floats | float) -> Floats | float:
    """Excitation rate of a dot in continuous light of `w_cm2`."""
    return preset.cw.cross_section_cm2 * w_cm2 * preset.cw.wavelength_nm / JOULE_NM


def clusters_of(nuclei: Nuclei) -> NDArray[np.int64]:
    """For each dot the nucleus that it belongs to, -1 if it is alone there."""
    number = np.repeat(np.arange(len(nuclei.n_dots)), nuclei.n_dots)
    return np.where(np.repeat(nuclei.n_dots, nuclei.n_dots) > 1, number, -1)


def emitters(
    preset: SamplePreset, xy_um: Floats, cluster: NDArray, dots: np.random.Generator, life: np.random.Generator
) -> NDArray:
    """All dots; brightness is still relative. `life` draws what only continuous light asks of them."""
    table = _dots(preset, xy_um, cluster, dots)
    partners = np.flatnonzero((cluster < 0) & (life.random(len(table)) < preset.qd.pair_share))
    doubles = _dots(preset, xy_um[partners], cluster[partners], life)
    doubles["id"] += len(table)
    doubles["pair"] = partners
    table["pair"][partners] = doubles["id"]
    table = np.concatenate([table, doubles])
    table["relative_brightness"] = table["brightness"]
    table["on_fraction"] = _on_fractions(preset, len(table), life)
    median_s = preset.bleaching.median_s
    table["survival_s"] = life.standard_exponential(len(table)) * (median_s / np.log(2) if median_s else np.inf)
    pumped_hz, decay_hz = pump_hz(preset, preset.cw.reference_w_cm2), 1e9 / table["tau_ns"]
    table["rise_ns"] = 1e9 / (pumped_hz + decay_hz)
    emitted_hz = pumped_hz * decay_hz / (pumped_hz + decay_hz)
    table["cw_cps"] = preset.cw.efficiency * table["relative_brightness"] * emitted_hz
    return table


def _dots(preset: SamplePreset, xy_um: Floats, cluster: NDArray, rng: np.random.Generator) -> NDArray:
    """Dots by place, lifetime on glass and in the film, and relative brightness."""
    table = np.zeros(len(xy_um), dtype=EMITTER)
    table["id"] = np.arange(len(xy_um))
    table["x_um"], table["y_um"] = xy_um.T
    table["cluster"], table["pair"] = cluster, -1
    margin_nm = min(DOT_RADIUS_NM, preset.thickness_nm / 2)
    room_nm = preset.thickness_nm - 2 * margin_nm
    lowest_nm, highest_nm = (margin_nm + share * room_nm for share in preset.qd.heights)
    table["z_nm"] = rng.uniform(lowest_nm, highest_nm, len(xy_um))
    table["tau_ref_ns"] = _lognormal(preset.qd, len(xy_um), rng)
    table["tau_ns"] = table["tau_ref_ns"] * _ratio(preset, table["z_nm"])
    spread = preset.qd.brightness_ln_sd
    table["brightness"] = rng.lognormal(-(spread**2) / 2, spread, len(xy_um))
    return table


def _on_fractions(preset: SamplePreset, count: int, rng: np.random.Generator) -> Floats:
    """Their dark fractions scatter by factors around the median."""
    blinking = preset.blinking
    dark = (1 - blinking.on_fraction) * np.exp(blinking.spread_ln_sd * rng.standard_normal(count))
    return 1 - np.minimum(dark, 0.999)


def _lognormal(qd: QdPreset, count: int, rng: np.random.Generator) -> Floats:
    """Lifetimes on glass with the preset's mean and standard deviation."""
    ln_var = np.log1p((qd.tau_ref_sd_ns / qd.tau_ref_mean_ns) ** 2)
    return rng.lognormal(np.log(qd.tau_ref_mean_ns) - ln_var / 2, np.sqrt(ln_var), count)


def _ratio(preset: SamplePreset, z_nm: Floats) -> Floats:
    """Lifetime in the film over lifetime on glass, from a table over the height."""
    if preset.thickness_nm == 0:
        return np.ones(len(z_nm))
    heights_nm = np.linspace(0, preset.thickness_nm, 257)
    ratios = lifetime_ratio(
        heights_nm,
        thickness_nm=preset.thickness_nm,
        film_index=preset.film_index,
        substrate_index=preset.substrate_index,
        dot_index=preset.qd.index,
        radius_nm=preset.qd.sphere_radius_nm,
    )
    return np.interp(z_nm, heights_nm, ratios)
