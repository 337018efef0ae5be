"""Which files are in the journal already, by their checksums, and what their runs still lack."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import journal
from lab.encoding import decode
from lab.finder import completed, start_of


@dataclass(frozen=True)
class KnownRun:
    """A complete run of an imported file, as its start document has it; n_runs : how many that file makes."""

    uid: str
    plan_name: str
    part: str
    missing: str
    told: Mapping[str, Any]
    replaces: tuple[str, ...] = ()
    n_runs: int = 1


def known_runs(folder: Path) -> dict[str, list[KnownRun]]:
    """Runs of imported files by checksum; those that a later import replaced are left out."""
    found: dict[str, list[KnownRun]] = {}
    for path in journal.paths(folder):
        start = start_of(path)
        if start is not None and isinstance(start.get("source"), dict) and completed(path, 0):
            found.setdefault(start["source"].get("sha256", ""), []).append(known_run(decode(start)))
    return {checksum: current(runs) for checksum, runs in found.items()}


def known_run(start: Mapping[str, Any]) -> KnownRun:
    """What is known of a run, from its start document."""
    return KnownRun(
        start["uid"],
        start["plan_name"],
        start.get("part", ""),
        start.get("missing", ""),
        start.get("told", {}),
        tuple(start.get("replaces", ())),
        int(start.get("n_runs", 1)),
    )


def current(runs: list[KnownRun]) -> list[KnownRun]:
    """Without those that were replaced."""
    replaced = {uid for run in runs for uid in run.replaces}
    return [run for run in runs if run.uid not in replaced]
