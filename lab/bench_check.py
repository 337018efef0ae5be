"""The last look at the real instruments, for the documents of every run."""

import json
from typing import Any

from lab.config import LabConfig


def last_check(config: LabConfig) -> dict[str, Any]:
    """When `python -m devices.iocs --check` was run last, what it counted, and its file; empty if never."""
    for file in sorted((config.folders.data / "checks").glob("*.json"), reverse=True):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            numbers = {state: int(told[state]) for state in ("failed", "unverified")}
            return {"time": str(told["time"]), **numbers, "file": file.name}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return {}
