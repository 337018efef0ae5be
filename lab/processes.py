"""Processes of their own: started with a log, recognised later, stopped with all they started."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
GRACE_S = 5.0


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
    """Start a process in a session of its own, tied to this one unless `keep`; its log is private."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    tied = sys.platform == "linux" and not keep
    words = [sys.executable, "-m", "lab.tether", str(os.getpid()), *command] if tied else command
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            words,
            env={**inherited, **variables},
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            start_new_session=True,
        )
    finally:
        os.close(fd)
    return Service(process.pid, tuple(command), ports, log, settings, os.getpid() if tied else 0, process)


def stop(services: Sequence[Service], grace_s: float = GRACE_S) -> None:
    """Ask all process groups to end, then end what is left of them."""
    ours = [service for service in services if service.alive or service.process is not None]
    for service in ours:
        _signal(service, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while any(service.alive for service in ours) and time.monotonic() < deadline:
        time.sleep(0.02)
    for service in ours:
        _signal(service, getattr(signal, "SIGKILL", signal.SIGTERM))
        if service.process is not None:
            service.process.wait()


def _signal(service: Service, number: int) -> None:
    """Signal a service and whatever it started: it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            os.kill(service.pid, number)
        else:
            os.killpg(service.pid, number)


def free_port() -> int:
    """Return a port that is free for both UDP and TCP."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        if is_free(port, socket.SOCK_DGRAM):
            return port
    raise OSError("no port is free for both UDP and TCP")


def is_free(port: int, kind: socket.SocketKind, host: str = LOOPBACK) -> bool:
    """Whether nobody has bound a UDP (SOCK_DGRAM) or TCP (SOCK_STREAM) port."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM and os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def command_line(pid: int) -> tuple[str, ...]:
    """Return the command line of a living process, empty if there is none or it cannot be known."""
    proc = Path(f"/proc/{pid}/cmdline")
    try:
        return tuple(proc.read_text().split("\0")[:-1])
    except OSError:
        return ()
