"""The facts of one lab, read from `lab.toml` and checked before anything starts.

The dataclasses are the schema: a section is a class, a key is a field, its default is what a lab gets
that does not say otherwise. Only the standard library is needed, so IOCs and session read the same file.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from devices.home import house_of
from devices.iocs.pairing import USUAL, Pairing, read_pairings

BACKENDS = ("twin", "driver")
WIRINGS = ("raster", "hbt", "clock")
DISPLAYS = ("auto", "files", "inline", "qt", "none")
_KINDS: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class ConfigError(ValueError):
    """The file does not describe a lab; the message names file, key, value, what is allowed, what to do."""


def _port(default: int) -> Any:
    return field(default=default, metadata={"range": (0, 65535), "hint": "0 chooses a free port"})


@dataclass(frozen=True)
class Folders:
    """Where the lab keeps what it records; a relative path starts at the house, above `profile/`."""

    data: Path = Path("data")

    @property
    def raw(self) -> Path:
        """Files written by instruments: histogram cubes and photon records."""
        return self.data / "raw"

    @property
    def journal(self) -> Path:
        """One append-only document file per run."""
        return self.data / "journal"

    @property
    def storage(self) -> Path:
        """The catalog and its tables."""
        return self.data / "storage"

    @property
    def run(self) -> Path:
        """What the running processes leave: ports, process ids, logs."""
        return self.data / "run"

    @property
    def night(self) -> Path:
        """The status page of the night that goes on, and its key."""
        return self.data / "night"

    @property
    def nights(self) -> Path:
        """The morning reports; the ledger beside it holds what they tell."""
        return self.data / "nights"

    @property
    def queue(self) -> Path:
        """The queue of the queue server, and its keys."""
        return self.data / "queue"


@dataclass(frozen=True)
class ChannelAccess:
    """How IOCs are reached; `expose` lets other computers in.

    light_host, bench_host : computers that serve the two parts; "" for this one, where the session starts them
    """

    prefix: str = field(default="lum:", metadata={"pattern": r"[A-Za-z0-9_:.-]+"})
    light_port: int = _port(5364)
    bench_port: int = _port(5366)
    expose: bool = False
    light_host: str = field(default="", metadata={"pattern": r"[\w.-]*"})
    bench_host: str = field(default="", metadata={"pattern": r"[\w.-]*"})

    @property
    def elsewhere(self) -> bool:
        """Whether other computers serve the instruments: nothing is started for them here."""
        return bool(self.light_host and self.bench_host)

    @property
    def hosts(self) -> tuple[str, str]:
        """Where light and bench are found."""
        return (self.light_host, self.bench_host) if self.elsewhere else ("127.0.0.1", "127.0.0.1")

    @property
    def host(self) -> str:
        """The address the servers bind."""
        return "0.0.0.0" if self.expose else "127.0.0.1"


def read_folders(value: Any) -> tuple[Path, ...]:
    """Folders by their whole names; ValueError says what is allowed."""
    if not isinstance(value, list) or not all(isinstance(one, str) and Path(one).is_absolute() for one in value):
        raise ValueError(f'= {value!r}; allowed: a list of whole names of folders, such as ["/srv/second-lab/data"]')
    return tuple(Path(one) for one in value)


@dataclass(frozen=True)
class Storage:
    """How the storage server is reached, with the key; `expose` lets other computers in.

    database : of the catalog and its tables: "" for files of the lab, else "postgresql://user@host:port/name". Its
        password stands in <data>/storage/database_password, never here
    also_reads : the data folders of other labs that share the database; their files are served here too, never written
    """

    port: int = _port(8365)
    expose: bool = False
    database: str = field(default="", metadata={"pattern": r"|postgresql://[\w.-]+@[\w.-]+(:\d{1,5})?/[\w-]+"})
    also_reads: tuple[Path, ...] = field(default=(), metadata={"read_by": read_folders})

    @property
    def host(self) -> str:
        """The address the server binds."""
        return "0.0.0.0" if self.expose else "127.0.0.1"


@dataclass(frozen=True)
class Queue:
    """How the queue server is reached, encrypted; `redis` names a Redis of your own, without it one is started."""

    port: int = _port(8369)
    expose: bool = False
    redis: str = field(default="", metadata={"pattern": r"([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/\d{1,3})?|"})

    @property
    def host(self) -> str:
        """The address the server binds."""
        return "0.0.0.0" if self.expose else "127.0.0.1"


@dataclass(frozen=True)
class Status:
    """Where the status page of a night is served; `expose` lets other computers in, with the key in <data>/night."""

    port: int = _port(8367)
    expose: bool = False


@dataclass(frozen=True)
class Instrument:
    """What stands behind an instrument's PVs; `options` are for its driver (a serial port, an address)."""

    backend: str = field(default="twin", metadata={"allowed": BACKENDS})
    options: Mapping[str, Any] = field(default_factory=dict)


