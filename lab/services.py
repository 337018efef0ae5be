"""Start, find, reuse and stop the processes of one lab: the storage server and the IOCs."""

import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from devices import polite, portable
from lab import elsewhere, server
from lab.config import LabConfig
from lab.lock import RigLock
from lab.private import private_folder
from lab.processes import GRACE_S, LOOPBACK, Service, command_line, free_port, is_ending, is_free, spawn, stop

ENDING_S = 15.0
ORPHANS_S = 5.0


class ServiceError(RuntimeError):
    """A process of the lab cannot be started or does not fit; the message says what to do."""


@dataclass(frozen=True)
class Lab:
    """The running processes of one lab and how to reach them."""

    data: Path
    storage: Service
    iocs: Service
    storage_url: str
    api_key: str = field(repr=False)
    hosts: tuple[str, str] = (LOOPBACK, LOOPBACK)  # of light and bench

    @property
    def light_port(self) -> int:
        """Channel Access port of lasers and shutter."""
        return self.iocs.ports[0]

    @property
    def bench_port(self) -> int:
        """Channel Access port of all other instruments."""
        return self.iocs.ports[1]

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by service."""
        return {"storage": self.storage.pid, "iocs": self.iocs.pid}

    @property
    def logs(self) -> dict[str, Path]:
        """Log files by service."""
        return {"storage": self.storage.log, "iocs": self.iocs.log}

    @property
    def reused(self) -> bool:
        """Whether both were running already, so that somebody else may depend on them."""
        return self.storage.process is None and self.iocs.process is None


IocCommand = Callable[..., list[str]]


def ioc_command(config: LabConfig, *, light_port: int, bench_port: int, resume: bool = False, **twin: Any) -> list[str]:
    """Return the command that serves all instruments; `twin` options that are None are left out."""
    options = {"config": config.file, "folder": config.folders.run, "light-port": light_port}
    options |= {"bench-port": bench_port, "raw": config.folders.raw, **twin}
    given = [(f"--{name}", str(value)) for name, value in options.items() if value is not None]
    flags = ["--resume"] if resume else []
    return [sys.executable, "-m", "devices.iocs", *(word for option in given for word in option), *flags]


def up(
    config: LabConfig,
    *,
    preset: str | None = None,
    seed: int | None = None,
    speed: float | None = None,
    truth: str | Path | None = None,
    resume: bool = False,
    keep: bool = False,
    command: IocCommand = ioc_command,
    timeout_s: float = 90.0,
) -> Lab:
    """Return the running lab; what already runs is reused, the rest is started.

    Unless `keep`, what is started ends with the calling process, however that ends, and on Linux with the calling
    thread: call it from the main thread. The twin options override those of the config file; with `resume`, the
    simulated bench goes on in the world that the last one left.

    Raises
    ------
    StorageError, ServiceError : a port is taken, a process does not start, or runs with other settings.
    RigLocked : another session is starting the same lab at this moment.
    """
    private_folder(config.folders.run)
    twin = {"preset": preset, "seed": seed, "speed": speed, "truth": truth}
    with RigLock(config.folders.run / "services.lock"):
        found = _lasting(_recorded(config))
        started: list[Service] = []
        try:
            storage = _running_storage(found, config) or _start_storage(config, keep, started)
            iocs = elsewhere.iocs(config, twin) or _running_iocs(found, _settings(config, twin))
            iocs = (
                iocs or _adopted_iocs(config, twin) or _start_iocs(config, twin, keep, command, started, resume=resume)
            )
            lab = _lab(config, storage, iocs)
            _wait(lab, config, timeout_s)
        except BaseException:
            stop(started)
            raise
        _record(config, lab)
    return lab


def revive(config: LabConfig, lab: Lab, timeout_s: float = 90.0, **twin: Any) -> Lab:
    """Return the lab with what died started again on the same ports; the simulated bench goes on where it was.

    What is started ends with the calling thread, see `up`. ServiceError, StorageError : it does not start.
    """
    if lab.storage.alive and lab.iocs.alive:
        return lab
    options = dict.fromkeys(("preset", "seed", "speed", "truth")) | twin
    started: list[Service] = []
    storage, iocs = lab.storage, lab.iocs
    with RigLock(config.folders.run / "services.lock"):
        try:
            if not storage.alive:
                storage = _start_storage(config, False, started, lab.storage.ports[0])
            if not iocs.alive:
                _end_orphans(config.folders.run)
                iocs = _start_iocs(config, options, False, ioc_command, started, lab.iocs.ports, resume=True)
            revived = replace(lab, storage=storage, iocs=iocs)
            _wait(revived, config, timeout_s)
        except BaseException:
            stop(started)
            raise
        _record(config, revived)
    return revived


def _end_orphans(run: Path) -> None:
    """Wait for the IOCs of a supervisor that was killed: they end by themselves, a frozen one is killed."""
    deadline = time.monotonic() + ORPHANS_S
    for part in ("light", "bench"):
        path = run / f"{part}.json"
        try:
            pid = int(json.loads(path.read_text())["pid"])
        except (OSError, ValueError, KeyError):
            continue
        while "devices.iocs" in command_line(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if "devices.iocs" in command_line(pid):
            polite.kill(pid)


def find(config: LabConfig) -> Lab | None:
    """Return the running lab of this configuration, or None; nothing is started."""
    found = _recorded(config)
    if (there := elsewhere.iocs(config, {})) is not None:
        found["iocs"] = there
    if set(found) != {"storage", "iocs"} or not all(service.alive for service in found.values()):
        return None
    return _lab(config, found["storage"], found["iocs"])


def down(lab: Lab, grace_s: float = GRACE_S) -> None:
    """Stop both processes and all they started: asked first, killed after `grace_s`."""
    stop([service for service in (lab.iocs, lab.storage) if service.pid], grace_s)
    portable.remove(lab.data / "run" / "lab.json")


def release(lab: Lab) -> None:
    """Stop what this process started; what ran before stays."""
    ours = [service for service in (lab.iocs, lab.storage) if service.process is not None]
    if len(ours) == 2 or (ours and not lab.iocs.pid):
        down(lab)
    else:
        stop(ours)


def environment(lab: Lab) -> dict[str, str]:
    """Return the variables a client of this lab needs before it imports ophyd or tiled."""
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    return {
        "EPICS_CA_ADDR_LIST": f"{lab.hosts[0]}:{lab.light_port} {lab.hosts[1]}:{lab.bench_port}",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_REPEATER_PORT": str(lab.bench_port + 1),
        "OPHYD_CONTROL_LAYER": os.environ.get("OPHYD_CONTROL_LAYER", "caproto"),
        "TILED_API_KEY": lab.api_key,
        "TILED_RETRY_TIMEOUT": "5",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def server_environment(host: str = LOOPBACK) -> dict[str, str]:
    """Return the variables of an IOC: one interface, no beacons, monitors sent at once."""
    return {
        "EPICS_CAS_INTF_ADDR_LIST": host,
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CAS_BEACON_ADDR_LIST": "",
        "CAPROTO_SERVER_HIGH_LOAD_TIMEOUT_SEC": "0.001",
    }


def check_ca_port(port: int, key: str) -> None:
    """Raise ServiceError unless a Channel Access port is free for both UDP and TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        if not is_free(port, kind):
            protocol = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
            raise ServiceError(
                f"{protocol} port {port} on {LOOPBACK} is taken by another program; set "
                f"[channel_access] {key} in profile/lab.toml or stop it"
            )


