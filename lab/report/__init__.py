"""Measured against published: numbers of the paper, computed from results, with a verdict.

Nothing is looked up but the published side (`published/*.toml`): a number that misses its tolerance is shown as missed,
one whose data are not there as not measured.
"""

from lab.report.emitters import measure_emitters
from lab.report.flim import CROSSTALK, crosstalk_of, measure
from lab.report.rows import EMITTERS, FLIM, SPECTRA, Measured, Row, limits, published, row, within
from lab.report.spectra import measure_spectra
from lab.report.text import number, table, to_json

__all__ = [
    "CROSSTALK",
    "EMITTERS",
    "FLIM",
    "SPECTRA",
    "Measured",
    "Row",
    "crosstalk_of",
    "limits",
    "measure",
    "measure_emitters",
    "measure_spectra",
    "number",
    "published",
    "row",
    "table",
    "to_json",
    "within",
]
