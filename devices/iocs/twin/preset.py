"""Presets of the twin: every number of the simulated sample and instrument, read from TOML.

A preset file holds `name`, `[sample]` and `[instrument]`. With `base = "A"` (a built-in preset or a file)
it only states what differs from that one; what is said nowhere of spectroscopy or of continuous light stands in
`spectra.toml` and `emitters.toml`.
Everything is checked before anything is built: an unknown, missing, mistyped or impossible value is a
`PresetError` that names file, key, value and what is allowed.
Rates are detected counts per second, with OD1 in front of the perovskite SPAD.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from devices.iocs.twin.absorption import FilmAbsorption
from devices.iocs.twin.emitter_preset import BleachingPreset, BlinkingPreset, CwPreset
from devices.iocs.twin.schema import OneOf, PresetError, Within, build, overlay, read_toml
from devices.iocs.twin.spectral_preset import SpectraPreset, SpectrofluorometerPreset, relations

FOLDER = Path(__file__).parent / "presets"
DEFAULTS = ("spectra", "emitters")  # what a preset need not say
COMMON = ("bench", *DEFAULTS)  # no presets by themselves; bench: the microscope of all built-in samples
ROUTES = ("perovskite", "qd")


@dataclass(frozen=True)
class QdPreset:
    """Quantum dots: where they are, how bright, how long they live."""

    cluster_density_um2: Annotated[float, Within(0, 100)]
    cluster_mean: Annotated[float, Within(0, 1000)]
    cluster_ln_sd: Annotated[float, Within(0, 3)]
    cluster_sigma_um: Annotated[float, Within(0, 5)]
    single_density_um2: Annotated[float, Within(0, 100)]
    hard_core_um: Annotated[float, Within(0, 1)]
    brightness_ln_sd: Annotated[float, Within(0, 2)]
    mean_cps: Annotated[float, Within(0, 1e7)]
    reference_w_cm2: Annotated[float, Within(1e-3, 1e6)]
    tau_ref_mean_ns: Annotated[float, Within(0.1, 1000)]
    tau_ref_sd_ns: Annotated[float, Within(0, 1000)]
    index: Annotated[float, Within(1, 4)]
    sphere_radius_nm: Annotated[float, Within(1, 1000)]
    influence: Annotated[int, Within(-1, 1)]
    heights: Annotated[tuple[float, float], Within(0, 1)]
    pair_share: Annotated[float, Within(0, 1)]


@dataclass(frozen=True)
class CrystallinityPreset:
    """The field c(x, y) in 0..1 that decides brightness and lifetimes of the perovskite."""

    reach_um: Annotated[float, Within(0.05, 20)]
    cutoff_um: Annotated[float, Within(0.1, 20)]
    saturation: Annotated[float, Within(1e-3, 1e3)]
    maximum: Annotated[float, Within(0, 1)]
    grain_sd: Annotated[float, Within(0, 1)]
    grain_um: Annotated[float, Within(0.05, 10)]
    tail_ln_sd: Annotated[float, Within(0, 2)]
    tail_um: Annotated[float, Within(0.05, 20)]
    blur_sigma_um: Annotated[float, Within(0, 2)]


@dataclass(frozen=True)
class PerovskitePreset:
    """Perovskite luminescence; pairs are the values at c = 0 and c = 1."""

    tau1_ns: Annotated[tuple[float, float], Within(0.01, 1000)]
    tau2_ns: Annotated[tuple[float, float], Within(0.01, 1000)]
    share1: Annotated[tuple[float, float], Within(0, 1)]
    rate_cps: Annotated[tuple[float, float], Within(0, 1e7)]
    mean_cps: Annotated[float, Within(0, 1e7)]
    reference_w_cm2: Annotated[float, Within(1e-3, 1e6)]
    intensity_exponent: Annotated[float, Within(0, 4)]
    tau_intensity_exponent: Annotated[float, Within(-2, 2)]


@dataclass(frozen=True)
class ScatterPreset:
    """Attenuated laser light through a scatter filter: the instrument response."""

    cps: Annotated[float, Within(0, 1e7)]
    reference_w_cm2: Annotated[float, Within(1e-3, 1e6)]


@dataclass(frozen=True)
class SamplePreset:
    """A film with quantum dots on glass; thickness 0 is bare glass."""

    doping_percent: Annotated[float, Within(0, 100)]
    thickness_nm: Annotated[float, Within(0, 10_000)]
    film_index: Annotated[float, Within(1, 4)]
    substrate_index: Annotated[float, Within(1, 4)]
    qd: QdPreset
    crystallinity: CrystallinityPreset
    perovskite: PerovskitePreset
    scatter: ScatterPreset
    cw: CwPreset
    blinking: BlinkingPreset
    bleaching: BleachingPreset
    spectra: SpectraPreset


@dataclass(frozen=True)
class LaserPreset:
    """Both lasers at the focus; front_panel_hz is the true rate whatever is declared, 0 follows the declaration."""

    rates_hz: Annotated[tuple[float, ...], Within(1e3, 1e8)]
    repetition_hz: Annotated[float, Within(1e3, 1e8)]
    front_panel_hz: Annotated[float, Within(0, 1e8)]
    pulse_fwhm_ns: Annotated[float, Within(0, 10)]
    max_w_cm2: Annotated[float, Within(0, 1e6)]
    max_cw_w_cm2: Annotated[float, Within(0, 1e7)]


@dataclass(frozen=True)
class OpticsPreset:
    """Resolution, attenuation, what leaks from one route into the other, and how the beamsplitter shares."""

    psf_fwhm_um: Annotated[float, Within(0.05, 5)]
    od1_attenuation: Annotated[float, Within(1, 1000)]
    crosstalk_perovskite_to_qd: Annotated[float, Within(0, 1)]
    crosstalk_qd_to_perovskite: Annotated[float, Within(0, 1)]
    cw_psf_fwhm_um: Annotated[float, Within(0.05, 5)]
    cw_excitation_fwhm_um: Annotated[float, Within(0.05, 5)]
    splitter_share: Annotated[float, Within(0, 1)]


@dataclass(frozen=True)
class DriftPreset:
    """How the scene moves: wandering, or with constant velocity; and one jump."""

    kind: Annotated[str, OneOf(("wander", "constant"))]
    typical_um_per_1000s: Annotated[float, Within(0, 20)]
    direction_deg: Annotated[float, Within(-360, 360)]
    seed: Annotated[int, Within(0, 2**31)]
    jump_at_s: Annotated[float, Within(0, 1e9)]
    jump_um: Annotated[tuple[float, float], Within(-20, 20)]


@dataclass(frozen=True)
class MountingPreset:
    """How far, and by what angle, a sample comes to lie elsewhere whenever it is put back."""

    remount_um: Annotated[float, Within(0, 50)]
    remount_deg: Annotated[float, Within(0, 180)]


@dataclass(frozen=True)
class PiezoPreset:
    """Closed-loop stage; scale, crosstalk and sign errors are those of its sensors, so it cannot see them."""

    travel_um: Annotated[tuple[float, float, float], Within(1, 1000)]
    noise_nm: Annotated[float, Within(0, 1000)]
    time_constant_ms: Annotated[float, Within(0.01, 1000)]
    settle_ms: Annotated[float, Within(0, 10_000)]
    flyback_ms: Annotated[float, Within(0, 10_000)]
    scale_error: Annotated[tuple[float, float], Within(-0.5, 0.5)]
    axis_crosstalk: Annotated[float, Within(-0.5, 0.5)]
    axis_sign: Annotated[tuple[int, int], Within(-1, 1)]


@dataclass(frozen=True)
class SpadPreset:
    """One photon counter; flat_share is the flat background per signal count under pulsed light (delayed light)."""

    jitter_fwhm_ns: Annotated[float, Within(0, 10)]
    dark_cps: Annotated[float, Within(0, 1e6)]
    dead_time_ns: Annotated[float, Within(0, 10_000)]
    relative_pde: Annotated[float, Within(0, 2)]
    flat_share: Annotated[float, Within(0, 1)]
    afterpulse_probability: Annotated[float, Within(0, 0.5)]
    afterpulse_ns: Annotated[float, Within(1, 1e5)]


@dataclass(frozen=True)
class SpadsPreset:
    """The counters, one per route."""

    perovskite: SpadPreset
    qd: SpadPreset


@dataclass(frozen=True)
class CardPreset:
    """The start-stop card: photon starts, next laser pulse (or clock tick, or delayed photon) stops."""

    serial: Annotated[str, OneOf()]
    base_resolution_ps: Annotated[float, Within(1, 1000)]
    range_codes: Annotated[tuple[int, ...], Within(0, 5)]
    t0_ns: Annotated[float, Within(0, 1000)]
    colour_shift_ns: Annotated[float, Within(-10, 10)]
    blind_start_ns: Annotated[float, Within(0, 1000)]
    dead_time_ns: Annotated[float, Within(0, 10_000)]
    sync_quantum_hz: Annotated[float, Within(1, 1e5)]
    delay_ns: Annotated[float, Within(0, 2000)]
    clock_period_ns: Annotated[float, Within(20, 1e5)]
    readout_records_per_s: Annotated[float, Within(1e3, 1e9)]
    fifo_records: Annotated[int, Within(1024, 2**30)]


@dataclass(frozen=True)
class InstrumentPreset:
    """The microscope around the sample, and the spectrofluorometer beside it."""

    laser: LaserPreset
    optics: OpticsPreset
    drift: DriftPreset
    mounting: MountingPreset
    piezo: PiezoPreset
    spads: SpadsPreset
    card: CardPreset
    fs5: SpectrofluorometerPreset


@dataclass(frozen=True)
class Preset:
    """A sample in an instrument."""

    name: Annotated[str, OneOf()]
    sample: SamplePreset
    instrument: InstrumentPreset


def names() -> tuple[str, ...]:
    """The built-in presets."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem not in COMMON))


