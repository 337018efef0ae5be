"""The whole chain against the sealed truth: what the twin put in, acquisition and analysis must give back."""

import json

import numpy as np
import pytest

from devices.iocs.twin import truth
from plans import flim_raster


@pytest.fixture(scope="module")
def measured(session):
    """A single scan of sample A, long enough for errors to be small, and the truth of the same pixels."""
    plan = flim_raster(session.microscope, sample="A", extent_um=12, n_pixels=24, dwell_ms=2000, n_scans=1)
    image = session.RE(plan).map
    sealed = truth.read(session.config.folders.data.parent / "truth.json")
    return image, sealed["acquisitions"][-1]["arrays"]


def test_counts_are_what_the_sample_emits(measured):
    image, true = measured
    flat = true["signal_cps"] + true["crosstalk_cps"] + true["background_cps"]
    expected = flat * image.facts.dwell_s
    for route, counts in enumerate((image.perovskite_counts, image.qd_counts)):
        ratio = counts.sum() / expected[..., route].sum()
        assert ratio == pytest.approx(1.0, abs=0.03)  # pile-up and dead time take a little, never give


@pytest.mark.parametrize("component", [0, 1])
def test_lifetimes_pull_towards_the_truth_with_unit_width(measured, component):
    image, true = measured
    fit, good = image.fit, image.trusted_photons > 500
    pulls = ((fit.tau_ns[..., component] - true[f"tau{component + 1}_ns"]) / fit.tau_err_ns[..., component])[good]
    width = np.diff(np.percentile(pulls, [16, 84]))[0] / 2
    assert good.mean() > 0.9
    assert abs(np.median(pulls)) < 0.2
    assert 0.85 < width < 1.15


def test_time_zero_is_the_shift_between_luminescence_and_scatter(measured):
    image, _ = measured
    assert image.fit.t0_ns == pytest.approx(0.03, abs=5 * image.fit.t0_err_ns + 0.005)


def test_the_truth_is_not_in_the_documents(session, measured):
    image, _ = measured
    text = json.dumps([doc for _, doc in session.db.documents(image.facts.uid)], default=str)
    for word in ("tau1_ns", "crystallinity", "emitters", "truth.json"):
        assert word not in text
