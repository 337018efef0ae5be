"""The view in a real browser, from its own process: every page, its scripts, its console."""

import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from lab.night.web import key_of
from lab.view.app import application
from lab.view.guard import Door
from tests.browser import dom, screenshot
from tests.conftest import HOUSE
from tests.security.sockets import listeners_of
from tests.view.folder import Folder, make
from tests.view.reading import KEY


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder in which a raster grows."""
    made = make(tmp_path_factory.mktemp("lab") / "data")
    run, _ = made.growing(40)
    yield made
    made.end(run)
    made.journal.close()


@pytest.fixture(scope="module")
def process(lab):
    """The view as `make view` starts it, and what it printed first."""
    command = [sys.executable, "-m", "lab.view", "--data", str(lab.data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HOUSE) as started:
        assert started.stdout is not None
        yield started, started.stdout.readline()
        started.terminate()
        started.communicate(timeout=30)


@pytest.fixture(scope="module")
def address(lab, process):
    """Where it is, with the key as a password."""
    port = re.search(r"127\.0\.0\.1:(\d+)/\?key=", process[1])[1]
    return f"http://x:{key_of(lab.data / 'view')}@127.0.0.1:{port}"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_this_computer_alone_and_tells_its_key_to_nobody(lab, process):
    started, told = process
    found = list(listeners_of(started.pid))
    assert len(found) == 1
    assert all(each.is_local for each in found)
    key = key_of(lab.data / "view")
    assert key not in told
    assert key not in Path(f"/proc/{started.pid}/cmdline").read_text()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ("Measuring", "40 of 100", "Detectors", "Night")),
        ("/runs", ("rise time", "interrupted", "<select")),
        ("/runs/{raster}", ("tau2, median", 'class="pixels"', "pile-up")),
        ("/runs/{pairs}", ("Antibunching", 'class="curve two"')),
        ("/emitters", ("single-001", 'class="dot several"')),
        ("/emitters/single-001", ("contrast",)),
        ("/nights", ("2027-01-14",)),
        ("/nowhere", ("Not found",)),
    ],
)
def test_every_page_stands_and_its_console_is_silent(lab, address, tmp_path, path, expected):
    shown, console = dom(address + path.format(**lab.uids), tmp_path)
    for each in expected:
        assert each in shown
    assert [line for line in console.splitlines() if "404" not in line] == []
    assert "owned" not in re.search(r"<title>(.*?)</title>", shown)[1]


def test_a_page_renews_itself_while_a_run_grows(tmp_path):
    made = Folder(tmp_path / "data")
    run, stream = made.growing(40)
    with served(made.data, lambda: made.line(stream, time.time())) as address:
        shown, console = dom(address + "/", tmp_path, budget_ms=5000)
    lines = int(re.search(r"<b>(\d+) of 100</b>", shown)[1])
    assert lines > 40
    assert 'id="lost" role="alert" hidden' in shown
    assert not console
    made.end(run)
    made.journal.close()


@contextmanager
def served(data, later):
    """The view in a thread; `later` is called whenever the first page is renewed."""
    shown, asked = application(data, Door(KEY)), []

    async def watched(scope, receive, send):
        asked.extend([scope] * (scope["path"] == "/"))
        if scope["path"] == "/" and len(asked) > 2:  # a refusal, the page, then what renews it
            later()
        await shown(scope, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(watched, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://x:{KEY}@127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_it_is_dark_where_the_reader_likes_it_dark(address, tmp_path):
    picture = screenshot(address + "/runs", tmp_path / "dark.png", "--blink-settings=preferredColorScheme=0")
    with Image.open(picture) as dark:
        assert sum(dark.convert("RGB").getpixel((3, 800))) < 120
