"""Documents of a data folder that may have moved: files of instruments are sought in the folder itself first."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from devices.portable import file_uri
from lab import journal

RAW = "raw"

Documents = Iterator[tuple[str, dict[str, Any]]]


def documents(data: Path, uid: str) -> Documents:
    """Yield (name, document) of a run as it was emitted, with files where they are now; LookupError without the run.

    data : the data folder, with `journal` and `raw` in it
    """
    return found_again(journal.read(path_of(data, uid)), data)


def path_of(data: Path, uid: str) -> Path:
    """The journal file of a run; LookupError without it."""
    if (path := journal.path_of(data / "journal", uid)) is None:
        raise LookupError(f"run {uid[:8]} is not in the journal {data / 'journal'}: give the data folder that has it")
    return path


def found_again(told: Iterable[tuple[str, dict[str, Any]]], data: Path) -> Documents:
    """The documents of a run; a file that lies in this data folder is named there, any other as it was."""
    for name, doc in told:
        yield name, with_file(doc, data / RAW) if name == "stream_resource" else doc


def with_file(resource: dict[str, Any], raw: Path) -> dict[str, Any]:
    here = file_in(resource["uri"], raw)
    return resource if here is None else {**resource, "uri": file_uri(str(here.absolute()))}


def file_in(uri: str, raw: Path) -> Path | None:
    """The file of an address by as many of its last folders as this folder has; None if it is not below it.

    >>> file_in("file://localhost/elsewhere/raw/../../secret.h5", Path("/data/raw")) is None
    True
    """
    address = urlsplit(uri)
    parts = PurePosixPath(unquote(address.path)).parts[1:]
    if address.scheme != "file" or ".." in parts:
        return None
    places = (raw.joinpath(*parts[k:]) for k in range(len(parts)))
    return next((place for place in places if place.is_file()), None)