def load(name_or_path: str | Path) -> Preset:
    """The built-in preset of that name, or the preset in that file.

    >>> load("A").sample.perovskite.tau1_ns
    (1.9, 4.1)
    """
    path = _find(name_or_path)
    preset = build(Preset, _with_defaults(_with_base(path, ())), path)
    _check_consistency(preset, path)
    return preset


def _find(name_or_path: str | Path, beside: Path = Path()) -> Path:
    if str(name_or_path) in (*names(), *COMMON):
        return FOLDER / f"{name_or_path}.toml"
    path = beside / name_or_path
    if not path.is_file():
        raise PresetError(f"{name_or_path}: no such file; the built-in presets are {', '.join(names())}")
    return path


def _with_base(path: Path, above: tuple[Path, ...]) -> dict:
    """The tables of a file laid over those of its base."""
    if path in above:
        raise PresetError(f"{path}: base = its own descendant: a preset cannot rest on itself")
    own = read_toml(path)
    base = own.pop("base", None)
    if base is None:
        return own
    if not isinstance(base, str):
        raise PresetError(f"{path}: base = {base!r}: give the name of a preset or a file")
    return overlay(_with_base(_find(base, path.parent), (*above, path)), own)


def _with_defaults(tables: dict) -> dict:
    """The tables, where they are silent on spectroscopy and continuous light, as by default."""
    for name in DEFAULTS:
        default = read_toml(FOLDER / f"{name}.toml")
        given = {key: overlay(default[key], tables[key]) for key in default if isinstance(tables.get(key), dict)}
        tables = tables | given
    return tables


