"""A file appears whole or not at all: it is written under its own name in a hidden folder beside, then put in place."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from devices import portable
from lab.export.errors import ExportError


def check(path: Path, *, overwrite: bool) -> None:
    """ExportError unless a file may be written there."""
    if path.is_dir():
        raise ExportError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise ExportError(f"the folder {path.parent} does not exist: make it, or name another")
    if path.exists() and not overwrite:
        raise ExportError(f"{path} exists and is left as it is: name another file, or say overwrite=True")


def written(path: Path, write: Callable[[Path], None], *, overwrite: bool) -> Path:
    """Let `write` make the file, then put it in place in one step; whatever fails leaves nothing behind.

    ExportError if the disk is full, or the folder cannot be written to.
    """
    check(path, overwrite=overwrite)
    try:
        beside = Path(tempfile.mkdtemp(prefix=".export-", dir=path.parent))
    except OSError as why:
        raise not_written(path, why) from why
    try:
        draft = beside / path.name
        write(draft)
        settle(draft)
        check(path, overwrite=overwrite)
        portable.replace(draft, path)
    except (OSError, RuntimeError) as why:  # HDF5 tells some failures of the disk as the second
        raise not_written(path, why) from why
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return path


def settle(draft: Path) -> None:
    """Return when the file is on disk."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())


def not_written(path: Path, why: Exception) -> ExportError:
    reason, free_mb = getattr(why, "strerror", None) or why, shutil.disk_usage(path.parent).free / 1e6
    return ExportError(
        f"{path} was not written: {reason} ({free_mb:.0f} MB free in {path.parent}); "
        "make room or name another folder, then export again"
    )
