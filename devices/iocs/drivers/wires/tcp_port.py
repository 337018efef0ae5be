"""A TCP connection that is used like a serial port."""

import socket
from urllib.parse import urlsplit

SCHEME = "socket://"
CONNECT_S = 3.0
PIECE = 65536
MOST_PIECES = 256  # forgotten at a time: one that babbles without an end is noticed later


class TcpPort:
    """A connection to "socket://host:port"; ConnectionError once the other side has hung up.

    timeout_s : how long `read` waits for the first byte; write_timeout_s : for `write` to get rid of its bytes
    """

    def __init__(self, url: str, *, timeout_s: float, write_timeout_s: float):
        self.timeout_s, self.write_timeout_s = timeout_s, write_timeout_s
        where = urlsplit(url)
        if not where.hostname or not where.port or where.path.strip("/") or where.query:
            raise ValueError('it must read "socket://<host>:<port>", such as "socket://192.168.1.5:50000"')
        self.socket = socket.create_connection((where.hostname, where.port), timeout=CONNECT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def in_waiting(self) -> int:
        """How many bytes `read` would return at once."""
        self.socket.settimeout(0)
        try:
            return len(self.socket.recv(PIECE, socket.MSG_PEEK))
        except BlockingIOError:
            return 0

    def reset_input_buffer(self) -> None:
        self.socket.settimeout(0)
        try:
            for _ in range(MOST_PIECES):
                self.received(PIECE)
        except BlockingIOError:
            return

    def read(self, n_bytes: int) -> bytes:
        """At most so many bytes; b"" if none came in time."""
        self.socket.settimeout(self.timeout_s)
        try:
            return self.received(n_bytes)
        except TimeoutError:
            return b""

    def received(self, n_bytes: int) -> bytes:
        if data := self.socket.recv(n_bytes):
            return data
        raise ConnectionResetError("the instrument hung up")

    def write(self, data: bytes) -> int:
        self.socket.settimeout(self.write_timeout_s)
        try:
            self.socket.sendall(data)
        except TimeoutError as why:
            raise ConnectionAbortedError(f"it took no bytes for {self.write_timeout_s:g} s") from why
        return len(data)

    def close(self) -> None:
        self.socket.close()
