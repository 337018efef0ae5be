"""A folder of old files becomes runs; each file once, and what is wrong with one keeps no other from it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.imports.file import NotYetError, import_file
from lab.imports.house import House
from lab.imports.result import Imported, ImportedFile
from lab.imports.scan import Found, checksum, files_of
from lab.imports.told import ImportRefused, Told
from lab.journal import JournalError
from lab.sample_records import missing as missing_sample

log = logging.getLogger(__name__)

EXPECTED = (ValueError, LookupError, OSError)  # of files that are broken, or are not what was told


def import_folder(house: House, folder: str | Path, *, force: bool = False, **told: Any) -> Imported:
    """Make runs of the files in a folder and below; a file that is known or broken does not stop the others.

    told : see `Told`; ImportRefused, before anything is read, if it cannot be. force : also of files that are known.
    """
    folder = Path(folder).absolute()
    found = responses_named(files_of(folder, told))
    check_samples(found, house.samples)
    results: dict[str, ImportedFile] = {}
    waiting = sorted(found, key=lambda one: rank(one, house.samples))
    last = False
    while waiting:
        before = len(waiting)
        waiting = [one for one in waiting if not attempt(house, one, results, force=force, last=last)]
        last = len(waiting) == before
    return Imported(folder, tuple(results[one.relative] for one in found))


def responses_named(found: list[Found]) -> list[Found]:
    """The files, those that others name as their instrument response known as such."""
    named = {one.path.parent / one.told.irf for one in found if isinstance(one.told.irf, str) and one.told.irf}
    return [
        replace(one, told=replace(one.told, kind="irf", irf="")) if one.path in named and not one.told.kind else one
        for one in found
    ]


def check_samples(found: list[Found], samples: Mapping[str, Any]):
    """ImportRefused if a file has no sample, or one without a record."""
    untold = [one.relative for one in found if not one.told.sample]
    if untold:
        raise ImportRefused(
            f"nothing was imported: the sample of {', '.join(untold[:5])} is not told: sample=..., or in import.toml; "
            f"there are {', '.join(samples)}"
        )
    for name in dict.fromkeys(one.told.sample for one in found):
        if name not in samples:
            raise ImportRefused(f"nothing was imported: {missing_sample(name, samples)}")


def rank(one: Found, samples: Mapping[str, Any]) -> int:
    """What others are compared with comes first."""
    role = samples.get(one.told.sample, {}).get("role")
    return 0 if one.told.kind in ("irf", "blank") or role == "blank" else 1 if role == "reference" else 2


def attempt(house: House, one: Found, results: dict[str, ImportedFile], *, force: bool, last: bool) -> bool:
    """Import one file; False if it has to wait for another. What is wrong with it becomes its result."""
    if one.relative in results:
        return True
    try:
        results[one.relative] = import_file(house, one, force=force, last=last)
    except NotYetError:
        return False
    except JournalError:
        raise
    except Exception as why:
        if not isinstance(why, EXPECTED):
            log.exception("%s cannot be imported", one.path)
        results[one.relative] = ImportedFile(one.relative, "refused", reason=reason_of(why, one))
    return True


def reason_of(why: Exception, one: Found) -> str:
    """A reason without the path, which the table has already."""
    text = str(why) or type(why).__name__
    return text.removeprefix(f"{one.path}: ").removeprefix("nothing was imported:\n  - ")


def again(house: House, uid: str, **told: Any) -> ImportedFile:
    """Make the runs of an imported file anew, with more told than when it was imported; they replace the old ones."""
    start = house.analyst.start_of(uid)
    source = start.get("source", {})
    if "sha256" not in source:
        raise ImportRefused(f"run {uid[:8]} was not imported: what is told of it is in its start document")
    path = Path(source["kept"])
    if not path.is_file() or checksum(path) != source["sha256"]:
        raise ImportRefused(f"run {uid[:8]}: its file {path} is gone or has changed; import the folder again")
    known = Told.of(start.get("told", {})).but(told)
    check_samples([found := Found(path, source["relative"], known, origin_of(source))], house.samples)
    lacking = any(run.missing and run.told != known.facts for run in house.done.get(source["sha256"], []))
    return import_file(house, found, force=not lacking)


def origin_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """Where a kept file came from."""
    names = ("file", "relative", "folder", "modified", "modified_s", "kept")
    return {name: source[name] for name in names if name in source}
