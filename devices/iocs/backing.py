"""What stands behind the instruments: the twin, or a driver with the options that lab.toml gives it."""

from pathlib import Path
from typing import Any

from devices.home import house_of
from devices.iocs.backends import Spectrofluorometer
from devices.iocs.config import ConfigError, Instrument, LabConfig
from devices.iocs.drivers.options import read_options
from devices.iocs.drivers.table import DRIVERS, Driver
from devices.iocs.drivers.wires.wire_log import WireLog
from devices.iocs.mixes import check_mix, check_ports, real, simulated

FS5 = "spectrofluorometer"
WIRES = "wires"  # folder of what was said and heard, one file for each instrument


def check_backends(config: LabConfig) -> None:
    """ConfigError for a driver that is not there or is told too little, or a mixture that must not be.

    Nothing may be simulated that is believed to be real. No instrument is spoken to.
    """
    for name in real(config):
        options_for(config, name)
    check_mix(config)
    check_ports(config)


def driver_of(config: LabConfig, name: str) -> Driver:
    """The driver that lab.toml names for an instrument; ConfigError if there is none of that name."""
    instrument: Instrument = getattr(config.instruments, name)
    known, chosen = DRIVERS[name], instrument.options.get("driver")
    if not isinstance(chosen, str) or chosen not in known:
        told = "is missing" if chosen is None else f"= {chosen!r}"
        there = ", ".join(map(repr, known))
        raise ConfigError(f"{config.file}: instruments.{name}.driver {told}; there is {there}. Correct the file.")
    return known[chosen]


def options_for(config: LabConfig, name: str) -> Any:
    """The options dataclass of an instrument's driver."""
    driver = driver_of(config, name)
    table = {key: value for key, value in getattr(config.instruments, name).options.items() if key != "driver"}
    chosen = getattr(config.instruments, name).options["driver"]
    house = house_of(config.file) if config.file else Path()
    key = f"{config.file}: instruments.{name}"
    return read_options(driver.options, table, key=key, what=repr(chosen), house=house)


def wire_log(folder: Path, name: str) -> WireLog:
    """Where the conversation with an instrument is written down."""
    return WireLog(folder / WIRES / f"{name}.jsonl")


def driver_for(config: LabConfig, name: str, folder: Path, **more: Any) -> Any:
    """The driver of an instrument, ready to be used; it connects when it is first asked.

    folder : of the process files of the lab; more : what this driver needs beside its options
    """
    made_by: Any = driver_of(config, name).made_by
    try:
        return made_by(options_for(config, name), log=wire_log(folder, name), **more)
    except ValueError as why:
        raise ConfigError(f"{config.file}: instruments.{name}: {why}") from why


def twin_facts(config: LabConfig, preset: str, seed: int) -> dict[str, Any] | bool:
    """What the documents say about simulation: False if nothing is; else the twin, and which instruments it is."""
    if not real(config):
        return {"preset": preset, "seed": seed}
    if not simulated(config):
        return False
    return {"preset": preset, "seed": seed, "instruments": list(simulated(config))}


def spectrofluorometer(config: LabConfig, bench: Any) -> Spectrofluorometer:
    """The backend that lab.toml names; ConfigError if a driver does not take its options."""
    if config.instruments.spectrofluorometer.backend == "twin":
        return bench.spectrofluorometer
    from devices.iocs.drivers.fs5.fluoracle import FluoracleFolder

    options = options_for(config, FS5)
    try:
        return FluoracleFolder(
            options.folder,
            counts_are=options.counts_are,
            settle_s=options.settle_s,
            dead_time_ns=options.dead_time_ns,
        )
    except ValueError as why:
        raise ConfigError(f"{config.file}: instruments.{FS5}: {why}") from why
