"""The head of a picture that grows: what is measured, how much of it is done, how long the rest will take."""

import math
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures import parts
from analysis.figures.traces import BLUE

LEFT_IN, TOLD_IN = 0.06, 2.35  # where the bar begins; what the words beside it take
LEAST_TOLD = 0.02  # done before the time left is guessed


@dataclass(frozen=True)
class Headway:
    """How far a run is: the share that is done, NaN if nobody knows, and the seconds since it began."""

    done: float
    elapsed_s: float

    @property
    def left_s(self) -> float:
        """Seconds until it is done at the mean pace so far; NaN if that cannot be told."""
        if not self.done >= LEAST_TOLD:
            return math.nan
        return self.elapsed_s * max(1 / self.done - 1, 0.0)

    def __str__(self) -> str:
        taken = f"{duration(self.elapsed_s)} so far"
        if math.isnan(self.done):
            return taken
        left = "" if math.isnan(self.left_s) else f", about {duration(self.left_s)} left"
        return f"{min(self.done, 1.0):.0%}, {taken}" + (left if self.done < 1 else "")


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> [duration(t) for t in (0.4, 42, 125, 7384)]
    ['0 s', '42 s', '2 min 05 s', '2 h 03 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Head:
    """The two upper lines of a picture: `text` says what is measured; below it, once shown, a bar and the time left."""

    def __init__(self, figure: Figure, waiting: str):
        width, height = figure.get_size_inches()
        self.text = figure.text(LEFT_IN / width, 1 - 0.15 / height, waiting, size=parts.FONT)
        self.corner = LEFT_IN / width, 1 - 0.26 / height
        self.size = 1 - (LEFT_IN + TOLD_IN) / width, 0.05 / height
        self.frame = Rectangle(self.corner, *self.size, facecolor="none", edgecolor="black", linewidth=parts.LINE)
        self.done = Rectangle(self.corner, 0, self.size[1], facecolor=BLUE, edgecolor="none")
        for bar in (self.done, self.frame):
            bar.set_visible(False)
            figure.add_artist(bar)
        told = 1 - (TOLD_IN - 0.06) / width, 1 - 0.27 / height
        self.told = figure.text(*told, "", size=parts.SMALL, color=parts.GREY)

    def show(self, headway: Headway) -> None:
        """How far the run is by now; without a bar if nobody knows."""
        known = not math.isnan(headway.done)
        for bar in (self.done, self.frame):
            bar.set_visible(known)
        self.done.set_width(self.size[0] * min(max(headway.done, 0.0), 1.0) if known else 0.0)
        self.told.set_text(str(headway))
