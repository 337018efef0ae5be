"""What the runs of a night found, as the prompt would have shown it: from the journal, storing nothing."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab import journal
from lab.emitters.quiet import Quiet, nowhere
from lab.emitters.registry import EmitterRegistry
from lab.emitters.runs import PLANS as EMITTER_PLANS
from lab.flim.analyses import FlimAnalyses
from lab.flim.results import FlimResult, IrfResult
from lab.night.runs import RunFacts
from lab.spectra.analyses import SpectralAnalyses
from lab.spectra.derivation import PLANS as SPECTRA_PLANS

log = logging.getLogger(__name__)


class Retold:
    """Results by uid.

    Parameters
    ----------
    folder : of the journal; figures : where pictures are, and where missing ones are drawn
    registry : file of the registry of emitters
    """

    def __init__(self, folder: Path, figures: Path, registry: Path | None = None):
        from lab.figures.keep import keep_overview

        self.folder, self.figures, self.draw = folder, figures, keep_overview
        self.flim = FlimAnalyses(self.documents, nowhere, nowhere)
        self.spectra = SpectralAnalyses(self.documents, nowhere)
        self.registry = EmitterRegistry(registry if registry is not None and registry.exists() else None)
        self.emitters = Quiet(self.documents, nowhere, self.registry, irf_of=self.flim.irf_of)

    def documents(self, uid: str) -> Iterator[tuple[str, dict]]:
        path = journal.path_of(self.folder, uid)
        if path is None:
            raise LookupError(f"the journal does not have the run {uid[:8]}; see whether its folder was moved")
        return journal.read(path)

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
        """The result of a run; None if its plan has none, or nothing of it was analysed."""
        about = {"derived_uid": run.derived_uid or None, "exit_status": run.exit_status}
        if run.plan_name in SPECTRA_PLANS:
            return replace(self.spectra.derivation.of(run.uid), **about)
        if run.plan_name in EMITTER_PLANS:
            result = self.emitters.result_of(run.uid, drawn=False)
            return None if result is None else replace(result, **about)
        if run.plan_name == "flim_raster":
            self.look_again(run.uid)
            result = self.flim.result_of(run.uid, run.exit_status)
            return replace(result, **about) if isinstance(result, FlimResult) else None
        if run.plan_name == "irf":
            self.flim.irf_of(run.uid)
            return self.flim.result_of(run.uid, run.exit_status)
        return None

    def look_again(self, uid: str):
        """Send a raster through the analysis, in this thread."""
        looking: list[Any] = []
        for name, doc in self.documents(uid):
            looking = self.flim.of_run(doc, in_place=True) if name == "start" else looking
            for callback in looking:
                callback(name, doc)

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
