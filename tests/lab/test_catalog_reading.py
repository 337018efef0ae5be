"""What a stored run gives back: images, decays, coincidences, traces, spectra, photons, fits; the folder was moved."""

import numpy as np
import pytest

from lab.catalog import Image
from tests.lab.past_folder import BINS, SCANS, TAUS_NS, N


@pytest.fixture
def run(past):
    return lambda kind: past.db[past.uids[kind]]


def raw(run, key):
    """All rows of the raw file of a run, as its documents name it now."""
    return run.array(key, "primary")


def test_an_image_is_the_stored_analysis_with_units_errors_and_place(run):
    result = run("raster").fit()
    qd, tau2 = run("raster").image("qd", "tau2")
    np.testing.assert_array_equal(qd.values, result.map.qd_cps)
    np.testing.assert_allclose(qd.err, np.sqrt(result.map.qd_counts) / result.map.time_s)
    np.testing.assert_array_equal(tau2.values, result.map.fit.tau_ns[..., 1])
    assert (qd.unit, tau2.unit, tau2.pixel_um, tau2.origin_um) == ("counts/s", "ns", 0.5, (48.75, 38.75))
    assert tau2.derived_uid == run("raster").derived().uid == result.derived_uid
    assert np.nanmedian(tau2.values) == pytest.approx(TAUS_NS[1], rel=0.1)
    assert np.nanmedian(tau2.err) > 0


def test_pixels_that_cannot_be_trusted_have_no_lifetime(run):
    image = run("dim").image("tau2_ns")
    fit = run("dim").fit().map.fit
    wrong = fit.degenerate | ~fit.converged
    assert wrong.any() and not np.isfinite(image.values[wrong]).any() and np.isfinite(image.values[~wrong]).all()


def test_a_run_without_stored_analysis_is_computed_again(run):
    image = run("dim").image("perovskite")
    assert run("dim").derived() is None and image.derived_uid == ""
    np.testing.assert_array_equal(image.values, run("dim").fit().map.perovskite_cps)


def test_a_search_has_images_and_its_emitters_have_the_names_of_the_registry(run):
    result, image = run("search").fit(), run("search").image("qd")
    assert isinstance(image, Image) and result.ids and result.ids[0] == "single-001"
    np.testing.assert_allclose(image.values, result.field.qd_counts / 0.01)


def test_decays_are_the_rows_of_the_files_pixel_by_pixel_and_of_a_region(run):
    rows = raw(run("raster"), "scanner_histograms")
    cube = run("raster").decays()
    expected = rows.reshape(SCANS, N, N, 2, BINS).sum(axis=0)
    np.testing.assert_array_equal(cube.counts, expected[:, :, 0])
    one = run("raster").decays(row=3, column=slice(1, 3), route="qd")
    np.testing.assert_array_equal(one.counts, expected[3, 1:3, 1].sum(axis=0))
    assert cube.irf is not None and cube.irf.shape == (BINS,) and (cube.bin_width_ns, cube.period_ns) == (0.5, 125.0)
    assert cube.total.sum() == expected[:, :, 0].sum()


def test_registered_decays_are_those_that_were_fitted(run):
    cube = run("raster").decays(registered=True)
    np.testing.assert_array_equal(cube.counts.sum(axis=-1), run("raster").fit().map.perovskite_counts)


def test_the_response_is_a_decay(run):
    found = run("irf").decays(route="qd")
    np.testing.assert_array_equal(found.counts, run("irf").fit().response.counts[1])


def test_coincidences_and_traces_are_those_of_the_fit(run):
    result, curve = run("hbt").fit(), run("hbt").g2()
    for name in ("delay_ns", "counts", "g2", "g2_err"):
        np.testing.assert_array_equal(getattr(curve, name), getattr(result, name))
    np.testing.assert_array_equal(curve.model, result.g2_model)
    result, trace = run("blinking").fit(), run("blinking").trace()
    np.testing.assert_array_equal(trace.counts, result.counts.sum(axis=1) if result.counts.ndim > 1 else result.counts)
    assert trace.bin_s == result.bin_s and trace.threshold == pytest.approx(
        float(np.mean(result.estimate.on.threshold))
    )


def test_a_spectrum_has_its_errors_and_its_bands(run):
    result, found = run("pl").fit(), run("pl").spectrum()
    np.testing.assert_array_equal(found.value, result.curve.value)
    np.testing.assert_array_equal(found.err, result.curve.err)
    assert found.model is not None and found.unit == result.curve.unit


def test_photons_are_those_that_were_recorded(run):
    from tests.lab.test_imports import blinking_photons

    photons = run("blinking").photons()
    rng = np.random.default_rng(3)
    assert len(photons) == run("blinking").fit().n_photons
    assert (np.diff(photons.macrotime) >= 0).all() and photons.macrotime_unit_s == 1e-7
    assert abs(len(photons) - len(blinking_photons(rng))) < 5 * np.sqrt(len(photons))


@pytest.mark.parametrize(
    ("kind", "ask", "told"),
    [
        ("pl", lambda run: run.image("qd"), 'is a pl: it has no image, but .spectrum(), .fit()'),
        ("raster", lambda run: run.g2(), 'is a flim_raster: it has no g2, but .image("qd"), .decays()'),
        ("raster", lambda run: run.photons(), "did not record them one by one"),
        ("raster", lambda run: run.image("tau3"), "has qd, perovskite, tau1, tau2, fraction1"),
        ("raster", lambda run: run.decays(route="green"), "has perovskite, qd"),
        ("hbt", lambda run: run.spectrum(), "it has no spectrum, but .g2(), .trace(), .fit()"),
        ("raster", lambda run: run.table("dark"), "has no stream 'dark', but baseline, primary"),
    ],
)  # fmt: skip
def test_what_a_run_does_not_have_it_says_with_what_it_has(run, kind, ask, told):
    with pytest.raises(LookupError) as refused:
        ask(run(kind))
    assert told in str(refused.value)


def test_a_pixel_beyond_the_image_is_refused(run):
    with pytest.raises(IndexError, match=r"row=6: the image has 6, numbered 0 to 5"):
        run("raster").decays(row=6)


def test_tables_and_arrays_come_from_the_moved_folder(run):
    table = run("raster").table()
    assert len(table) == SCANS * N and table.columns[0] == "time" and list(table["scanner_line"][:2]) == [0, 1]
    assert raw(run("raster"), "scanner_histograms").shape == (SCANS * N, N, 2, BINS)


def test_an_analysis_shows_what_its_run_shows(run):
    analysis = run("raster").derived()
    np.testing.assert_array_equal(analysis.image("tau2").values, run("raster").image("tau2").values)
    assert analysis.fit().uid == run("raster").uid


@pytest.mark.parametrize(
    ("kind", "look"),
    [
        ("raster", lambda run: run.image("tau2")), ("raster", lambda run: run.decays()),
        ("hbt", lambda run: run.g2()), ("hbt", lambda run: run.trace()), ("blinking", lambda run: run.trace()),
        ("pl", lambda run: run.spectrum()),
    ],
)  # fmt: skip
def test_every_view_names_its_run_and_is_drawn_into_a_notebook(run, kind, look):
    view = look(run(kind))
    assert view.uid[:8] in repr(view) and f'db["{view.uid[:8]}"]' in repr(view)
    assert "data:image/png;base64," in view._repr_html_() and f"run {view.uid[:8]}" in view._repr_html_()
