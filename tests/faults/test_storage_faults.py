"""Storage that is down, slow, wrong or full: no run notices, the journal has all, storage gets it later."""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest

from lab import journal, server
from lab.journal import Journal, JournalError
from lab.storage import Ingester
from tests.faults.invariants import disorders, loose_json
from tests.faults.proxy import proxied
from tests.lab.conftest import Server
from tests.lab.documents import documents

N_EVENTS = 20
PATIENCE_S = 60.0


@contextmanager
def ingesting(make, folder):
    """An ingester on a journal, closed afterwards with the clients it opened."""
    opened = []

    def factory():
        opened.append(make())
        return opened[-1]

    ingester = Ingester(factory, folder, flush_s=0.1)
    try:
        yield ingester
    finally:
        ingester.close(1.0)
        for client in opened:
            client.context.http_client.close()


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("storage"))
    running.start()
    yield running
    running.kill()


def measure(record, ingester, n_events=N_EVENTS):
    """One run through journal and ingester; its uid and the longest time that one document took."""
    uid, longest_s = "", 0.0
    for name, doc in documents(n_events, purpose="measurement"):
        began_s = time.perf_counter()
        record(name, doc)
        ingester(name, doc)
        longest_s = max(longest_s, time.perf_counter() - began_s)
        uid = doc["uid"] if name == "start" else uid
    return uid, longest_s


def assert_stored(storage, folder, uid, n_events=N_EVENTS):
    path = journal.path_of(folder, uid)
    kept = list(journal.read(path))
    assert not disorders(kept) and not loose_json(path)
    client = storage.client()
    try:
        assert len(client[uid]["primary"].read()["x_um"]) == n_events
    finally:
        client.context.http_client.close()


def test_slow_storage_holds_up_nothing(storage, tmp_path):
    with proxied(storage) as proxy:
        proxy.delay_s = 0.3
        with ingesting(lambda: server.client(proxy.url, storage.key), tmp_path) as ingester:
            uid, longest_s = measure(Journal(tmp_path), ingester)
            assert longest_s < 1.0  # it would wait ten seconds and more if it waited for storage
            assert ingester.flush(PATIENCE_S)
    assert_stored(storage, tmp_path, uid)


def test_errors_of_the_server_are_tried_again(storage, tmp_path):
    with proxied(storage) as proxy, ingesting(lambda: server.client(proxy.url, storage.key), tmp_path) as ingester:
        first, _ = measure(Journal(tmp_path), ingester)
        assert ingester.flush(PATIENCE_S)
        proxy.refusals = 2
        second, _ = measure(Journal(tmp_path), ingester)
        assert ingester.flush(PATIENCE_S) and not ingester.status().refused
    for uid in (first, second):
        assert_stored(storage, tmp_path, uid)


def test_storage_that_is_down_at_the_start_gets_the_run_when_it_comes(tmp_path_factory, tmp_path):
    late = Server(tmp_path_factory.mktemp("late"))
    with ingesting(late.client, tmp_path) as ingester:
        uid, longest_s = measure(Journal(tmp_path), ingester)
        assert longest_s < 1.0 and not ingester.flush(2.0, patient=False)
        assert ingester.status().waiting == 1
        late.start()
        try:
            assert ingester.flush(PATIENCE_S)
            assert_stored(late, tmp_path, uid)
        finally:
            late.kill()


@contextmanager
def tiny_disk(folder, size):
    """A file system of `size` bytes, or skipped where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_journal_on_a_full_disk_says_so_and_keeps_whole_documents(tmp_path):
    with tiny_disk(tmp_path / "disk", 128 << 10) as disk:
        record, confirmed = Journal(disk), 0
        with pytest.raises(JournalError, match="make room or repair the disk"):
            for name, doc in documents(10_000):
                record(name, doc)
                confirmed += name == "event"
        record.close()
        (path,) = journal.paths(disk)
        assert sum(name == "event" for name, _ in journal.read(path)) == confirmed > 10
        os.truncate(path, path.stat().st_size - 3)  # a torn tail, and room for the stop
        journal.close_interrupted(path, "disk full")
        assert not disorders(list(journal.read(path)))


@pytest.mark.parametrize("taken", range(0, 60, 7))
def test_a_write_that_fails_at_any_byte_leaves_no_half_document(tmp_path, monkeypatch, taken):
    record, whole = Journal(tmp_path), list(documents(3))
    for name, doc in whole[:3]:
        record(name, doc)
    real, room = os.write, taken

    def write(fd, data):
        nonlocal room
        if room == 0:
            raise OSError(28, "No space left on device")
        n = real(fd, bytes(data[:room]))
        room -= n
        return n

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(JournalError, match="No space left"):
        record(*whole[3])
    monkeypatch.undo()
    for name, doc in whole[3:]:
        record(name, doc)
    (path,) = journal.paths(tmp_path)
    assert [name for name, _ in journal.read(path)] == [name for name, _ in whole]
    assert not disorders(list(journal.read(path)))


def test_a_catalog_on_a_full_disk_waits_and_is_filled_later(tmp_path_factory, tmp_path):
    with tiny_disk(tmp_path / "disk", 12 << 20) as disk:
        full = Server(disk / "storage")
        full.start()
        try:
            ballast = disk / "ballast"
            with ingesting(full.client, tmp_path / "journal") as ingester:
                first, _ = measure(Journal(tmp_path / "journal"), ingester)
                assert ingester.flush(PATIENCE_S)
                fill(ballast)
                second, _ = measure(Journal(tmp_path / "journal"), ingester)
                assert not ingester.flush(3.0)
                ballast.unlink()
            with ingesting(full.client, tmp_path / "journal") as ingester:  # as the next session does
                assert ingester.flush(PATIENCE_S)
            for uid in (first, second):
                assert_stored(full, tmp_path / "journal", uid)
        finally:
            full.kill()


def fill(path):
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
