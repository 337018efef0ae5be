"""Files that documents name: those of the instruments, below one folder, and no others."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

HERE = ("", "localhost")


class EscapeError(ValueError):
    """A document names a file that storage must not serve."""


def confined(uri: str, folder: Path) -> Path:
    """The file of a URI, if it lies below `folder` as it is written and as it is found; else EscapeError.

    >>> confined("file://localhost/data/raw/../../etc/passwd", Path("/data/raw"))
    Traceback (most recent call last):
    lab.confined.EscapeError: file://localhost/data/raw/../../etc/passwd: storage serves files below /data/raw only
    """
    parts, folder = urlsplit(uri), folder.absolute()
    try:
        path = Path(url2pathname(parts.path))
    except OSError as why:  # Windows: a colon that is not behind a drive names another stream of a file
        raise EscapeError(f"{uri}: {why}") from why
    plain = parts.scheme == "file" and parts.netloc in HERE and not parts.query and not parts.fragment
    inside = plain and "\0" not in str(path) and ".." not in path.parts and path.is_relative_to(folder)
    if not inside or not path.resolve().is_relative_to(folder.resolve()):
        raise EscapeError(f"{uri}: storage serves files below {folder} only")
    return path