_NAMED = {"named": True}


@dataclass(frozen=True)
class Instruments:
    """The instruments of this lab, by the name of their IOC file.

    A file that names some names all, or an instrument that was forgotten would silently be simulated.
    """

    stage: Instrument = field(default=Instrument(), metadata=_NAMED)
    pulsed_laser: Instrument = field(default=Instrument(), metadata=_NAMED)
    cw_laser: Instrument = field(default=Instrument(), metadata=_NAMED)
    shutter: Instrument = field(default=Instrument(), metadata=_NAMED)
    filters: Instrument = field(default=Instrument(), metadata=_NAMED)
    spads: Instrument = field(default=Instrument(), metadata=_NAMED)
    timeharp: Instrument = field(default=Instrument(), metadata=_NAMED)
    sample: Instrument = field(default=Instrument(), metadata=_NAMED)
    spectrofluorometer: Instrument = Instrument()


@dataclass(frozen=True)
class Twin:
    """The simulated bench: a preset's name or TOML file, the seed, seconds simulated per second waited."""

    preset: str = "A"
    seed: int = field(default=1, metadata={"range": (0, 2**63 - 1)})
    speed: float = field(default=math.inf, metadata={"range": (1e-3, math.inf)})


@dataclass(frozen=True)
class Microscope:
    """How the microscope is cabled.

    wiring : "raster" (both SPADs routed, laser pulses stop), "hbt" (one starts, the other stops) or "clock" (both
        routed, a free-running clock stops)
    delay_ns : of the cable through which the stopping SPAD of "hbt" is heard
    """

    wiring: str = field(default="raster", metadata={"allowed": WIRINGS})
    delay_ns: float = field(default=120.0, metadata={"range": (0.0, 2000.0)})


@dataclass(frozen=True)
class Prompt:
    """How a session shows itself; `display` is where live pictures appear, "auto" chooses what fits the place."""

    display: str = field(default="auto", metadata={"allowed": DISPLAYS})


@dataclass(frozen=True)
class LabConfig:
    """Everything `lab.toml` says, with absolute folders."""

    folders: Folders = Folders()
    channel_access: ChannelAccess = ChannelAccess()
    storage: Storage = Storage()
    queue: Queue = Queue()
    status: Status = Status()
    session: Prompt = Prompt()
    instruments: Instruments = Instruments()
    twin: Twin = Twin()
    microscope: Microscope = Microscope()
    pairing: tuple[Pairing, ...] = field(default=USUAL, metadata={"read_by": read_pairings})
    file: Path | None = field(default=None, metadata={"read": False})


def read(path: str | Path) -> LabConfig:
    """Return the lab described by a TOML file.

    Raises
    ------
    ConfigError : the file is missing, half-written, or holds a key, type or value that no lab has.
    """
    path = Path(path).resolve()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an existing lab.toml") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not complete TOML ({error}); correct that line") from error
    config = replace(_section(LabConfig, tables, path, ""), file=path)
    _check_ports(config, path)
    _check_hosts(config.channel_access, path)
    return config


