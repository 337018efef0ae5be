"""A two-channel gate counter behind TCP: answers in lines, and streams gates in between, faster than life if asked."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

Counts = Callable[[int, float], np.ndarray]  # (n gates, gate_s) to (n, 2) counts
PERIOD_S = 0.005


@dataclass
class GateCounter:
    """counts : what the gates hold; speed : gates per second that pass, in units of real time

    drop, spoil : that many of the next gates never come, come with a letter in them; mute : it sends nothing more
    """

    counts: Counts
    serial: str = "GC-0042"
    speed: float = 1.0
    drop: int = 0
    spoil: int = 0
    mute: bool = False
    heard: list[str] = field(default_factory=list)
    gate_s: float = 0.0
    index: int = 0

    def answer(self, command: str) -> bytes:
        self.heard.append(command)
        word, _, number = command.partition(" ")
        if word == "STOP":
            self.gate_s = 0.0
            return b"STOPPED\n"
        if word == "ID?":
            return f"COUNTER {self.serial}\n".encode()
        self.gate_s, self.index = int(number) / 1000, 0
        return f"GATE {number}\n".encode()

    def lines(self, n: int) -> bytes:
        """The next n gates, as they go out."""
        told = b""
        for a, b in self.counts(n, self.gate_s).tolist():
            if self.drop:
                self.drop -= 1
            elif self.spoil:
                self.spoil -= 1
                told += f"{self.index} {a}x {b}\n".encode()
            else:
                told += f"{self.index} {a} {b}\n".encode()
            self.index = (self.index + 1) % (1 << 32)
        return b"" if self.mute else told


@contextlib.contextmanager
def on_tcp(counter: GateCounter) -> Iterator[str]:
    """Serve one client after the other; the url to open."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)
        thread = threading.Thread(target=_serve, args=(counter, server, stop), daemon=True)
        thread.start()
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def _serve(counter: GateCounter, server: socket.socket, stop: threading.Event):
    while not stop.is_set():
        with contextlib.suppress(OSError):
            client, _ = server.accept()
            with client:
                _converse(counter, client, stop)


def _converse(counter: GateCounter, client: socket.socket, stop: threading.Event):
    pending, due_s = b"", time.monotonic()
    while not stop.is_set():
        if select.select([client], [], [], PERIOD_S)[0]:
            if not (data := client.recv(4096)):
                return
            *commands, pending = (pending + data).split(b"\n")
            for command in commands:
                client.sendall(counter.answer(command.decode()))
                due_s = time.monotonic()
        if counter.gate_s:
            n = int((time.monotonic() - due_s) * counter.speed / counter.gate_s)
            due_s += n * counter.gate_s / counter.speed
            client.sendall(counter.lines(n))
