"""The spectra of a session: looked at while they are measured, their results stored, and replayed."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as NotReady
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.callbacks.spectrum import LiveSpectrum
from analysis.spectra import choose_curve
from lab.derived import derive
from lab.spectra.arrays import arrays_of, parameters_of, series_arrays
from lab.spectra.derivation import PLANS, Derivation, Documents
from lab.spectra.results import PlSeriesResult, SpectralResult

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 600.0


class SpectralAnalyses:
    """Live spectra by run uid, and what they found.

    Parameters
    ----------
    documents : uid of a run -> its documents
    record : takes the documents of derived runs

    Attributes
    ----------
    on_points : called with a `LiveSpectrum`, in its own thread, when the spectrum has grown
    draw : makes the figure of a finished spectrum
    """

    def __init__(self, documents: Documents, record: Callable[[str, dict], None]):
        self.derivation, self.record = Derivation(documents), record
        self.live: dict[str, LiveSpectrum] = {}
        self.derived_uids: dict[str, str] = {}
        self.on_points: Callable[[LiveSpectrum], None] | None = None
        self.draw: Callable[[SpectralResult], Path | None] | None = None

    def of_run(self, start: dict[str, Any], *, in_place: bool = False) -> LiveSpectrum | None:
        """What looks at a run while it is measured; None if it is no spectrum."""
        plan_name = start.get("plan_name")
        if plan_name not in PLANS:
            return None
        live = LiveSpectrum(
            self.derivation.result,
            fit=choose_curve if plan_name == "pl" else None,
            in_place=in_place,
            on_points=self.on_points,
            on_result=self.store,
        )
        self.live[start["uid"]] = live
        return live

    def store(self, start: dict[str, Any], result: SpectralResult):
        """Store what was found in a run as a derived run of it, and of those it was compared with."""
        about = {"sample_name": result.sample}
        name = f"{start['plan_name']}_analysis"
        self.derived_uids[result.uid] = derive(
            self.record, name, result.analysis_of, arrays_of(result), parameters=parameters_of(result), metadata=about
        )

    def result_of(self, uid: str, exit_status: str) -> SpectralResult | None:
        """Wait for the result of a run; None (and a line in the log) if there is none."""
        try:
            found: SpectralResult = self.live[uid].done.result(RESULT_TIMEOUT_S)
        except (NotReady, Exception) as why:
            log.error("run %s is stored, but its spectrum could not be analysed: %s", uid[:8], why)
            return None
        result = replace(found, derived_uid=self.derived_uids.get(uid), exit_status=exit_status)
        return replace(result, figure=self.draw(result)) if self.draw is not None else result

    def series(self, uids: Iterable[str]) -> PlSeriesResult:
        """Emission spectra of several samples on one scale; stored as a derived run of them all."""
        found = self.derivation.series(uids)
        parameters = {"reference": found.series.reference, "narrowest": found.series.narrowest}
        derived_uid = derive(self.record, "pl_series", found.uids, series_arrays(found), parameters=parameters)
        return replace(found, derived_uid=derived_uid)
