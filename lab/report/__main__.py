"""The table and the report of a demo again, from its stored runs: `python -m lab.report demo`."""

import argparse
import logging
import sys
from pathlib import Path

from lab.figures import paper as composing
from lab.figures.sources import Sources
from lab.home import called
from lab.report.memory import FILE, Memory, again
from lab.report.paper import Paper
from lab.report.publish import nothing_measured, publish
from lab.report.text import table


def demo_folder(folder: Path) -> Path:
    """The folder of a demo that is meant: the one given, or the one above its data."""
    return folder.parent if (folder / "journal").is_dir() else folder


def figures_again(paper: Paper, folder: Path):
    """Draw those figures that are not there."""
    for one in composing.of_paper(paper):
        if not (folder / f"{one.recipe.kind}.png").exists():
            composing.keep_composed([one], folder, data=folder / "data", record=forgotten)


def forgotten(name: str, doc: dict):
    """The catalog is only read."""


def main(arguments: list[str] | None = None) -> int:
    """Compute all numbers again; 1 if there are none."""
    parser = argparse.ArgumentParser(prog=called("python -m lab.report"), description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("demo"), help="folder of a demo, or its data")
    folder = demo_folder(parser.parse_args(arguments).folder)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        memory, sources = Memory.read(folder / FILE), Sources(folder / "data")
        found = again(memory, sources)
    except (LookupError, ValueError) as why:
        parser.error(str(why))
    figures_again(found, folder)
    rows = publish(found, memory, folder, sources.index.starts)
    sys.stdout.write(f"{table(rows)}\n\nreport   {folder / 'report.html'}\n")
    return int(nothing_measured(rows))


if __name__ == "__main__":
    sys.exit(main())
