"""Serve IOC groups on loopback: one process, one port, a clean end on any polite signal."""

import asyncio
import json
import os
import signal
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from caproto.asyncio import server

from devices.iocs.instrument import InstrumentIOC
from devices.iocs.single_writer import GuardedContext
from devices.loopback import tell_nobody

ORPHAN_CHECK_S = 0.5
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}  # seconds, seconds, times


LOOPBACK = "127.0.0.1"


def loopback_environment(
    port: int, others: Iterable[int] = (), *, host: str = LOOPBACK, elsewhere: Iterable[str] = ()
) -> dict[str, str]:
    """Channel Access on one interface: serve on `port`, find servers on `port` and `others`, no beacons.

    elsewhere : "host:port" of servers on other computers, which are found instead
    """
    addresses = " ".join(elsewhere) or " ".join(f"127.0.0.1:{p}" for p in (port, *others))
    return {
        "EPICS_CAS_SERVER_PORT": str(port),
        "EPICS_CA_SERVER_PORT": str(port),
        "EPICS_CAS_INTF_ADDR_LIST": host,
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CAS_BEACON_ADDR_LIST": "",
        "EPICS_CA_ADDR_LIST": addresses,
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        # How long the server waits to batch monitor updates; the default of 10 ms is most of a fast point.
        "CAPROTO_SERVER_HIGH_LOAD_TIMEOUT_SEC": "0.001",
    }


async def _socket_without_delay(*args):
    """Caproto leaves Nagle's algorithm on, which costs 40 ms a put; accepted sockets inherit these options."""
    sock = await _bound_socket(*args)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a writer whose computer vanished lets go
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


_bound_socket = server._create_bound_tcp_socket
server._create_bound_tcp_socket = _socket_without_delay


def require_free(port: int):
    """Two servers on one port steal each other's clients without a word, so the second must not start."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as why:
                raise SystemExit(
                    f"port {port} on 127.0.0.1 is taken by another program ({why.strerror}): stop it, or choose "
                    "another port in [channel_access] of lab.toml"
                ) from why


def announce(path: Path, facts: dict):
    """Write a small JSON file in one step: a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
        json.dump(facts, draft, indent=1)
    Path(draft.name).replace(path)


def serve(
    groups: list[InstrumentIOC],
    *,
    port: int,
    host: str = LOOPBACK,
    ready: Path | None = None,
    about: Mapping[str, Any] | None = None,
):
    """Serve until SIGINT, SIGTERM, SIGHUP or the death of the parent; shutdown hooks always run.

    ready : where port, boot ids and the facts of `about` stand as long as all PVs are served
    """
    require_free(port)
    tell_nobody()
    asyncio.run(_serve(groups, host, ready, about or {}))


async def _serve(groups: list[InstrumentIOC], host: str, ready: Path | None, about: Mapping[str, Any]):
    pvdb = {name: pv for group in groups for name, pv in group.pvdb.items()}
    context = GuardedContext(pvdb, [host])
    task = asyncio.ensure_future(context.run())
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and os.name == "posix":
            loop.add_signal_handler(getattr(signal, name), task.cancel)
    watch = asyncio.ensure_future(_end_with_parent(task))
    if ready is not None:
        while not task.done() and not (context.port and all(group.boot_id.value for group in groups)):
            await asyncio.sleep(0.02)
        facts = {**about, "pid": os.getpid(), "port": context.port}
        announce(ready, facts | {"boot_ids": {g.prefix: g.boot_id.value for g in groups}})
    try:
        await task
    finally:
        watch.cancel()
        if ready is not None:
            ready.unlink(missing_ok=True)


async def _end_with_parent(task: asyncio.Future):
    """An IOC whose supervisor was killed must not live on unseen."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(ORPHAN_CHECK_S)
    task.cancel()
