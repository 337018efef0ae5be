"""What was said on a wire: one JSON line for each piece, in a file that rotates; it can be played back in place of the
instrument."""

import json
import logging
import logging.handlers
import time
from pathlib import Path

SCHEME = "replay:"
MOST_BYTES, N_KEPT = 5_000_000, 3
SENT, HEARD, NOTE = "sent", "heard", "note"
BROKEN = "broken: "


class WireLog:
    """A log of one wire; None as its file keeps nothing. Bytes stand as latin-1 text, which JSON keeps exactly."""

    def __init__(self, file: Path | None):
        self.handler: logging.Handler | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.handler = logging.handlers.RotatingFileHandler(
                file, maxBytes=MOST_BYTES, backupCount=N_KEPT, encoding="utf-8", delay=True
            )

    def sent(self, data: bytes) -> None:
        self.write(SENT, data.decode("latin-1"))

    def heard(self, data: bytes) -> None:
        if data:
            self.write(HEARD, data.decode("latin-1"))

    def note(self, what: str) -> None:
        self.write(NOTE, what)

    def close(self) -> None:
        """Leave the file; what is written from now on is lost."""
        handler, self.handler = self.handler, None
        if handler is not None:
            handler.close()

    def write(self, kind: str, what: str) -> None:
        if self.handler is not None:
            line = json.dumps({"time": round(time.time(), 6), kind: what})
            self.handler.handle(logging.LogRecord("wire", logging.INFO, "", 0, line, None, None))


class Replay:
    """A port that answers as the instrument once did, and breaks where the wire broke then.

    OSError where the conversation takes another turn; ValueError if the file is no wire log.
    """

    def __init__(self, file: str | Path):
        self.file = file
        pieces = [piece_of(line) for line in Path(file).read_text("utf-8").splitlines()]
        self.said = [(kind, what) for kind, what in pieces if kind != NOTE or what.startswith(BROKEN)]
        self.ready: list[bytes] = []

    @property
    def in_waiting(self) -> int:
        return len(self.ready[0]) if self.ready else 0

    def reset_input_buffer(self) -> None:
        self.ready = []

    def write(self, data: bytes) -> int:
        self.break_here()
        kind, what = self.said[0] if self.said else ("", "")
        if kind != SENT or what != data.decode("latin-1"):
            raise OSError(f"{self.file} goes on with {kind} {what!r}, not with {data!r}")
        self.said.pop(0)
        while self.said and self.said[0][0] == HEARD:
            self.ready.append(self.said.pop(0)[1].encode("latin-1"))
        return len(data)

    def read(self, n_bytes: int) -> bytes:
        if not self.ready:
            self.break_here()
            return b""
        piece = self.ready.pop(0)
        if piece[n_bytes:]:
            self.ready.insert(0, piece[n_bytes:])
        return piece[:n_bytes]

    def break_here(self) -> None:
        if self.said and self.said[0][0] == NOTE:
            raise OSError(self.said.pop(0)[1])

    def close(self) -> None:
        """Leave what was not listened to; a wire that is opened anew goes on from here."""
        self.ready = []


def piece_of(line: str) -> tuple[str, str]:
    """What kind of piece a line holds, and the piece."""
    try:
        piece = json.loads(line)
        return next((kind, str(piece[kind])) for kind in (SENT, HEARD, NOTE) if kind in piece)
    except (ValueError, TypeError, StopIteration) as why:
        raise ValueError(f"no line of a wire log: {line[:60]!r}") from why
