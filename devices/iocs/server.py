"""Serve IOC groups on loopback: one process, one port, a clean end on any polite signal."""

import asyncio
import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from caproto.asyncio import server

from devices import leash, polite, portable
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


async def _socket_without_delay(host: str, port: int) -> socket.socket:
    """Caproto leaves Nagle's algorithm on, which costs 40 ms a put; accepted sockets inherit these options."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        portable.claim_port(sock)
        sock.setblocking(False)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a writer whose computer vanished lets go
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


server._create_bound_tcp_socket = _socket_without_delay


def require_free(port: int):
    """Two servers on one port steal each other's clients without a word, so the second must not start."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            portable.claim_port(probe)
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
    portable.replace(Path(draft.name), path)


def serve(
    groups: list[InstrumentIOC],
    *,
    port: int,
    host: str = LOOPBACK,
    ready: Path | None = None,
    about: Mapping[str, Any] | None = None,
):
    """Serve until a signal asks to end, the leash is let go, or the parent is dead; shutdown hooks always run.

    ready : where port, boot ids and the facts of `about` stand as long as all PVs are served
    """
    require_free(port)
    tell_nobody()
    ended = threading.Event()
    with asyncio.Runner(loop_factory=portable.new_loop) as runner:
        try:
            runner.run(_serve(groups, host, ready, about or {}, ended))
        finally:
            ended.set()


async def _serve(
    groups: list[InstrumentIOC], host: str, ready: Path | None, about: Mapping[str, Any], ended: threading.Event
):
    pvdb = {name: pv for group in groups for name, pv in group.pvdb.items()}
    context = GuardedContext(pvdb, [host])
    task = asyncio.ensure_future(context.run())
    end = _once(task, asyncio.get_running_loop())
    polite.on_signals(polite.ASKING, lambda *_: end())
    polite.on_console_end(end, ended.wait)
    leash.obey(end)
    watch = asyncio.ensure_future(_end_with_parent(end))
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
            portable.remove(ready)


def _once(task: asyncio.Future, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Cancel a task from any thread, but once: a second time would cancel the hooks that make it dark."""
    asked = False

    def cancel():
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    def end():
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(cancel)

    return end


async def _end_with_parent(end: Callable[[], None]):
    """An IOC whose supervisor was killed must not live on unseen; on Windows its leash alone tells that.

    It wakes the loop as well, which on Windows does not notice a signal while it waits.
    """
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(ORPHAN_CHECK_S)
    end()
