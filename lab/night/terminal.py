"""The night at the terminal: one line as an item begins or ends, and how far it is. A log file stays readable."""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from lab.night.entry import DONE, FAILED, INTERRUPTED, RUNNING, SKIPPED

QUIET_S = 60.0  # between two lines of progress in a log
WIDTH = 110
WORDS = {RUNNING: "begins", DONE: "done", FAILED: "FAILED", SKIPPED: "left out", INTERRUPTED: "cut off, goes on"}


class Terminal:
    """Told the state of the night again and again, says what is new.

    Parameters
    ----------
    stream : a line is overwritten in place only if this is a terminal
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stdout
        self.alive = self.stream.isatty()
        self.told: dict[int, tuple] = {}
        self.with_results: set[int] = set()
        self.name, self.written_s, self.said_s = "", 0.0, -QUIET_S
        self.covered = False
        self.since_s = time.time()  # what stands there from an earlier night is no news

    def line(self, text: str):
        """A line that stays."""
        self.write(("\r\x1b[K" if self.covered else "") + f"{time.strftime('%H:%M:%S')}  {text}\n")
        self.covered = False

    def write(self, text: str):
        """A terminal that was closed is no reason to stop."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()

    def follow(self, folder: Path):
        """Say what is new in the status of a folder."""
        try:
            status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if status["written_s"] != self.written_s and status["written_s"] >= self.since_s:
            self.written_s = status["written_s"]
            self.show(status)

    def show(self, status: dict[str, Any]):
        if status["name"] != self.name:
            self.name = status["name"]
            self.line(f"night {self.name}: {len(status['items'])} items")
        for item in status["items"]:
            marks = (item["state"], item["interruptions"], item["attempts"])
            if marks != self.told.get(item["index"], ("waiting", 0, 0)):
                self.line(sentence(item, len(status["items"])))
            elif item["results"] and item["state"] == DONE and item["index"] not in self.with_results:
                self.line(": ".join([place(item, len(status["items"])), ", ".join(item["results"])]))
            self.told[item["index"]] = marks
            self.with_results |= {item["index"]} if item["results"] and item["state"] == DONE else set()
        self.progress(status)

    def progress(self, status: dict[str, Any]):
        """How far it is: over the last line of a terminal, as a line of its own now and then in a log."""
        text = progress(status)
        if not text:
            return
        if self.alive:
            self.write(f"\r\x1b[K{text[:WIDTH]}")
            self.covered = True
        elif time.monotonic() - self.said_s > QUIET_S:
            self.said_s = time.monotonic()
            self.line(text)

    def end(self):
        if self.covered:
            self.write("\n")
        self.covered = False


def sentence(item: dict[str, Any], n_items: int) -> str:
    """What became of an item."""
    state, reason = item["state"], item["reason"]
    words = [f"{place(item, n_items)}: {WORDS.get(state, state)}"]
    if state == RUNNING and item["attempts"] > 1:
        words.append(f"attempt {item['attempts']}")
    if item["interruptions"]:
        words.append(f"cut off {item['interruptions']} times so far")
    if state in (DONE, FAILED) and item["began_s"] and item["ended_s"]:
        words.append(f"after {span(item['ended_s'] - item['began_s'])}")
    words += [reason] if reason and state != DONE else []
    return ", ".join(words + list(item["results"]))


def place(item: dict[str, Any], n_items: int) -> str:
    return f"item {item['index'] + 1} of {n_items}, {item['title']}"


def progress(status: dict[str, Any]) -> str:
    """How far the night is, "" if nothing is running."""
    if status["state"] in ("finished", "stopped") or not status["now"]:
        return ""
    share = "" if status["progress"] is None else f" {100 * status['progress']:.0f} %"
    ends = [
        f"{what} until {time.strftime('%H:%M', time.localtime(moment_s))}"
        for what, moment_s in (("item", status["item_end_s"]), ("night", status["night_end_s"]))
        if moment_s
    ]
    return f"{status['state']}: {status['now']}{share}" + "".join(f", {end}" for end in ends)


def span(seconds: float) -> str:
    """A duration in a few letters.

    >>> span(59), span(605), span(11100)
    ('59 s', '10 min', '3 h 05 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
