"""Tables that no run holds, such as that of all emitters or of a comparison: data frames of pandas."""

from typing import Any

import numpy as np

from lab.export.errors import ExportError
from lab.export.kinds import Kind, Write
from lab.export.table import table, unit_of
from lab.export.text import TITLE, write_csv
from lab.version import code_version


def is_frame(given: Any) -> bool:
    """Whether somebody gives a data frame in place of a run."""
    return not hasattr(given, "documents") and hasattr(given, "reset_index")


def frame_writer(frame: Any, kind: Kind) -> Write:
    """A data frame made ready to be written, its index as the first columns if it has a name."""
    if kind.name != "csv":
        raise ExportError(f"a table becomes .csv, not {kind.suffixes[0]}")
    whole = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    columns = {str(name): (np.asarray(whole[name]), unit_of(str(name))) for name in whole}
    if not columns:
        raise ExportError("the table is empty: it has no columns")
    rows = table("table", columns)
    units = "; ".join(f"{name} [{unit}]" for name, (_, unit) in columns.items() if unit)
    header = {TITLE: "table", "code of the export": f"Luminescope {code_version()}", "units": units}
    return lambda path: write_csv(path, {key: text for key, text in header.items() if text}, rows)
