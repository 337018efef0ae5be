"""A proxy in front of storage, to make it slow or wrong."""

import http.server
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager


class Between(http.server.ThreadingHTTPServer):
    """A proxy in front of storage: delays each answer, or refuses with an error of the server."""

    daemon_threads = True

    def __init__(self, upstream: str):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.delay_s, self.refusals = upstream, 0.0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def forward(self):
        proxy: Between = self.server  # pyright: ignore[reportAssignmentType]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        threading.Event().wait(proxy.delay_s)
        if proxy.refusals > 0:
            proxy.refusals -= 1
            return self.answer(500, {}, b"{}")
        request = urllib.request.Request(f"{proxy.upstream}{self.path}", data=body, method=self.command)
        for key, value in self.headers.items():
            if key.lower() not in ("content-length", "connection", "accept-encoding"):
                request.add_header(key, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return self.answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return self.answer(error.code, error.headers, error.read())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815  (the names that HTTP servers call)

    def answer(self, status, headers, body):
        self.send_response(status)
        for key, value in dict(headers).items():
            if key.lower() not in ("content-length", "transfer-encoding", "connection", "content-encoding"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Silent."""


@contextmanager
def proxied(storage):
    proxy = Between(storage.url)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
