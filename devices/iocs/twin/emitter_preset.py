"""What a preset says of single emitters under continuous light: see `presets/emitters.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from devices.iocs.twin.schema import OneOf, Within


@dataclass(frozen=True)
class CwPreset:
    """Light of the sample under the continuous laser; rates are those of both counters together."""

    wavelength_nm: Annotated[float, Within(300, 1100)]
    reference_w_cm2: Annotated[float, Within(1e-3, 1e6)]
    cross_section_cm2: Annotated[float, Within(0, 1e-12)]
    efficiency: Annotated[float, Within(0, 1)]
    biexciton: Annotated[float, Within(0, 0.4)]
    background_cps: Annotated[float, Within(0, 1e7)]
    perovskite_cps: Annotated[float, Within(0, 1e7)]


@dataclass(frozen=True)
class BlinkingPreset:
    """Bright and dark periods of a dot, in seconds lit in focus; levels in units of the bright one."""

    on_fraction: Annotated[float, Within(0.001, 1)]
    spread_ln_sd: Annotated[float, Within(0, 3)]
    off_exponent: Annotated[float, Within(0.5, 3)]
    off_s: Annotated[tuple[float, float], Within(1e-4, 1e4)]
    on_law: Annotated[str, OneOf(("exponential", "power"))]
    on_exponent: Annotated[float, Within(0.5, 3)]
    on_span: Annotated[float, Within(1.01, 1e6)]
    grey_share: Annotated[float, Within(0, 1)]
    grey_level: Annotated[float, Within(0, 1)]
    off_level: Annotated[float, Within(0, 1)]


@dataclass(frozen=True)
class BleachingPreset:
    """Survival of the dots: median of seconds lit in focus at the reference intensity; 0 is for ever."""

    median_s: Annotated[float, Within(0, 1e9)]
