"""The server of the status page: a few files to who knows the key, nothing else to nobody."""

import base64
import http.client
import logging
import os
import random
import socket
import stat
import threading
import time
from contextlib import closing

import pytest

from lab.night import page, web
from tests.browser import dom
from tests.night.examples import status

KEY = "k" * 32
ELSEWHERE = (
    "/key", "/other.html", "/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd",
    "/etc/passwd", "/./index.html", "/.", "/..", "/index.html/", "/index.html%00", "/index.html/../key", "\\key", "/~",
    "/night/", "http://elsewhere/index.html", "/status.json;key", "/report.html", "*", "/" + "a" * 5000,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A night's folder with things beside the page that are nobody's business."""
    (tmp_path / "secret.txt").write_text("secret")
    night = tmp_path / "night"
    page.write(night, status(written_s=time.time()))
    (night / "last.png").write_bytes(b"\x89PNG picture")
    (night / "key").write_text("secret")
    (night / "other.html").write_text("secret")
    return night


@pytest.fixture
def served(folder):
    with closing(web.serve(folder, port=0, key=KEY)) as server:
        yield server


def ask(server, path="/", *, method="GET", key=KEY, kind="Basic"):
    """Status, headers and content of an answer."""
    connection = http.client.HTTPConnection(*server.server.server_address[:2], timeout=30)
    coded = base64.b64encode(f"lab:{key}".encode()).decode()
    with closing(connection):
        connection.putrequest(method, path, skip_host=False)
        if key is not None:
            connection.putheader("Authorization", f"{kind} {coded}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_the_key_opens_the_page_and_nothing_else_does(served):
    assert ask(served)[0] == 200
    assert b"Luminescope" in ask(served)[2]
    for wrong in (None, "", "wrong", KEY[:-1], KEY + "k", "schlüssel"):
        code, headers, content = ask(served, key=wrong)
        assert code == 401
        assert headers["WWW-Authenticate"].startswith("Basic")
        assert b"Luminescope" not in content
    assert ask(served, kind="Bearer")[0] == 401
    assert ask(served, f"/?key={KEY}", key=None)[0] == 401


def test_the_files_of_the_page_are_served_with_care(served):
    kinds = {"/": "text/html", "/index.html?x=1": "text/html", "/status.json": "json", "/last.png?3": "png"}
    for path, kind in kinds.items():
        code, headers, content = ask(served, path)
        assert (code, kind in headers["Content-Type"]) == (200, True)
        assert content
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'self' 'unsafe-inline'")
        assert "Python" not in headers.get("Server", "")


def test_no_other_path_leads_anywhere(served):
    for path in ELSEWHERE:
        code, _, content = ask(served, path)
        assert (path, code) == (path, 404)
        assert b"secret" not in content
        assert content == b"there is no such page\n"


def test_a_link_to_somewhere_else_is_not_followed(served, folder):
    (folder / "last.png").unlink()
    (folder / "last.png").symlink_to(folder.parent / "secret.txt")
    assert ask(served, "/last.png")[0] == 404
    (folder / "last.png").unlink()
    (folder / "last.png").mkdir()
    assert ask(served, "/last.png")[0] == 404


def test_nothing_but_reading_is_answered(served, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "<b>"):
        assert (method, ask(served, method=method)[0]) == (method, 501)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_the_page_leads_to_the_report(served, folder):
    reports = folder.parent / "nights"
    assert ask(served, "/nights/2027-01-15.html")[0] == 404
    reports.mkdir()
    (reports / "2027-01-15.html").write_text("<p>all done")
    (reports / "notes.txt").write_text("secret")
    (reports / ".hidden.html").write_text("secret")
    assert ask(served, "/nights/2027-01-15.html")[2] == b"<p>all done"
    assert ask(served, "/nights/2027-01-15.html", key="wrong")[0] == 401
    for path in ("/nights/notes.txt", "/nights/.hidden.html", "/nights/../night/other.html", "/nights/", "/nights"):
        assert ask(served, path)[0] == 404
    page.write(folder, status(state="finished"))
    assert b'href="../nights/2027-01-15.html"' in ask(served)[2]


def test_it_listens_on_this_pc_alone_unless_it_is_exposed(folder):
    for expose, host in ((False, "127.0.0.1"), (True, "0.0.0.0")):
        with closing(web.serve(folder, port=0, key=KEY, expose=expose)) as server:
            assert server.server.server_address[0] == host


def test_a_taken_port_is_a_clear_error(folder, served):
    port = served.server.server_address[1]
    with pytest.raises(web.WebError, match=rf"port {port} .*\[status\] port; the night goes on"):
        web.serve(folder, port=port, key=KEY)
    assert ask(served)[0] == 200


def test_the_key_is_the_owners_alone_and_stays_the_same(tmp_path, caplog):
    key = web.key_of(tmp_path / "new")
    path = tmp_path / "new" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) >= 32
    assert web.key_of(tmp_path / "new") == key
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        fresh = web.key_of(tmp_path / "new")
    assert fresh != key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("short")
    assert len(web.key_of(tmp_path / "new")) >= 32
    assert fresh not in caplog.text
    assert key not in caplog.text


def test_garbage_does_no_harm(served, caplog, capfd):
    rng = random.Random(1)
    address = served.server.server_address[:2]
    heads = [b"", b"GET ", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"GET /%s HTTP/9.9\r\n", b"\r\n" * 20]
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            with socket.create_connection(address, timeout=10) as client:
                client.sendall(rng.choice(heads) + rng.randbytes(rng.randrange(200)) + b"\r\n\r\n")
        assert ask(served)[0] == 200
    assert not caplog.text
    assert not any(capfd.readouterr())


def test_clients_that_say_nothing_keep_nobody_out_for_long(served, monkeypatch):
    monkeypatch.setattr(web.Page, "timeout", 0.2)
    silent = [socket.create_connection(served.server.server_address[:2]) for _ in range(web.AT_ONCE + 8)]
    deadline = time.monotonic() + 30
    code = None
    while code != 200 and time.monotonic() < deadline:
        try:
            code = ask(served)[0]
        except (OSError, http.client.HTTPException):
            code = None
    for client in silent:
        client.close()
    assert code == 200


def test_an_old_page_says_so_without_scripts(served, folder):
    assert b'id="stale" hidden' in ask(served)[2]
    old_s = time.time() - 100
    os.utime(folder / page.PAGE, (old_s, old_s))
    assert b'id="stale">' in ask(served)[2]


def test_closing_frees_port_and_thread(folder):
    server = web.serve(folder, port=0, key=KEY)
    port = server.server.server_address[1]
    server.close()
    assert not any(thread.name == "status page" for thread in threading.enumerate())
    web.serve(folder, port=port, key=KEY).close()


def test_in_a_browser_it_renews_itself_in_place(served, tmp_path, monkeypatch):
    lines = iter(range(1, 1000))

    def content(server, name):
        return page.render(status(written_s=time.time(), now=f"line {next(lines)}", image="")).encode()

    monkeypatch.setattr(web.PageServer, "content", content)
    shown, console = dom(served.url.replace("://", f"://lab:{KEY}@"), tmp_path, budget_ms=12_000)
    assert "<bdi>line 3</bdi>" in shown
    assert shown.count("<main") == 1
    assert not console
