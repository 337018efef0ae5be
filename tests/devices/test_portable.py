"""Locks, files that somebody has open, addresses of files: as the systems have them; Windows by a stand-in."""

import errno
import importlib.util
import nturl2path
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from devices import portable
from lab import confined, private
from tests.conftest import HOUSE

HOLDER = """
import os, sys
from devices import portable
fd = os.open(sys.argv[1], os.O_RDWR)
portable.lock(fd)
print("held", flush=True)
sys.stdin.read()
"""


class Msvcrt:
    """The lock of one byte of a file, as Windows grants it: to one open file at a time."""

    LK_NBLCK = 2

    def __init__(self):
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, fd: int, mode: int, n_bytes: int):
        place = (os.fstat(fd).st_ino, os.lseek(fd, 0, os.SEEK_CUR))
        assert (mode, n_bytes) == (self.LK_NBLCK, 1)
        if place in self.held:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.held[place] = fd

    def close(self, fd: int):
        self.held = {place: holder for place, holder in self.held.items() if holder != fd}
        os.close(fd)


@pytest.fixture
def windows(monkeypatch):
    """The module as Windows would import it, and the locks of that system."""
    locks = Msvcrt()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        patch.setitem(sys.modules, "msvcrt", locks)
        spec = importlib.util.spec_from_file_location("portable_on_windows", portable.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return SimpleNamespace(module=module, locks=locks)


@pytest.fixture
def held(tmp_path):
    """A file that another process has locked, and that process."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.communicate()


def test_a_lock_of_another_process_is_seen_and_ends_with_it(held):
    path, process = held
    with path.open("r+b") as file:
        assert portable.is_locked(file.fileno()) and not portable.try_lock(file.fileno())
        process.kill()
        process.wait()
        portable.lock(file.fileno())
    with path.open("rb") as file:
        assert not portable.is_locked(file.fileno())


def test_a_system_that_cannot_lock_says_so_instead_of_waiting_for_ever():
    with pytest.raises(OSError, match="Bad file"):
        portable.lock(10**6)


def test_on_windows_one_open_file_holds_the_lock_and_loses_no_place(windows, tmp_path):
    path, there, locks = tmp_path / "file", windows.module, windows.locks
    path.write_bytes(b"document\n")
    first, second = (os.open(path, os.O_RDWR) for _ in range(2))
    os.lseek(first, 3, os.SEEK_SET)
    there.lock(first)
    assert os.lseek(first, 0, os.SEEK_CUR) == 3
    assert not there.try_lock(second) and there.is_locked(second)
    locks.close(first)
    assert not there.is_locked(second)
    locks.close(second)
    assert not locks.held and path.read_bytes() == b"document\n"


def test_on_windows_who_wants_to_be_alone_in_a_folder_locks_a_file_in_it(windows, tmp_path, monkeypatch):
    there, inside, order = windows.module, threading.Event(), []
    # The file is closed by the system's own call, of which the locks of this test must hear.
    monkeypatch.setattr(there, "os", SimpleNamespace(**{**vars(os), "close": windows.locks.close}))

    def second():
        inside.wait(10)
        with there.alone_in(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with there.alone_in(tmp_path):
        inside.set()
        assert [file.name for file in tmp_path.iterdir()] == [".lock"]
        thread.join(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_here_who_is_alone_in_a_folder_leaves_nothing_in_it(tmp_path):
    with portable.alone_in(tmp_path):
        fd = os.open(tmp_path, os.O_RDONLY)
        assert portable.is_locked(fd)
        os.close(fd)
    assert list(tmp_path.iterdir()) == []


class Busy:
    """A file that a reader has open for the first few attempts."""

    def __init__(self, times: int):
        self.left = times

    def __call__(self):
        self.left -= 1
        if self.left >= 0:
            raise PermissionError(13, "The process cannot access the file because it is being used")


def test_on_windows_a_file_is_replaced_when_its_reader_has_closed_it(windows):
    busy = Busy(3)
    windows.module.patiently(busy)
    assert busy.left == -1


def test_a_file_that_stays_open_is_an_error_in_the_end(windows, monkeypatch):
    monkeypatch.setattr(windows.module, "OPEN_S", 0.05)
    with pytest.raises(PermissionError):
        windows.module.patiently(Busy(10**9))


def test_here_a_missing_permission_is_told_at_once():
    busy = Busy(1)
    with pytest.raises(PermissionError):
        portable.patiently(busy)
    assert busy.left == 0


def test_files_are_replaced_and_removed(tmp_path):
    draft, path = tmp_path / "draft", tmp_path / "path"
    draft.write_text("new")
    path.write_text("old")
    portable.replace(draft, path)
    assert path.read_text() == "new" and not draft.exists()
    portable.remove(path)
    portable.remove(path)
    assert not path.exists()


@pytest.mark.parametrize("path", [r"C:\data\raw\2026\a b#1.h5", r"d:\µ.h5"])
def test_the_address_of_a_file_of_windows_is_read_there_as_it_was(path):
    parts = urlsplit(portable.file_uri(path))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("file", "localhost", "", "")
    assert nturl2path.url2pathname(parts.path).casefold() == path.casefold()


def test_a_hidden_stream_of_a_file_of_windows_is_not_served(monkeypatch):
    monkeypatch.setattr(confined, "url2pathname", nturl2path.url2pathname)
    with pytest.raises(confined.EscapeError, match="Bad URL"):
        confined.confined("file:///C:/data/raw/a.h5:hidden", Path("/data/raw"))


def test_the_address_of_a_file_of_this_system():
    assert portable.file_uri("/data/100% µ.h5") == "file://localhost/data/100%25%20%C2%B5.h5"


def test_on_windows_a_folder_outside_the_profile_is_told(windows, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(private, "portable", windows.module)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    private.private_folder(tmp_path / "me" / "data")
    assert caplog.text == ""
    private.private_folder(tmp_path / "data")
    assert "other users of this PC may read the keys" in caplog.text


def test_a_mode_says_nothing_on_windows(windows):
    assert windows.module.mode_is_private(0o100666)
    assert portable.mode_is_private(0o100600) and not portable.mode_is_private(0o100640)
