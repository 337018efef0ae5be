"""What a SPAD misses at high rates: the table of its test sheet, by serial number, or its dead time.

A table is a CSV file with the two columns ``measured_cps,factor``: true rate = measured rate times factor.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COLUMNS = ["measured_cps", "factor"]
USUAL_CPS = 2e6  # the dead time that stands for a table is that of rates up to here


@dataclass(frozen=True)
class CorrectionTable:
    """Factors of one SPAD; `measured_cps` ascends, and factors are 1 or more."""

    serial: str
    measured_cps: tuple[float, ...]
    factor: tuple[float, ...]

    @property
    def most_cps(self) -> float:
        """The highest rate the test sheet knows."""
        return self.measured_cps[-1]

    def true_cps(self, measured_cps: float) -> float:
        """The rate without losses; ValueError outside the table, where nobody has measured it.

        >>> CorrectionTable("C1", (6e5, 1.44e6), (1.03, 1.08)).true_cps(0.0)
        0.0
        """
        if not 0 <= measured_cps <= self.most_cps:
            raise ValueError(
                f"{measured_cps:.3g} cps is outside the test sheet of SPAD {self.serial}, which ends at "
                f"{self.most_cps:.3g} cps"
            )
        return measured_cps * float(np.interp(measured_cps, (0.0, *self.measured_cps), (1.0, *self.factor)))

    @property
    def dead_time_ns(self) -> float:
        """The dead time that explains the table best at usual rates: factor = 1 / (1 - rate x dead time)."""
        rates, factors = np.array(self.measured_cps), np.array(self.factor)
        usual = rates <= max(USUAL_CPS, rates[0])
        lost = 1 - 1 / factors[usual]
        return float(1e9 * (rates[usual] * lost).sum() / (rates[usual] ** 2).sum())


def read_table(path: Path, serial: str) -> CorrectionTable:
    """The table in a CSV file; ValueError naming file, line and what is wrong."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    except OSError as why:
        raise ValueError(f"{path} cannot be read ({why.strerror}): name the correction table of SPAD {serial}") from why
    except (csv.Error, UnicodeDecodeError) as why:
        raise ValueError(f"{path} is no CSV file ({why}): name the correction table of SPAD {serial}") from why
    if not rows or [word.strip() for word in rows[0]] != COLUMNS:
        raise ValueError(f"{path}: the first line must be {','.join(COLUMNS)}")
    pairs = [_pair(path, number, row) for number, row in enumerate(rows[1:], 2)]
    rates, factors = [rate for rate, _ in pairs], [factor for _, factor in pairs]
    if not pairs or any(later <= earlier for earlier, later in zip([0.0, *rates], rates, strict=False)):
        raise ValueError(f"{path}: measured_cps must ascend from above 0, one line for each rate of the test sheet")
    return CorrectionTable(serial, tuple(rates), tuple(factors))


def _pair(path: Path, number: int, row: list[str]) -> tuple[float, float]:
    try:
        rate, factor = map(float, row)
    except ValueError as why:
        raise ValueError(f"{path}, row {number}: {','.join(row)!r} is not two numbers") from why
    if not (math.isfinite(rate) and math.isfinite(factor) and factor >= 1):
        raise ValueError(f"{path}, row {number}: {','.join(row)!r}: a finite rate and a factor of 1 or more")
    return rate, factor
