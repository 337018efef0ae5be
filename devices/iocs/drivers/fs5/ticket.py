"""Requests to the operator of an instrument without a remote interface: a sheet to read, and its twin for programs."""

import json
import os
import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from devices import portable
from devices.iocs.backends import Scan

REQUESTS, DONE, WITHDRAWN = "requests", "done", "withdrawn"
PREFIX = "fs5-"
NUMBER = re.compile(rf"{PREFIX}([0-9]+)")


class Sheet(NamedTuple):
    """What the operator sets: the kind of scan, its axis, what stands still, and both slits by Fluoracle's names."""

    kind: str
    moves: str
    fixed: str
    scan_slit_nm: float
    fixed_slit_nm: float
    corrections: str


@dataclass(frozen=True)
class Ticket:
    """One request. issued_s: by the clock of the folder, in seconds of its files."""

    name: str
    scan: Scan
    sample: str
    acquisition: int
    issued_s: float = 0.0

    @property
    def export(self) -> str:
        """The name under which the operator exports."""
        return f"{self.name}.txt"

    def is_named_in(self, file_name: str) -> bool:
        """Whether a file carries the name of this request.

        >>> scan = Scan("emission", 420, 750, 1, 405, 1, 1, 0.3)
        >>> Ticket("fs5-00001", scan, "A", 1).is_named_in("FS5-00001 again.csv")
        True
        """
        return re.search(rf"(?<![a-z0-9]){self.name}(?!-?[0-9])", file_name.casefold()) is not None


class Tickets:
    """The requests in a folder: open ones, `done` and `withdrawn`; numbers never come twice, even after a restart."""

    def __init__(self, folder: Path) -> None:
        self.export_folder, self.folder = folder, folder / REQUESTS
        self._last = 0

    def next_number(self) -> int:
        """One more than any number that was given or written."""
        names = (path.name for path in self.folder.rglob(f"{PREFIX}*.json"))
        found = (int(match[1]) for name in names if (match := NUMBER.match(name)))
        self._last = max(self._last, *found, 0) + 1
        return self._last

    def issue(self, scan: Scan, *, sample: str, acquisition: int) -> Ticket:
        """Write a new request; those still open, of whoever wrote them, are withdrawn."""
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.glob(f"{PREFIX}*.json"):
            self.move(path.stem, WITHDRAWN)
        name = self._free(acquisition)
        ticket = Ticket(name, scan, sample, acquisition)
        _write(self.folder / f"{name}.json", json.dumps(_facts(ticket), indent=2))
        _write(self.folder / f"{name}.txt", text(ticket, self.export_folder))
        return replace(ticket, issued_s=(self.folder / f"{name}.txt").stat().st_mtime)

    def move(self, name: str, where: str) -> None:
        """Put an open request to those done or withdrawn."""
        target = self.folder / where
        target.mkdir(exist_ok=True)
        for path in (self.folder / f"{name}.txt", self.folder / f"{name}.json"):
            if path.exists():
                portable.replace(path, target / path.name)

    def _free(self, acquisition: int) -> str:
        """A name nobody had: the acquisition, and for its second request -2, and so on."""
        taken = {path.stem for path in self.folder.rglob(f"{PREFIX}*.json")}
        first = f"{PREFIX}{acquisition:05d}"
        index = 1
        while (name := first if index == 1 else f"{first}-{index}") in taken:
            index += 1
        return name


def sheet(scan: Scan) -> Sheet:
    """A scan in the words of Fluoracle."""
    excitation, emission = scan.excitation_slit_nm, scan.emission_slit_nm
    if scan.kind == "emission":
        flags = "two curves: one with all corrections off, one with 'Corr. by Ref. Det.' and 'Scan Corr. by File' on"
        return Sheet("Emission Scan", "emission", f"excitation {scan.fixed_nm:g} nm", emission, excitation, flags)
    if scan.kind == "excitation":
        flags = "two curves: one with all corrections off, one with 'Corr. by Ref. Det.' on (without it: not accepted)"
        return Sheet("Excitation Scan", "excitation", f"emission {scan.fixed_nm:g} nm", excitation, emission, flags)
    if scan.kind == "synchronous":
        flags = "two curves: one with all corrections off, one with 'Corr. by Ref. Det.' on"
        fixed = f"offset {scan.fixed_nm:g} nm (emission minus excitation)"
        return Sheet("Synchronous Scan", "excitation", fixed, excitation, emission, flags)
    flags = "one curve, of the detector behind the sample, with 'Corr. by Ref. Det.' on; y axis Counts or Absorbance"
    return Sheet("Synchronous Scan", "excitation", "offset 0 nm", excitation, emission, flags)


def sentence(ticket: Ticket) -> str:
    """What is asked for, in one line."""
    scan, asked = ticket.scan, sheet(ticket.scan)
    slits = f"slits {scan.excitation_slit_nm:g} nm (excitation) and {scan.emission_slit_nm:g} nm (emission)"
    what = (
        f"{asked.kind}, {asked.moves} {scan.start_nm:g} to {scan.stop_nm:g} nm, step {scan.step_nm:g} nm, {asked.fixed}"
    )
    where = f"sample {ticket.sample or '(as mounted)'}, region {scan.region}"
    return f"In Fluoracle: {what}, dwell {scan.dwell_s:g} s, {slits}, {where}. Export as {ticket.export}"


def text(ticket: Ticket, folder: Path) -> str:
    """The sheet that the operator reads."""
    scan, asked = ticket.scan, sheet(ticket.scan)
    rows = (
        ("Sample", ticket.sample or "(as mounted)"),
        ("Region", f"{scan.region} (place on the sample)"),
        ("Lamp", "on, and warm"),
        ("Scan", asked.kind),
        (
            "Start, stop, step",
            f"{scan.start_nm:g} to {scan.stop_nm:g} nm in steps of {scan.step_nm:g} nm ({asked.moves})",
        ),
        ("Fixed", asked.fixed),
        ("Dwell time", f"{scan.dwell_s:g} s"),
        ("Repeats", "1"),
        ("Excitation slit", f"{scan.excitation_slit_nm:g} nm"),
        ("Emission slit", f"{scan.emission_slit_nm:g} nm"),
        ("Corrections", asked.corrections),
        ("Points", f"{scan.n_points}, at least {scan.n_points * scan.dwell_s / 60:.1f} min"),
        ("Export", f"all curves in one text file, {ticket.export}"),
        ("Into", str(folder)),
    )
    lines = [f"Request {ticket.name}", "", *(f"{name + ':':<20}{value}" for name, value in rows), ""]
    return "\n".join(lines)


def _facts(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.name,
        "export": ticket.export,
        "issued": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "sample": ticket.sample,
        "acquisition": ticket.acquisition,
        "sheet": sheet(ticket.scan)._asdict(),
        "scan": asdict(ticket.scan),
    }


def _write(path: Path, content: str) -> None:
    """All of a file or nothing of it, whenever somebody looks."""
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    portable.replace(unfinished, path)
