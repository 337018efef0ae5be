"""Draw every figure of a lab again from its stored runs: `python -m lab.figures FOLDER`."""

import argparse
import logging
import sys
import time
from pathlib import Path

from lab.figures.every import DIFFERENT, FAILED, every_figure
from lab.home import called


def data_folder(folder: Path) -> Path:
    """The data folder that is meant: the one given, or the one in it."""
    return folder / "data" if (folder / "data" / "journal").is_dir() else folder


def tell(line: str):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Say of each figure whether it is as it was; 1 if any is different or failed."""
    parser = argparse.ArgumentParser(prog=called("python -m lab.figures"), description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("data"), help="data folder of a lab, or one above")
    parser.add_argument("--all", action="store_true", help="also each run of a campaign or of a power series")
    given, began = parser.parse_args(arguments), time.monotonic()
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    counts: dict[str, int] = {}
    try:
        for made in every_figure(data_folder(given.folder), parts=given.all):
            tell(str(made))
            counts[made.state] = counts.get(made.state, 0) + 1
    except LookupError as why:
        parser.error(str(why))
    told = ", ".join(f"{n} {state}" for state, n in counts.items()) or "no figures"
    tell(f"{told}; {time.monotonic() - began:.0f} s, no instrument was touched")
    return int(bool(counts.get(DIFFERENT) or counts.get(FAILED)))


if __name__ == "__main__":
    sys.exit(main())
