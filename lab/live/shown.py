"""Live pictures in a window that somebody else opens for a figure; drawn in the thread of the user."""

import time
from collections.abc import Callable

from matplotlib.figure import Figure

from lab.live.easel import Easel
from lab.live.painter import DRAWING, REDRAW_S
from lab.live.windows import Live, key_of


class Shown:
    """Calls `show` once with the figure of each run, and redraws its canvas as the run grows."""

    name = "shown"

    def __init__(self, show: Callable[[Figure], None], *, redraw_s: float = REDRAW_S):
        self.show, self.redraw_s = show, redraw_s
        self.easel = Easel()
        self.newest: Live | None = None
        self.drawn_s = -redraw_s

    def offer(self, live: Live) -> None:
        """Keep it for the next look; one that was not drawn yet is skipped."""
        self.newest = live

    def tick(self) -> None:
        """Draw what is new, not too often."""
        if (live := self.newest) is None or time.monotonic() - self.drawn_s < self.redraw_s:
            return
        self.newest = None
        begins = key_of(live) != self.easel.key
        with DRAWING:
            figure = self.easel.figure_of(live)
            if begins:
                self.show(figure)
            figure.canvas.draw_idle()
        figure.canvas.flush_events()
        self.drawn_s = time.monotonic()

    def close(self) -> None:
        """The window belongs to whoever opened it."""
