"""What must hold of documents, light and processes, whatever went wrong; each check returns what is wrong, in words."""

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import event_model
import h5py
import numpy as np

from lab import journal
from lab.lock import RigLock, RigLocked
from lab.processes import is_free

Documents = list[tuple[str, dict[str, Any]]]
STATUSES = ("success", "abort", "fail")
KINDS = {"number": (int, float, np.number), "integer": (int, np.integer), "string": (str,), "boolean": (bool, np.bool_)}


def of_run(folder: Path, uid: str) -> Documents:
    """The documents that the journal keeps of one run."""
    path = journal.path_of(folder, uid)
    assert path is not None, f"the journal has no run {uid}"
    return unpacked(path)


def unpacked(path: Path) -> Documents:
    """The documents in a journal file, Events one by one where they were kept as pages."""
    documents: Documents = []
    for name, doc in journal.read(path):
        if name == "event_page":
            documents += [("event", dict(event)) for event in event_model.unpack_event_page(doc)]
        else:
            documents.append((name, doc))
    return documents


def runs_of(folder: Path) -> list[Documents]:
    """All runs of a journal, in order of their beginning."""
    runs = [unpacked(path) for path in journal.paths(folder)]
    return sorted((run for run in runs if run), key=lambda run: run[0][1]["time"])


def disorders(documents: Documents) -> list[str]:
    """What is wrong with the documents of one run that has ended."""
    checks = (misplaced, invalid, misnumbered, mistyped, gaps, miscounted)
    return [wrong for check in checks for wrong in check(documents)]


def misplaced(documents: Documents) -> Iterator[str]:
    """One start before all, one stop behind all, every reference to something said before."""
    names = [name for name, _ in documents]
    if names.count("start") != 1 or names[0] != "start":
        yield f"{names.count('start')} start documents, the first document is {names[0]}"
    if names.count("stop") != 1 or names[-1] != "stop":
        yield f"{names.count('stop')} stop documents, the last document is {names[-1]}"
    known: set[str] = set()
    for name, doc in documents:
        for parent in ("run_start", "descriptor", "stream_resource"):
            if parent in doc and doc[parent] not in known:
                yield f"{name} refers to a {parent} that was not said before"
        known.add(doc["uid"])


def invalid(documents: Documents) -> Iterator[str]:
    """Each document fits its schema; a stop says how the run ended."""
    for name, doc in documents:
        try:
            event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)
        except Exception as why:
            yield f"{name}: {str(why).splitlines()[0]}"
        if name == "stop" and doc["exit_status"] not in STATUSES:
            yield f"exit_status {doc['exit_status']!r}"


def misnumbered(documents: Documents) -> Iterator[str]:
    """Events count from 1 without a gap; what a pause makes the engine say again keeps its number."""
    last: dict[str, int] = defaultdict(int)
    for name, doc in documents:
        if name == "event":
            if not 1 <= doc["seq_num"] <= last[doc["descriptor"]] + 1:
                yield f"event {doc['seq_num']} follows {last[doc['descriptor']]}"
            last[doc["descriptor"]] = doc["seq_num"]


def mistyped(documents: Documents) -> Iterator[str]:
    """The values of an Event are those its descriptor declares."""
    keys = {doc["uid"]: doc["data_keys"] for name, doc in documents if name == "descriptor"}
    for name, doc in documents:
        if name != "event":
            continue
        declared = {key: entry for key, entry in keys[doc["descriptor"]].items() if "external" not in entry}
        if not set(declared) == set(doc["data"]) == set(doc["timestamps"]):
            yield f"keys of event {doc['seq_num']}: {sorted(set(declared) ^ set(doc['data']))}"
            continue
        for key, entry in declared.items():
            if not fits(doc["data"][key], entry):
                yield f"{key}={doc['data'][key]!r} is not {entry['dtype']} {entry['shape']}"


def fits(value: Any, entry: dict[str, Any]) -> bool:
    if entry["dtype"] == "array":
        return list(np.shape(value)) == list(entry["shape"])
    return isinstance(value, KINDS[entry["dtype"]])


