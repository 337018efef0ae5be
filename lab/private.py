"""Files and folders that their owner alone may read.

Windows heeds no mode: there the folder says who may read, and only the user's own profile folder is closed to others.
"""

import logging
import os
from pathlib import Path

from devices import portable

log = logging.getLogger(__name__)

OWNERS_FILE, OWNERS_FOLDER = 0o600, 0o700


def private_folder(path: Path) -> Path:
    """Make a folder that its owner alone may enter, or make it so."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(OWNERS_FOLDER)
    if portable.outside_profile(path):
        log.warning(
            "%s lies outside your profile folder %s: other users of this PC may read the keys in it; move [folders] "
            "data there, or close the folder as docs/how-to/windows.md says",
            path,
            Path.home(),
        )
    return path


def write_private(path: Path, text: str) -> Path:
    """Write a file that its owner alone may read, in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_FILE), "w") as file:
        file.write(text)
    portable.replace(new, path)
    return path
