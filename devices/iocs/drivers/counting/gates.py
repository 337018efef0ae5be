"""The language of a two-channel gate counter, and the gates that come out of its stream.

The counter is a small microcontroller; it speaks lines that end with LF:

    ID?         ->  COUNTER <serial number>
    STOP        ->  STOPPED             no gates from here on
    GATE <ms>   ->  GATE <ms>           gates of so many milliseconds from here on, without gaps between them:
                    <index> <counts A> <counts B>    index from 0, one more each gate, after 4294967295 again 0
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TURN = 1 << 32
MOST_CPS = 5e7  # no SPAD counts faster: such a number is garbage
LONGEST_LINE = 64
LINE = re.compile(rb"(\d{1,10}) (\d{1,9}) (\d{1,9})")


@dataclass(frozen=True)
class Gate:
    """Counts of both channels in one gate."""

    index: int
    a: int
    b: int


def parse_gate(line: bytes, most: float) -> Gate:
    """One line of the stream, without its end; ValueError for anything else, or counts above `most`.

    >>> parse_gate(b"7 12 0", 1000)
    Gate(index=7, a=12, b=0)
    """
    found = LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"{line!r} is no gate")
    index, a, b = map(int, found.groups())
    if index >= TURN or max(a, b) > most:
        raise ValueError(f"{line!r} is no gate: too large a number")
    return Gate(index, a, b)


class Stream:
    """Cuts bytes into gates; None stands for every place where some are missing.

    most : counts that a gate can hold
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._pending, self._begun = b"", False
        self._next: int | None = None

    def feed(self, data: bytes) -> Iterator[Gate | None]:
        """The gates of these bytes; what comes before the first end of line is not looked at."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        if not self._begun and lines:
            self._begun = True
            lines = lines[1:]
        for line in lines:
            yield from self._taken(line)
        if len(self._pending) > LONGEST_LINE:
            self._pending, self._next = self._pending[-LONGEST_LINE:], None

    def _taken(self, line: bytes) -> Iterator[Gate | None]:
        try:
            gate = parse_gate(line, self.most)
        except ValueError:
            self._next = None
            yield None
            return
        if self._next is not None and gate.index != self._next:
            yield None
        self._next = (gate.index + 1) % TURN
        yield gate
