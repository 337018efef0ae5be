"""What a real bench must remember when its process ends: acquisitions, what is mounted, what is cabled."""

import contextlib
import json
import os
import tempfile
import threading
from pathlib import Path
from typing import Any


class BenchMemory:
    """A few facts in one file that is always whole; ValueError if somebody else wrote into it."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._facts: dict[str, Any] = {}
        with contextlib.suppress(FileNotFoundError):
            self._facts = json.loads(path.read_text(encoding="utf-8"))
        count = self._facts.get("acquisitions", 0) if isinstance(self._facts, dict) else None
        if not (type(count) is int and count >= 0):
            raise ValueError(f"{path} does not hold the memory of a bench: move it away to start anew")

    def next_acquisition(self) -> int:
        """A number no acquisition had before; kept before it is given out."""
        with self._lock:
            number = self._facts.get("acquisitions", 0) + 1
            self._write(acquisitions=number)
            return number

    def finish_acquisition(self, acquisition: int) -> None:
        """Nothing to seal: a real bench knows no truth."""

    def get(self, name: str) -> str:
        return str(self._facts.get(name, ""))

    def keep(self, name: str, value: str) -> None:
        with self._lock:
            self._write(**{name: value})

    def _write(self, **facts: Any) -> None:
        changed = self._facts | facts
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, encoding="utf-8") as draft:
            json.dump(changed, draft)
            draft.flush()
            os.fsync(draft.fileno())
        Path(draft.name).replace(self.path)
        self._facts = changed
