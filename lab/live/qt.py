"""Live pictures in windows on a desktop, drawn in the thread of the user: zoom, pan and save as in any figure.

Qt belongs to one thread. While a plan runs that thread only waits for it, and lends its time to the windows (`tick`);
at the prompt the event loop of IPython does (`%gui qt`, switched on here).
"""

import sys
import time
from typing import Any

from matplotlib.backends.backend_qt import NavigationToolbar2QT
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

from lab.live.easel import Easel
from lab.live.painter import DRAWING, REDRAW_S, Failures
from lab.live.windows import Live, key_of, plan_of

LONGEST_NAME = 40
LOOK_MS = 200  # how often it is looked whether there is something new
PAGE_OF_SCREEN, MOST_DPI, LEAST_DPI = 0.55, 160.0, 80.0


class PictureWindow(QMainWindow):
    """A window with one figure and its toolbar."""

    def __init__(self):
        super().__init__()
        self.bar: Any = None

    def put(self, figure: Figure, title: str):
        """Show another figure in a size that is its own: panels are placed in inches."""
        if self.bar is not None:
            self.removeToolBar(self.bar)
        figure.set_dpi(page_dpi(figure.get_figwidth()))
        canvas = FigureCanvasQTAgg(figure)
        ratio = canvas.device_pixel_ratio
        width, height = (round(inches * figure.dpi / ratio) for inches in figure.get_size_inches())
        canvas.setFixedSize(width, height)
        self.setCentralWidget(canvas)
        self.bar = NavigationToolbar2QT(canvas, self)
        self.addToolBar(self.bar)
        self.setWindowTitle(title)


def page_dpi(width_in: float) -> float:
    """The resolution in which a page takes its share of the screen."""
    screen = QApplication.primaryScreen()
    width_px = screen.availableGeometry().width() if screen is not None else 1280
    return min(max(PAGE_OF_SCREEN * width_px / width_in, LEAST_DPI), MOST_DPI)


class Windows:
    """One window for each protocol, raised when it first appears.

    Attributes
    ----------
    open : the windows by the name of their plan
    """

    name = "qt"

    def __init__(self, *, redraw_s: float = REDRAW_S):
        self.app: Any = QApplication.instance() or QApplication(sys.argv[:1])
        self.app.setQuitOnLastWindowClosed(False)
        self.redraw_s = redraw_s
        self.open: dict[str, PictureWindow] = {}
        self.easel, self.failures = Easel(), Failures()
        self.newest: Live | None = None
        self.drawn_s = -redraw_s
        self.timer = QTimer()
        self.timer.timeout.connect(self.draw_newest)
        self.timer.start(LOOK_MS)
        keep_prompt_alive()

    def offer(self, live: Live) -> None:
        """Keep it for the next look; one that was not drawn yet is skipped."""
        self.newest = live

    def draw_newest(self):
        """Draw what is new, not too often; a failure is a line in the log, never more."""
        live = self.newest
        if live is None or time.monotonic() - self.drawn_s < self.redraw_s:
            return
        self.newest = None
        try:
            with DRAWING:
                self.draw(live)
        except Exception as why:
            self.failures.note(why)
        self.drawn_s = time.monotonic()

    def draw(self, live: Live):
        """Bring the window of a protocol up to date; a window that the user has closed comes back with the next run."""
        plan, begins = plan_of(live), key_of(live) != self.easel.key
        if not begins and not self.open[plan].isVisible():
            return
        figure = self.easel.figure_of(live)
        if begins:
            self.present(plan, figure, f"{plan} {key_of(live)[1][:LONGEST_NAME]}")
        figure.canvas.draw()

    def present(self, plan: str, figure: Figure, title: str):
        """Put a figure into the window of a plan; only a window that was not there comes to the front."""
        if plan not in self.open:
            self.open[plan] = PictureWindow()
        window = self.open[plan]
        window.put(figure, title)
        if not window.isVisible():
            window.show()
            window.raise_()

    def tick(self) -> None:
        """Let the windows live for a moment."""
        self.app.processEvents()

    def close(self) -> None:
        self.timer.stop()
        for window in self.open.values():
            window.close()
        self.open.clear()


def keep_prompt_alive():
    """Let IPython run the windows while it waits at the prompt."""
    from IPython import get_ipython  # pyright: ignore[reportPrivateImportUsage]

    shell = get_ipython()
    if shell is not None and hasattr(shell, "enable_gui"):
        shell.enable_gui("qt")
