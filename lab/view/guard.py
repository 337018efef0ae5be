"""Who may read: one key, this computer's own names, and nothing but reading."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import socket
import threading
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OURS = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
REFUSED = (
    "the key is missing or wrong: open the link that python -m lab.view printed (it works once), "
    "or log in with any name and the key of the file view/key in the data folder\n"
)


class Door:
    """The key and what stands for it: a link that works once, and the cookie that it leaves."""

    def __init__(self, key: str):
        self.key = key
        self._once = secrets.token_urlsafe(24)
        self._alone = threading.Lock()

    def ticket(self) -> str:
        """What the link holds: never the key itself."""
        return self._once

    @property
    def cookie(self) -> str:
        """Holds as long as the key does."""
        return hmac.new(self.key.encode(), b"browser view", hashlib.sha256).hexdigest()

    @property
    def name(self) -> str:
        """Of the cookie: two labs on one computer do not take each other's away."""
        return f"luminescope-{hashlib.sha256(self.cookie.encode()).hexdigest()[:8]}"

    def opens(self, ticket: str) -> bool:
        """Whether a ticket is the one; it opens once."""
        with self._alone:
            fits = bool(self._once) and hmac.compare_digest(ticket.encode(), self._once.encode())
            if fits:
                self._once = ""
        return fits

    def knows(self, headers: Headers) -> bool:
        """Whether a request holds the key or its cookie; takes equally long whatever it holds."""
        by_password = hmac.compare_digest(password(headers.get("authorization", "")), self.key.encode())
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            jar = SimpleCookie()
        given = jar[self.name].value if self.name in jar else ""
        return by_password | hmac.compare_digest(given.encode(), self.cookie.encode())


def password(authorization: str) -> bytes:
    """The password of a header of basic authentication; empty if there is none."""
    kind, _, coded = authorization.partition(" ")
    try:
        given = base64.b64decode(coded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
    return given if kind.lower() == "basic" else b""


def is_ours(host: str, *, exposed: bool = False, names: Iterable[str] = ()) -> bool:
    """Whether a Host header names this computer: a page from elsewhere cannot make its own name mean us.

    exposed : addresses, and the name of this computer, are ours too; names : more that are

    >>> is_ours("localhost:8371"), is_ours("[::1]:8371"), is_ours("evil.example:8371"), is_ours("10.0.0.5")
    (True, True, False, False)
    >>> is_ours("10.0.0.5:8371", exposed=True), is_ours("evil.example", exposed=True)
    (True, False)
    """
    name, _, _ = host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "")
    name = name.removeprefix("[").removesuffix("]").lower()
    if name in (*OURS, *names) or not exposed:
        return name in (*OURS, *names)
    here = socket.gethostname().lower()
    return is_address(name) or name in (here, here.partition(".")[0], f"{here.partition('.')[0]}.local")


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Before every page: method, host, key; behind every page: the headers that keep it to itself."""

    def __init__(self, app: ASGIApp, door: Door, *, exposed: bool = False, names: Iterable[str] = ()):
        self.app, self.door, self.exposed = app, door, exposed
        self.names = tuple(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket: nobody is there
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self.refusal(scope)
        await (self.app if answer is None else answer)(scope, receive, with_headers)

    def refusal(self, scope: Scope) -> Response | None:
        """What is answered instead of the page; None: it may be read."""
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("this view is only read\n", 405, {"Allow": "GET, HEAD"})
        if not is_ours(headers.get("host", ""), exposed=self.exposed, names=self.names):
            return PlainTextResponse("this is not the name of this computer: use 127.0.0.1 or localhost\n", 421)
        if self.door.knows(headers):
            return None
        ticket = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        if scope["method"] == "GET" and ticket and self.door.opens(ticket):
            return self.welcome()
        asked = {"WWW-Authenticate": 'Basic realm="Luminescope", charset="UTF-8"'}
        return PlainTextResponse(REFUSED, 401, asked)

    def welcome(self) -> Response:
        """To the first page, with a cookie instead of the ticket in the address."""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.door.name, self.door.cookie, path="/", httponly=True, samesite="strict")
        return answer
