"""One rig, one session."""

import os
import signal
import subprocess
import sys

import pytest

from lab.lock import RigLock, RigLocked

HOLDER = """
import sys, time
from lab.lock import RigLock
lock = RigLock(sys.argv[1]).acquire()
sys.stdout.write("held\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def test_the_second_session_learns_who_is_first_and_a_kill_frees_the_rig(tmp_path):
    path = tmp_path / "run" / "rig.lock"
    path.parent.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RigLocked, match=rf"process {holder.pid}\) since 2"):
        RigLock(path).acquire()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with RigLock(path):
        assert str(os.getpid()) in path.read_text()


def test_a_released_lock_can_be_taken_again(tmp_path):
    first, second = RigLock(tmp_path / "lock"), RigLock(tmp_path / "lock")
    first.acquire()
    first.release()
    first.release()
    with second, pytest.raises(RigLocked):
        first.acquire()
