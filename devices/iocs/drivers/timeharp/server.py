"""The helper process that loads the library of a counting card, `python server.py --library ... --port ...`.

It needs the standard library only, of Python 3.8 or newer, so that a 32-bit Python without anything installed runs it.
It connects to the port of its parent on loopback, once for work, and for what may be asked meanwhile, and proves itself
with the key that the parent wrote into its standard input. It ends when that input is closed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import socket
import sys
import threading
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp import frames
    from devices.iocs.drivers.timeharp.errors import CardFault
else:
    import frames  # pyright: ignore
    from errors import CardFault  # pyright: ignore

LINKS = ("work", "meter", "stop")
BOARDS = ("th200", "ph300", "th260")
COMMANDS = ("open", "calibrate", "window", "meter", "histograms", "records", "stop")
LEAVING_S = 2.0


def main(words: list[str] | None = None) -> None:
    """Serve until the parent ends."""
    told = arguments(words)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when this ends
    key = sys.stdin.buffer.readline().strip()
    links = {name: connected(told.port, key, name) for name in LINKS}
    try:
        board = opened(told.board, told.library)
    except CardFault as why:
        frames.send(links["work"], failed(why))
        return
    frames.send(links["work"], {"pid": os.getpid(), "python": sys.version.split()[0]})
    for link in links.values():
        threading.Thread(target=serve, args=(board, link), daemon=True).start()
    with contextlib.suppress(OSError, ValueError):
        sys.stdin.buffer.read()
    leave(board)


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Helper of a counting card; the IOC starts it.")
    parser.add_argument("--library", required=True, help="path of the library")
    parser.add_argument("--port", required=True, type=int, help="port of the parent on loopback")
    parser.add_argument("--board", choices=BOARDS, default=BOARDS[0])
    return parser.parse_args(words)


def opened(name: str, library: str) -> Any:
    """The board of that name; only its own file is read."""
    module = importlib.import_module(f"{__package__}.{name}" if __package__ else name)
    return getattr(module, name.capitalize())(library)


def connected(port: int, key: bytes, name: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    frames.send(link, {"link": name}, key)
    return link


def serve(board: Any, link: socket.socket) -> None:
    """Answer commands until the parent leaves."""
    with contextlib.suppress(frames.Gone, ValueError):
        while True:
            frames.send(link, *answer(board, frames.receive(link)[0]))
    leave(board)


def answer(board: Any, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Do what is asked; the reply, or what failed."""
    try:
        if asked.get("do") not in COMMANDS:
            raise ValueError(f"there is no command {asked.get('do')!r}")
        reply = getattr(board, asked["do"])(**asked.get("with", {}))
        return reply if isinstance(reply, tuple) else (reply, b"")
    except CardFault as why:
        return failed(why), b""
    except Exception as why:
        return {"failed": {"function": "the helper process", "code": 0, "said": repr(why)}}, b""


def failed(why: CardFault) -> dict[str, Any]:
    return {"failed": {"function": why.function, "code": why.code, "said": why.said}}


def leave(board: Any) -> None:
    """Stop and leave the board, unless it does not let go, and end this process."""
    board.stop()
    watch = threading.Timer(LEAVING_S, os._exit, (1,))
    watch.daemon = True
    watch.start()
    with contextlib.suppress(Exception), board.lib.turn:
        if board.busy:
            board.call("StopMeas")
        board.shut_down()
    os._exit(0)


if __name__ == "__main__":
    main()
