"""`python -m devices.iocs --check`: what every real instrument of the lab says when it is spoken to.

Nothing shines and nothing moves. What an instrument cannot tell is "unverified", with the way to find out.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from devices.iocs.backing import driver_for, options_for, spectrofluorometer
from devices.iocs.config import ConfigError, LabConfig
from devices.iocs.drivers.finding import Finding
from devices.iocs.mixes import real
from devices.iocs.supervisor import PARTS, only_one

SYNC_TOLERANCE, SYNC_STEP_HZ = 1e-3, 128.0
DARK_S, READING_S = 3.0, 0.1
STATES = ("ok", "unverified", "failed")


@dataclass(frozen=True)
class Line:
    """One line of the list."""

    instrument: str
    finding: Finding

    def __str__(self) -> str:
        told = f"{self.instrument:18} {self.finding.state:10} {self.finding.what}: {self.finding.found}"
        return f"{told}\n{'':30}-> {self.finding.to_do}" if self.finding.to_do else told


def require_idle(folder: Path) -> TextIO:
    """Keep the IOCs of this lab from starting as long as the returned file is open; ConfigError if they run."""
    folder.mkdir(parents=True, exist_ok=True)
    do = "they hold the ports of the instruments: stop them, then check"
    try:
        held = only_one(folder)
    except SystemExit as why:
        raise ConfigError(f"{why}; {do}") from why
    for part in PARTS:
        try:
            port = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))["port"]
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except (OSError, ValueError, KeyError):
            continue
        held.close()
        raise ConfigError(f"the {part} process of this lab runs ({folder}); {do}")
    return held


def checked(options: argparse.Namespace, config: LabConfig, tell: Callable[[str], Any]) -> int:
    """Check every driver, tell each line as it is known, save the list; 1 if something failed, else 0."""
    lines: list[Line] = []
    with require_idle(options.folder):
        for line in look_at_all(options, config, tell):
            tell(f"{line}\n")
            lines.append(line)
    counts = {state: sum(line.finding.state == state for line in lines) for state in STATES}
    file = save(config, lines, counts)
    tell(f"{counts['ok']} ok, {counts['unverified']} unverified, {counts['failed']} failed; saved as {file}\n")
    return 1 if counts["failed"] else 0


def save(config: LabConfig, lines: list[Line], counts: Mapping[str, int]) -> Path:
    """Keep the list beside the data; sessions name it in their runs."""
    now = datetime.now(UTC)
    drivers = {name: getattr(config.instruments, name).options.get("driver") for name in real(config)}
    findings = [{"instrument": line.instrument, **asdict(line.finding)} for line in lines]
    whole = {"time": now.isoformat(timespec="seconds"), **counts, "drivers": drivers, "findings": findings}
    file = config.folders.data / "checks" / f"{now:%Y%m%dT%H%M%S.%f}Z.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    return file


def look_at_all(options: argparse.Namespace, config: LabConfig, tell: Callable[[str], Any]) -> Iterator[Line]:
    """Every configured driver in turn, then what only two of them together can tell."""
    drivers: dict[str, Any] = {}
    try:
        for name in real(config):
            yield from look_at(name, drivers, options.folder, config)
        yield from together(drivers, config)
        if options.known_delay is not None and "timeharp" in drivers:
            yield from tried("timeharp", lambda: [orientation(drivers["timeharp"], options.known_delay, tell)])
    finally:
        for driver in drivers.values():
            if (close := getattr(driver, "close", None)) is not None:
                close()


def look_at(name: str, drivers: dict[str, Any], folder: Path, config: LabConfig) -> Iterator[Line]:
    """Open one instrument and let it tell; whatever goes wrong is a line, too."""
    try:
        drivers[name] = made(name, drivers, folder, config)
        yield from (Line(name, finding) for finding in drivers[name].check())
    except Exception as why:  # the next instrument is looked at in any case
        yield Line(name, Finding("connection", "failed", f"{why}", "power, cable, port in lab.toml; then check again"))


def made(name: str, drivers: dict[str, Any], folder: Path, config: LabConfig) -> Any:
    """The driver, with what it needs of the others."""
    from devices.iocs.drivers.counting.watched_card import WatchedCard
    from devices.iocs.drivers.memory import BenchMemory
    from devices.iocs.making import REMEMBERED, cabled

    memory = BenchMemory(folder / REMEMBERED)
    if name == "spectrofluorometer":
        return Folder(spectrofluorometer(config, None))
    if name == "sample":
        return driver_for(config, name, folder, memory=memory)
    if name == "spads" and config.instruments.spads.options["driver"] == "card":
        card = drivers.get("timeharp") or driver_for(config, "timeharp", folder)
        return driver_for(config, name, folder, card=WatchedCard(card, memory))
    driver = driver_for(config, name, folder)
    if name == "timeharp":
        driver.wiring = cabled(memory, config)
        driver.counters = getattr(drivers.get("spads"), "trace", None)
    return driver


class Folder:
    """The folder that an operator exports into."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def check(self) -> list[Finding]:
        there = self.backend.folder.is_dir()
        to_do = "" if there else "create it, or name the folder that Fluoracle exports to"
        return [Finding("folder of exports", "ok" if there else "failed", str(self.backend.folder), to_do)]


