"""`python -m lab.queue_server [--config lab.toml]`: serve the queue until Ctrl-C; `make queue`."""

import argparse
import logging
import sys
import threading
from pathlib import Path

from devices import polite
from lab.config import ConfigError, read
from lab.home import called, usual_config
from lab.queue_server.redis import QueueError
from lab.queue_server.start import QueueServer, finish, start
from lab.queue_server.watch import watch


def card(server: QueueServer) -> str:
    """How to connect; the key stands in its file."""
    return f"""queue server at {server.address}, encrypted; what happens: {server.manager.log}

export QSERVER_ZMQ_CONTROL_ADDRESS={server.address}
export QSERVER_ZMQ_PUBLIC_KEY="$(cat {server.keys.public})"
qserver environment open
qserver queue add plan '{{"name": "irf", "args": ["microscope"]}}'
qserver queue start
"""


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C, SIGTERM, a closed terminal, or the end of the manager."""
    parser = argparse.ArgumentParser(prog=called("python -m lab.queue_server"), description="Serve the lab's queue.")
    parser.add_argument("--config", type=Path, default=usual_config(), help="facts of the lab")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    polite.on_signals(polite.ASKING, lambda *_: ended.set())
    try:
        server = start(read(parser.parse_args(argv).config))
    except (ConfigError, QueueError, OSError) as why:
        sys.stderr.write(f"{why}\n")
        return 2
    sys.stdout.write(card(server))
    sys.stdout.flush()
    try:
        why = watch(server, ended)
    finally:
        finish(server)
    sys.stderr.write(f"{why}\n" if why else "")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
