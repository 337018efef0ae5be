"""The wire from the bench process to the light process: be dark, and what stands in the detection.

One lasting circuit, used from one thread. Whoever holds the key of this lab, a file that only its owner can read, may
tell the light process what stands in the detection.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import caproto
from caproto.sync import client

from devices.iocs.pairing import Optics

log = logging.getLogger(__name__)

LINK_TIMEOUT_S = 1.0
TELL_PERIOD_S = 0.3
KEY_FILE = "link.key"


def link_key(folder: Path) -> str:
    """The key of this lab's link; made once, readable by its owner alone."""
    path = folder / KEY_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as draft:  # mode 0600
            draft.write(secrets.token_hex(16))
        with contextlib.suppress(FileExistsError):  # the other process was first
            os.link(draft.name, path)
        Path(draft.name).unlink()
    return path.read_text()


class Wire:
    """Puts over one circuit that is kept; blocking, and for one thread."""

    def __init__(self):
        self.channels: dict[str, caproto.ClientChannel] = {}

    def put(self, name: str, value: str):
        """Put and wait; over a new circuit if the one before was cut."""
        if name in self.channels:
            try:
                return self.write(name, value)
            except (OSError, caproto.CaprotoError):
                self.cut()
        return self.write(name, value)

    def write(self, name: str, value: str):
        try:
            if name not in self.channels:
                self.channels[name] = self.connect(name)
            client._write(self.channels[name], value, None, LINK_TIMEOUT_S, None, notify=True)
        except BaseException:
            self.cut()
            raise

    def connect(self, name: str) -> caproto.ClientChannel:
        with caproto.bcast_socket() as search:
            search.bind(("", 0))
            search.settimeout(LINK_TIMEOUT_S)
            return client.make_channel(name, search, 0, LINK_TIMEOUT_S)

    def cut(self):
        """Leave the circuit, whatever its state."""
        for channel in self.channels.values():
            circuit = channel.circuit
            client.global_circuits.pop((circuit.address, circuit.priority), None)
            if (used := client.sockets.pop(circuit, None)) is not None:
                used.close()
        self.channels.clear()


class LightLink:
    """What the bench may say to the light process over Channel Access."""

    def __init__(self, prefix: str, key: str = ""):
        self.prefix, self.key = prefix, key
        self.wire, self.thread = Wire(), ThreadPoolExecutor(1, thread_name_prefix="light link")
        self.answered = True
        self.moving = False

    async def put(self, name: str, value: str):
        """Put to the shutter; what fails is said once, until it works again."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.thread, self.wire.put, f"{self.prefix}shutter:{name}", value)
        except Exception as why:
            if self.answered:
                log.error("the light process does not answer (%r); its own dead-man closes the shutter", why)
            self.answered = False
        else:
            self.answered = True

    async def darken(self):
        await self.put("Command", "closed")

    async def trip(self, reason: str):
        await self.put("Trip", reason)

    async def tell(self, optics: Optics):
        """What stands in the detection now."""
        await self.put("Optics", optics.as_text(key=self.key))

    async def keep_telling(self, look: Callable[[], Optics]):
        """Tell it for ever, so that silence means that the bench is gone."""
        while True:
            await self.tell(look())
            await asyncio.sleep(TELL_PERIOD_S)
