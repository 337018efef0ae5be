"""`python -m lab.imports FOLDER --sample A`: old files become runs; needs neither instruments nor a session."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import devices  # noqa: F401  (chooses the Channel Access layer, before anything imports ophyd)
from lab import journal, server, services
from lab.config import ConfigError, LabConfig, read
from lab.home import called, usual_config
from lab.imports import House, Imported, ImportRefused, import_folder
from lab.journal import Journal
from lab.sample_records import SampleError
from lab.storage import recover

LATER = "not running; the next session takes the runs in"


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=called("python -m lab.imports"), description="make runs of old files")
    parser.add_argument("folder", help="with the files; import.toml in it tells what they do not")
    parser.add_argument("--config", type=Path, default=usual_config(), help="facts of the lab")
    parser.add_argument("--sample", help="name of the record of the sample")
    parser.add_argument("--operator", help="who measured")
    parser.add_argument("--wiring", help='"raster", "clock" or "hbt"')
    parser.add_argument("--force", action="store_true", help="also files that were imported before")
    parser.add_argument("--no-copy", action="store_true", help="refer to the files where they are")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """0 if every file is in the catalog, 1 if some were refused, 2 if nothing was imported."""
    given = parse(argv)
    if not given.folder:
        sys.stderr.write("which folder? make import FOLDER=... SAMPLE=...\n")
        return 2
    told = {name: value for name in ("sample", "operator", "wiring") if (value := getattr(given, name))}
    try:
        imported = imported_into(read(given.config), given, told)
    except (ConfigError, ImportRefused, SampleError) as why:
        sys.stderr.write(f"{why}\n")
        return 2
    sys.stdout.write(f"{imported!r}\n")
    return 1 if imported.refused else 0


def imported_into(config: LabConfig, given: argparse.Namespace, told: dict[str, Any]) -> Imported:
    """Import a folder into the journal of a lab, and into its storage if that runs."""
    from lab.session import registry

    recorded: list[str] = []
    book = Journal(config.folders.journal)

    def record(name: str, doc: dict[str, Any]):
        book(name, doc)
        if name == "start":
            recorded.append(doc["uid"])

    samples = registry(config, lambda name: None)
    house = House(config.folders.journal, config.folders.raw, record, samples, not given.no_copy)
    try:
        imported = import_folder(house, given.folder, force=given.force, **told)
    finally:
        book.close()
    return replace(imported, storage=stored(config, recorded))


def stored(config: LabConfig, uids: list[str]) -> str:
    """Bring new runs into storage; what is wrong with it, "" if nothing."""
    if not uids:
        return ""
    address = services.storage_address(config)
    if address is None:
        return LATER
    client = server.client(*address)
    try:
        others = {path.stem for path in journal.paths(config.folders.journal)} - set(uids)
        taken = recover(client, config.folders.journal, live=others)
    finally:
        client.context.http_client.close()
    return "" if set(uids) <= set(taken) else f"{len(set(uids) - set(taken))} runs were not taken; they stay there"


if __name__ == "__main__":
    sys.exit(main())
