"""A stored run as a file, from a command line: `python -m lab.export data 3572736c A.ome.tif`."""

import argparse
import sys
from pathlib import Path

from lab.export.errors import ExportError
from lab.export.export import export
from lab.export.journalled import journalled
from lab.export.kinds import KINDS
from lab.home import called


def main(arguments: list[str] | None = None) -> int:
    """Write one run; 0 if it was written, 1 if it could not be, with the reason."""
    parser = argparse.ArgumentParser(called("python -m lab.export"), description="Write a stored run as a file.")
    parser.add_argument("folder", type=Path, help="the data folder of the lab")
    parser.add_argument("uid", help="of the run, or how it begins")
    parser.add_argument("file", type=Path, help="its ending says the kind: .h5, .ptu, .nxs, .ome.tif, .csv")
    parser.add_argument("--kind", choices=KINDS, help="the kind, if the ending does not say it")
    parser.add_argument("--table", help="of a .csv: which table")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    given = parser.parse_args(arguments)
    try:
        run = journalled(given.folder, given.uid)
        path = export(run, given.file, kind=given.kind, table=given.table, overwrite=given.overwrite)
    except ExportError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
