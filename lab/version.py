"""Which code computed this: written into every run and figure."""

import functools
import os
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

from devices.home import HOUSE, IS_CHECKOUT

COMMIT = Path(__file__).with_name("commit.txt")  # written when a package is built from a checkout


@functools.cache
def code_version() -> str:
    """Release and commit, "0.9.0+2e8c796c1f2a", with "-dirty" for uncommitted changes; the release alone if no commit
    is known. A repository of somebody else around the code is not asked."""
    return "+".join(filter(None, [release(), commit_of(HOUSE) if IS_CHECKOUT else built_from()]))


def release() -> str:
    """The version in pyproject.toml; an installed package has it in its metadata."""
    if not IS_CHECKOUT:
        return version("luminescope")
    return tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def commit_of(checkout: Path) -> str:
    """What git calls the state of a checkout; "" if the folder itself is none, or there is no git."""
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5, env=own)
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()


def built_from() -> str:
    """The commit that an installed package was built from; "" if that is not known."""
    try:
        return COMMIT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
