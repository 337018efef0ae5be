"""Where imported runs go: the journal and the folder of the instruments' files; no instrument is needed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.finder import RunFinder
from lab.imports.analysing import Analyst, Record
from lab.imports.known import KnownRun, known_runs
from lab.imports.spectra import Shelf


@dataclass
class House:
    """Where imported runs go; needs no instrument and no RunEngine.

    journal, raw : folders of the journal and of the files; record : takes every document, the journal first
    samples : records by name; copy : keep the files themselves, else they are referred to where they are
    """

    journal: Path
    raw: Path
    record: Record
    samples: Mapping[str, Any]
    copy: bool = True
    done: dict[str, list[KnownRun]] = field(default_factory=dict)

    def __post_init__(self):
        self.done = known_runs(self.journal)
        self.analyst = Analyst(self.journal, self.record)

    @cached_property
    def shelf(self) -> Shelf:
        return Shelf(self.samples, RunFinder(self.journal))