def _section(cls: type, table: Any, file: Path, name: str) -> Any:
    """Build dataclass `cls` from one TOML table; every key is checked by its field."""
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: [{name}] is {table!r}; it must be a table of keys")
    known = {f.name: f for f in fields(cls) if f.metadata.get("read", True)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise _complaint(file, _join(name, unknown[0]), table[unknown[0]], f"one of: {', '.join(known)}")
    values = {}
    for key, f in known.items():
        if key in table:
            values[key] = _value(f, table[key], file, _join(name, key))
        elif f.type is Path or f.type is Folders:  # a default folder, too, starts at the house
            values[key] = _value(f, str(f.default) if f.type is Path else {}, file, _join(name, key))
        elif table and f.metadata.get("named"):
            raise _complaint(file, _join(name, key), None, f"backend = one of: {', '.join(BACKENDS)}")
    return cls(**values)


def _value(f: Field, value: Any, file: Path, key: str) -> Any:
    """Check one value against its field's type, range, pattern and allowed words."""
    if f.type is Instrument:
        return _instrument(value, file, key)
    if read_by := f.metadata.get("read_by"):
        try:
            return read_by(value)
        except ValueError as why:
            raise ConfigError(f"{file}: {key} {why}. Correct the file and start again.") from why
    if f.type is Path:
        if not isinstance(value, str) or not value:
            raise _complaint(file, key, value, "the name of a folder")
        return house_of(file) / Path(value).expanduser()
    if isinstance(f.type, type) and is_dataclass(f.type):
        return _section(f.type, value, file, key)
    return _scalar(f, value, file, key)


def _scalar(f: Field, value: Any, file: Path, key: str) -> Any:
    """Check text, a number or a switch; a whole number serves as a number, true and false do not."""
    if f.type is float and type(value) is int:
        value = float(value)
    if type(value) is not f.type:
        raise _complaint(file, key, value, _KINDS[f.type])
    if "allowed" in f.metadata and value not in f.metadata["allowed"]:
        raise _complaint(file, key, value, f"one of: {', '.join(f.metadata['allowed'])}")
    if "pattern" in f.metadata and not re.fullmatch(f.metadata["pattern"], str(value)):
        raise _complaint(file, key, value, f"text matching {f.metadata['pattern']}")
    low, high = f.metadata.get("range", (-math.inf, math.inf))
    if isinstance(value, int | float) and not low <= value <= high:
        hint = f", {f.metadata['hint']}" if "hint" in f.metadata else ""
        raise _complaint(file, key, value, f"{low} to {high}{hint}")
    return value


def _instrument(table: Any, file: Path, key: str) -> Instrument:
    """Read `{backend = ..., ...}`; only a driver takes further keys, and checks them itself."""
    if not isinstance(table, dict) or "backend" not in table:
        raise _complaint(file, key, table, f'{{backend = "..."}} with one of: {", ".join(BACKENDS)}')
    options = {k: v for k, v in table.items() if k != "backend"}
    backend = _scalar(fields(Instrument)[0], table["backend"], file, f"{key}.backend")
    if options and backend == "twin":
        option = sorted(options)[0]
        raise _complaint(file, f"{key}.{option}", options[option], "only backend, the twin has no options")
    return Instrument(backend, options)


def _check_ports(config: LabConfig, file: Path) -> None:
    """Two servers never share a port: one would silently answer for the other."""
    access = config.channel_access
    ports = {
        "channel_access.light_port": access.light_port,
        "channel_access.bench_port": access.bench_port,
        "storage.port": config.storage.port,
        "queue.port": config.queue.port,
        "status.port": config.status.port,
    }
    seen: dict[int, str] = {}
    for key, port in ports.items():
        if port and port in seen:
            raise _complaint(file, key, port, f"a port other than that of {seen[port]}, or 0 for a free one")
        seen[port] = key


def _check_hosts(access: ChannelAccess, file: Path) -> None:
    """IOCs on other computers are both named, with their ports, and let other computers in."""
    if not (access.light_host or access.bench_host):
        return
    for key in ("light_host", "bench_host"):
        if not getattr(access, key):
            raise _complaint(
                file, f"channel_access.{key}", "", "a computer's name or address, as the other host is named"
            )
    for key in ("light_port", "bench_port"):
        if not getattr(access, key):
            raise _complaint(file, f"channel_access.{key}", 0, "1 to 65535, because other computers must find it")
    if not access.expose:
        raise _complaint(file, "channel_access.expose", False, "true, because light_host and bench_host are named")


def _join(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _complaint(file: Path, key: str, value: Any, allowed: str) -> ConfigError:
    what = "is missing" if value is None else f"= {value!r}"
    return ConfigError(f"{file}: {key} {what}; allowed: {allowed}. Correct the file and start again.")
