"""The helper process of a counting card, as seen from here: started, asked, and ended."""

import contextlib
import hmac
import secrets
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devices.iocs.drivers.timeharp import frames
from devices.iocs.drivers.timeharp.errors import sentence
from devices.iocs.drivers.wires.wire_log import WireLog

SERVER = Path(__file__).with_name("server.py")
START_S = 20.0  # a 32-bit interpreter on an old disk
ANSWER_S = 30.0  # the longest that one call may take beyond the time it measures
TICK_S = 0.02
KNOCK_S = 1.0  # the helper tells its key at once; a stranger does not hold up the door
LEAVE_S = 4.0  # the process gives its library half of it
KEY_BYTES = 32
N_LINKS = 3  # work, meter, stop
FAULTS, FORGOTTEN = range(-1000, 0), (-22, -23)  # a negative rate may be nonsense; what is not open is not


class CardError(ConnectionError):
    """The card, its library or the helper process failed; the message tells which, the code, and what to do."""


class CardLost(CardError):  # noqa: N818  (a state)
    """The helper process is gone and with it the measurement that ran."""


class Helper:
    """One helper process.

    library : path of the vendor's library; interpreter : the Python that can load it; board : which one it is
    doubtful : the library failed, and nobody knows in what state that left the board: let a new process open it
    """

    def __init__(self, interpreter: str, library: str, board: str, log: WireLog):
        self.library, self.board, self.log, self.doubtful = library, board, log, False
        key = secrets.token_hex(KEY_BYTES).encode("ascii")
        with socket.create_server(("127.0.0.1", 0)) as door:
            command = [interpreter, "-E", "-s", str(SERVER), "--library", library, "--board", board]
            command += ["--port", str(door.getsockname()[1])]
            try:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                )
            except OSError as why:
                raise CardError(f"{interpreter} cannot be started ({why}); python = a 32-bit interpreter") from why
            self.links: dict[str, socket.socket] = {}
            try:
                greet(door, key, self.process, self.links)
                born = self.reply("work", START_S)[0]
            except BaseException:
                self.end()
                raise
        self.log.note(f"helper of {library}: process {born['pid']}, Python {born['python']}")
        self.turns = {name: threading.Lock() for name in self.links}

    def ask(
        self,
        do: str,
        *,
        link: str = "work",
        longest_s: float = 0.0,
        meanwhile: Callable[[], Any] | None = None,
        **given: Any,
    ) -> tuple[dict[str, Any], bytes]:
        """Have something done; its reply. CardError if it fails, CardLost if the process does not survive it.

        longest_s : that it may take beyond ANSWER_S
        meanwhile : called every now and then until the reply is there
        """
        with self.turns[link]:
            try:
                frames.send(self.links[link], {"do": do, "with": given})
            except frames.Gone as why:
                raise self.lost(do) from why
            reply = self.reply(link, ANSWER_S + longest_s, do, meanwhile)
        self.log.note(f"{do} {given}: {reply[0]}")
        return reply

    def reply(
        self, link: str, longest_s: float, do: str = "start", meanwhile: Callable[[], Any] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        until_s = time.monotonic() + longest_s
        try:
            while not select.select([self.links[link]], [], [], TICK_S)[0]:
                if meanwhile is not None:
                    meanwhile()
                if time.monotonic() > until_s:
                    self.end()
                    raise CardLost(f"{do}: the library did not come back within {longest_s:g} s; its process was ended")
            header, payload = frames.receive(self.links[link])
        except CardError:
            raise
        except (OSError, ValueError) as why:
            raise self.lost(do) from why
        if fault := header.get("failed"):
            self.log.note(f"{do}: {fault}")
            self.doubtful = self.doubtful or fault["code"] in (FORGOTTEN if link == "meter" else FAULTS)
            raise CardError(sentence(fault["function"], fault["code"], fault["said"]))
        return header, payload

    def lost(self, do: str) -> CardLost:
        """What to raise when the process has gone."""
        self.end()
        self.log.note(f"{do}: the helper process ended with code {self.process.returncode}")
        return CardLost(
            f"{do}: the helper process of the card ended with code {self.process.returncode}, and with it what was "
            "being measured; the next command starts it again"
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Let the process leave the board and end; end it by force if it does not."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for link in self.links.values():
            link.close()


def greet(door: socket.socket, key: bytes, process: subprocess.Popen, links: dict[str, socket.socket]) -> None:
    """Wait until the process that is told the key has come through the door with all its links."""
    assert process.stdin is not None
    process.stdin.write(key + b"\n")
    process.stdin.flush()
    until_s = time.monotonic() + START_S
    while len(links) < N_LINKS:
        link = visitor(door, process, until_s)
        try:
            header, said = frames.receive(link)
            link.settimeout(ANSWER_S)
        except (OSError, ValueError):
            link.close()
            continue
        if not hmac.compare_digest(said, key):
            link.close()
            continue
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        links[str(header.get("link"))] = link


def visitor(door: socket.socket, process: subprocess.Popen, until_s: float) -> socket.socket:
    """The next connection; CardError if the process ends or takes too long."""
    while not select.select([door], [], [], TICK_S)[0]:
        if (code := process.poll()) is not None:
            raise CardError(f"the helper process ended with code {code}; python = a 32-bit Python, 3.8 or newer")
        if time.monotonic() > until_s:
            raise CardError(f"the helper process did not report within {START_S:g} s; is python = right?")
    link = door.accept()[0]
    link.settimeout(KNOCK_S)
    return link