def _lab(config: LabConfig, storage: Service, iocs: Service) -> Lab:
    address = server.url(storage.ports[0], config.storage.host)
    key = server.api_key(config.folders.storage)
    return Lab(config.folders.data, storage, iocs, address, key, config.channel_access.hosts)


def _lasting(found: dict[str, Service]) -> dict[str, Service]:
    """Leave out processes of a session that was killed: they are about to end, wait for that."""
    deadline = time.monotonic() + ENDING_S
    for service in found.values():
        while is_ending(service) and time.monotonic() < deadline:
            time.sleep(0.05)
    return {name: service for name, service in found.items() if not is_ending(service)}


def _running_storage(found: Mapping[str, Service], config: LabConfig) -> Service | None:
    """Return the recorded server if it lives and takes our key."""
    storage = found.get("storage")
    if storage is None or not storage.alive:
        return None
    address = server.url(storage.ports[0], config.storage.host)
    return storage if server.answers(address, server.api_key(config.folders.storage)) else None


def storage_address(config: LabConfig) -> tuple[str, str] | None:
    """Return address and key of the storage server of a lab, if it runs; nothing is started."""
    storage = _running_storage(_recorded(config), config)
    if storage is None:
        return None
    return server.url(storage.ports[0], config.storage.host), server.api_key(config.folders.storage)


def _running_iocs(found: Mapping[str, Service], settings: str) -> Service | None:
    """Return the recorded IOCs if they live and serve what is wanted."""
    iocs = found.get("iocs")
    if iocs is None or not iocs.alive:
        return None
    if iocs.settings != settings:
        raise ServiceError(
            f"the instruments already run (process {iocs.pid}) with another lab.toml or other twin options; "
            "stop them, or start without these options"
        )
    return iocs


