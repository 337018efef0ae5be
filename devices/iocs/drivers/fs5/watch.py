"""Files that appear in a folder, once they are complete."""

import time
from pathlib import Path

Signature = tuple[int, int]  # time of change (ns) and size


class Watch:
    """New and changed files of a folder, each once it has stood still for `settle_s`."""

    def __init__(self, folder: Path, settle_s: float) -> None:
        self.folder, self.settle_s = folder, settle_s
        self._seen = self._present()
        self._still: dict[Path, tuple[Signature, float]] = {}

    def settled(self) -> list[Path]:
        """Files not yet reported in this state; OSError if the folder cannot be read."""
        now, present = time.monotonic(), self._present()
        fresh = {path: found for path, found in present.items() if self._seen.get(path) != found}
        before = self._still
        self._still = {
            path: before[path] if path in before and before[path][0] == found else (found, now)
            for path, found in fresh.items()
        }
        return sorted(path for path, (_, since) in self._still.items() if now - since >= self.settle_s)

    def is_unchanged(self, path: Path) -> bool:
        """Whether a reported file is still as it was reported."""
        return path in self._still and _signature(path) == self._still[path][0]

    def done_with(self, path: Path) -> None:
        """Do not report a file again before it is another one than was reported."""
        self._seen[path] = self._still.pop(path)[0]

    def _present(self) -> dict[Path, Signature]:
        found = ((path, _signature(path)) for path in self.folder.iterdir() if not path.name.startswith((".", "~")))
        return {path: signature for path, signature in found if signature is not None}


def _signature(path: Path) -> Signature | None:
    """None for what is no file, or no longer there."""
    try:
        if not path.is_file():
            return None
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
