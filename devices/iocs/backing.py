"""What stands behind the instruments: the twin, or a driver with the options that lab.toml gives it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from devices.iocs.backends import Spectrofluorometer
from devices.iocs.config import ConfigError, Instrument, LabConfig

FS5 = "spectrofluorometer"
FS5_DRIVERS = {"fluoracle": ("folder", "counts_are", "settle_s", "dead_time_ns")}  # the first one must be given


def check_backends(config: LabConfig):
    """Refuse a backend that is not there: nothing may be simulated that is believed to be real."""
    for field in fields(config.instruments):
        instrument: Instrument = getattr(config.instruments, field.name)
        if instrument.backend == "twin":
            continue
        if field.name != FS5:
            raise ConfigError(
                f"{config.file}: instruments.{field.name}.backend = {instrument.backend!r}: there is no driver for it "
                "yet; use 'twin'"
            )
        check_fs5(instrument, config.file)


def check_fs5(instrument: Instrument, file: Path | None):
    """Refuse a driver of the spectrofluorometer that is unknown or told too little."""
    key, options = f"{file}: instruments.{FS5}", instrument.options
    driver = options.get("driver")
    if driver not in FS5_DRIVERS:
        told = "is missing" if driver is None else f"= {driver!r}"
        raise ConfigError(f"{key}.driver {told}; there is {', '.join(map(repr, FS5_DRIVERS))}. Correct the file.")
    allowed = FS5_DRIVERS[driver]
    if unknown := sorted(set(options) - {"driver", *allowed}):
        raise ConfigError(f"{key}.{unknown[0]} is no option of {driver!r}; it has {', '.join(allowed)}.")
    if not (isinstance(options.get(allowed[0]), str) and options[allowed[0]]):
        raise ConfigError(f'{key}.{allowed[0]} is missing: name the folder of the exports, {allowed[0]} = "exports".')
    for name in set(options) & {"settle_s", "dead_time_ns"}:
        if not (type(options[name]) in (int, float) and 0 <= options[name] < float("inf")):
            raise ConfigError(f"{key}.{name} = {options[name]!r}: must be a number from 0 on.")


def spectrofluorometer(config: LabConfig, bench: Any) -> Spectrofluorometer:
    """The backend that lab.toml names; ConfigError if a driver does not take its options."""
    options: dict[str, Any] = dict(config.instruments.spectrofluorometer.options)
    if config.instruments.spectrofluorometer.backend == "twin":
        return bench.spectrofluorometer
    from devices.iocs.drivers.fluoracle import FluoracleFolder

    del options["driver"]
    house = config.file.parent.parent if config.file else Path()
    folder = house / Path(options.pop("folder")).expanduser()
    try:
        return FluoracleFolder(folder, **options)
    except ValueError as why:
        raise ConfigError(f"{config.file}: instruments.{FS5}: {why}") from why
