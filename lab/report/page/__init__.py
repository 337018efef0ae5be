"""The report of a reproduction: one file, readable anywhere, laid out in the sections of the paper.

title, overall    what came of it
chapters          the sections: figures (plates), numbers (graphic)
runs              all runs behind them
"""

from lab.report.page.sheet import Sheet, render, write

__all__ = ["Sheet", "render", "write"]
