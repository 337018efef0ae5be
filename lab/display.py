"""Live pictures: one image per raster that grows while lines come in, and an overview when it is done.

Drawing happens in the thread that called the RunEngine, between its waits, never in the RunEngine's own loop. Without
a screen the picture is a file that is replaced every two seconds; with one it is a window.
"""

import time
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from analysis import figures
from analysis.callbacks import LiveFlim
from lab.results import FlimResult
from lab.version import code_version

REDRAW_S = 2.0


class LivePicture:
    """The growing image of the raster that runs.

    Parameters
    ----------
    folder : pictures are written there; `live.png` is the present one
    show : opens a window for a figure, None without a screen
    """

    def __init__(self, folder: Path, show: Callable[[Figure], None] | None = None):
        self.folder, self.show = folder, show
        self.live: LiveFlim | None = None
        self.image: figures.LiveImage | None = None
        self.drawn_s = 0.0
        self.changed = False

    def note(self, live: LiveFlim):
        """New lines were fitted (called from the analysis thread)."""
        if live is not self.live:
            self.live, self.image = live, None
        self.changed = True

    def tick(self):
        """Draw what is new, not too often."""
        if self.live is None or not self.changed or time.monotonic() - self.drawn_s < REDRAW_S:
            return
        self.changed = False
        if self.image is None:
            self.image = figures.LiveImage(self.live.raster.facts)
            if self.show is not None:
                self.show(self.image.figure)
        self.image.update(self.live)
        if self.show is not None:
            self.image.figure.canvas.draw_idle()
            self.image.figure.canvas.flush_events()
        else:
            replace_picture(self.image.figure, self.folder / "live.png")
        self.drawn_s = time.monotonic()

    def overview(self, result: FlimResult) -> Path:
        """The finished picture of a run, with its uid inside."""
        selection = {"route": "perovskite", "scans": result.map.scans_used}
        path = self.folder / f"{result.uid[:8]}-overview.png"
        uids = [uid for uid in (result.uid, result.derived_uid) if uid]
        return figures.save(
            figures.overview(result.map), path, uids=uids, selection=selection, code_version=code_version()
        )


def replace_picture(figure: Figure, path: Path):
    """Write a picture in one step: a viewer never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name("draft.png")
    figure.savefig(draft, dpi=150)
    draft.replace(path)


def live_display(session, show: Callable[[Figure], None] | None = None) -> LivePicture:
    """Attach progress bar, live image and overview to a session."""
    from lab.progress import ProgressBar
    from lab.session import harmless

    picture = LivePicture(session.config.folders.data / "figures", show)
    session.analyses.on_line, session.analyses.draw = picture.note, picture.overview
    session.RE.during.hooks.append(picture.tick)
    session.RE.subscribe(harmless(ProgressBar()))
    return picture
