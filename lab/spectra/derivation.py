"""From runs of the spectrofluorometer to results: everything is computed from documents, found by uid."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from analysis.callbacks import StoredSpectrum
from analysis.spectra import (
    Absorption,
    Curve,
    OwnLight,
    PlSample,
    choose_curve,
    coupling,
    film_absorption,
    own_light,
    pl_series,
)
from analysis.spectrometry import SpectralRun
from analysis.wavelengths import calibration
from lab.spectra.results import (
    AbsorptionResult,
    CalibrationResult,
    PleResult,
    PlRegion,
    PlResult,
    PlSeriesResult,
    SpectralResult,
)

PLANS = ("absorption", "blank", "pl", "ple", "calibrate")
Documents = Callable[[str], Iterable[tuple[str, dict[str, Any]]]]


def stored_run(documents: Iterable[tuple[str, dict[str, Any]]]) -> StoredSpectrum:
    """A run of the spectrofluorometer from its documents; ValueError if it is a run of something else."""
    stored = StoredSpectrum()
    for name, doc in documents:
        if name == "start" and doc.get("plan_name") not in PLANS:
            raise ValueError(f"run {doc['uid'][:8]} is a {doc.get('plan_name')}, not one of {', '.join(PLANS)}")
        stored(name, doc)
    return stored


class Derivation:
    """Results of runs, from uids alone.

    Parameters
    ----------
    documents : uid of a run -> its documents
    """

    def __init__(self, documents: Documents):
        self.documents = documents

    def of(self, uid: str) -> SpectralResult:
        """The result of a stored run."""
        stored = self.stored(uid)
        return self.result(stored.start_doc, stored.run)

    def result(self, start: dict[str, Any], run: SpectralRun) -> SpectralResult:
        """The result of a run whose points are there; runs it is compared with are looked up."""
        made = {
            "pl": self.luminescence,
            "absorption": self.absorption,
            "blank": self.spectrum,
            "ple": self.excitation,
            "calibrate": self.wavelengths,
        }
        return made[start["plan_name"]](start, run)

    def spectrum(self, start: dict[str, Any], run: SpectralRun) -> SpectralResult:
        return SpectralResult(start=start, curve=run.curve())

    def luminescence(self, start: dict[str, Any], run: SpectralRun) -> PlResult:
        """Bands of the whole, and of each region if there are several."""
        curve = run.curve()
        places = start["regions"] if len(start["regions"]) > 1 else []
        curves = [(number, run.curve(number)) for number in places]
        regions = tuple(
            PlRegion(number=number, curve=curve, fit=choose_curve(curve)) for number, curve in curves if curve.lit.any()
        )
        return PlResult(start=start, curve=curve, fit=choose_curve(curve), regions=regions)

    def absorption(self, start: dict[str, Any], run: SpectralRun) -> AbsorptionResult:
        """What the film absorbs, if it was measured with a blank."""
        curve, uid = run.curve(), start["blank_uid"]
        if not uid:
            return AbsorptionResult(start=start, curve=curve)
        try:
            found = film_absorption(curve, self.stored(uid).run.curve())
        except ValueError as why:
            return AbsorptionResult(start=start, curve=doubted(curve, why))
        return AbsorptionResult(start=start, curve=curve, absorption=found)

    def excitation(self, start: dict[str, Any], run: SpectralRun) -> PleResult:
        """How the film changes what its dots emit, if it was measured with a reference."""
        curve, reference_uid, absorption_uid = run.curve(), start["reference_uid"], start["absorption_uid"]
        if not (reference_uid and absorption_uid):
            return PleResult(start=start, curve=curve)
        try:
            film, bare, own = self.film(absorption_uid), self.stored(reference_uid).run.curve(), self.own_light(start)
            found = coupling(curve, bare, film, own=own)
        except ValueError as why:
            return PleResult(start=start, curve=doubted(curve, why))
        return PleResult(start=start, curve=curve, coupling=found)

    def film(self, uid: str) -> Absorption:
        """What a run tells of the absorption of a film."""
        film = self.of(uid)
        if not isinstance(film, AbsorptionResult) or film.absorption is None:
            raise ValueError(f"run {uid[:8]} tells no absorption: it needs the plan absorption, with a blank")
        return film.absorption

    def own_light(self, start: dict[str, Any]) -> OwnLight | None:
        """What the film itself emits where its dots are detected, if its luminescence was measured."""
        if not (uid := start.get("pl_uid", "")):
            return None
        film = self.of(uid)
        if not isinstance(film, PlResult):
            plan = film.start["plan_name"]
            raise ValueError(f"run {uid[:8]} is a {plan}, not a luminescence spectrum: give one of the plan pl")
        excitation_nm, detection_nm = (each["scan"]["fixed_nm"] for each in (film.start, start))
        return own_light(film.fit, excitation_nm=excitation_nm, detection_nm=detection_nm, uids=(uid,))

    def wavelengths(self, start: dict[str, Any], run: SpectralRun) -> CalibrationResult:
        """The offsets of both monochromators."""
        found = calibration(run, xe_line_nm=start["xe_line_nm"], elastic_nm=start["scatter_scan"]["fixed_nm"])
        return CalibrationResult(start=start, curve=found.scatter_curve, calibration=found)

    def stored(self, uid: str) -> StoredSpectrum:
        return stored_run(self.documents(uid))

    def series(self, runs: Iterable[Any]) -> PlSeriesResult:
        """Emission spectra of several samples on one scale; runs, results or uids."""
        found = [self.of(getattr(run, "uid", run)) for run in runs]
        results = [result for result in found if isinstance(result, PlResult)]
        if not results or len(results) < len(found):
            wrong = [f"{result.uid[:8]} ({result.start['plan_name']})" for result in found if result not in results]
            raise ValueError(f"pl_series takes uids of runs of the plan pl, not {', '.join(wrong) or 'none'}")
        return PlSeriesResult(results=tuple(results), series=pl_series([as_sample(result) for result in results]))


def doubted(curve: Curve, why: ValueError) -> Curve:
    """A spectrum of which more was wanted than it tells."""
    return replace(curve, warnings=(*curve.warnings, str(why)))


def as_sample(result: PlResult) -> PlSample:
    """An emission spectrum with the doping its sample record notes; NaN if there is none."""
    doping = float(result.start["sample"].get("doping_percent", float("nan")))
    return PlSample(name=result.sample, doping_percent=doping, curve=result.curve, fit=result.fit)
