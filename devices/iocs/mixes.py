"""Which instruments may be real while others are simulated, and that no two of them share a port."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from devices.iocs.config import ConfigError, LabConfig

LIGHT = ("shutter", "pulsed_laser", "cw_laser")
DETECTION = ("timeharp", "spads", "sample")
DO = "Correct the file and start again."


def real(config: LabConfig) -> tuple[str, ...]:
    """The instruments that a driver speaks for."""
    return tuple(name for name in names(config) if getattr(config.instruments, name).backend != "twin")


def simulated(config: LabConfig) -> tuple[str, ...]:
    """The instruments that the twin stands in for."""
    return tuple(name for name in names(config) if getattr(config.instruments, name).backend == "twin")


def names(config: LabConfig) -> tuple[str, ...]:
    return tuple(field.name for field in fields(config.instruments))


def check_mix(config: LabConfig) -> None:
    """ConfigError for a mixture that would hurt somebody, a detector, or the truth of the data."""
    there, key = real(config), f"{config.file}: instruments"
    _all_or_none(config, LIGHT, there, "a simulated shutter stops no real laser")
    _all_or_none(config, DETECTION, there, "a simulated sample shines into no real card, and nobody watches real SPADs")
    if "filters" not in there and {"shutter", "timeharp"} <= set(there):
        raise ConfigError(
            f"{key}.filters.backend = 'twin': with real light and real SPADs it must be 'driver', or light is let "
            f'through behind filters that are not there; driver = "fw102c" takes filters that are changed by hand as '
            f"manual = {{...}}. {DO}"
        )
    spads, card = config.instruments.spads.options, config.instruments.timeharp.options
    if spads.get("driver") == "card" and card.get("driver") not in ("timeharp200", "picoharp300", "timeharp260"):
        raise ConfigError(f"{key}.spads.driver = 'card': it reads the meter of a card, timeharp needs a driver. {DO}")


def _all_or_none(config: LabConfig, group: tuple[str, ...], there: tuple[str, ...], why: str) -> None:
    missing = [name for name in group if name not in there]
    if 0 < len(missing) < len(group):
        first = next(name for name in group if name in there)
        raise ConfigError(
            f"{config.file}: instruments.{missing[0]}.backend = 'twin' while instruments.{first}.backend = 'driver': "
            f"{', '.join(group)} are all 'twin' or all 'driver', because {why}. {DO}"
        )


def check_ports(config: LabConfig) -> None:
    """ConfigError if two instruments name one port: each would read the answers to the other."""
    seen: dict[str, str] = {}
    for name in real(config):
        for key, port in ports_of(getattr(config.instruments, name).options):
            place = f"{config.file}: instruments.{name}.{key}"
            if (before := seen.setdefault(port.casefold(), place)) != place:
                used_by = before.split(": ", 1)[-1]
                raise ConfigError(f"{place} = {port!r}: {used_by} has it already; each instrument has its own. {DO}")


def ports_of(table: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Every port in the options of a driver: (key, port)."""
    for key, value in table.items():
        if key in ("port", "url") and isinstance(value, str):
            yield f"{within}{key}", value
        elif isinstance(value, dict):
            yield from ports_of(value, f"{within}{key}.")
