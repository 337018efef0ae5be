"""A PostgreSQL cluster of its own, for one test."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.processes import free_port

USER, NAME, PASSWORD = "lum", "runs", "a-word-for-the-test"


def programs() -> Path:
    """The folder of PostgreSQL's programs, or the reason to skip."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("PostgreSQL is not installed")
    if os.geteuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL refuses root, and there is no runuser")
    return folders[-1]


@contextmanager
def cluster():
    """A running cluster with an empty database; yields its address."""
    folder, port = Path(tempfile.mkdtemp(prefix="luminescope-")), free_port()
    unprivileged = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    word = folder / "word"
    word.write_text(PASSWORD)
    if unprivileged:
        shutil.chown(folder, "postgres")
        shutil.chown(word, "postgres")

    def run(program: str, *words: str, **environment: str):
        command = [*unprivileged, str(programs() / program), *words]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env={**os.environ, **environment})

    run("initdb", "-D", f"{folder}/db", "-U", USER, f"--pwfile={word}", "-A", "scram-sha-256", "-N")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
    run("pg_ctl", "-D", f"{folder}/db", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        given = ["-h", "127.0.0.1", "-p", str(port), "-U", USER]
        run("createdb", *given, NAME, PGPASSWORD=PASSWORD)
        yield f"postgresql://{USER}@127.0.0.1:{port}/{NAME}"
    finally:
        run("pg_ctl", "-D", f"{folder}/db", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
