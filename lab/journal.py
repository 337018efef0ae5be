"""The record of truth: every document of a run, on disk before anything else sees it.

One append-only file per run, `<folder>/YYYY/MM/DD/<uid>.jsonl`, one line `["name", {document}]` each.
A line is written whole and unbuffered, so a killed session loses at most a torn last line, which readers
drop. A run being written is locked by its writer: it is never mistaken for an interrupted one.
"""

import json
import logging
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from devices import portable
from lab.encoding import decode, encode

log = logging.getLogger(__name__)

Document = Mapping[str, Any]
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_SYNCED = {"start", "stop", "event", "event_page"}


class JournalError(RuntimeError):
    """The journal cannot record or read; an acquisition must not go on without it."""


class Journal:
    """Document subscriber number one; several runs may be open at once.

    Parameters
    ----------
    folder : where the dated folders are made
    sync : wait until start, event and stop are on the disk itself, not only with the operating system

    Raises TypeError at a start document that cannot be written (nothing is recorded then), JournalError
    when the disk fails.
    """

    def __init__(self, folder: str | Path, *, sync: bool = True):
        self.folder = Path(folder)
        self._sync = sync
        self._files: dict[str, int] = {}  # run uid -> file descriptor
        self._run_of: dict[str, str] = {}  # uid of a descriptor or resource -> run uid
        self._lock = threading.Lock()

    def __call__(self, name: str, doc: Document) -> None:
        """Append one document to the file of its run."""
        line = f"{json.dumps([name, encode(doc, name)])}\n".encode("ascii")
        with self._lock:
            run = self._run(name, doc)
            if name == "start":
                self._begin(run, doc, line)
                return
            if run not in self._files:
                if name == "stop":
                    log.warning("stop of run %s, whose start was never recorded: dropped", run)
                    return
                raise JournalError(f"{name} of run {run or 'unknown'}, which this journal has not seen start")
            self._append(run, line, wait=self._sync and name in _SYNCED)
            if name == "stop":
                self._forget(run)

    def path_of(self, uid: str) -> Path | None:
        """Return the file of a run, or None if the journal has no such run."""
        return path_of(self.folder, uid)

    def close(self) -> None:
        """Let go of all files; runs without a stop document then count as interrupted."""
        with self._lock:
            for run in list(self._files):
                self._forget(run)

    def _run(self, name: str, doc: Document) -> str:
        """Return the run a document belongs to, and remember what later documents refer to."""
        if name == "start":
            return doc["uid"]
        if name in ("descriptor", "resource", "stream_resource"):
            run = doc.get("run_start", "")
            self._run_of[doc["uid"]] = run
            return run
        parents = [doc.get(key, "") for key in ("run_start", "descriptor", "stream_resource", "resource")]
        return doc["run_start"] if name == "stop" else next((r for p in parents if (r := self._run_of.get(p))), "")

    def _begin(self, run: str, start: Document, line: bytes) -> None:
        """Create the file of a run with its first line, or leave nothing behind."""
        path, self._files[run] = _create(self.folder, start)
        try:
            self._append(run, line, wait=self._sync)
        except JournalError:
            self._forget(run)
            path.unlink()
            raise

    def _append(self, run: str, line: bytes, *, wait: bool) -> None:
        fd = self._files[run]
        size = os.fstat(fd).st_size
        try:
            rest = line
            while rest:
                rest = rest[os.write(fd, rest) :]
            if wait:
                portable.sync_data(fd)
        except OSError as error:
            os.ftruncate(fd, size)  # never leave half a line in front of the next
            raise _disk_failed(self.folder, run, error) from error

    def _forget(self, run: str) -> None:
        os.close(self._files.pop(run))
        self._run_of = {uid: owner for uid, owner in self._run_of.items() if owner != run}


def path_of(folder: str | Path, uid: str) -> Path | None:
    """Return the journal file of a run below `folder`, or None."""
    if not _UID.fullmatch(uid):
        return None
    return next(Path(folder).glob(f"[0-9]*/[0-9]*/[0-9]*/{uid}.jsonl"), None)


def paths(folder: str | Path) -> list[Path]:
    """Return all journal files below `folder`, oldest day first."""
    return sorted(Path(folder).glob("[0-9]*/[0-9]*/[0-9]*/*.jsonl"))


def read(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, document) of one run; a torn last line is dropped with a warning.

    Raises JournalError naming the line if a line in the middle is damaged.
    """
    end = 0
    for end, name, doc in read_from(path, 0):  # noqa: B007  (the last one tells where whole lines end)
        yield name, doc
    torn = Path(path).stat().st_size - end
    if torn > 0 and not being_written(path):
        log.warning("%s: the last %d bytes are a torn document and were dropped", path, torn)


def read_from(path: str | Path, offset: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield (offset behind it, name, document) for every complete line from a byte offset on."""
    with Path(path).open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                name, doc = json.loads(line)
            except ValueError as error:
                raise JournalError(
                    f"{path}: damaged document at byte {offset} ({error}); those before are whole"
                ) from error
            offset += len(line)
            yield offset, name, decode(doc)


