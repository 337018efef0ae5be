"""The thread that draws: it takes the newest frame there is and skips those it had no time for.

Drawing never waits in anybody's way: whoever has something new puts it down and goes on. One frame is kept, not a
queue, so a slow drawing makes the picture older, never the lab slower.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

REDRAW_S = 2.0
DRAWING = threading.Lock()  # mathtext of matplotlib is not made for two threads at once


class Failures:
    """Drawings that failed: each kind is told once in the log; the run goes on, and the next frame is tried."""

    def __init__(self):
        self.told: set[str] = set()

    def note(self, why: Exception):
        kind = f"{type(why).__name__}: {why}"
        if kind not in self.told:
            self.told.add(kind)
            log.error("the live picture could not be drawn (%s); the run goes on without it", kind)


class Painter:
    """Draws the newest of what it is offered, at most every `redraw_s`.

    Parameters
    ----------
    draw : called with a frame, in the thread of the painter; a frame that fails is told once per kind of failure

    Attributes
    ----------
    offered, drawn : how many frames there were, and how many of them were drawn
    """

    def __init__(self, draw: Callable[[Any], None], *, redraw_s: float = REDRAW_S):
        self.draw, self.redraw_s = draw, redraw_s
        self.offered = self.drawn = 0
        self.newest: Any = None
        self.lock = threading.Lock()
        self.failures = Failures()
        self.changed, self.closed = threading.Event(), threading.Event()
        self.quiet = threading.Event()  # nothing is waiting or being drawn
        self.quiet.set()
        self.thread: threading.Thread | None = None

    def offer(self, frame: Any):
        """Put down something new; returns at once."""
        if self.closed.is_set():
            return
        with self.lock:
            self.newest = frame
            self.offered += 1
            self.quiet.clear()
            self.changed.set()
        if self.thread is None:
            self.thread = threading.Thread(target=self.run, name="live pictures")
            self.thread.start()

    def run(self):
        """Until closed: wait for something new, draw the newest, rest."""
        while not self.closed.is_set():
            self.changed.wait()
            if self.closed.is_set():
                return
            self.changed.clear()
            started_s = time.monotonic()
            self.paint(self.newest)
            with self.lock:
                if not self.changed.is_set():
                    self.quiet.set()
            self.closed.wait(max(0.0, self.redraw_s - (time.monotonic() - started_s)))

    def paint(self, frame: Any):
        """Draw one frame; a failure is a line in the log, never more."""
        try:
            with DRAWING:
                self.draw(frame)
            self.drawn += 1
        except Exception as why:
            self.failures.note(why)

    def finish(self, timeout_s: float) -> bool:
        """Wait until everything offered is drawn or was skipped; False if that takes longer."""
        return self.quiet.wait(timeout_s)

    def close(self):
        """End the thread, behind the frame that it draws."""
        self.closed.set()
        self.changed.set()
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join()
