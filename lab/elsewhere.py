"""IOCs on other computers: they are used as they answer, and neither started nor stopped from here."""

import socket
import time
from collections.abc import Mapping
from typing import Any

from devices.loopback import searches_elsewhere
from lab.config import LabConfig
from lab.processes import Service

REACH_S = 1.0


class ElsewhereError(RuntimeError):
    """The instruments on other computers cannot be used as they are; the message says what to do."""


def iocs(config: LabConfig, twin: Mapping[str, Any]) -> Service | None:
    """The IOCs that lab.toml names on other computers, without a process of ours; None if it names none."""
    access = config.channel_access
    if not access.elsewhere:
        return None
    if any(value is not None for value in twin.values()):
        raise ElsewhereError(
            f"the instruments are on {access.light_host} and {access.bench_host}, so preset, seed, speed and truth are "
            "given to python -m devices.iocs there; start without these options"
        )
    return Service(0, (), (access.light_port, access.bench_port), config.folders.run / "iocs.log")


def wait(config: LabConfig, timeout_s: float) -> None:
    """Return when both computers take a connection; ElsewhereError with the command to type there if one does not."""
    access, deadline = config.channel_access, time.monotonic() + timeout_s
    for part, host, port in zip(("light", "bench"), access.hosts, (access.light_port, access.bench_port), strict=True):
        while (why := objection(host, port)) is not None:
            if time.monotonic() > deadline:
                raise ElsewhereError(
                    f"nothing answers on {host}:{port} ({why}); type there: python -m devices.iocs --only {part}"
                )
            time.sleep(0.1)


def objection(host: str, port: int) -> OSError | None:
    """Why no connection can be made."""
    try:
        with socket.create_connection((host, port), REACH_S):
            return None
    except OSError as why:
        return why


def hear_the_named() -> None:
    """Search over a new socket if other computers are named by now: ophyd makes its own when it is imported."""
    import caproto
    import ophyd
    from ophyd import _caproto_shim

    if ophyd.cl.name != "caproto" or not searches_elsewhere():
        return
    searching: Any = _caproto_shim.PV.default_context().broadcaster
    before, after = searching.udp_sock, caproto.bcast_socket()
    after.bind(("", 0))
    searching.selector.add_socket(after, searching)
    searching.udp_sock, searching.broadcaster.client_address = after, after.getsockname()
    searching.selector.remove_socket(before)
    before.close()
