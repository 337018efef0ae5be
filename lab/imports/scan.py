"""The files of a folder, and what is told of each: `import.toml` beside them, for all or by name.

sample = "A"                  # of all files here and below
["*.t3r"]
wiring = "clock"
["decays/v60.thd"]            # from the folder of the import.toml; what fits later counts more
irf = 1
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from lab.imports.told import ImportRefused, Told

SUFFIXES = (".t3r", ".thd", ".ptu", ".h5", ".hdf5", ".phdf5", ".txt", ".csv")
NOTES = "import.toml"
BLOCK = 1 << 20


@dataclass(frozen=True)
class Found:
    """A file: relative to the folder that is imported, with "/" between its parts; told : what is in no file.

    origin : where it came from, if it is one that was kept at an earlier import
    """

    path: Path
    relative: str
    told: Told
    origin: dict[str, Any] = field(default_factory=dict)


def files_of(folder: Path, told: Mapping[str, Any]) -> list[Found]:
    """The files below a folder that may be measurements, by name; hidden ones are passed over.

    told : by the user for the whole folder; what an import.toml says of single files counts more, what it says of all
        counts less. ImportRefused if anything told cannot be.
    """
    if not folder.is_dir():
        raise ImportRefused(f"{folder}: there is no such folder; give the one with the files")
    Told.of(told)
    notes: dict[Path, dict[str, Any]] = {}
    return [
        Found(path, path.relative_to(folder).as_posix(), told_of(path, folder, told, notes))
        for path in measurements(folder)
    ]


def measurements(folder: Path) -> Iterator[Path]:
    """Files by their suffix, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.casefold() in SUFFIXES and not hidden and path.is_file():
            yield path


def told_of(path: Path, folder: Path, told: Mapping[str, Any], notes: dict[Path, dict[str, Any]]) -> Told:
    """What is told of one file: for all by the notes, by the user, then for it alone, the nearest notes last."""
    places = [place for place in reversed(path.parents) if place == folder or place.is_relative_to(folder)]
    for place in places:
        if place not in notes:
            notes[place] = notes_in(place / NOTES)
    found = Told()
    for place in places:
        general = {name: value for name, value in notes[place].items() if not isinstance(value, dict)}
        found = found.but(general, f"{place / NOTES}: ")
    found = found.but(told)
    for place in places:
        relative = path.relative_to(place).as_posix()
        for pattern, facts in notes[place].items():
            if isinstance(facts, dict) and fnmatch(relative.casefold(), pattern.casefold()):
                found = found.but(facts, f"{place / NOTES}: [{pattern}] ")
    return found


def notes_in(path: Path) -> dict[str, Any]:
    """What an import.toml says; nothing if there is none, ImportRefused if it cannot be read."""
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as why:
        raise ImportRefused(f"{path}: not a readable TOML file ({why}): correct that line") from why


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
