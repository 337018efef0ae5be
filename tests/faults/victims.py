"""`python -m tests.faults.victims LAB_TOML PLAN`: a session that measures until it is hit, says so, and begins anew."""

import signal
import sys
from typing import Any

from tests.faults.scenes import long_plan, prepare


def tell(*words: Any):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def word() -> str:
    """The next line; Ctrl-C at the prompt ends nothing."""
    while True:
        try:
            return sys.stdin.readline().strip()
        except KeyboardInterrupt:
            continue


def follow(kind: str, doc: dict):
    if kind == "start":
        tell("run", doc["uid"])
    if kind in ("event", "event_page"):
        tell("event")


def main(config: str, name: str):
    """Measure; after an interruption from the keyboard wait for a word, as a prompt does, and abort what is paused."""
    from bluesky.utils import RunEngineInterrupted

    from lab.session import start
    from tests.faults.menu import find_dot

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process may have inherited to ignore it
    session: Any = start(config, speed=10.0)
    session.RE.obey_signals()
    if name in ("hbt", "blinking"):
        session.dot = find_dot(session)
    prepare(session, name)
    session.RE.subscribe(follow)
    order = "again"
    while order == "again":
        try:
            session.RE(long_plan(session, name))
        except (RunEngineInterrupted, KeyboardInterrupt):
            tell("interrupted", session.RE.state)
        order = word()
        if order == "again" and session.RE.state == "paused":
            session.RE.abort("interrupted")
    session.close(stop_processes=True)
    tell("closed")


if __name__ == "__main__":
    main(*sys.argv[1:])
