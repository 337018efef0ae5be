"""The overview of a finished spectrum shows what was found in it."""

import numpy as np
import pytest

from analysis.spectra import coupling, film_absorption, fit_curve
from lab.figures.overviews import spectral_figure
from lab.spectra.results import AbsorptionResult, PleResult, PlResult, SpectralResult
from tests.simulated_spectra import BOOSTED, blank, excitation, luminescence, transmission


def start(plan_name, kind="emission", **more):
    scan = {"kind": kind, "start_nm": 400.0, "stop_nm": 700.0}
    return {"uid": "12345678-9", "plan_name": plan_name, "sample_name": "A", "scan": scan, "regions": [1], **more}


@pytest.fixture
def film():
    return film_absorption(transmission(), blank())


def test_the_overview_shows_what_was_found(film):
    ple, bare = excitation(20_000, BOOSTED), excitation(20_000, seed=3)
    found = coupling(ple, bare, film)
    (upper, lower) = spectral_figure(PleResult(start=start("ple"), curve=ple, coupling=found)).axes
    assert any(np.array_equal(line.get_ydata(), found.s0) for line in upper.lines)
    assert any(np.array_equal(line.get_ydata(), found.ds) for line in lower.lines)
    left, _ = spectral_figure(AbsorptionResult(start=start("absorption"), curve=transmission(), absorption=film)).axes
    assert any(np.array_equal(line.get_ydata(), film.absorbance) for line in left.lines)


def test_without_a_result_the_overview_is_the_spectrum():
    emission = luminescence(0.2)
    for result in (
        PlResult(start=start("pl"), curve=emission, fit=fit_curve(emission, n_bands=3)),
        PleResult(start=start("ple"), curve=excitation(1000)),
        AbsorptionResult(start=start("absorption", "transmission"), curve=transmission()),
        SpectralResult(start=start("blank", "transmission"), curve=blank()),
    ):
        (points,) = [line for line in spectral_figure(result).axes[0].lines if line.get_marker() == "o"]
        assert np.array_equal(points.get_ydata(), result.curve.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"pl_uid": ""}, 'RE(pl(fs5, sample="A")), then RE(ple(fs5, sample="A")) again'),
        ({"pl_uid": "abc"}, "coupling.ds"),
    ],
)
def test_an_excitation_spectrum_says_whether_its_own_light_is_known(film, more, told):
    ple = excitation(20_000, BOOSTED)
    found = coupling(ple, excitation(20_000, seed=3), film)
    about = {**start("ple"), "warnings": [], "reference_uid": "r", "absorption_uid": "a", "repeats": 1, **more}
    about["scan"] = {**about["scan"], "step_nm": 1.0, "dwell_s": 1.0}
    assert told in repr(PleResult(start=about, curve=ple, coupling=found))
