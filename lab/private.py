"""Files and folders that their owner alone may read."""

import os
from pathlib import Path

OWNERS_FILE, OWNERS_FOLDER = 0o600, 0o700


def private_folder(path: Path) -> Path:
    """Make a folder that its owner alone may enter, or make it so."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(OWNERS_FOLDER)
    return path


def write_private(path: Path, text: str) -> Path:
    """Write a file that its owner alone may read, in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_FILE), "w") as file:
        file.write(text)
    new.replace(path)
    return path
