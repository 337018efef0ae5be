"""What a family of processes listens on, as the kernel says (Linux)."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

TCP_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A bound UDP socket, or a TCP socket that takes connections."""

    protocol: str
    address: str
    port: int
    pid: int

    @property
    def is_local(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback


def listeners(pids) -> list[Listener]:
    """Every place where these processes can be reached from a network."""
    return [each for pid in pids for each in listeners_of(pid)]


def listeners_of(pid: int):
    inodes = sockets_of(pid)
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        table = Path(f"/proc/{pid}/net/{protocol}")
        for row in table.read_text().splitlines()[1:] if table.exists() else []:
            _, local, _, state, *rest = row.split()
            if rest[5] in inodes and (state == TCP_LISTEN or protocol.startswith("udp")):
                address, port = local.split(":")
                yield Listener(protocol, str(parsed(address)), int(port, 16), pid)


def sockets_of(pid: int) -> set[str]:
    """Inodes of the sockets that a process has open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def parsed(text: str):
    """An address as /proc/net writes it: words of four bytes, each backwards."""
    words = bytes.fromhex(text)
    return ipaddress.ip_address(b"".join(words[n : n + 4][::-1] for n in range(0, len(words), 4)))
