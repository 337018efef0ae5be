"""Processes of their own: started with a log, recognised later, stopped with all they started."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devices import leash, polite, portable
from devices.polite import command_line
from lab import tether

LOOPBACK = "127.0.0.1"
GRACE_S = 5.0
NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", leash.VARIABLE)


@dataclass(frozen=True)
class Service:
    """One process of the lab; `settings` tell whether a running one is the one that is wanted."""

    pid: int
    command: tuple[str, ...]
    ports: tuple[int, ...]
    log: Path
    settings: str = ""
    owner: int = 0  # the process it ends with; 0: it outlives everybody
    process: subprocess.Popen | None = field(default=None, repr=False, compare=False)

    @property
    def alive(self) -> bool:
        """Whether the process runs, and is this one: process ids are used again."""
        if self.process is not None:
            return self.process.poll() is None
        return command_line(self.pid) == self.command


def is_ending(service: Service) -> bool:
    """Whether its owner is gone, so that it is about to end as well."""
    return service.alive and bool(service.owner) and not command_line(service.owner)


def spawn(
    command: list[str],
    ports: tuple[int, ...],
    log: Path,
    variables: Mapping[str, str],
    keep: bool,
    settings: str = "",
) -> Service:
    """Start a process in a session of its own, on a leash of this one unless `keep`; its log is private."""
    inherited = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
    told = {**inherited, "PYTHONUTF8": "1", **variables}  # a log holds µ and τ on every system
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.lseek(fd, 0, os.SEEK_END)  # Windows hands on where to write, not that it is to be appended
    try:
        if keep:
            process = subprocess.Popen(
                command, env=told, stdin=subprocess.DEVNULL, stdout=fd, stderr=fd, **polite.apart()
            )
        else:
            process = leash.Held(tether.tied(command), env=told, stdout=fd, stderr=fd)
    finally:
        os.close(fd)
    return Service(process.pid, tuple(command), ports, log, settings, 0 if keep else os.getpid(), process)


def stop(services: Sequence[Service], grace_s: float = GRACE_S) -> None:
    """Ask all process groups to end, then end what is left of them."""
    ours = [service for service in services if service.alive or service.process is not None]
    families = {service.pid: polite.family(service.pid) for service in ours}
    for service in ours:
        held = service.process if isinstance(service.process, leash.Held) else None
        polite.ask_to_end(service.pid, group=True, held=held is not None)
        if held is not None:
            held.let_go()
    deadline = time.monotonic() + grace_s
    while any(service.alive for service in ours) and time.monotonic() < deadline:
        time.sleep(0.02)
    for service in ours:
        polite.kill(service.pid, families[service.pid], group=True, grace_s=deadline - time.monotonic())
        if service.process is not None:
            service.process.wait()


def free_port() -> int:
    """Return a port that is free for both UDP and TCP."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        if is_free(port, socket.SOCK_DGRAM):
            return port
    raise OSError("no port is free for both UDP and TCP: give ports in lab.toml, [channel_access]")


def is_free(port: int, kind: socket.SocketKind, host: str = LOOPBACK) -> bool:
    """Whether nobody has bound a UDP (SOCK_DGRAM) or TCP (SOCK_STREAM) port."""
    with socket.socket(socket.AF_INET, kind) as probe:
        portable.claim_port(probe)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
