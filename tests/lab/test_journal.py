"""The journal keeps every document it confirmed, and keeps it exactly."""

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import event_model
import numpy as np
import pytest
from bluesky import plans as bp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ophyd.sim import det

from lab import journal
from lab.encoding import decode, encode
from lab.journal import Journal, JournalError
from tests.lab.documents import documents

HOUSE = Path(__file__).parents[2]
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.booleans() | st.none() | st.text()
dtypes = stn.scalar_dtypes() | stn.byte_string_dtypes(min_len=1) | stn.unicode_string_dtypes(min_len=1)
arrays = stn.arrays(dtypes, stn.array_shapes(min_dims=0, min_side=0, max_side=3))
values = st.recursive(
    numbers | arrays | stn.scalar_dtypes().flatmap(stn.from_dtype),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("__is__"), inner, max_size=3),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, np.ndarray | np.generic) and not isinstance(a, str):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return (a == b and type(a) is type(b)) or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@given(values)
@settings(max_examples=200, deadline=None)
def test_decoding_undoes_encoding_through_strict_json(value):
    assert same(value, decode(json.loads(json.dumps(encode(value, "doc"), allow_nan=False))))


def test_what_the_run_engine_emits_is_what_is_read(RE, tmp_path):
    emitted, record = [], Journal(tmp_path)
    RE.subscribe(record)
    RE.subscribe(lambda name, doc: emitted.append((name, doc)))
    (uid,) = RE(bp.count([det], 3), sample={"doping": np.float32(0.5)}, note=("a", math.inf))
    kept = list(journal.read(record.path_of(uid)))
    assert [name for name, _ in kept] == [name for name, _ in emitted]
    assert kept[0][1]["sample"]["doping"].dtype == np.float32
    assert kept[0][1]["note"] == ["a", math.inf]
    assert kept[-1][1] == emitted[-1][1]
    assert record.path_of(uid).parent.parent.parent.parent == tmp_path


def test_metadata_that_cannot_be_kept_is_refused_before_anything_is(RE, tmp_path):
    seen = []
    RE.subscribe(Journal(tmp_path))
    RE.subscribe(lambda name, doc: seen.append(name))
    with pytest.raises(TypeError, match=r"start\['sample'\]\['lens'\] is object"):
        RE(bp.count([det]), sample={"lens": object()})
    assert journal.paths(tmp_path) == []
    assert "start" not in seen


CHILD = """
import sys
from lab.journal import Journal
from tests.lab.documents import documents
record = Journal(sys.argv[1])
for name, doc in documents(10**6):
    record(name, doc)
    if name == "event":
        sys.stdout.write(f"{doc['seq_num']}\\n")
        sys.stdout.flush()
"""


def test_a_killed_session_loses_no_confirmed_event(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=HOUSE)
    confirmed = [int(child.stdout.readline()) for _ in range(20)]
    (path,) = journal.paths(tmp_path)
    assert journal.being_written(path)
    assert journal.interrupted(tmp_path) == []
    child.send_signal(signal.SIGKILL)
    confirmed += [int(line) for line in child.stdout if line.endswith("\n")]
    child.wait()
    child.stdout.close()

    assert journal.interrupted(tmp_path) == [path]
    kept = [doc["seq_num"] for name, doc in journal.read(path) if name == "event"]
    assert kept[: len(confirmed)] == confirmed
    journal.close_interrupted(path, "killed")
    assert journal.interrupted(tmp_path) == []
    *_, (name, stop) = journal.read(path)
    event_model.schema_validators[event_model.DocumentNames.stop].validate(stop)
    assert (name, stop["exit_status"], stop["interrupted"]) == ("stop", "abort", True)
    assert stop["num_events"] == {"primary": len(kept)}


def test_a_file_cut_anywhere_reads_as_a_prefix(tmp_path, caplog):
    record, whole = Journal(tmp_path), list(documents(2))
    for name, doc in whole:
        record(name, doc)
    path = record.path_of(whole[0][1]["uid"])
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        names = [name for name, _ in journal.read(path)]
        assert names == [name for name, _ in whole[: len(names)]]
        assert len(names) == content[:length].count(b"\n")
    assert "torn" in caplog.text
    path.write_bytes(content[:-10])
    journal.close_interrupted(path, "cut")
    assert [name for name, _ in journal.read(path)] == [name for name, _ in whole]
    path.write_bytes(content.replace(b'["descriptor"', b'["descr', 1))
    with pytest.raises(JournalError, match="damaged document at byte"):
        list(journal.read(path))


FULL = """
import resource, sys
from lab.journal import Journal, JournalError
from tests.lab.documents import documents
record = Journal(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    for name, doc in documents(100):
        record(name, doc)
except JournalError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_disk_that_takes_no_more_ends_the_run_and_leaves_whole_documents(tmp_path):
    message = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, cwd=HOUSE, check=False
    ).stdout
    assert "cannot be recorded" in message
    assert str(tmp_path) in message
    assert "bytes free" in message
    (path,) = journal.interrupted(tmp_path)
    assert path.read_bytes().endswith(b"\n")
    assert 2 < len(list(journal.read(path))) < 100


def test_a_document_of_an_unknown_run_is_never_silently_unrecorded(tmp_path):
    start, descriptor, event, stop = documents(1)
    record = Journal(tmp_path)
    with pytest.raises(JournalError, match="has not seen start"):
        record(*event)
    record(*stop)  # what the RunEngine emits after a refused start
    with pytest.raises(JournalError, match="cannot be a file name"):
        record("start", {**start[1], "uid": "../../etc/passwd"})
    assert record.path_of("../../etc/passwd") is None
    assert journal.paths(tmp_path) == []
    assert descriptor[1]["run_start"] == start[1]["uid"]
