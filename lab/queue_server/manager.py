"""`python -m lab.queue_server.manager LAB_TOML SETTINGS`: the manager of bluesky-queueserver, for one lab.

Two things differ from its own command. It is told an address of Redis without a password, because it prints its
settings, and the true one is put in its place when it connects. And two of its requests are refused, whoever asks:
with them any client could run code of its own in the worker, or give itself the right to.
"""

import sys
from typing import Any

import redis.asyncio

from lab.config import read
from lab.queue_server.redis import address

CLOSED = ("script_upload", "permissions_set")


def connect_to(url: str) -> None:
    """Let whoever asks for a Redis in this process, or in one that it starts, get this one."""
    connect = redis.asyncio.from_url

    def connected(_: str, **options: Any) -> Any:
        return connect(url, **options)

    redis.asyncio.from_url = connected


async def refuse(manager: Any, request: Any) -> dict[str, Any]:
    """The answer to a request that this lab does not take."""
    return {"success": False, "msg": "refused: the queue of this lab runs the plans of its profile, and no other code"}


def main(lab_toml: str, settings: str) -> None:
    """Run the manager until it is told to stop."""
    from bluesky_queueserver.manager.manager import RunEngineManager
    from bluesky_queueserver.manager.start_manager import start_manager

    connect_to(address(read(lab_toml)))
    for request in CLOSED:
        handler = f"_{request}_handler"
        getattr(
            RunEngineManager, handler
        )  # another release of the manager may call it otherwise: then it must not start
        setattr(RunEngineManager, handler, refuse)
    sys.argv = ["start-re-manager", "--config", settings, "--zmq-publish-console", "OFF"]
    start_manager()


if __name__ == "__main__":
    main(*sys.argv[1:])
