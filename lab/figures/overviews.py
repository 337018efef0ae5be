"""The finished picture of a run, or of runs that belong together: what was found, drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from analysis import figures
from analysis.spectra import Absorption, BandFit, Coupling, Curve
from lab.emitters.groups import CohortResult, Group, PowerResult
from lab.emitters.results import BlinkingResult, EmitterRun, EmittersResult, HbtResult
from lab.flim.results import FlimResult
from lab.spectra.results import AbsorptionResult, CalibrationResult, PleResult, PlResult, SpectralResult


@dataclass(eq=False)
class Finished:
    """A whole spectrum, as a live picture takes it."""

    curve: Curve | None
    bands: BandFit | None
    region: int | None = None
    stream: str = "primary"


def overview_of(result: Any) -> Figure | None:
    """What a run, or a group of runs, found; None where there is nothing to be seen."""
    match result:
        case FlimResult():
            return figures.overview(result.map)
        case SpectralResult():
            return spectral_figure(result)
        case EmitterRun():
            return emitter_figure(result)
        case Group():
            return group_figure(result)
    return None


def spectral_figure(result: SpectralResult) -> Figure:
    """What a run of the spectrofluorometer found; where nothing follows from it, its spectrum."""
    match result:
        case AbsorptionResult(absorption=Absorption() as film):
            return figures.absorption_overview(film, sample=result.sample)
        case PleResult(coupling=Coupling() as found):
            return figures.coupling_overview(found, sample=result.sample)
        case CalibrationResult(calibration=found):
            return figures.calibration_overview(found)
    image = figures.LiveSpectrumImage(result.start)
    image.update(Finished(result.curve, result.fit if isinstance(result, PlResult) else None))
    return image.figure


def emitter_figure(result: EmitterRun) -> Figure | None:
    """What a run on single emitters found; None where there is nothing to be seen."""
    match result:
        case EmittersResult():
            return figures.emitters_overview(result.field, names=result.ids)
        case HbtResult():
            return figures.hbt_overview(result.estimate)
        case BlinkingResult():
            return figures.blinking_overview(result.estimate)
    return None


def group_figure(result: Group) -> Figure | None:
    """What several runs show together; None where there is nothing to be seen."""
    match result:
        case PowerResult(zero=zero) if zero is not None:
            return figures.power_overview(zero, result.saturation, name=result.emitter, uids=result.uids)
        case CohortResult(film=film, glass=glass) if film is not None and glass is not None:
            more = {"on": result.on, "survival": result.survival, "comparison": result.comparison}
            return figures.cohort_overview(film, glass, result.prediction, **more, uids=result.uids[:1])
    return None
