"""A notebook for a run: it opens the data folder without the lab, shows what the run holds, and lets one play with it.

notebook("9f2c")                     beside the data, in notebooks/
notebook("9f2c", "for_the_paper")    in a folder of one's own
"""

from lab.notebooks.write import write_notebook

__all__ = ["write_notebook"]
