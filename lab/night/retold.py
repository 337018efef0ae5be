"""What the runs of a night found, as the prompt would have shown it: from the journal, storing nothing."""

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.emitters.registry import EmitterRegistry
from lab.flim.results import IrfResult
from lab.night.runs import RunFacts
from lab.stored.again import PLANS, Again
from lab.stored.whereabouts import documents

log = logging.getLogger(__name__)


class Retold:
    """Results by uid.

    Parameters
    ----------
    folder : the journal's, in its data folder; figures : where pictures are, and where missing ones are drawn
    registry : file of the registry of emitters
    """

    def __init__(self, folder: Path, figures: Path, registry: Path | None = None):
        from lab.figures.keep import keep_overview

        self.folder, self.figures, self.draw = folder, figures, keep_overview
        self.registry = EmitterRegistry(registry if registry is not None and registry.exists() else None)
        self.again = Again(lambda uid: documents(folder.parent, uid), lambda: nullcontext(self.registry))

    def told(self, run: RunFacts) -> RunFacts:
        """A run with its text and its picture; without them, and a line in the log, if nothing could be found in it."""
        figure = figure_of(run, self.figures)
        try:
            result = self.result(run)
            if result is not None and not isinstance(result, IrfResult) and not figure.exists():
                self.draw(result, self.figures)
        except Exception as why:
            log.warning("run %s has no result in the report: %s", run.uid[:8], why)
            result = None
        return replace(run, text="" if result is None else repr(result), figure=figure if figure.exists() else None)

    def result(self, run: RunFacts) -> Any:
        """The result of a run; None if its plan has none. LookupError if nothing of it was analysed."""
        if run.plan_name not in PLANS:
            return None
        start = {"uid": run.uid, "plan_name": run.plan_name}
        return self.again.of(start, run.exit_status, run.derived_uid or None)

    def close(self):
        self.registry.close()


def figure_of(run: RunFacts, figures: Path) -> Path:
    """Where the picture of a run is."""
    return figures / f"{run.uid[:8]}-overview.png"


def pictured(runs: Iterable[RunFacts], figures: Path) -> list[RunFacts]:
    """All runs with the pictures that there are; takes no time. A run that was continued has none of its own."""
    return [
        replace(run, figure=path) if not run.continued_by and (path := figure_of(run, figures)).exists() else run
        for run in runs
    ]


def retold(runs: Iterable[RunFacts], folder: Path, figures: Path, registry: Path | None = None) -> list[RunFacts]:
    """All runs with their texts and pictures, those that were continued in the run that has them whole."""
    source = Retold(folder, figures, registry)
    try:
        return [run if run.continued_by else source.told(run) for run in runs]
    finally:
        source.close()
