"""A text whose encoding nobody tells, in lines that know at which byte they begin."""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from analysis.formats._bytes import Cursor, opened

MOST_BYTES = 1 << 24
MOST_LINES = 1 << 18
LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Line(NamedTuple):
    """A line without its end, and the character at which it begins."""

    text: str
    start: int


class Text(NamedTuple):
    """A decoded file: `mark` bytes that tell the encoding, then `content`."""

    path: Path
    content: str
    codec: str
    mark: int

    @property
    def lines(self) -> list[Line]:
        """All lines, whichever way they end; what follows the last end is one only if there is something."""
        found = [Line(match[1], match.start()) for match in LINE.finditer(self.content)]
        return found if found and found[-1].text else found[:-1]

    def error(self, message: str, start: int) -> ValueError:
        """What is wrong at a character; to be raised."""
        byte = self.mark + len(self.content[:start].encode(self.codec))
        return ValueError(f"{self.path}: byte {byte}: {message}")


def read_text(path: Path) -> Text:
    """The whole of a text: UTF-8 and UTF-16 by their marks, else UTF-8, GBK or Windows Latin, whichever fits.

    ValueError for a file that is empty, too large, of no such encoding, or that holds zero bytes.
    """
    with opened(path) as cursor:
        if not 0 < cursor.size <= MOST_BYTES:
            raise cursor.error(f"expected a text of 1 to {MOST_BYTES} bytes, the file has {cursor.size}")
        raw = cursor.bytes(cursor.size, "a text")
        codec, mark = encoding(raw)
        text = Text(path, _decoded(cursor, raw, codec, mark), codec, mark)
    if (zero := text.content.find("\0")) >= 0:
        raise text.error("found a zero, expected text", zero)
    if max(text.content.count("\n"), text.content.count("\r")) > MOST_LINES:
        raise text.error(f"expected at most {MOST_LINES} lines, there are more", len(text.content))
    return text


def encoding(raw: bytes) -> tuple[str, int]:
    """The encoding of a text and the number of bytes that only tell it.

    >>> encoding("Probe µ".encode("cp1252")), encoding("样品".encode("gbk")), encoding("样品".encode("utf-16"))
    (('cp1252', 0), ('gbk', 0), ('utf-16-le', 2))
    """
    for mark, codec in MARKS:
        if raw.startswith(mark):
            return codec, len(mark)
    likely = ("utf-8", "gbk", "cp1252") if _comes_in_pairs(raw) else ("utf-8", "cp1252")
    return next((codec for codec in likely if _decodes(raw, codec)), "latin-1"), 0


def _decoded(cursor: Cursor, raw: bytes, codec: str, mark: int) -> str:
    try:
        return raw[mark:].decode(codec)
    except UnicodeDecodeError as why:
        raise cursor.error(f"expected {codec} text, as the first bytes announce", mark + why.start) from None


def _decodes(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _comes_in_pairs(raw: bytes) -> bool:
    """Chinese characters are pairs of high bytes; accents, degrees and micros of Western text stand alone."""
    runs = re.findall(rb"[\x80-\xff]+", raw)
    return 2 * sum(len(run) % 2 == 0 for run in runs) > len(runs)