def _adopted_iocs(config: LabConfig, twin: Mapping[str, Any]) -> Service | None:
    """Return IOCs of this house that somebody started by hand, if they live."""
    run = config.folders.run
    try:
        facts = json.loads((run / "iocs.json").read_text())
        words, ports = command_line(facts["pid"]), (facts["light_port"], facts["bench_port"])
    except (OSError, ValueError, KeyError):
        return None
    if "devices.iocs" not in words:
        return None
    if any(value is not None for value in twin.values()):
        raise ServiceError(
            f"the instruments already run (process {facts['pid']}), started by hand, so preset, seed, speed and truth "
            "are theirs; stop them, or start without these options"
        )
    return Service(facts["pid"], words, ports, run / "iocs.log", _settings(config, twin))


def _start_storage(config: LabConfig, keep: bool, started: list[Service], port: int = 0) -> Service:
    port = port or config.storage.port or free_port()
    server.check_port(port, config.storage.host)
    folder, told = config.folders.storage, config.storage
    where = {"port": port, "host": told.host, "database": told.database, "also_reads": told.also_reads}
    file = server.write_config(folder, config.folders.raw, **where)
    variables = server.environment(server.api_key(folder), folder, told.database)
    service = spawn(server.command(file), (port,), config.folders.run / "storage.log", variables, keep)
    started.append(service)
    return service


def _start_iocs(
    config: LabConfig,
    twin: dict[str, Any],
    keep: bool,
    command: IocCommand,
    started: list[Service],
    ports: tuple[int, ...] = (0, 0),
    *,
    resume: bool = False,
) -> Service:
    access, run = config.channel_access, config.folders.run
    light, bench = ports[0] or access.light_port or free_port(), ports[1] or access.bench_port or free_port()
    check_ca_port(light, "light_port")
    check_ca_port(bench, "bench_port")
    portable.remove(run / "iocs.json")
    words = command(config, light_port=light, bench_port=bench, **({"resume": True} if resume else {}), **twin)
    variables = server_environment(access.host)
    settings = _settings(config, twin)
    service = spawn(words, (light, bench), run / "iocs.log", variables, keep, settings)
    started.append(service)
    return service


def _wait(lab: Lab, config: LabConfig, timeout_s: float) -> None:
    """Return when storage answers and the IOCs have written that all PVs are served."""
    deadline = time.monotonic() + timeout_s
    server.wait_until_healthy(
        lab.storage_url,
        lab.api_key,
        is_alive=lambda: lab.storage.alive,
        log=lab.storage.log,
        timeout_s=timeout_s,
    )
    if config.channel_access.elsewhere:
        elsewhere.wait(config, timeout_s)
        return
    while not _are_served(config.folders.run / "iocs.json"):
        if not lab.iocs.alive:
            log = lab.iocs.log
            raise ServiceError(f"the IOCs stopped while starting; the end of {log}:\n{server.tail(log)}")
        if time.monotonic() > deadline:
            raise ServiceError(f"the IOCs do not serve after {timeout_s:.0f} s; see {lab.iocs.log}")
        time.sleep(0.05)


def _are_served(path: Path) -> bool:
    try:
        return "pid" in json.loads(path.read_text())
    except (OSError, ValueError):
        return False


def _settings(config: LabConfig, twin: Mapping[str, Any]) -> str:
    """Return a fingerprint of all that decides what the IOCs serve."""
    text = config.file.read_text(encoding="utf-8") if config.file else repr(config)
    return hashlib.sha256(f"{text}{sorted(twin.items())}".encode()).hexdigest()


def _record(config: LabConfig, lab: Lab) -> None:
    """Write lab.json whole, for later sessions; the key stays in its own file."""
    services = {name: one for name, one in (("storage", lab.storage), ("iocs", lab.iocs)) if one.pid}
    path = config.folders.run / "lab.json"
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({name: _as_json(service) for name, service in services.items()}, indent=2))
    portable.replace(temporary, path)


def _as_json(service: Service) -> dict[str, Any]:
    fields = ("pid", "command", "ports", "settings", "owner")
    return {name: getattr(service, name) for name in fields} | {"log": str(service.log)}


def _recorded(config: LabConfig) -> dict[str, Service]:
    """Return the services of lab.json; none if it is missing or damaged."""
    try:
        records = json.loads((config.folders.run / "lab.json").read_text())
        return {
            name: Service(
                r["pid"], tuple(r["command"]), tuple(r["ports"]), Path(r["log"]), r["settings"], r.get("owner", 0)
            )
            for name, r in records.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
