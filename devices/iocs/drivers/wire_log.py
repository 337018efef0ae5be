"""What was said on a wire: one JSON line for each piece, in a file that rotates; it can be played back in place of the
instrument."""

import json
import logging
import logging.handlers
import time
from pathlib import Path
from typing import Any

SCHEME = "replay:"
MOST_BYTES, N_KEPT = 5_000_000, 3
SENT, HEARD, NOTE = "sent", "heard", "note"


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

    def write(self, kind: str, what: str) -> None:
        if self.handler is not None:
            line = json.dumps({"time": round(time.time(), 6), kind: what})
            self.handler.handle(logging.LogRecord("wire", logging.INFO, "", 0, line, None, None))


class Replay:
    """A port that answers as the instrument once did; OSError where the conversation takes another turn."""

    def __init__(self, file: str | Path):
        self.file, self.said = file, [json.loads(line) for line in Path(file).read_text("utf-8").splitlines()]
        self.said = [piece for piece in self.said if NOTE not in piece]
        self.ready = b""

    @property
    def in_waiting(self) -> int:
        return len(self.ready)

    def reset_input_buffer(self) -> None:
        self.ready = b""

    def write(self, data: bytes) -> int:
        piece: dict[str, Any] = self.said.pop(0) if self.said else {}
        if piece.get(SENT) != data.decode("latin-1"):
            raise OSError(f"{self.file} goes on with {piece or 'nothing'}, not with {data!r}")
        while self.said and HEARD in self.said[0]:
            self.ready += self.said.pop(0)[HEARD].encode("latin-1")
        return len(data)

    def read(self, n_bytes: int) -> bytes:
        data, self.ready = self.ready[:n_bytes], self.ready[n_bytes:]
        return data

    def close(self) -> None:
        """Nothing to leave."""
