"""Which code computed this: written into every run and figure."""

import functools
import subprocess
from importlib.metadata import version
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]


@functools.cache
def code_version() -> str:
    """Package version and, in a checkout, the commit, with "-dirty" for uncommitted changes."""
    release = version("luminescope")
    command = ["git", "-C", str(HOUSE), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return release
    return f"{release}+{commit}"
