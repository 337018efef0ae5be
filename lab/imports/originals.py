"""Imported files, kept under their checksums beside what the instruments write, readable by their owner alone."""

import hashlib
import os
from pathlib import Path

from lab.imports.scan import BLOCK
from lab.private import OWNERS_FILE, private_folder

FOLDER = "imported"


def kept(path: Path, sha256: str, raw: Path) -> Path:
    """Copy a file to `<raw>/imported/<checksum>`, once; ValueError if it is not what was read before."""
    folder = private_folder(private_folder(raw / FOLDER) / sha256[:2])
    place = folder / f"{sha256}{path.suffix.casefold()}"
    if place.exists():
        return place
    draft = place.with_suffix(f"{place.suffix}.{os.getpid()}.new")
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        with path.open("rb") as source, os.fdopen(os.open(draft, flags, OWNERS_FILE), "wb") as copy:
            while block := source.read(BLOCK):
                digest.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        if digest.hexdigest() != sha256:
            raise ValueError(f"{path}: it changed while it was imported; import it again when it is complete")
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
    return place
