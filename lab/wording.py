"""Lines that results at the prompt have in common."""

from typing import Any

import numpy as np

from analysis.spectra import BandFit

SHOWN_WARNINGS = 4


def labelled(label: str, lines: list[str]) -> list[str]:
    """Lines under one label, which stands before the first."""
    return [f"  {label if i == 0 else '':11} {line}" for i, line in enumerate(lines)]


def count(n: int, what: str) -> str:
    """A number of things in words.

    >>> count(1, "pixel"), count(6, "line")
    ('1 pixel', '6 lines')
    """
    return f"{n} {what}{'s' * (n != 1)}"


def within(value: float, error: float, unit: str) -> str:
    """A number with its error, to two digits of the error.

    >>> within(540.3123, 0.0512, "nm"), within(-0.83456, 0.0041, ""), within(1.5, float("nan"), "")
    ('540.312 +- 0.051 nm', '-0.8346 +- 0.0041', '1.5')
    """
    behind = f" {unit}" if unit else ""
    if not np.isfinite(value):
        return f"unknown{behind}"
    if not (np.isfinite(error) and error > 0):
        return f"{value:.5g}{behind}"
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 6))
    return f"{value:.{digits}f} +- {error:.{digits}f}{behind}"


def warning_lines(warnings: tuple[str, ...]) -> list[str]:
    """The first few warnings, each once, and how many more there are."""
    shown = list(dict.fromkeys(warnings))
    more = [f"{len(shown) - SHOWN_WARNINGS} more: result.warnings()"] if len(shown) > SHOWN_WARNINGS else []
    return [f"  WARNING     {text}" for text in [*shown[:SHOWN_WARNINGS], *more]]


def whereabouts(result: Any) -> list[str]:
    """Where a run, its analysis and its figure are; `result`: of either instrument."""
    derived = f'db["{result.derived_uid[:8]}"] (analysis)' if result.derived_uid else "analysis not stored"
    figure = [f"  figure      {result.figure}"] if result.figure else []
    if result.storage:
        return [f"  WARNING     the journal has the run {result.uid[:8]}; storage: {result.storage}", *figure]
    return [f'  stored      db["{result.uid[:8]}"] (run), {derived}', *figure]


def bands(fit: BandFit) -> list[str]:
    """The bands of a spectrum, and how well they describe it."""
    if not fit.converged:
        return ["  bands       none that could be fitted"]
    if not fit.n_bands:
        return ["  bands       none above the noise"]
    each = [band(fit, i) for i in range(fit.n_bands)]
    return [*labelled("bands", each), f"  maximum     {peak(fit)}, deviance {fit.deviance:.2f} per degree of freedom"]


def band(fit: BandFit, i: int) -> str:
    """Centre and width of one band."""
    width = within(fit.fwhm_nm[i], fit.fwhm_err_nm[i], "nm")
    doubt = "" if fit.identified[i] else "  (not identified)"
    return f"{within(fit.centre_nm[i], fit.centre_err_nm[i], 'nm')}, FWHM {width}{doubt}"


def peak(fit: BandFit) -> str:
    """Maximum and width of the sum of the bands."""
    width = within(fit.peak_fwhm_nm, fit.peak_fwhm_err_nm, "nm")
    return f"{within(fit.peak_nm, fit.peak_err_nm, 'nm')}, FWHM {width}"
