"""`python -m lab.view [--data FOLDER]`: the lab and its past runs in a browser, read only.

It is a process of its own: it works beside a running lab, beside none, and with last year's folder. Ctrl-C ends it.
"""

import argparse
import logging
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.config import ConfigError, read
from lab.home import called, usual_config

PORT = 8371
log = logging.getLogger(__name__)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=called("python -m lab.view"), description="The lab in a browser, read only.")
    parser.add_argument("--data", type=Path, help="a data folder; without it that of lab.toml")
    parser.add_argument("--port", type=int, default=PORT, help=f"0 takes a free one; without it {PORT}")
    parser.add_argument("--expose", action="store_true", help="let other computers ask, unencrypted; they need the key")
    parser.add_argument("--name", action="append", default=[], help="a name that a proxy asks by; may be repeated")
    parser.add_argument("--config", type=Path, default=usual_config(), help="facts of the lab")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    given = parse(argv)
    try:
        data = (given.data or read(given.config).folders.data).resolve()
    except ConfigError as why:
        sys.stderr.write(f"{why}\n")
        return 2
    if problem := problem_of(data):
        sys.stderr.write(f"{problem}\n")
        return 2
    try:
        listening = bound(given.port, "0.0.0.0" if given.expose else "127.0.0.1")
    except (OSError, OverflowError) as why:
        sys.stderr.write(f"port {given.port} cannot be used ({why}): give another one, --port 0 takes a free one\n")
        return 2
    with listening:
        serve(data, listening, exposed=given.expose, names=given.name)
    return 0


def problem_of(data: Path) -> str:
    """What is wrong with a folder, and what to do; "" if it can be shown."""
    if not data.is_dir():
        return f"{data} is no folder: give the data folder of a lab, such as --data demo/data"
    if not any((data / part).is_dir() for part in ("journal", "run", "storage")):
        return f"{data} holds no journal of a lab: give the data folder itself, such as --data demo/data"
    return ""


def bound(port: int, host: str) -> socket.socket:
    """A socket that listens; OSError if another program does."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except BaseException:
        found.close()
        raise
    return found


def key_for(data: Path) -> str:
    """The key of the view, made when there is none; one for this time alone, if nothing can be written there."""
    from lab.night.web import key_of

    try:
        return key_of(data / "view")
    except OSError as why:
        log.warning("no key can be kept in %s (%s): the link below is the only way in", data / "view", why)
        return secrets.token_urlsafe(24)


def serve(data: Path, listening: socket.socket, *, exposed: bool, names: Sequence[str] = ()) -> None:
    """Tell the link, and answer until Ctrl-C."""
    import uvicorn

    from lab.view.app import application
    from lab.view.guard import Door

    door = Door(key_for(data))
    host, port = listening.getsockname()
    name = socket.gethostname() if exposed else host
    sys.stdout.write(
        f"the lab of {data}, read only: http://{name}:{port}/?key={door.ticket()}\n"
        f"the link works once and leaves a cookie; later: http://{name}:{port}/, any name, "
        f"the key in {data / 'view' / 'key'}\n"
        "Ctrl-C ends the view; the lab does not notice\n"
    )
    sys.stdout.flush()
    settings = uvicorn.Config(
        application(data, door, exposed=exposed, names=names),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=5,
        limit_concurrency=64,
    )
    uvicorn.Server(settings).run(sockets=[listening])


if __name__ == "__main__":
    sys.exit(main())
