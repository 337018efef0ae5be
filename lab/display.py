"""Live pictures: one window for each protocol, of what is measured now, and an overview when it is done.

Nothing here holds up the RunEngine: what is new is put down in a word, and drawn by another thread (`lab.live`).
"""

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from event_model import RunRouter
from matplotlib.figure import Figure

from analysis.callbacks import LiveField, LiveSum
from lab.figures.keep import keep_overview
from lab.live.campaigns import LiveCampaign
from lab.live.choice import screen_for
from lab.live.painter import DRAWING
from lab.live.screens import Files, Screen
from lab.live.shown import Shown
from lab.live.windows import Live

SUMMED = ("irf", "time_zero", "lifetime_at")  # plans whose histograms add up; the others have analyses that grow


class LivePicture:
    """The growing picture of the run that goes on; `live("qt")` moves it, to "files", "inline", "qt" or "none".

    Parameters
    ----------
    folder : pictures are written there; `live.png` is the present one
    show : opens a window for a figure, instead of any `screen`
    screen : where pictures appear; files by default
    registry : of the emitters, for the window of a campaign; None: its runs are shown one by one
    """

    def __init__(
        self,
        folder: Path,
        show: Callable[[Figure], None] | None = None,
        *,
        screen: Screen | None = None,
        registry: Any = None,
    ):
        self.folder, self.registry = folder, registry
        self.screen: Screen = Shown(show) if show is not None else (screen or Files(folder))
        self.fields: dict[str, LiveField] = {}  # the newest image of each campaign

    def note(self, live: Live):
        """There is something new to be seen (called from the analysis thread)."""
        self.screen.offer(self.in_campaign(live))

    def in_campaign(self, live: Live) -> Live:
        """A run of a campaign together with the campaign; any other run as it is."""
        name = live.start_doc.get("campaign", "")
        if not name or self.registry is None:
            return live
        if isinstance(live, LiveField):
            self.fields = {name: live}
            return live  # the image grows in a window of its own
        return LiveCampaign(name, self.registry, live, self.fields.get(name))

    def of_run(self, name: str, start: dict):
        """What only looks at a run to show it (RunRouter factory)."""
        return ([LiveSum(on_look=self.note)] if start.get("plan_name") in SUMMED else []), []

    def tick(self):
        """Ten times a second while a plan runs, in the thread of the user."""
        self.screen.tick()

    def keep(self, result: Any) -> Path | None:
        """The overview of a finished run, or of several."""
        self.screen.tick()
        with DRAWING:
            return keep_overview(result, folder=self.folder)

    def __call__(self, display: str) -> "LivePicture":
        """Show live pictures elsewhere from now on; DisplayError names the displays there are."""
        screen = screen_for(display, self.folder)
        before, self.screen = self.screen, screen
        before.close()
        return self

    def __repr__(self) -> str:
        where = {"files": f"in files, {self.folder / 'live.png'}", "qt": "in windows", "inline": "in the notebook"}
        return f"live pictures {where.get(self.screen.name, 'nowhere')}\nmove them: " + 'live("files"), live("qt"), ...'

    def close(self):
        """End what draws; a picture that is being drawn is finished."""
        self.screen.close()


def live_display(
    session, show: Callable[[Figure], None] | None = None, *, bar: bool = True, display: str | None = None
) -> LivePicture:
    """Attach progress bar, live picture and overview to a session.

    show : opens a window for a figure, instead of any `display`
    display : "auto", "files", "inline", "qt" or "none"; by default what `lab.toml` says
    """
    from lab.progress import ProgressBar
    from lab.session import harmless

    folder = session.config.folders.data / "figures"
    screen = None if show is not None else screen_for(display or session.config.session.display, folder)
    picture = LivePicture(folder, show, screen=screen, registry=session.emitters)
    threading._register_atexit(picture.close)  # pyright: ignore[reportAttributeAccessIssue]
    analyses = session.analyses
    analyses.flim.on_line = analyses.spectra.on_points = analyses.emitters.runs.on_look = picture.note
    for each in (analyses.flim, analyses.spectra, analyses.emitters, analyses.groups):
        each.draw = picture.keep
    session.RE.subscribe(harmless(RunRouter([picture.of_run])))
    session.RE.during.hooks.append(picture.tick)
    if bar:
        session.RE.subscribe(harmless(ProgressBar()))
    gc.collect()
    gc.freeze()  # what stays is not searched again: a collection that drawing causes stops all threads for less long
    return picture