def together(drivers: Mapping[str, Any], config: LabConfig) -> Iterator[Line]:
    """What one instrument says about another."""
    if {"timeharp", "pulsed_laser"} <= drivers.keys():
        yield from tried("pulsed_laser", lambda: [sync(drivers["timeharp"], options_for(config, "pulsed_laser"))])
    if "spads" in drivers:
        yield from tried("spads", lambda: darkness(drivers, options_for(config, "spads").units))


def tried(name: str, look: Callable[[], list[Finding]]) -> Iterator[Line]:
    try:
        yield from (Line(name, finding) for finding in look())
    except Exception as why:
        yield Line(name, Finding("together with others", "failed", f"{why}", "put right what failed above"))


def sync(card: Any, pulsed: Any) -> Finding:
    """The declared rate of the pulsed laser against what arrives at the card."""
    if card.wiring != "raster":
        told = f"wiring {card.wiring}: the laser is not at SYNC"
        return Finding("declared rate", "unverified", told, "cable the card for a raster and check again")
    declared_hz, measured_hz = pulsed.repetition_hz, card.sync_rate_hz()
    told = f"{measured_hz:.0f} Hz at SYNC, declared {declared_hz:g} Hz"
    if measured_hz == 0:
        return Finding("declared rate", "failed", told, "switch the laser on; is its trigger cable at SYNC?")
    if abs(measured_hz - declared_hz) > SYNC_TOLERANCE * declared_hz + SYNC_STEP_HZ:
        return Finding("declared rate", "failed", told, "set the front panel, or repetition_hz in lab.toml")
    return Finding("declared rate", "ok", told)


def darkness(drivers: Mapping[str, Any], units: Mapping[str, Any]) -> list[Finding]:
    """Dark counts of both SPADs, if the shutter is surely closed."""
    from devices.iocs.drivers.counting.spad_units import dark_findings

    shutter = drivers.get("shutter")
    lit = shutter is None or shutter.is_open()
    return dark_findings(units, mean_rates(drivers["spads"]), seconds=DARK_S, lit=lit)


def mean_rates(spads: Any) -> dict[str, float]:
    """Of each route, over `DARK_S`."""
    heard, until_s = [spads.rates()], time.monotonic() + DARK_S
    while time.monotonic() < until_s:
        time.sleep(READING_S)
        heard.append(spads.rates())
    return {route: sum(rates[route] for rates in heard) / len(heard) for route in heard[0]}


def orientation(card: Any, known_delay_ns: float, tell: Callable[[str], Any]) -> Finding:
    """Which way the channels of the card run: light pulses on a SPAD, and a cable that becomes longer.

    The operator lets the light through and changes the cable; without an operator the offset of the card is moved.
    """

    def wait(what: str) -> None:
        tell(f"{what}; then press Enter: ")
        if not sys.stdin.readline():
            raise EOFError

    if card.wiring != "raster":
        return Finding("orientation", "unverified", f"wiring {card.wiring}", "cable the card for a raster, check again")
    try:
        wait("let attenuated laser pulses reach a SPAD, the shutter opened at its front panel")
        return card.check_orientation(known_delay_ns, wait)
    except EOFError:
        return card.check_orientation(known_delay_ns)


def say(text: str) -> None:
    """To the terminal, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
