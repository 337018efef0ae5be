"""One run, one file."""

import os
from pathlib import Path
from typing import Any

from lab.export.errors import ExportError
from lab.export.frames import frame_writer, is_frame
from lab.export.gathering import stored
from lab.export.kinds import kind_of
from lab.export.place import check, written


def export(
    run: Any,
    path: str | os.PathLike[str],
    *,
    kind: str | None = None,
    table: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a stored run as a file for other programs; returns where it is. No instrument is asked.

    Parameters
    ----------
    run : of the catalog, such as `db[-1]`, or an analysis, such as `db[-1].derived()`, or a data frame
    path : its ending says what is written: .h5 (Photon-HDF5), .ptu, .nxs (NeXus), .ome.tif, .csv
    kind : "photon-hdf5", "ptu", "nexus", "ome-tiff" or "csv", if the ending does not say it
    table : of a .csv, which table; by default the one that is wanted most, such as "g2" of an hbt
    overwrite : replace a file that is there

    ExportError, before a file exists, if the ending means nothing, the file is there, or the run has no such data.
    """
    path = Path(path)
    wanted = kind_of(path, kind)
    if table is not None and wanted.name != "csv":
        raise ExportError(f"table={table!r}: only .csv holds one table, {path.name} is {wanted.name}: leave it out")
    check(path, overwrite=overwrite)
    write = frame_writer(run, wanted) if is_frame(run) else wanted.ready(stored(run), table)
    return written(path, write, overwrite=overwrite)
