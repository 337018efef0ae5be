"""A table: columns of equal length with units."""

from dataclasses import dataclass, field

import numpy as np

Columns = dict[str, tuple[np.ndarray, str]]
UNITS = {  # of columns whose name does not end with theirs
    "counts": "counts", "irf": "counts", "start_cps": "counts/s", "stop_cps": "counts/s", "n_photons": "photons",
    "dose_kj_cm2": "kJ/cm2", "intensity_w_cm2": "W/cm2",
}  # fmt: skip
ENDINGS = {"_ns": "ns", "_nm": "nm", "_um": "um", "_s": "s", "_cps": "counts/s", "_percent": "%"}


@dataclass(frozen=True, eq=False)
class Table:
    """columns : name -> (values (n,), unit); facts : what belongs to this table beside its run, by name."""

    name: str
    columns: Columns
    facts: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))[0])

    def __getitem__(self, name: str) -> np.ndarray:
        """The values of one column."""
        return self.columns[name][0]


def table(name: str, columns: Columns, **facts: str) -> Table:
    """A table of columns that are as long as each other; ValueError if they are not."""
    lengths = {key: len(values) for key, (values, _) in columns.items()}
    if not lengths or len(set(lengths.values())) > 1:
        raise ValueError(f"table {name}: the columns have different lengths: {lengths}")
    return Table(name, columns, {key.replace("_", " "): text for key, text in facts.items()})


def unit_of(name: str) -> str:
    """The unit of a column by its name.

    >>> unit_of("delay_ns"), unit_of("tau_err_ns"), unit_of("counts"), unit_of("g2")
    ('ns', 'ns', 'counts', '')
    """
    return UNITS.get(name) or next((unit for ending, unit in ENDINGS.items() if name.endswith(ending)), "")
