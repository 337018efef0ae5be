"""A run before it is recorded: what it is, its rows; and its documents."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from event_model import compose_run

from analysis.derived import data_key
from devices.iocs.writer import RowFile, RowKind
from devices.portable import file_uri
from devices.rows import MIMETYPE

PRIMARY = "primary"


@dataclass(frozen=True, eq=False)
class Row:
    """One Event: its data; `filed` goes into the file of rows, if there is one; `started_s` after the run's start."""

    data: dict[str, Any]
    filed: np.ndarray | None = None
    started_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Draft:
    """A run that is not recorded yet.

    about : what its start document says beside sample and source; part : which part of its file, "" of the whole
    device : name in front of the data keys; kind : of its file of rows, None without one; ragged : rows of any length
    missing : what must be told before it can be analysed, "" if nothing
    analysed : whether there is an analysis of what is there
    """

    plan_name: str
    about: dict[str, Any]
    rows: tuple[Row, ...]
    device: str
    seconds: float = 0.0
    kind: RowKind | None = None
    ragged: bool = False
    part: str = ""
    missing: str = ""
    analysed: bool = True
    time_s: float | None = None
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))


def filed(draft: Draft, raw: Path, about: dict[str, str]) -> Path | None:
    """Write the rows of a draft into a file of their own; None if it has none. DiskFull if there is no room."""
    if draft.kind is None:
        return None
    file = RowFile(raw, draft.kind, ragged=draft.ragged, attributes=about)
    try:
        file.path.chmod(0o600)
        for index, row in enumerate(draft.rows):
            assert row.filed is not None
            file.write(index, row.filed, row.started_s)
    finally:
        file.close()
    return file.path


def documents(draft: Draft, metadata: dict[str, Any], time_s: float, path: Path | None) -> Iterator[tuple[str, Any]]:
    """The documents of a run that was measured at `time_s`; path : its file of rows."""
    run = compose_run(uid=draft.uid, time=time_s, metadata=metadata, validate=False)
    yield "start", run.start_doc
    keys = keys_of(draft, path)
    stream = run.compose_descriptor(name=PRIMARY, data_keys=keys, time=time_s, validate=False)
    yield "descriptor", stream.descriptor_doc
    resource = resource_of(draft, path)
    if resource:
        yield "stream_resource", {**resource, "run_start": draft.uid}
    for index, row in enumerate(draft.rows):
        if resource:
            yield "stream_datum", datum_of(resource["uid"], stream.descriptor_doc["uid"], index)
        at_s = time_s + row.started_s
        stamps = dict.fromkeys(row.data, at_s)
        yield "event", stream.compose_event(data=row.data, timestamps=stamps, time=at_s, validate=False)
    yield "stop", run.compose_stop(exit_status="success", time=time_s + draft.seconds, validate=False)


def keys_of(draft: Draft, path: Path | None) -> dict[str, Any]:
    """The data keys of a stream, by its first row."""
    source = draft.about.get("source", {}).get("file", draft.plan_name)
    keys = {
        name: data_key(np.asarray(value), "", source) if not isinstance(value, float) else number(source)
        for name, value in draft.rows[0].data.items()
    }
    if draft.kind is None or path is None:
        return keys
    rows = {
        "source": f"file:{path}",
        "dtype": "array",
        "shape": list(draft.kind.shape),
        "dtype_numpy": draft.kind.dtype,
        "external": "STREAM:",
        "units": draft.kind.units,
    }
    return keys | {f"{draft.device}_{draft.kind.dataset}": rows}


def number(source: str) -> dict[str, Any]:
    return {"source": source, "dtype": "number", "dtype_numpy": "<f8", "shape": [], "units": ""}


def resource_of(draft: Draft, path: Path | None) -> dict[str, Any]:
    """The file of rows as documents name it; nothing without one."""
    if draft.kind is None or path is None:
        return {}
    chunk = (1, *draft.kind.chunk)
    return {
        "uid": str(uuid.uuid4()),
        "data_key": f"{draft.device}_{draft.kind.dataset}",
        "mimetype": MIMETYPE,
        "uri": file_uri(str(path.absolute())),
        "parameters": {"dataset": draft.kind.dataset, "chunk_shape": chunk, "swmr": True, "locking": False},
    }


def datum_of(resource_uid: str, descriptor_uid: str, index: int) -> dict[str, Any]:
    return {
        "uid": f"{resource_uid}/{index}",
        "stream_resource": resource_uid,
        "descriptor": descriptor_uid,
        "indices": {"start": index, "stop": index + 1},
        "seq_nums": {"start": index + 1, "stop": index + 2},
    }
