"""Documents of a data folder that may have moved: files of instruments are sought in the folder itself first."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from devices.portable import file_uri
from lab import journal

Documents = Iterator[tuple[str, dict[str, Any]]]


def documents(data: Path, uid: str) -> Documents:
    """Yield (name, document) of a run as it was emitted, with files where they are now; LookupError without the run.

    data : the data folder, with `journal` and `raw` in it
    """
    for name, doc in journal.read(path_of(data, uid)):
        yield name, with_file(doc, data / "raw") if name == "stream_resource" else doc


def path_of(data: Path, uid: str) -> Path:
    """The journal file of a run; LookupError without it."""
    if (path := journal.path_of(data / "journal", uid)) is None:
        raise LookupError(f"run {uid[:8]} is not in the journal {data / 'journal'}: give the data folder that has it")
    return path


def with_file(resource: dict[str, Any], raw: Path) -> dict[str, Any]:
    """A resource whose file is the one in this folder, if it is there; else as it was."""
    parts = PurePosixPath(unquote(urlsplit(resource["uri"]).path)).parts[1:]
    places = (raw.joinpath(*parts[k:]) for k in range(len(parts)))
    here = next((place for place in places if place.is_file()), None)
    return resource if here is None else {**resource, "uri": file_uri(str(here.absolute()))}
