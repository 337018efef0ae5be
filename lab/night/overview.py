"""A night as it stands, in a few lines."""

import math
import time

from lab.night.entry import Entry, Night
from lab.night.terminal import span


def overview(night: Night) -> str:
    """The night and its items, one a line."""
    ended = f"over ({night.stopped_by})" if night.finished else "not finished: make night goes on"
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(night.began_s))
    lines = [f"night {night.name}, begun {began}: {ended}", *map(line, night.entries)]
    return "\n".join(lines) + "\n"


def line(entry: Entry) -> str:
    """One item: its state, how long it took, how often it was cut off, why it failed."""
    words = [f"  {entry.index + 1:3d}  {entry.state:11s} {entry.item.title}"]
    if math.isfinite(entry.began_s) and math.isfinite(entry.ended_s):
        words.append(span(entry.ended_s - entry.began_s))
    if entry.interruptions:
        words.append(f"cut off {entry.interruptions} times")
    words += [entry.reason] if entry.reason else []
    return ", ".join(words)
