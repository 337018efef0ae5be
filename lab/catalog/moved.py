"""A data folder that was moved or copied: the files that its documents name are found where they are now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

RAW = "raw"

Documents = Iterator[tuple[str, dict[str, Any]]]


def found_again(documents: Documents, data: Path) -> Documents:
    """The documents of a run; a file that is gone is named where it lies in this data folder, if it does."""
    for name, doc in documents:
        yield (name, {**doc, "uri": where(doc["uri"], data)}) if name == "stream_resource" else (name, doc)


def where(uri: str, data: Path) -> str:
    """Where a file is that a document names."""
    address = urlparse(uri)
    if address.scheme != "file":
        return uri
    path = Path(url2pathname(address.path))
    if path.exists() or RAW not in path.parts:
        return uri
    within = path.parts[len(path.parts) - path.parts[::-1].index(RAW) :]
    here = data.resolve() / RAW / Path(*within)
    return here.as_uri().replace("file://", "file://localhost") if here.exists() else uri