def gaps(documents: Documents) -> Iterator[str]:
    """The rows of a file are announced one after the other."""
    ends: dict[str, int] = defaultdict(int)
    for name, doc in documents:
        if name == "stream_datum":
            if doc["indices"]["start"] != ends[doc["stream_resource"]]:
                yield f"rows from {doc['indices']['start']} on follow row {ends[doc['stream_resource']]}"
            ends[doc["stream_resource"]] = doc["indices"]["stop"]


def miscounted(documents: Documents) -> Iterator[str]:
    """The stop tells how many Events each stream has; nothing ends before it begins."""
    stop = next((doc for name, doc in documents if name == "stop"), None)
    if stop is None:
        return
    stream = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    count = dict.fromkeys(stream.values(), 0)
    for name, doc in documents:
        if name == "event":
            count[stream[doc["descriptor"]]] = max(count[stream[doc["descriptor"]]], doc["seq_num"])
    told = {name: n for name, n in (stop.get("num_events") or {}).items() if n}
    if told != {name: n for name, n in count.items() if n}:
        yield f"num_events says {told}, there are {count}"
    if stop["time"] < documents[0][1]["time"]:
        yield "the run ended before it began"


def loose_json(path: Path) -> list[str]:
    """Lines of a journal file that strict JSON would refuse."""

    def refuse(word: str):
        raise ValueError(word)

    wrong = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        try:
            json.loads(line, parse_constant=refuse)
        except ValueError as why:
            wrong.append(f"line {number}: {why}")
    return wrong


def missing_rows(documents: Documents, root: Path) -> list[str]:
    """Rows that the documents promise and the files, which must lie below `root`, do not hold."""
    wrong = []
    for _, resource in [each for each in documents if each[0] == "stream_resource"]:
        address = urlparse(resource["uri"])
        path = Path(unquote(address.path))
        if address.scheme != "file" or path.resolve() != path or root.resolve() not in path.parents:
            wrong.append(f"{resource['uri']} is not a file below {root}")
            continue
        stops = [doc["indices"]["stop"] for name, doc in documents if doc.get("stream_resource") == resource["uid"]]
        with h5py.File(path, "r", swmr=True, locking=False) as file:
            written = np.asarray(file["written"])[: max(stops, default=0)]
            if len(written) < max(stops, default=0) or not written.all():
                wrong.append(f"{path.name}: rows promised {max(stops, default=0)}, written {written.tolist()}")
    return wrong


def false_success(documents: Documents) -> list[str]:
    """Why a run that calls itself a success is none: Events that are missing, or were taken in the dark."""
    if documents[-1][1].get("exit_status") != "success":
        return []
    primary = {doc["uid"] for name, doc in documents if name == "descriptor" and doc["name"] == "primary"}
    events = [doc for name, doc in documents if name == "event" and doc["descriptor"] in primary]
    latest = {doc["seq_num"]: doc["data"] for doc in events}
    lit = {number: data.get("scanner_lit", 1) for number, data in latest.items()}
    wrong = [f"event {number} was lit {share}" for number, share in lit.items() if share < 1]
    start = documents[0][1]
    fixed = start.get("plan_name") == "flim_raster"  # others end when they know enough
    if fixed and len(latest) != start["num_points"]:
        wrong.append(f"{len(latest)} of {start['num_points']} lines")
    return wrong


class LightWatch:
    """Looks at the light path a hundred times a second, until left; `last_lit_s` is monotonic time."""

    def __init__(self, beam: Any):
        self.beam, self.last_lit_s, self.over = beam, float("-inf"), threading.Event()
        self.thread = threading.Thread(target=self.look, name="light watch", daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def look(self):
        while not self.over.wait(0.01):
            if self.beam.read().lit:
                self.last_lit_s = time.monotonic()


def taken_ports(ports: tuple[int, ...]) -> list[int]:
    """Ports that somebody still holds."""
    return [port for port in ports if not all(is_free(port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))]


def processes_of(folder: Path) -> dict[int, str]:
    """Living processes whose command line names something below `folder`."""
    found = {}
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            words = (proc / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words):
            found[int(proc.name)] = " ".join(words)
    return found


def lock_is_free(data: Path) -> bool:
    try:
        RigLock(data / "rig.lock").acquire().release()
    except RigLocked:
        return False
    return True
