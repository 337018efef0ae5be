"""How processes end: here with the system's signals, on Windows by what they are held by."""

import importlib.util
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from devices import leash, polite
from lab import processes
from tests.lab.crashes import wait_for

OBEYING = """
import sys, threading
from pathlib import Path
from devices import leash
let_go = threading.Event()
leash.obey(let_go.set)
Path(sys.argv[1]).write_text("serves")
let_go.wait(60)
Path(sys.argv[1]).write_text("polite")
"""

SUPERVISING = f"""
import sys, time
from devices import leash
child = leash.Held([sys.executable, "-c", {OBEYING!r}, sys.argv[1]])
while True:
    time.sleep(60)
"""


@pytest.fixture
def windows(monkeypatch):
    """Processes end as on Windows: no signal asks, no group is reached."""

    def on():
        monkeypatch.setattr(polite, "WINDOWS", True)

    return on


def test_command_lines_are_told_of_the_living_only():
    command = (sys.executable, "-c", "import time; time.sleep(60)", "ä b", "")
    process = subprocess.Popen(command)
    try:
        wait_for(lambda: polite.command_line(process.pid) == command, 10.0)
    finally:
        process.kill()
    wait_for(lambda: polite.command_line(process.pid) == (), 10.0)  # it waits for its parent
    process.wait()
    assert polite.command_line(process.pid) == () and polite.family(process.pid) == []


def test_on_windows_a_service_is_asked_by_its_leash_alone(tmp_path, windows):
    told, log = tmp_path / "told", tmp_path / "log"
    service = processes.spawn([sys.executable, "-c", OBEYING, str(told)], (), log, {}, keep=False)
    wait_for(told.exists)
    windows()
    processes.stop([service], grace_s=20.0)
    assert told.read_text() == "polite" and service.process.returncode == 0


def test_on_windows_a_service_that_nobody_holds_is_ended_and_what_it_holds_ends_politely(tmp_path, windows):
    told, log = tmp_path / "told", tmp_path / "log"
    service = processes.spawn([sys.executable, "-c", SUPERVISING, str(told)], (), log, {}, keep=True)
    wait_for(told.exists)
    child = psutil.Process(service.pid).children()[0]
    windows()
    processes.stop([service], grace_s=20.0)
    assert told.read_text() == "polite" and service.process.returncode == -signal.SIGTERM
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_on_windows_a_family_that_does_not_listen_is_ended_to_the_last(tmp_path, windows):
    deaf = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    service = processes.spawn([sys.executable, "-c", deaf], (), tmp_path / "log", {}, keep=False)
    wait_for(lambda: len(polite.family(service.pid)) == 2)
    family = polite.family(service.pid)
    windows()
    processes.stop([service], grace_s=0.1)
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family), 10.0)


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_a_process_that_asks_itself_to_end_hears_it_in_its_main_thread(monkeypatch, system):
    monkeypatch.setattr(polite, "WINDOWS", system == "win32")
    heard = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: heard.set())
    try:
        thread = threading.Thread(target=polite.ask_myself_to_end)
        thread.start()
        thread.join()
        wait_for(heard.is_set, 10.0)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_on_windows_children_get_a_console_of_their_own(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        spec = importlib.util.spec_from_file_location("polite_on_windows", polite.__file__)
        there = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(there)
    assert there.apart() == {"creationflags": 0x00000200 | 0x08000000}
    assert polite.apart() == {"start_new_session": True}


def test_the_log_of_a_service_holds_every_letter_and_no_leash_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv(leash.VARIABLE, "of this process")
    says = f"import os; print('τ = 7 µs', os.environ.get({leash.VARIABLE!r}))"
    service = processes.spawn([sys.executable, "-c", says], (), tmp_path / "log", {"LC_ALL": "C"}, keep=True)
    service.process.wait()
    assert (tmp_path / "log").read_text(encoding="utf-8") == "τ = 7 µs None\n"
