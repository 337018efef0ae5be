"""Channel Access that hears and tells this computer alone.

A client of caproto listens for answers to its searches on every interface: anybody on the network could answer them,
and be taken for an instrument. Where EPICS_CA_ADDR_LIST names another computer, their answers are wanted.
"""

import functools
import os
import socket
from typing import Any

LOOPBACK = "127.0.0.1"


class LoopbackSocket(socket.socket):
    """A socket that is bound to loopback, whatever interface is asked for, unless other computers are searched."""

    def bind(self, address: Any) -> None:
        super().bind(address if searches_elsewhere() else (LOOPBACK, address[1]))

    def sendto(self, data: Any, *where: Any) -> int:
        """Send, or lose the datagram: while a cable is pulled, an error here would end caproto's searching for good."""
        try:
            return super().sendto(data, *where)
        except OSError:
            if self.fileno() < 0:
                raise
            return len(data)


def searches_elsewhere() -> bool:
    """Whether the addresses to be searched are given, and not all of them are this computer's own."""
    addresses = os.environ.get("EPICS_CA_ADDR_LIST", "").split()
    return any(address.partition(":")[0] not in (LOOPBACK, "localhost") for address in addresses)


def hear_loopback_only() -> None:
    """Bind the searching sockets of clients that are made from now on in this process to loopback."""
    import caproto

    make = caproto.bcast_socket
    if isinstance(make, functools.partial):
        return
    caproto.bcast_socket = functools.partial(loopback_socket, make)


def tell_nobody() -> None:
    """Send no beacons: caproto takes an empty list of addresses for the whole network."""
    import caproto

    caproto.get_beacon_address_list = list


def loopback_socket(make: Any, socket_module: Any = socket) -> socket.socket:
    """What caproto makes, as a socket of ours."""
    made = make(socket_module)
    return LoopbackSocket(made.family, made.type, made.proto, fileno=made.detach())
