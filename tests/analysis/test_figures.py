"""Figures show the numbers they are given, say where they come from, and draw any map there can be."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import LogNorm, rgb_to_hsv
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from analysis import figures
from analysis.figures import curves
from analysis.flim import FlimMap, FlimRaster, RasterFacts, Response

N_BINS, BIN_NS, PERIOD_NS = 500, 0.2, 100.0
TIME_NS = (np.arange(N_BINS) + 0.5) * BIN_NS


def irf() -> np.ndarray:
    return np.round(1e5 * np.exp(-0.5 * ((TIME_NS - 10) / 0.45) ** 2))


def decay(tau1_ns: float, tau2_ns: float) -> np.ndarray:
    """Equal shares of two lifetimes and 3 % background, as probabilities per bin; the tail wraps around."""
    since_ns = (TIME_NS - 10) % PERIOD_NS
    parts = [np.exp(-since_ns / tau) / (1 - np.exp(-PERIOD_NS / tau)) * BIN_NS / tau for tau in (tau1_ns, tau2_ns)]
    kernel = np.fft.irfft(np.fft.rfft(np.roll(irf() / irf().sum(), -50)) * np.fft.rfft(sum(parts) / 2), N_BINS)
    return 0.97 * kernel / kernel.sum() + 0.03 / N_BINS


def raster(tau2_ns: np.ndarray, photons: np.ndarray, qd: np.ndarray, *, sample="A", n_scans=2, dwell_s=0.5):
    """A measured raster; photons and qd are expected counts per pixel, summed over the scans."""
    ny, nx = tau2_ns.shape
    facts = RasterFacts(
        f"{sample}1234567-0000", sample, n_scans, ny, nx, 0.5, (10.0, 20.0), dwell_s, BIN_NS, N_BINS, PERIOD_NS
    )
    grown, rng = (
        FlimRaster(facts, Response("irf", np.stack([irf(), irf()]), BIN_NS, PERIOD_NS)),
        np.random.default_rng(1),
    )
    shapes = np.array([[decay(2.0, tau) for tau in row] for row in tau2_ns])
    for index in range(facts.n_lines):
        row = index % ny
        histograms = np.zeros((nx, 2, N_BINS), np.uint16)
        histograms[:, 0] = rng.poisson(photons[row, :, None] * shapes[row] / n_scans)
        histograms[:, 1, 60] = rng.poisson(qd[row] / n_scans)
        grown.add_line(index, histograms)
    return grown


def clustered(n: int = 20) -> FlimRaster:
    """Lifetimes, perovskite and QDs that peak together at three places."""
    y, x = np.mgrid[:n, :n]
    near = sum(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8) for cx, cy in ((4, 5), (14, 8), (9, 15)))
    return raster(8 + 10 * near, 1200 + 2500 * near, 20 + 3000 * near**3)


def even(photons: float, shape=(6, 6), **kwargs) -> FlimRaster:
    return raster(np.full(shape, 12.0), np.full(shape, photons), np.full(shape, photons), **kwargs)


@pytest.fixture(scope="module")
def map_a() -> FlimMap:
    return clustered().result()


@pytest.fixture(scope="module")
def map_b() -> FlimMap:
    return even(4000.0, (12, 12), sample="B").result()


def drawn(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    return buffer.getvalue()


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def image_axes(figure: Figure) -> list:
    """The image panels in reading order: those with a scale bar."""
    return [ax for ax in figure.axes if any(text.get_text().endswith("µm") for text in ax.texts)]


# --- colours -----------------------------------------------------------------------------------------------


def test_hue_runs_from_blue_over_violet_to_red():
    hue = rgb_to_hsv(figures.lifetime_rgb(np.linspace(5, 20, 9), np.full(9, 100), (5, 20), (1, 100)))[:, 0] * 360
    assert 220 < hue[0] < 245 and 340 < hue[-1] <= 360
    assert (np.diff(hue) > 0).all()


def test_saturation_grows_with_the_logarithm_of_the_intensity():
    rgb = figures.lifetime_rgb(np.full(3, 20.0), np.array([10, 100, 1000]), (5, 20), (10, 1000))
    saturation = np.ptp(rgb, axis=1)
    assert saturation[1] - saturation[0] == pytest.approx(saturation[2] - saturation[1])
    assert saturation[0] > 0.15, "the hue of the dimmest pixel can still be seen"


def test_what_is_not_known_is_grey_and_what_is_outside_takes_the_end():
    tau_ns, counts = np.array([np.nan, 10.0, 1.0, 5.0, 99.0, 20.0]), np.array([50, 0, 50, 50, 50, 50])
    rgb = figures.lifetime_rgb(tau_ns, counts, (5, 20))
    assert np.ptp(rgb[:2], axis=1).max() == 0
    assert np.array_equal(rgb[2], rgb[3]) and np.array_equal(rgb[4], rgb[5])
    assert ((rgb >= 0) & (rgb <= 1)).all()


# --- Fig. 4 ------------------------------------------------------------------------------------------------


def test_figure4_shows_the_rates_on_the_scales_of_the_caption(map_a, map_b):
    axes = image_axes(figures.figure4(map_a, map_b))
    pictures = [ax.get_images()[0] for ax in axes]
    assert len(pictures) == 6
    assert np.array_equal(pictures[1].get_array(), map_a.perovskite_cps)
    assert pictures[1].get_clim() == (map_a.perovskite_cps.min(), np.percentile(map_a.perovskite_cps, 99))
    assert isinstance(pictures[0].norm, LogNorm) and not isinstance(pictures[3].norm, LogNorm)
    assert pictures[2].get_array().shape == (20, 20, 3)
    assert pictures[0].get_extent() == [9.75, 19.75, 19.75, 29.75]


def test_figure4_repeats_the_contours_of_a_at_250_counts_per_second(map_a, map_b):
    axes = image_axes(figures.figure4(map_a, map_b))
    lines = [[one for one in ax.collections if hasattr(one, "levels")] for ax in axes]
    assert [len(one) for one in lines] == [1, 1, 1, 0, 0, 0]
    assert all(one[0].levels.tolist() == [250.0] for one in lines[:3])


def test_figure4_marks_well_known_pixels_of_both_tails(map_a, map_b):
    (short, long), tau_ns = curves.marked_pixels(map_a), map_a.fit.tau_ns[..., 1]
    assert tau_ns[short] < np.nanmedian(tau_ns) < tau_ns[long]
    assert all(map_a.fit.tau_err_ns[pixel][1] < 0.15 * tau_ns[pixel] for pixel in (short, long))
    arrows = {
        text.get_text(): text.xy
        for text in image_axes(figures.figure4(map_a, map_b))[2].texts
        if text.get_text() in "12"
    }
    assert arrows["2"] == (10.0 + 0.5 * long[1], 20.0 + 0.5 * long[0])


def test_every_figure_names_its_runs_and_is_legible(map_a, map_b):
    for figure in (figures.figure4(map_a, map_b), figures.figure5(map_a, map_b), figures.overview(map_a)):
        assert any("A1234567"[:8] in text for text in words(figure))
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 6.5
        assert set("abc") <= set(words(figure))
        drawn(figure)


# --- Fig. 5 ------------------------------------------------------------------------------------------------


def test_a_drawn_decay_keeps_every_photon_and_fits(map_a):
    pixels = [curves.typical_pixel(map_a), *curves.marked_pixels(map_a)]
    chi_squared, n_points = 0.0, 0
    for pixel in pixels:
        points = curves.decay_points(map_a, pixel)
        assert points.counts.sum() == map_a.compressed[pixel].sum()
        assert points.width_ns.sum() == pytest.approx(PERIOD_NS)
        assert points.expected.min() >= curves.LEAST_EXPECTED - 1e-9
        chi_squared, n_points = chi_squared + (points.residuals**2).sum(), n_points + points.counts.size
    dof = n_points - 5 * len(pixels)
    assert abs(chi_squared - dof) < 4 * np.sqrt(2 * dof)


def test_the_fit_curve_holds_the_photons_of_its_pixel(map_a):
    pixel = curves.typical_pixel(map_a)
    time_ns, per_ns = curves.fit_curve(map_a, pixel)
    assert (per_ns * BIN_NS).sum() == pytest.approx(map_a.compressed[pixel].sum())
    assert 0 < time_ns[np.argmax(per_ns)] < 1.5
    assert (np.diff(time_ns) > 0).all()


def test_figure5_tells_the_fits_and_the_medians(map_a, map_b):
    figure = figures.figure5(map_a, map_b)
    told = "\n".join(words(figure))
    found = figures.tau2_distribution(map_b)
    assert f"median ({curves.parts.uncertain(found.median_ns, found.median_err_ns)}) ns" in told
    for pixel in curves.marked_pixels(map_a):
        assert curves.fit_text(map_a, pixel) in told
    lines = [line for ax in figure.axes for line in ax.lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(line.get_xdata(), found.median_ns) for line in lines)


def test_the_selection_by_qd_signal_splits_the_pixels(map_a):
    parts = [figures.tau2_distribution(map_a, where) for where in (map_a.qd_cps < 250, map_a.qd_cps >= 250)]
    assert sum(part.n_pixels for part in parts) == figures.tau2_distribution(map_a).n_pixels
    assert parts[0].median_ns < parts[1].median_ns


# --- any map there can be ----------------------------------------------------------------------------------


def without_light() -> FlimRaster:
    return even(0.0, (4, 5))


def one_pixel() -> FlimRaster:
    return even(500.0, (1, 1), n_scans=1)


def broken_off() -> FlimRaster:
    """A run that ended in its first scan: rows without data."""
    grown = even(800.0, (6, 6))
    grown.taken[0, 3:] = grown.taken[1] = False
    return grown


def nearly_dark() -> FlimRaster:
    return even(1.0, (3, 4))


@pytest.mark.parametrize("grown", [without_light, one_pixel, broken_off, nearly_dark])
def test_figures_can_be_drawn_of_any_map(grown, map_b):
    image = grown().result()
    for figure in (figures.figure4(image, map_b), figures.figure5(image, image), figures.overview(image)):
        assert len(drawn(figure)) > 1000


def test_rows_that_were_not_measured_stay_empty():
    image = broken_off().result()
    axes = image_axes(figures.overview(image))
    assert np.ma.getmaskarray(np.ma.masked_invalid(axes[1].get_images()[0].get_array()))[3:].all()
    assert np.ptp(axes[2].get_images()[0].get_array()[4], axis=-1).max() == 0


# --- the image that grows ----------------------------------------------------------------------------------


def test_a_live_image_shows_the_rates_so_far_in_the_same_figure():
    grown = clustered(8)
    live = figures.LiveImage(grown.facts)
    before = drawn(live.figure)
    grown.taken[1, 4:] = False
    live.update(SimpleNamespace(raster=grown, tau2_ns=np.full((8, 8), 10.0)))
    perovskite = np.asarray(live.pictures[0].get_array())
    assert np.allclose(perovskite[:4], grown.images[0, :, :4].sum(axis=0) / 1.0)
    assert np.allclose(perovskite[4:], grown.images[0, 0, 4:] / 0.5)
    assert "line 12 of 16" in live.text.get_text()
    assert drawn(live.figure) != before


def test_a_live_image_waits_for_its_run_and_counts_bad_lines():
    grown = even(100.0, (3, 3))
    live = figures.LiveImage(grown.facts)
    live.update(SimpleNamespace(raster=None, tau2_ns=np.empty(0)))
    assert "waiting" in live.text.get_text()
    grown.lit[0, 0], grown.saturated[1, 2] = 0.5, True
    live.update(SimpleNamespace(raster=grown, tau2_ns=np.full((3, 3), np.nan)))
    assert "1 without light" in live.text.get_text() and "1 saturated" in live.text.get_text()
    drawn(live.figure)


# --- files -------------------------------------------------------------------------------------------------

ORIGIN = {"uids": ["A1234567-0000"], "selection": {"qd_threshold_cps": 250, "pixels": [[1, 2]]}, "code_version": "1.2"}


def test_a_saved_png_says_where_it_comes_from(tmp_path, map_b):
    figure = figures.overview(map_b)
    path = figures.save(figure, tmp_path / "new" / "run.png", **ORIGIN, recipe={"kind": "flim_raster"})
    text = Image.open(path).text
    assert text["Source"] == "A1234567-0000" and text["Software"] == "luminescope 1.2"
    shown = {"recipe": {"kind": "flim_raster"}, "digest": figures.digest(figure), "prints": figures.prints(figure)}
    assert json.loads(text["Description"]) == {**ORIGIN, **shown}
    assert json.loads((tmp_path / "new" / "run.png.json").read_text()) == {"figure": "run.png", **ORIGIN, **shown}


@pytest.mark.parametrize("name", ["run.png", "run.pdf"])
def test_the_same_data_give_the_same_bytes(tmp_path, map_b, name):
    selection = {"pixels": np.array([[1, 2]]), "qd_threshold_cps": np.float64(250)}
    paths = [
        figures.save(figures.figure5(map_b, map_b), tmp_path / where / name, **{**ORIGIN, "selection": selection})
        for where in ("one", "two")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert json.loads((tmp_path / "one" / f"{name}.json").read_text())["selection"] == ORIGIN["selection"]


def test_a_pdf_carries_its_runs(tmp_path, map_b):
    assert b"A1234567-0000" in figures.save(figures.overview(map_b), tmp_path / "run.pdf", **ORIGIN).read_bytes()


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"run.jpg: figures are saved as .png or .pdf"):
        figures.save(Figure(), tmp_path / "run.jpg", **ORIGIN)
    with pytest.raises(TypeError, match="a selection cannot hold set"):
        figures.save(Figure(), tmp_path / "run.png", **{**ORIGIN, "selection": {"pixels": {1}}})
    assert not list(tmp_path.iterdir())
