"""Where live pictures appear without a window system: in files, in a notebook, nowhere.

A screen takes what there is to show (`offer`, from any thread, never waiting), does what must be done in the thread of
the user (`tick`, ten times a second while a plan runs), and can be closed.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from devices import portable
from lab.live.easel import Easel, png_of
from lab.live.painter import REDRAW_S, Painter
from lab.live.windows import Live, key_of, plan_of

FILE_DPI, NOTEBOOK_DPI = 150, 110


class Screen(Protocol):
    """What shows live pictures."""

    name: str

    def offer(self, live: Live) -> None: ...
    def tick(self) -> None: ...
    def close(self) -> None: ...


def say(sentence: str):
    """One line at the terminal, above a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


class Nowhere:
    """No live pictures."""

    name = "none"

    def offer(self, live: Live) -> None:
        """Nobody looks."""

    def tick(self) -> None:
        """There is nothing to do."""

    def close(self) -> None:
        """There is nothing to end."""


class Files:
    """Pictures as files: `live.png` is the present one, `live-<plan>.png` the last of each protocol.

    Parameters
    ----------
    folder : of the files; tell : hears once where they are
    """

    name = "files"

    def __init__(self, folder: Path, tell: Callable[[str], None] = say, *, redraw_s: float = REDRAW_S):
        self.folder, self.tell = folder, tell
        self.told = False
        self.easel = Easel()
        self.painter = Painter(self.draw, redraw_s=redraw_s)

    def offer(self, live: Live) -> None:
        """Draw it when there is time."""
        self.painter.offer(live)

    def draw(self, live: Live):
        """Draw it and put the files in place, each in one step: a viewer never sees half a picture."""
        picture = png_of(self.easel.figure_of(live), live, FILE_DPI)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (f"live-{plan_of(live)}.png", "live.png"):
            draft = self.folder / f"{name}.draft"
            draft.write_bytes(picture)
            portable.replace(draft, self.folder / name)
        if not self.told:
            self.told = True
            self.tell(f"live picture: {self.folder / 'live.png'}")

    def tick(self) -> None:
        """The painter needs no help."""

    def close(self) -> None:
        self.painter.close()


class Inline:
    """Pictures in a notebook: one output for each run or campaign, replaced as it grows.

    Parameters
    ----------
    publish : shows a PNG and returns what replaces it: a function that takes the next one
    """

    name = "inline"

    def __init__(self, publish: Callable[[bytes], Callable[[bytes], None]], *, redraw_s: float = REDRAW_S):
        self.publish = publish
        self.easel = Easel()
        self.painter = Painter(self.draw, redraw_s=redraw_s)
        self.ready: tuple[Any, bytes] | None = None
        self.shown: Any = None
        self.replace: Callable[[bytes], None] = lambda picture: None

    def offer(self, live: Live) -> None:
        """Draw it when there is time."""
        self.painter.offer(live)

    def draw(self, live: Live):
        """Draw it; `tick` shows it: a notebook takes outputs from the thread of its cell."""
        self.ready = key_of(live), png_of(self.easel.figure_of(live), live, NOTEBOOK_DPI)

    def tick(self) -> None:
        """Show the newest picture, in the place of the one before if it is of the same run."""
        if self.ready is None:
            return
        (key, picture), self.ready = self.ready, None
        if key == self.shown:
            self.replace(picture)
        else:
            self.replace, self.shown = self.publish(picture), key

    def close(self) -> None:
        self.painter.close()


def publish_in_notebook(picture: bytes) -> Callable[[bytes], None]:
    """Show a PNG below the cell; what is returned replaces it."""
    from IPython.display import Image, display

    handle: Any = display(Image(data=picture), display_id=True)
    return lambda newer: handle.update(Image(data=newer))
