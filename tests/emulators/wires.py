"""Instruments at byte level: emulators behind a pseudo-terminal or a TCP port, which misbehave on request."""

import contextlib
import os
import pty
import select
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Mischief:
    """What goes wrong with the next replies; each number counts down by itself to a good wire again.

    delay_s : before every reply
    silent, garbled, cut : how many of the next replies never come, hold wrong bytes, lack their second half
    babble : bytes that come unasked before the next reply
    """

    delay_s: float = 0.0
    silent: int = 0
    garbled: int = 0
    cut: int = 0
    babble: bytes = b""

    def spoil(self, reply: bytes) -> bytes:
        if self.silent:
            self.silent -= 1
            return b""
        babble, self.babble = self.babble, b""
        if self.cut:
            self.cut -= 1
            return babble + reply[: len(reply) // 2]
        if self.garbled:
            self.garbled -= 1
            return babble + bytes(byte ^ 0x15 if byte > 32 else byte for byte in reply)
        return babble + reply


@dataclass
class Emulator:
    """An instrument that is spoken to in lines.

    end : what ends a command; singles : bytes that are a command by themselves
    heard : every command so far, for assertions
    """

    end: bytes = b"\n"
    singles: bytes = b""
    mischief: Mischief = field(default_factory=Mischief)
    heard: list[str] = field(default_factory=list)

    def answer(self, command: str) -> bytes:
        """What the instrument replies, with every end it sends; b"" for nothing."""
        raise NotImplementedError

    def take(self, pending: bytes, reply: Callable[[bytes], object]) -> bytes:
        """Answer all whole commands in `pending`; what is left of it."""
        while pending:
            if pending[:1] in [bytes([single]) for single in self.singles]:
                command, pending = pending[:1], pending[1:]
            elif self.end in pending:
                command, _, pending = pending.partition(self.end)
            else:
                break
            self.heard.append(command.decode("latin-1"))
            if answer := self.answer(command.decode("latin-1")):
                time.sleep(self.mischief.delay_s)
                if spoilt := self.mischief.spoil(answer):
                    reply(spoilt)
        return pending


@contextlib.contextmanager
def on_pty(emulator: Emulator) -> Iterator[str]:
    """Serve behind a pseudo-terminal; the name to open as a serial port."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    tty.setraw(master)
    stop = threading.Event()

    def serve():
        pending = b""
        while not stop.is_set():
            if select.select([master], [], [], 0.02)[0]:
                with contextlib.suppress(OSError):
                    pending = emulator.take(pending + os.read(master, 4096), lambda data: os.write(master, data))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        thread.join()
        os.close(slave)
        os.close(master)


class TcpEmulator:
    """Serves one emulator on a free port of loopback, to one client at a time; `unplug` and `plug` are a cable."""

    def __init__(self, emulator: Emulator):
        self.emulator, self.plugged, self.stopping = emulator, threading.Event(), threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(0.02)
        self.url = f"socket://127.0.0.1:{self.server.getsockname()[1]}"
        self.plugged.set()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                client, _ = self.server.accept()
                with client:
                    self.converse(client)

    def converse(self, client: socket.socket):
        client.settimeout(0.02)
        pending = b""
        while self.plugged.is_set() and not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                data = client.recv(4096)
                if not data:
                    return
                pending = self.emulator.take(pending + data, client.sendall)

    def unplug(self):
        self.plugged.clear()

    def plug(self):
        self.plugged.set()

    def close(self):
        self.stopping.set()
        self.thread.join()
        self.server.close()


@contextlib.contextmanager
def on_tcp(emulator: Emulator) -> Iterator[TcpEmulator]:
    """Serve on TCP while in the context."""
    served = TcpEmulator(emulator)
    try:
        yield served
    finally:
        served.close()
