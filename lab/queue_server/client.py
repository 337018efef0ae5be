"""Requests to the queue server, encrypted with its public key."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

TIMEOUT_MS = 2000


class Client:
    """A connection to the manager, for one thread; a context manager.

    address : "tcp://host:port"
    public_key : the file it stands in
    """

    def __init__(self, address: str, public_key: Path, *, timeout_ms: int = TIMEOUT_MS):
        self.address, self.timeout_ms = address, timeout_ms
        self.server_key, self.pair = public_key.read_bytes().strip(), zmq.curve_keypair()
        self.context = zmq.Context()
        self.socket = self.connected()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close(linger=0)
        self.context.term()

    def connected(self) -> zmq.Socket:
        """A socket that encrypts for the server and for nobody else."""
        socket = self.context.socket(zmq.REQ)
        socket.curve_serverkey = self.server_key
        socket.curve_publickey, socket.curve_secretkey = self.pair
        socket.rcvtimeo = socket.sndtimeo = self.timeout_ms
        socket.connect(self.address)
        return socket

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a request; returns the answer, `success` and `msg` among it. TimeoutError if there is none."""
        try:
            self.socket.send_json({"method": method, "params": parameters})
            answer: Any = self.socket.recv_json()
        except zmq.Again as silence:
            self.socket.close(linger=0)  # one that waits for an answer takes no further request
            self.socket = self.connected()
            raise TimeoutError(f"the queue server does not answer to {method!r}; start it: make queue") from silence
        return answer

    def status(self) -> dict[str, Any] | None:
        """What the manager says of itself; None if it says nothing."""
        try:
            return self.ask("status")
        except TimeoutError:
            return None
