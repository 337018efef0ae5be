"""`python -m tests.faults.victims LAB_TOML PLAN`: a session that measures until it is hit, and says so."""

import signal
import sys
from typing import Any

from tests.faults.scenes import long_plan, prepare


def tell(*words: Any):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def wait_for_word():
    """Until a line comes; Ctrl-C at the prompt ends nothing."""
    while True:
        try:
            sys.stdin.readline()
            return
        except KeyboardInterrupt:
            continue


def main(config: str, name: str):
    """Measure; after an interruption from the keyboard wait, as a prompt does, until the process is ended."""
    from bluesky.utils import RunEngineInterrupted

    from lab.session import start
    from tests.faults.menu import find_dot

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process may have inherited to ignore it
    session: Any = start(config, speed=10.0)
    session.RE.obey_signals()
    if name in ("hbt", "blinking"):
        session.dot = find_dot(session)
    prepare(session, name)
    n_events = 0

    def follow(kind: str, doc: dict):
        nonlocal n_events
        if kind == "start":
            tell("run", doc["uid"])
        if kind in ("event", "event_page"):
            n_events += 1
            tell("event", n_events)

    session.RE.subscribe(follow)
    try:
        session.RE(long_plan(session, name))
    except (RunEngineInterrupted, KeyboardInterrupt):
        tell("interrupted", session.RE.state)
    wait_for_word()
    session.close(stop_processes=True)
    tell("closed")


if __name__ == "__main__":
    main(*sys.argv[1:])