def interrupted(folder: str | Path) -> list[Path]:
    """Return the files of runs that have a start, no stop, and no living writer."""
    return [path for path in paths(folder) if is_interrupted(path)]


def is_interrupted(path: Path) -> bool:
    """Whether the run in this file began, never ended, and nobody is writing it."""
    return state(path) == "open" and not being_written(path)


def state(path: Path) -> str:
    """Return "complete" (has a stop), "open" (has a start) or "empty" of one journal file."""
    if path.with_suffix(".stored").exists():
        return "complete"
    first, last = _first_and_last_name(path)
    if first != "start":
        return "empty"
    return "complete" if last == "stop" else "open"


def close_interrupted(path: str | Path, reason: str) -> None:
    """Append the stop document that a dead session could not write.

    It says exit_status "abort", the reason, `interrupted: true` and the number of events of each stream.
    """
    end, start, last_s, counts = 0, {}, 0.0, _Counts()
    for end, name, doc in read_from(path, 0):  # noqa: B007  (the last end is where the whole lines end)
        start = doc if name == "start" else start
        last_s = max(last_s, _time_s(doc))
        counts.add(name, doc)
    stop = {
        "uid": str(uuid.uuid4()),
        "time": last_s,
        "run_start": start["uid"],
        "exit_status": "abort",
        "reason": f"interrupted: {reason}",
        "interrupted": True,
        "num_events": counts.per_stream(),
    }
    with Path(path).open("r+b", buffering=0) as file:
        file.truncate(end)
        file.seek(end)
        file.write(f"{json.dumps(['stop', encode(stop, 'stop')])}\n".encode("ascii"))
        portable.sync_data(file.fileno())


class _Counts:
    """How many events each stream of a run holds: the highest sequence number, as the RunEngine counts."""

    def __init__(self) -> None:
        self._stream: dict[str, str] = {}
        self._events: dict[str, int] = {}
        self._frames: dict[str, int] = {}

    def add(self, name: str, doc: Document) -> None:
        if name == "descriptor":
            self._stream[doc["uid"]] = doc["name"]
            self._events.setdefault(doc["name"], 0)
        elif name in ("event", "event_page"):
            numbers = doc["seq_num"] if name == "event_page" else [doc["seq_num"]]
            stream = self._stream[doc["descriptor"]]
            self._events[stream] = max([self._events[stream], *numbers])
        elif name == "stream_datum":
            stream = self._stream[doc["descriptor"]]
            self._frames[stream] = max(self._frames.get(stream, 0), doc["seq_nums"]["stop"] - 1)

    def per_stream(self) -> dict[str, int]:
        return {stream: n or self._frames.get(stream, 0) for stream, n in self._events.items()}


def _time_s(doc: Document) -> float:
    time_s = doc.get("time", 0.0)
    return max(time_s, default=0.0) if isinstance(time_s, list) else float(time_s)


def _create(folder: Path, start: Document) -> tuple[Path, int]:
    """Open a new run's file, locked by this process, its name safe on disk."""
    uid = start["uid"]
    if not _UID.fullmatch(uid):
        raise JournalError(f"run uid {uid!r} cannot be a file name")
    path = folder / f"{datetime.fromtimestamp(start['time']):%Y/%m/%d}" / f"{uid}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        portable.sync_folder(path.parent)
    except OSError as error:
        raise _disk_failed(folder, uid, error) from error
    portable.lock(fd)  # waits only for a reader that is just looking
    return path, fd


def _first_and_last_name(path: Path) -> tuple[str, str]:
    """Return the names of the first and the last complete document; empty if there is none."""
    with path.open("rb") as file:
        head = file.readline()
        if not head.endswith(b"\n"):
            return "", ""
        size = file.seek(0, os.SEEK_END)
        tail, block = b"", 1 << 16
        while tail.count(b"\n") < 3 and len(tail) < size:
            tail, block = _last_bytes(file, size, block), block * 4
    lines = tail[: tail.rfind(b"\n")].split(b"\n")
    return _name(head), _name(lines[-1])


def _last_bytes(file: Any, size: int, n_bytes: int) -> bytes:
    file.seek(max(0, size - n_bytes))
    return file.read()


def _name(line: bytes) -> str:
    match = re.match(rb'\["([a-z_]+)"', line)
    return match[1].decode("ascii") if match else ""


def _disk_failed(folder: Path, run: str, error: OSError) -> JournalError:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return JournalError(
        f"run {run} cannot be recorded in {folder}: {error.strerror or error} ({free} bytes free); "
        "the run ends here, make room or repair the disk"
    )


def being_written(path: str | Path) -> bool:
    """Whether a living process holds this run's file."""
    with Path(path).open("rb") as file:
        return portable.is_locked(file.fileno())
