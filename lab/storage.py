"""From the journal into storage, behind the acquisition's back.

The ingester never holds a document: it follows the journal files, so storage may be down, slow or killed
for as long as it likes. A run that could not be written in one go is deleted there and written again from
its file; a run that is complete in storage has an empty `<uid>.stored` beside its journal file.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from bluesky_tiled_plugins.writing.tiled_writer import RunNormalizer, _RunWriter
from event_model import Event

from lab import journal
from lab.confined import confined

log = logging.getLogger(__name__)

BATCH = 1000
ATTEMPTS = 3
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True)
class StorageStatus:
    """The state of storage, as text for a display: "up", "down since 02:14:07, 3 runs waiting"."""

    state: str  # "connecting", "up" or "down"
    since: float | None  # Unix time at which it went down
    waiting: int  # runs not yet complete in storage
    refused: tuple[str, ...]  # uids of runs that storage cannot take; they stay in the journal

    def __str__(self) -> str:
        since = f" since {time.strftime('%H:%M:%S', time.localtime(self.since))}" if self.since else ""
        parts = [f"{self.state}{since}", _runs(self.waiting, "waiting"), _runs(len(self.refused), "refused")]
        return ", ".join(part for part in parts if part)


class Ingester:
    """Document subscriber behind the journal: a thread that brings every run into storage.

    Calling it costs microseconds and never raises. Runs left over from earlier sessions are taken along;
    those that were interrupted get their stop document first.

    Parameters
    ----------
    client_factory : makes a Tiled client of the catalog; called again after every loss of the server
    folder : the journal's folder
    flush_s : how old a document may grow before it is visible in storage
    files : the only folder below which documents may name files; None: they are not looked at
    """

    def __init__(
        self,
        client_factory: Callable[[], Any],
        folder: str | Path,
        *,
        flush_s: float = 1.0,
        files: Path | None = None,
    ):
        self._files = files
        self._factory, self._folder, self._flush_s = client_factory, Path(folder), flush_s
        self._client: Any = None
        self._waiting = dict.fromkeys(_unfinished(self._folder, live=()))  # uids, in order of arrival
        self._uploads: dict[str, _Upload] = {}
        self._failures: dict[str, int] = {}
        self._refused: dict[str, None] = {}
        self._received, self._stored = len(self._waiting), 0
        self._state, self._since = "connecting", None
        self._closing, self._changed, self._wake = False, threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="storage", daemon=True)
        self._thread.start()

    def __call__(self, name: str, doc: journal.Document) -> None:
        """Note that the journal has grown."""
        with self._changed:
            self._received += 1
            if name == "start":
                self._waiting[doc["uid"]] = None
        if name in ("start", "stop"):
            self._wake.set()

    def flush(self, timeout_s: float = 30.0, *, patient: bool = True) -> bool:
        """Wait until every document received so far is in storage; False if that did not happen.

        patient : wait for a storage that is down to come back
        """
        with self._changed:
            goal = self._received
            self._wake.set()
            self._changed.wait_for(lambda: self._stored >= goal or (self._state == "down" and not patient), timeout_s)
            return self._stored >= goal and not self._refused

    def status(self) -> StorageStatus:
        """Return the state of storage for a display."""
        with self._changed:
            return StorageStatus(self._state, self._since, len(self._waiting), tuple(self._refused))

    def close(self, timeout_s: float = 30.0) -> bool:
        """Flush and stop the thread; what is not in storage by then is recovered by the next session.

        Closed again, it waits for nothing.
        """
        stored = self.flush(0.0 if self._closing else timeout_s)
        self._closing = True
        self._wake.set()
        self._thread.join(5.0)
        return stored

    def _work(self) -> None:
        wait_s = self._flush_s
        while not self._closing:
            self._wake.clear()
            goal = self._received
            try:
                clean = self._advance_all()
                self._report("up", goal if clean else self._stored)
            except Exception as error:  # whatever storage does, the thread lives on
                clean = False
                self._lost(error)
            wait_s = self._flush_s if clean else min(2 * wait_s, LONGEST_WAIT_S)
            self._wake.wait(wait_s if self._waiting else None)

    def _advance_all(self) -> bool:
        """Bring each waiting run up to date; False if one has to start over, raise if the server is gone."""
        if self._client is None:
            self._client = self._factory()
        clean = True
        for uid in sorted(self._waiting, key=lambda uid: self._failures.get(uid, 0)):
            try:
                done = self._advance(uid)
            except httpx.TransportError:
                raise
            except Exception as error:
                done = self._failed(uid, error)
                clean = clean and done
            if done:
                with self._changed:
                    del self._waiting[uid]
        return clean

    def _advance(self, uid: str) -> bool:
        if uid not in self._uploads:
            path = journal.path_of(self._folder, uid)
            if path is None:
                return True  # its start was refused by the journal: there is no such run
            self._uploads[uid] = _Upload(self._client, path, files=self._files)
        try:
            complete = self._uploads[uid].advance()
        except _SaidAgainError as again:
            self._uploads[uid] = again.upload
            complete = again.upload.advance()
        if complete:
            del self._uploads[uid]
        return complete

    def _failed(self, uid: str, error: Exception) -> bool:
        """Let this run start over in the next pass; True once it is given up, loudly."""
        self._uploads.pop(uid, None)
        self._failures[uid] = self._failures.get(uid, 0) + 1
        if self._failures[uid] < ATTEMPTS:
            log.warning("run %s is written to storage again from its beginning: %s", uid, error)
            return False
        log.error("storage cannot take run %s, it stays in the journal: %s", uid, error, exc_info=error)
        with self._changed:
            self._refused[uid] = None
        return True

    def _lost(self, error: Exception) -> None:
        if self._state != "down":
            log.warning("storage is down, runs wait in the journal: %s", error)
        self._client, self._uploads = None, {}
        self._report("down", self._stored)

    def _report(self, state: str, stored: int) -> None:
        with self._changed:
            since = None if state == "up" else self._since or time.time()
            self._state, self._stored, self._since = state, stored, since
            self._changed.notify_all()


def recover(client: Any, folder: str | Path, *, live: Collection[str] = ()) -> list[str]:
    """Bring every run of a journal into storage that is not there; return their uids, oldest first.

    Interrupted runs get their stop document first, unless their uid is in `live`. A run that storage
    cannot take is logged and stays in the journal.
    """
    recovered = []
    for uid in _unfinished(Path(folder), live):
        path = journal.path_of(folder, uid)
        try:
            if path and _complete(client, path):
                recovered.append(uid)
        except httpx.TransportError:
            raise
        except Exception as error:
            log.error("storage cannot take run %s, it stays in the journal: %s", uid, error, exc_info=error)
    return recovered


def _unfinished(folder: Path, live: Collection[str]) -> list[str]:
    """Return the uids of complete runs that are not in storage; the interrupted ones are closed before."""
    uids = []
    for path in journal.paths(folder):
        if path.stem in live or path.with_suffix(".stored").exists():
            continue
        try:
            if journal.is_interrupted(path):
                journal.close_interrupted(path, "the session ended before the run did")
        except (journal.JournalError, OSError, KeyError) as error:
            log.error("%s cannot be closed and is left as it is: %s", path, error)
        if journal.state(path) == "complete":
            uids.append(path.stem)
    return uids


def _complete(client: Any, path: Path) -> bool:
    """Write one run from nothing, as far as it goes; whether that is to its end."""
    try:
        return _Upload(client, path).advance()
    except _SaidAgainError as again:
        return again.upload.advance()


class _SaidAgainError(Exception):
    """An Event in storage was emitted again, as after a pause; `upload` begins anew and writes the later one."""

    def __init__(self, upload: "_Upload"):
        super().__init__("an Event was emitted again")
        self.upload = upload


class _Upload:
    """One run on its way from its journal file into storage, started over from nothing.

    again : Events are emitted twice in it: the whole file is searched for the later ones before anything is written
    """

    def __init__(self, client: Any, path: Path, *, again: bool = False, files: Path | None = None):
        self._files = files
        self._client, self._path, self._offset = client, path, 0
        self._written: dict[str, int] = {}  # uid of a descriptor -> number of its last Event
        self._superseded = _superseded(path) if again else frozenset[int]()
        if path.stem in client:
            client.delete_contents(path.stem, recursive=True, external_only=False)
        self._writer = _RunUpload(client.include_data_sources(), batch_size=BATCH, max_array_size=0)
        self._normalizer = _TypedNormalizer()
        self._normalizer.subscribe(self._writer)

    def advance(self) -> bool:
        """Write what the journal has by now; True when the run is complete and marked as stored."""
        name = ""
        for offset, name, doc in journal.read_from(self._path, self._offset):
            if offset not in self._superseded:
                self._heed(name, doc)
                self._normalizer(name, doc)
            self._offset = offset
        if name != "stop":
            self._writer.flush()
            return False
        self._path.with_suffix(".stored").touch()
        return True

    def _heed(self, name: str, doc: journal.Document) -> None:
        """Raise _SaidAgainError at an Event whose number is in storage already, EscapeError at a foreign file."""
        if name == "stream_resource" and self._files is not None:
            confined(doc["uri"], self._files)
        if name == "event":
            if doc["seq_num"] <= self._written.get(doc["descriptor"], 0):
                raise _SaidAgainError(_Upload(self._client, self._path, again=True, files=self._files))
            self._written[doc["descriptor"]] = doc["seq_num"]


def _superseded(path: Path) -> frozenset[int]:
    """Where in a journal file the Events end that are emitted again later."""
    latest: dict[tuple[str, int], int] = {}
    before: set[int] = set()
    for offset, name, doc in journal.read_from(path, 0):
        if name == "event":
            key = (doc["descriptor"], doc["seq_num"])
            before |= {latest[key]} if key in latest else set()
            latest[key] = offset
    return frozenset(before)


class _TypedNormalizer(RunNormalizer):
    """Cast the numbers of an event to what its descriptor declares.

    A table's columns take the type of the first batch: a "number" that happens to be whole at first would
    refuse every fraction that follows. Arrays without elements are left to the journal: storage has no place for them.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._numbers: dict[str, set[str]] = {}
        self._empty: dict[str, set[str]] = {}

    def descriptor(self, doc: Any) -> None:
        keys = {k: v for k, v in doc["data_keys"].items() if "external" not in v}
        self._numbers[doc["uid"]] = {k for k, v in keys.items() if v["dtype"] == "number"}
        empty = self._empty[doc["uid"]] = {k for k, v in keys.items() if 0 in v["shape"]}
        super().descriptor(doc | {"data_keys": {k: v for k, v in doc["data_keys"].items() if k not in empty}})

    def event(self, doc: Any) -> None:
        numbers, empty = self._numbers[doc["descriptor"]], self._empty[doc["descriptor"]]
        data = {k: _float(v) if k in numbers else v for k, v in doc["data"].items() if k not in empty}
        times = {k: v for k, v in doc["timestamps"].items() if k not in empty}
        super().event(cast(Event, {**doc, "data": data, "timestamps": times}))


class _RunUpload(_RunWriter):
    """Writes one run; can be flushed, and fails rather than risk to write a row twice."""

    def flush(self) -> None:
        """Write what is held back for a larger batch."""
        for name, rows in self._internal_data_cache.items():
            if rows:
                self._write_internal_data(rows, desc_node=self._desc_nodes[name])
                rows.clear()
        for datum in [self._external_data_cache.pop(uid) for uid in list(self._external_data_cache)]:
            self._write_external_data(datum)

    def _close_stream_tree(self) -> None:
        """Nothing: that is for those who follow a run over the network, and this server has no cache for them."""

    def _append_with_retry(self, df_client: Any, table: Any, desc_name: str) -> None:
        df_client.append_partition(0, table)


def _float(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _runs(n: int, what: str) -> str:
    return f"{n} run{'s' if n > 1 else ''} {what}" if n else ""
