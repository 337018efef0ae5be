"""Who may read the view: the key, this computer's own names, and nothing but reading."""

import pytest

from lab.view import guide
from lab.view.guard import Door
from tests.view.reading import KEY, client_of

PLACES = ("/", "/runs", "/emitters", "/nights", "/view.css", "/view.js", "/figures/x.png", "/runs/1234", "/nowhere")
ELSEWHERE = (
    "/../data/view/key", "/%2e%2e/view/key", "/figures/..%2fview%2fkey", "/figures/%2e%2e%2fview%2fkey", "/view/key",
    "/figures/../view/key", "/nights/..%2fview%2fkey", "/nights/ledger.sqlite", "/nights/.html", "/runs/..%2f..%2fkey",
    "/figures/secret.txt", "/figures/.png", "/figures/x%00.png", "/figures/" + "a" * 300 + ".png",
    "/runs/*", "/runs/%2a", "//etc/passwd", "/etc/passwd", "/figures/link.png", "/journal/2026", "/emitters.sqlite",
)  # fmt: skip


@pytest.fixture
def door():
    return Door(KEY)


@pytest.fixture
def stranger(folder, door):
    with client_of(folder.data, door=door, address="http://localhost:8371", key="", follow=False) as client:
        yield client


def test_without_the_key_nothing_is_told(stranger):
    for path in PLACES:
        for auth in (None, ("x", ""), ("x", "wrong"), ("x", KEY[:-1]), ("x", KEY + "k"), (KEY, "")):
            answer = stranger.get(path, auth=auth)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
            assert "Content-Security-Policy" in answer.headers
            assert b"single" not in answer.content
    for header in ("Basic", "Basic !!!", f"Bearer {KEY}", "Basic a2s=", "basic"):
        assert stranger.get("/", headers={"Authorization": header}).status_code == 401
    for cookie in ("", "x=y", f"{Door(KEY).name}={KEY}", f"{Door(KEY).name}=", 'a="\\', f"{Door(KEY).name}=é".encode()):
        assert stranger.get("/", headers={"Cookie": cookie}).status_code == 401


def test_the_link_opens_once_and_leaves_a_cookie_that_holds(stranger, door):
    ticket = door.ticket()
    assert ticket not in (KEY, "")
    assert stranger.head(f"/?key={ticket}").status_code == 401
    first = stranger.get(f"/?key={ticket}")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    told = first.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert KEY not in told
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    assert stranger.get(f"/?key={ticket}").status_code == 401
    assert stranger.get("/?key=").status_code == 401
    assert stranger.get(f"/?key={KEY}").status_code == 401


def test_a_name_of_somebody_else_is_not_ours(stranger, folder):
    for host in (
        "evil.example",
        "evil.example:8371",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "",
        "10.0.0.5",
    ):
        answer = stranger.get("/", auth=("x", KEY), headers={"Host": host})
        assert (host, answer.status_code) == (host, 421)
    for host in ("localhost", "127.0.0.1:9999", "[::1]:8371", "LOCALHOST:1"):
        assert stranger.get("/", auth=("x", KEY), headers={"Host": host}).status_code == 200
    with client_of(folder.data, address="http://10.0.0.5", exposed=True, names=("lab.example.org",)) as exposed:
        assert exposed.get("/").status_code == 200
        assert exposed.get("/", headers={"Host": "lab.example.org"}).status_code == 200
        assert exposed.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_nothing_but_reading_is_answered(client):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        for path in ("/", "/nowhere"):
            assert client.request(method, path).status_code == 405
    assert client.head("/").status_code == 200


def test_no_path_leads_elsewhere(client, folder):
    (folder.data / "view").mkdir(exist_ok=True)
    (folder.data / "view" / "key").write_text("secret")
    (folder.data / "figures" / "secret.txt").write_text("secret")
    link = folder.data / "figures" / "link.png"
    if not link.is_symlink():
        link.symlink_to(folder.data / "view" / "key")
    for path in ELSEWHERE:
        answer = client.get(path)
        assert (path, answer.status_code) == (path, 404)
        assert b"secret" not in answer.content


def test_every_answer_keeps_to_itself(client):
    for path in PLACES:
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"


def test_a_failure_tells_no_secrets(folder, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(guide, "style", broken)
    with client_of(folder.data, quiet=True) as client:
        answer = client.get("/view.css")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "Content-Security-Policy" in answer.headers


def test_reading_writes_nothing(client, folder):
    def state():
        return {path: path.stat().st_mtime_ns for path in folder.data.rglob("*") if "view" not in path.parts}

    before = state()
    for path in (*PLACES, *(f"/runs/{uid}" for uid in folder.uids.values()), "/emitters/single-001"):
        client.get(path)
    assert state() == before
