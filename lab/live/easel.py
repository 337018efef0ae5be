"""The window of what is measured now: made when something else begins, brought up to date with every frame."""

import time
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from analysis.figures.headway import Headway
from lab.live.windows import Live, done_share, key_of, shown_in, window_of


class Easel:
    """One window at a time. Not for two threads: whoever draws owns it.

    Attributes
    ----------
    window : of the run, or of the campaign, that was drawn last; None before the first
    """

    def __init__(self):
        self.key: tuple[str, str] | None = None
        self.window: Any = None
        self.began_s = 0.0

    def figure_of(self, live: Live) -> Figure:
        """The figure of what is measured, as it is by now."""
        if key_of(live) != self.key:
            self.window, self.key = window_of(live), key_of(live)
            self.began_s = float(live.start_doc.get("time", time.time()))
        self.window.update(shown_in(live))
        elapsed_s = max(time.time() - self.began_s, 0.0)
        self.window.head.show(Headway(done_share(live), elapsed_s))
        return self.window.figure


def png_of(figure: Figure, live: Live, dpi: int) -> bytes:
    """A figure as a PNG that names its run."""
    out = BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Source": str(live.start_doc.get("uid", ""))})
    return out.getvalue()
