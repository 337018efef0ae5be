"""One writer to a process: two sessions never drive the same hardware.

The circuit over which the owner's token was put to an ``Owner`` PV is the writer of all PVs of that process, busy or
idle, until it is cut or gives the lease up. Over any other circuit only what makes the lab safer is taken. A refused
client reads why in the group's ``Error``, which it alone sees: it must not confuse the session that measures.

A process without an owner takes puts from everybody, as before.
"""

from contextvars import ContextVar
from typing import Any

import caproto
from caproto.asyncio import server

from devices.iocs.instrument import Refused

NOBODY = "nobody"

ALWAYS = ("shutter:Trip", "shutter:Rest", "shutter:Optics", ":Stop")  # dark, at rest; Optics needs a key of its own
DARK = {"shutter:Command": b"closed", ":Emission": b"standby"}
LEASE = (":Owner", ":Beat")

writing: ContextVar[Any] = ContextVar("circuit whose put is carried out", default=None)


class Writer:
    """Which circuit may write to this process."""

    def __init__(self):
        self.circuit: Any = None
        self.token = NOBODY

    @property
    def held(self) -> bool:
        return self.circuit is not None and self.circuit.connected

    def objection(self, circuit: Any, name: str, data: Any) -> str:
        """Why this put is not taken, or nothing."""
        if not self.held or circuit is self.circuit or makes_safer(name, data):
            return ""
        if name.endswith(LEASE) and text_of(data) == self.token:  # its owner, connected anew
            return ""
        return (
            f"the lab is driven by {self.token!r}: one session at a time, close that one first; anybody may close the "
            "shutter, trip it or put lasers on standby"
        )

    def claim(self, circuit: Any, token: str):
        self.circuit, self.token = (None, NOBODY) if token == NOBODY else (circuit, token)


def makes_safer(name: str, data: Any) -> bool:
    """Whether a put can only take light away or end what runs."""
    dark = next((word for end, word in DARK.items() if name.endswith(end)), None)
    return name.endswith(ALWAYS) or (dark is not None and len(data) > 0 and first_of(data) in (0, dark))


def first_of(data: Any) -> Any:
    """A word as bytes, a number as it is."""
    return data[0].rstrip(b"\0") if isinstance(data[0], bytes) else data[0]


def text_of(data: Any) -> str:
    """The text that was put to a PV of characters, or as a string."""
    if len(data) and isinstance(data[0], bytes) and not isinstance(data, bytes):
        return b"".join(data).split(b"\0")[0].decode(errors="replace")
    return bytes(data).split(b"\0")[0].decode(errors="replace")


def require_free(present: str, wanted: str) -> bool:
    """Whether circuits decide who owns this process; Refused if the one that asks holds it by another token."""
    if (circuit := writing.get()) is None:
        return False
    if wanted not in (NOBODY, present) and circuit.context.writer.held and circuit.context.writer.token == present:
        raise Refused(f"the lab is driven by {present!r}, over this very connection: give that lease up first")
    return True


def claim(token: str):
    """Make the circuit whose put is carried out the writer of its process; NOBODY: let go."""
    if (circuit := writing.get()) is not None:
        circuit.context.writer.claim(circuit, token)


class GuardedCircuit(server.VirtualCircuit):
    """Asks the `Writer` of its context before each put."""

    context: "GuardedContext"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.refusals: dict[str, Any] = {}

    async def _process_command(self, command):
        if not isinstance(command, (caproto.WriteRequest, caproto.WriteNotifyRequest)):
            return await super()._process_command(command)
        channel = self.circuit.channels_sid[command.sid]
        name = channel.name.partition(".")[0]
        group = getattr(self.context.pvdb.get(name), "group", None)
        error = f"{group.prefix}Error" if group is not None else ""
        if why := self.context.writer.objection(self, name, command.data):
            self.refusals[error] = caproto.ChannelChar(
                value=f"{name}: {why}", max_length=480, string_encoding="utf-8", reported_record_type="ai"
            )
            answered = isinstance(command, caproto.WriteNotifyRequest)
            status = caproto.CAStatus.ECA_NOWTACCESS
            return [channel.write(ioid=command.ioid, status=status)] if answered else []
        self.refusals.pop(error, None)
        writing.set(self)
        return await super()._process_command(command)

    def _get_db_entry_from_command(self, command):
        channel, entry = super()._get_db_entry_from_command(command)
        if isinstance(command, (caproto.ReadRequest, caproto.ReadNotifyRequest)):
            return channel, self.refusals.get(channel.name, entry)
        return channel, entry


class GuardedContext(server.Context):
    """A Channel Access server with one writer."""

    CircuitClass = GuardedCircuit

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.writer = Writer()
