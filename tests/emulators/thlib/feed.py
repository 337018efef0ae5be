"""Photons for an emulated library: it is compiled here, and asks a port of loopback what its card counts."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
N_CHANNELS = 4096


def build(folder: Path, name: str = "thlib", source: str = "thlib.c", *flags: str) -> Path:
    """The compiled library of that name; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: the emulated library cannot be built")
    library = folder / f"{name}.so"
    strict = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1"]
    subprocess.run([compiler, *strict, *flags, "-o", str(library), str(HERE / source)], check=True)
    return library


class Feed:
    """Answers an emulated library from any card with `acquire`, `acquire_hbt` and `acquire_records`, like the twin's.

    measured : what it was asked to measure: (mode, tacq_ms, range, offset, routing); blocks : what it answered
    rate_cps : what the meter shows of the detector input
    """

    def __init__(self, card: Any, *, acquisition: int = 1, rate_cps: float = 10_000.0):
        self.card, self.acquisition, self.rate_cps = card, acquisition, rate_cps
        self.measured: list[tuple[int, ...]] = []
        self.blocks: list[Any] = []
        self.faults: list[Exception] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.threads = [threading.Thread(target=self.serve, daemon=True)]
        self.threads[0].start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.server.accept()
                thread = threading.Thread(target=self.converse, args=(link,), daemon=True)
                self.threads.append(thread)
                thread.start()

    def converse(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            line = link.makefile("rb").readline().decode().split()
            try:
                link.sendall(self.answer(line, link))
            except Exception as why:
                self.faults.append(why)

    def answer(self, line: list[str], link: socket.socket) -> bytes:
        if line[0] == "board":
            return f"{self.card.serial} {self.card.base_resolution_ps}\n".encode()
        if line == ["rate", "sync"]:
            return b"%d\n" % round(self.card.sync_rate_hz())
        if line[0] == "rate":
            return b"%d\n" % round(self.rate_cps)
        stop = threading.Event()
        watch = threading.Thread(target=heed, args=(link, stop), daemon=True)
        watch.start()
        return self.measure(tuple(map(int, line[1:])), stop)

    def measure(self, asked: tuple[int, ...], stop: threading.Event) -> bytes:
        mode, tacq_ms, range_code, offset_ns, routing = asked
        identity = {"acquisition": self.acquisition, "index": len(self.measured), "stop": stop}
        self.measured.append(asked)
        self.card.configure(range_code, offset_ns)
        if mode == 1:
            block = self.card.acquire_records(tacq_ms / 1000, **identity)
            self.blocks.append(block)
            return b"records %d %d %d\n" % (len(block.records), ms(block), block.overrun) + block.records.tobytes()
        if routing:
            block = self.card.acquire(tacq_ms / 1000, **identity)
            raw = block.histograms[:, ::-1]
        else:
            block = self.card.acquire_hbt(tacq_ms / 1000, n_bins=100, **identity)
            raw = block.histogram[None]
        self.blocks.append(block)
        head = b"blocks %d %d %d\n" % (len(raw), ms(block), bool(np.any(block.overflow)))
        return head + np.ascontiguousarray(raw).astype("<u4").tobytes()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for thread in self.threads:
            thread.join(5.0)


def heed(link: socket.socket, stop: threading.Event) -> None:
    """Set `stop` when the library asks for the end."""
    with contextlib.suppress(OSError):
        if link.recv(16):
            stop.set()


def ms(block: Any) -> int:
    return round(1000 * block.elapsed_s)


@contextlib.contextmanager
def fed(card: Any, **options: Any) -> Iterator[Feed]:
    """A feed, and the variable by which a library that is loaded meanwhile finds it."""
    feed, before = Feed(card, **options), os.environ.get("EMULATED_FEED")
    os.environ["EMULATED_FEED"] = str(feed.port)
    try:
        yield feed
    finally:
        os.environ.pop("EMULATED_FEED")
        if before is not None:
            os.environ["EMULATED_FEED"] = before
        feed.close()
