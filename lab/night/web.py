"""The status page over HTTP: a few files, read only, behind a key, on this PC alone unless it is exposed on purpose."""

import base64
import binascii
import hmac
import logging
import os
import re
import secrets
import stat
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from devices import portable
from lab.night.page import HIDDEN, PAGE, STALE_S, STATUS
from lab.private import private_folder

log = logging.getLogger(__name__)

KEY, PICTURE = "key", "last.png"
REPORTS = re.compile(r"nights/(\w[\w.-]{0,99}\.html)", re.ASCII)
TYPES = {PAGE: "text/html; charset=utf-8", STATUS: "application/json", PICTURE: "image/png"}
AT_ONCE = 32  # connections; more are turned away
PATIENCE_S = 10.0  # with a client that says nothing
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


class WebError(RuntimeError):
    """The page cannot be served; the night goes on without, and the file itself can still be opened."""


def key_of(folder: Path) -> str:
    """The key of the status page, made when there is none; only its owner may read it."""
    path = folder / KEY
    private_folder(folder)
    try:
        found = path.read_text(encoding="ascii").strip()
        private = portable.mode_is_private(path.lstat().st_mode)
        if private and not path.is_symlink() and re.fullmatch(r"[\w-]{20,}", found):
            return found
        log.warning("%s could be read by others, or held no key: a new key is made", path)
        path.unlink()
    except FileNotFoundError:
        pass
    except ValueError:
        path.unlink()
    key = secrets.token_urlsafe(24)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    return key


class Page(BaseHTTPRequestHandler):
    """One request."""

    server: "PageServer"
    server_version, sys_version = "Luminescope", ""
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        """A file of the page, to who knows the key."""
        if not allowed(self.headers.get("Authorization", ""), self.server.key):
            self.answer(HTTPStatus.UNAUTHORIZED, b"the key is in the file night/key of the data folder\n")
            return
        name = self.path.partition("?")[0].removeprefix("/") or PAGE
        content = self.server.content(name)
        if content is None:
            self.answer(HTTPStatus.NOT_FOUND, b"there is no such page\n")
            return
        self.answer(HTTPStatus.OK, content, TYPES.get(name, TYPES[PAGE]))

    def answer(self, code: HTTPStatus, content: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response_only(code)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if code == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="Luminescope night", charset="UTF-8"')
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Whatever else is asked for: a short no, without repeating what was asked."""
        self.close_connection = True
        self.answer(HTTPStatus(code), b"only GET of the pages is answered here\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests leave no trace: what is asked for may hold what is nobody's business."""


class PageServer(ThreadingHTTPServer):
    """The files of one folder, and the reports of the nights beside it."""

    daemon_threads = True
    request_queue_size = 2 * AT_ONCE

    def __init__(self, address: tuple[str, int], folder: Path, key: str):
        self.folder, self.key = folder, key
        self.places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, Page)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without asking the network for the name of this PC
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def content(self, name: str) -> bytes | None:
        """What is behind a name of the list, None for all others."""
        if report := REPORTS.fullmatch(name):
            return plain_file(self.folder.parent / "nights" / report[1])
        found = plain_file(self.folder / name) if name in TYPES else None
        return uncovered(found, self.folder / PAGE) if found is not None and name == PAGE else found

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a client of the status page went away", exc_info=True)


class Served:
    """A status page that is being served; `close` ends it."""

    def __init__(self, server: PageServer):
        self.server = server
        self.thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="status page", daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it is; the browser asks for the key."""
        host, port = self.server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5.0)


def serve(folder: Path, *, port: int, key: str, expose: bool = False) -> Served:
    """Serve the page of a folder in a thread; any user name, the key as password.

    port : 0 takes a free one; expose : every network of this PC instead of this PC alone

    WebError if the port is taken.
    """
    address = ("0.0.0.0" if expose else "127.0.0.1", port)
    try:
        return Served(PageServer(address, folder, key))
    except (OSError, OverflowError) as why:
        raise WebError(
            f"the status page cannot be served on port {port} ({why}): give another one in lab.toml, [status] port; "
            f"the night goes on, and {folder / PAGE} can be opened as a file"
        ) from why


def allowed(authorization: str, key: str) -> bool:
    """Whether a header of basic authentication holds the key; takes equally long whatever it holds."""
    kind, _, coded = authorization.partition(" ")
    try:
        given = base64.b64decode(coded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(given, key.encode("utf-8")) and kind.lower() == "basic"


def plain_file(path: Path) -> bytes | None:
    """The content of a file; None if there is none, or if it is a link to somewhere else."""
    try:
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(opened, "rb") as file:
            return file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError:
        return None


def uncovered(page: bytes, path: Path) -> bytes:
    """A page that nobody has written for a while says so, also to a browser without scripts."""
    try:
        age_s = time.time() - path.stat().st_mtime
    except OSError:
        return page
    old = age_s > STALE_S and b'data-over="0"' in page
    return page.replace(HIDDEN.encode(), b'id="stale"', 1) if old else page
