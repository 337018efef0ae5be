"""Recorded runs for people: `db[-1]`, `find(sample="A", since="yesterday")`, `db[-1].image("qd").plot()`.

Reading never touches hardware: everything comes from storage, the journal and the files of the instruments, whether the
lab is running or not.
"""

from lab.catalog.catalog import Catalog
from lab.catalog.compared import Comparison, compare
from lab.catalog.found import Found
from lab.catalog.run import Run
from lab.catalog.views import Decays, Image, PairCurve, Spectrum, Trace

__all__ = ["Catalog", "Comparison", "Decays", "Found", "Image", "PairCurve", "Run", "Spectrum", "Trace", "compare"]
