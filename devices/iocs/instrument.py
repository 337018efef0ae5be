"""What every IOC here shares: identity, heartbeat, and refusals that a client can read.

A put that fails inside an IOC looks like success through one Channel Access layer and hangs through another.
Here a refused put completes, leaves the old value standing and says why in ``Error``: the client compares the
readback and reads the sentence.
"""

import asyncio
import functools
import logging
import secrets
from typing import Any

from caproto import ChannelType, SkipWrite
from caproto.server import PVGroup, pvproperty

log = logging.getLogger(__name__)

HEARTBEAT_S = 0.5


class Refused(Exception):  # noqa: N818  (a state, not a mistake)
    """A command that must not be carried out; the message tells what was given, what is allowed, what to do."""


def quantity(name: str, value: float, units: str, low: float, high: float, doc: str, **kwargs):
    """A PV holding a number within limits."""
    return pvproperty(
        value=value,
        name=name,
        units=units,
        precision=4,
        lower_ctrl_limit=low,
        upper_ctrl_limit=high,
        doc=doc,
        **kwargs,
    )


def text(name: str, value: str = "", *, length: int = 480, read_only: bool = True, **kwargs):
    """A PV holding a sentence or a path (longer than the 39 characters of a CA string)."""
    return pvproperty(
        value=value,
        name=name,
        dtype=ChannelType.CHAR,
        max_length=length,
        read_only=read_only,
        string_encoding="utf-8",
        **kwargs,
    )


def choice(name: str, options: tuple[str, ...], *, read_only: bool = False, **kwargs):
    """A PV holding one of a few words."""
    return pvproperty(
        value=options[0],
        name=name,
        dtype=ChannelType.ENUM,
        enum_strings=list(options),
        read_only=read_only,
        **kwargs,
    )


def guarded(putter: Any, *, clears: bool = True) -> Any:
    """Wrap a putter: refusals and failures end up in the group's ``Error`` and leave the PV as it was.

    clears : success empties ``Error``; not for what is put all the time, or a refusal could be gone before it is read
    """

    @functools.wraps(putter)
    async def put(self, instance, value):
        if not isinstance(value, str) and (words := getattr(instance, "enum_strings", None)):
            value = words[value]
        try:
            accepted = await putter(self, instance, value)
        except SkipWrite:
            raise
        except Exception as why:
            if not isinstance(why, (Refused, ValueError)):
                log.exception("%s: %s failed", self.prefix, instance.pvname)
            await self.error.write(f"{instance.pvname}: {why}"[: self.error.max_length])
            raise SkipWrite from why
        if clears and self.error.value:
            await self.error.write("")
        return value if accepted is None else accepted

    return put


class InstrumentIOC(PVGroup):
    """Base of all IOC groups: a client can tell a restarted IOC from the one it spoke to a moment ago."""

    boot_id = pvproperty(value="", name="BootId", read_only=True, doc="random, new at every start of this process")
    heartbeat = pvproperty(value=0, name="Heartbeat", read_only=True, doc="counts up twice a second")
    error = text("Error", doc="why the last command was refused or failed; empty if it was not")

    @boot_id.startup
    async def boot_id(self, instance, async_lib):
        await instance.write(secrets.token_hex(6))

    @heartbeat.startup
    async def heartbeat(self, instance, async_lib):
        while True:
            await instance.write((instance.value + 1) % 2**31)
            await asyncio.sleep(HEARTBEAT_S)

    async def off_the_loop(self, function, *args, **kwargs):
        """Run blocking work (physics, hardware, files) in a thread, so that the IOC keeps answering."""
        return await asyncio.to_thread(functools.partial(function, *args, **kwargs))
