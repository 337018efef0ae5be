"""Live pictures: one per run, of the raster, spectrum or emitter that is measured, and an overview when it is done.

Drawing happens in the thread that called the RunEngine, between its waits, never in the RunEngine's own loop. Without
a screen the picture is a file that is replaced every two seconds; with one it is a window.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis import figures
from analysis.callbacks import LiveBlinking, LiveField, LiveFlim, LiveHbt, LiveSpectrum
from analysis.spectra import Absorption, BandFit, Coupling, Curve
from devices import portable
from lab.emitters.groups import CohortResult, Group, PowerResult
from lab.emitters.results import BlinkingResult, EmitterRun, EmittersResult, HbtResult
from lab.flim.results import FlimResult
from lab.spectra.results import AbsorptionResult, CalibrationResult, PleResult, PlResult, SpectralResult
from lab.version import code_version

REDRAW_S = 2.0

Result = FlimResult | SpectralResult | EmitterRun
Live = LiveFlim | LiveSpectrum | LiveField | LiveHbt | LiveBlinking


class LivePicture:
    """The growing picture of the run that goes on.

    Parameters
    ----------
    folder : pictures are written there; `live.png` is the present one
    show : opens a window for a figure, None without a screen
    """

    def __init__(self, folder: Path, show: Callable[[Figure], None] | None = None):
        self.folder, self.show = folder, show
        self.live: Live | None = None
        self.drawn: Live | None = None  # what `image` shows
        self.image: Any = None
        self.drawn_s = 0.0
        self.changed = False

    def note(self, live: Live):
        """New lines or points were fitted (called from the analysis thread)."""
        self.live, self.changed = live, True

    def tick(self):
        """Draw what is new, not too often."""
        live = self.live  # the analysis thread may put another one there at any time
        if live is None or not self.changed or time.monotonic() - self.drawn_s < REDRAW_S:
            return
        self.changed = False
        if live is not self.drawn:
            self.image, self.drawn = picture_of(live), live
            if self.show is not None:
                self.show(self.image.figure)
        self.image.update(live)
        if self.show is not None:
            self.image.figure.canvas.draw_idle()
            self.image.figure.canvas.flush_events()
        else:
            replace_picture(self.image.figure, self.folder / "live.png")
        self.drawn_s = time.monotonic()

    def overview(self, result: FlimResult) -> Path:
        """The finished picture of a raster, with its uid inside."""
        selection = {"route": "perovskite", "scans": result.map.scans_used}
        return self.keep(figures.overview(result.map), result, [result.uid], selection)

    def spectrum(self, result: SpectralResult) -> Path:
        """The finished picture of a spectrum, with the uids it comes from inside."""
        return self.keep(
            spectral_figure(result), result, list(result.analysis_of), {"regions": result.start["regions"]}
        )

    def emitter(self, result: EmitterRun) -> Path | None:
        """The finished picture of a run on single emitters, if there is one to be made."""
        figure = emitter_figure(result)
        return None if figure is None else self.keep(figure, result, [result.uid], {"emitter": result.emitter})

    def group(self, result: Group) -> Path | None:
        """The finished picture of several runs."""
        figure = group_figure(result)
        if figure is None or result.derived_uid is None:
            return None
        path = self.folder / f"{result.derived_uid[:8]}-overview.png"
        uids = [*result.uids, result.derived_uid]
        return figures.save(figure, path, uids=uids, selection={}, code_version=code_version())

    def keep(
        self, figure: Figure, result: FlimResult | SpectralResult | EmitterRun, uids: list[str], selection: dict
    ) -> Path:
        """Write a finished picture."""
        path = self.folder / f"{result.uid[:8]}-overview.png"
        derived = [result.derived_uid] if result.derived_uid else []
        return figures.save(figure, path, uids=uids + derived, selection=selection, code_version=code_version())


@dataclass(eq=False)
class Finished:
    """A whole spectrum, as a live picture takes it."""

    curve: Curve | None
    bands: BandFit | None
    region: int | None = None
    stream: str = "primary"


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


def picture_of(live: Live) -> Any:
    """An empty picture for what is being measured."""
    match live:
        case LiveSpectrum():
            return figures.LiveSpectrumImage(live.start_doc)
        case LiveField():
            return figures.LiveFieldImage()
        case LiveHbt():
            return figures.LiveHbtImage()
        case LiveBlinking():
            return figures.LiveBlinkingImage()
    return figures.LiveImage(live.raster.facts)


def replace_picture(figure: Figure, path: Path):
    """Write a picture in one step: a viewer never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name("draft.png")
    figure.savefig(draft, dpi=150)
    portable.replace(draft, path)


def live_display(session, show: Callable[[Figure], None] | None = None, *, bar: bool = True) -> LivePicture:
    """Attach progress bar, live picture and overview to a session."""
    from lab.progress import ProgressBar
    from lab.session import harmless

    picture = LivePicture(session.config.folders.data / "figures", show)
    analyses = session.analyses
    analyses.flim.on_line, analyses.flim.draw = picture.note, picture.overview
    analyses.spectra.on_points, analyses.spectra.draw = picture.note, picture.spectrum
    analyses.emitters.runs.on_look, analyses.emitters.draw = picture.note, picture.emitter
    analyses.groups.draw = picture.group
    session.RE.during.hooks.append(picture.tick)
    if bar:
        session.RE.subscribe(harmless(ProgressBar()))
    return picture
