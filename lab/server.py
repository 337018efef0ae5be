"""The storage server: a Tiled process behind a key; catalog and tables in SQLite or in PostgreSQL, and plain files."""

import json
import secrets
import socket
import sqlite3
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from devices import portable
from lab.private import private_folder, write_private
from lab.processes import LOOPBACK, is_free

_CONNECTING = threading.Lock()


class StorageError(RuntimeError):
    """The storage server cannot be started or reached; the message says what to do."""


def url(port: int, host: str = LOOPBACK) -> str:
    """Return the address of the storage server."""
    return f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"


def api_key(folder: Path) -> str:
    """Return the key of a storage folder; made once, readable by its owner alone."""
    path = private_folder(Path(folder)) / "api_key"
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text(encoding="ascii").strip()


def write_config(
    folder: Path,
    raw: Path,
    *,
    port: int,
    host: str = LOOPBACK,
    database: str = "",
    also_reads: Iterable[Path] = (),
) -> Path:
    """Write the server's configuration and return its path; arrays are read from `raw`, never written.

    database : "postgresql://user@host:port/name", or "" for SQLite files in the folder
    also_reads : data folders of other labs whose arrays this server may serve
    """
    folder, raw = private_folder(Path(folder).resolve()), Path(raw).resolve()
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    raw.mkdir(parents=True, exist_ok=True)
    catalog, tables = databases(folder, database)
    tree = {
        "uri": catalog,
        "init_if_not_exists": bool(database) or not _is_initialised(folder / "catalog.db"),
        "writable_storage": [files.as_uri(), tables],
        "readable_storage": [raw.as_uri(), *(place.as_uri() for place in readable(also_reads))],
        "specs": [{"name": "CatalogOfBlueskyRuns", "version": "3.0"}],
    }
    exporter = "bluesky_tiled_plugins.exporters:json_seq_exporter"
    config = {
        "authentication": {"allow_anonymous_access": False},
        "trees": [{"path": "/", "tree": "catalog", "args": tree}],
        "media_types": {"BlueskyRun": {"application/json-seq": exporter}},
        "uvicorn": {"host": host, "port": port},
    }
    path = folder / "server.yml"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")  # JSON is YAML
    return path


def readable(also_reads: Iterable[Path]) -> list[Path]:
    """Where other labs keep their arrays; neither their keys nor their journals.

    >>> [str(place) for place in readable([Path("/second/data")])]
    ['/second/data/raw', '/second/data/storage/files']
    """
    return [data.resolve() / part for data in also_reads for part in ("raw", "storage/files")]


def databases(folder: Path, database: str) -> tuple[str, str]:
    """Addresses of the catalog and of its tables, without a user: that stands in the environment, with the password.

    >>> databases(Path("/lab"), "postgresql://lum@db/runs")
    ('postgresql+asyncpg://db/runs', 'postgresql://db/runs')
    """
    if database:
        place = database.rpartition("@")[2]
        return f"postgresql+asyncpg://{place}", f"postgresql://{place}"
    here = f"sqlite:///{folder.as_posix()}"
    return f"{here}/catalog.db", f"{here}/tables.db"


def command(config: Path) -> list[str]:
    """Return the command that serves a configuration."""
    return [sys.executable, "-m", "lab.storage_server", str(config)]


def environment(key: str, folder: Path | None = None, database: str = "") -> dict[str, str]:
    """Return what the server's environment adds: what must not stand in a command line or in its configuration.

    folder : where `database_password` stands, if the database asks for one
    """
    variables = {"TILED_SINGLE_USER_API_KEY": key}
    if folder is None or not database:
        return variables
    variables["PGUSER"] = database.removeprefix("postgresql://").partition("@")[0]
    password = folder / "database_password"
    if password.exists():
        if not portable.mode_is_private(password.stat().st_mode):
            raise StorageError(f"{password} can be read by others; type: chmod 600 {password}")
        variables["PGPASSWORD"] = password.read_text(encoding="utf-8").strip()
    return variables


def check_port(port: int, host: str = LOOPBACK) -> None:
    """Raise StorageError if another program listens on the port."""
    if not is_free(port, socket.SOCK_STREAM, host):
        raise StorageError(
            f"port {port} on {host} is taken by another program; set [storage] port in profile/lab.toml or stop it"
        )


def answers(address: str, key: str, timeout_s: float = 2.0) -> bool:
    """Whether a storage server is there and takes this key: a stranger on the port does not."""
    request = urllib.request.Request(
        f"{address}/api/v1/metadata/",
        headers={"Authorization": f"Apikey {key}", "Accept": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=timeout_s) as response:
            specs = json.load(response)["data"]["attributes"]["specs"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return any(spec["name"] == "CatalogOfBlueskyRuns" for spec in specs)


def wait_until_healthy(
    address: str, key: str, *, is_alive: Callable[[], bool], log: Path, timeout_s: float = 90.0
) -> None:
    """Return when the server answers; StorageError with its last words if it dies or stays silent."""
    deadline = time.monotonic() + timeout_s
    while not answers(address, key):
        if not is_alive():
            raise StorageError(f"the storage server stopped while starting; the end of {log}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StorageError(f"the storage server is silent after {timeout_s:.0f} s; see {log}")
        time.sleep(0.05)


def client(address: str, key: str) -> Any:
    """Return a Tiled client of the catalog of runs.

    One thread at a time: the first client looks its classes up in a cache that is not safe for threads, and one that
    loses that race is a plain container without runs.
    """
    from tiled.client import from_uri

    with _CONNECTING:
        found = from_uri(f"{address}/api/v1", api_key=key, trust_env=False)
    if not hasattr(found, "v3"):
        raise StorageError(f"{address} is no catalog of runs, but {type(found).__name__}: is it another Tiled server?")
    return found


def tail(log: Path, n_lines: int = 15) -> str:
    """Return the last lines of a log, empty if there is none."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-n_lines:])
    except OSError:
        return ""


def _is_initialised(catalog: Path) -> bool:
    """Whether the catalog's tables were all made: the last step of making them records a version."""
    if not catalog.exists():
        return False
    try:
        with closing(sqlite3.connect(catalog)) as db:
            return bool(db.execute("SELECT COUNT(*) FROM alembic_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return False