def _check_consistency(preset: Preset, path: Path) -> None:
    """What no single value can say: the relations between them."""
    laser, card = preset.instrument.laser, preset.instrument.card
    signs, ends_cps = preset.instrument.piezo.axis_sign, preset.sample.perovskite.rate_cps
    heights, off_s = preset.sample.qd.heights, preset.sample.blinking.off_s
    bench = (
        (laser.repetition_hz in laser.rates_hz, "instrument.laser.repetition_hz", laser.repetition_hz,
         f"one of rates_hz {laser.rates_hz}"),
        (laser.front_panel_hz == 0 or laser.front_panel_hz >= 1000, "instrument.laser.front_panel_hz",
         laser.front_panel_hz, "0 or at least 1000"),
        (0 not in signs, "instrument.piezo.axis_sign", signs, "1 or -1 for each axis"),
        (len(card.range_codes) > 0, "instrument.card.range_codes", card.range_codes, "at least one code"),
        ((ends_cps[0] > 0) == (ends_cps[1] > 0), "sample.perovskite.rate_cps", ends_cps,
         "two rates > 0, or two zeros for no emission"),
        (heights[0] <= heights[1], "sample.qd.heights", heights, "lowest first"),
        (off_s[0] < off_s[1], "sample.blinking.off_s", off_s, "the shortest first"),
    )  # fmt: skip
    for holds, key, value, allowed in (*bench, *relations(preset.sample.spectra, preset.instrument.fs5)):
        if not holds:
            raise PresetError(f"{path}: {key} = {value}: allowed is {allowed}")
    try:
        FilmAbsorption(preset.sample.spectra.absorption)
    except ValueError as error:
        raise PresetError(f"{path}: {error}") from None
