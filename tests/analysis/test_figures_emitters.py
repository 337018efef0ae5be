"""The figures of single emitters show the numbers they were given, name their runs, and can be drawn of anything."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.text import Text

from analysis import figures
from analysis.blinking import compare_survival, survival
from analysis.figures import blinks, dips, fields, parts
from tests.simulated_emitters import blinking, cohort, field, hbt

POWERS = np.array([1250.0, 2500, 5000, 10000, 20000])


def drawn(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    return buffer.getvalue()


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_text())


def line_of(ax, **looks):
    """The only line of a panel with the given properties."""
    (line,) = [one for one in ax.lines if all(getattr(one, f"get_{key}")() == value for key, value in looks.items())]
    return line


@pytest.fixture(scope="module")
def search():
    return field()


@pytest.fixture(scope="module")
def dip():
    return hbt()


@pytest.fixture(scope="module")
def trace():
    return blinking()


# --- Fig. 6 ------------------------------------------------------------------------------------------------


def test_figure6_shows_both_images_of_the_same_region_with_the_same_contours(search, dip, trace):
    figure = figures.figure6(search, dip, trace)
    first, _, second, _ = figure.axes[:4]
    for ax, counts in ((first, search.perovskite_counts), (second, search.qd_counts)):
        (picture,) = ax.images
        assert np.array_equal(np.asarray(picture.get_array()), counts / 10), "10 ms per pixel"
        assert picture.get_extent() == pytest.approx([-2.5, 2.5, -2.5, 2.5])
    around = [ax.collections[0].get_paths()[0].vertices for ax in (first, second)]
    assert np.array_equal(*around) and len(around[0]) > 10
    assert words(figure).count("1 µm") == 2 and words(figure).count("counts/ms") == 2


def test_contours_are_at_18_counts_per_millisecond(search, dip, trace):
    bright = search.qd_counts / 10 > fields.CONTOUR_COUNTS_PER_MS
    ax = figures.figure6(search, dip, trace).axes[2]
    x, y = np.meshgrid(*(search.facts.origin_um[0] + 0.1 * np.arange(50),) * 2)
    (path,) = ax.collections[0].get_paths()
    inside = path.contains_points(np.column_stack([x.ravel(), y.ravel()])).reshape(50, 50)
    assert fields.CONTOUR_COUNTS_PER_MS == 18 and bright.sum() > 30
    assert (inside == bright).mean() > 0.995


def test_figure6_tells_rise_time_contrast_estimator_and_on_fraction(search, dip, trace):
    told = words(figures.figure6(search, dip, trace))
    for value, error in ((dip.fit.tau_ns, dip.fit.tau_err_ns), (dip.fit.contrast, dip.fit.contrast_err)):
        assert parts.uncertain(value, error) in told
    assert "start-stop, 775 per ns in 285 s" in told
    assert parts.uncertain(100 * trace.on.value, 100 * trace.on.err) in told


def test_a_dip_keeps_its_counts_and_its_fit_when_bins_are_put_together(dip):
    points = dips.dip_points(dip.fit)
    n = points.counts.size
    assert n <= 1.1 * dips.MOST_POINTS and points.width_ns < dip.fit.tau_ns / 6
    per_point = round(points.width_ns / 0.576)
    assert points.counts.sum() == dip.fit.histogram.counts[: n * per_point].sum()
    assert points.lag_ns[int(np.argmin(points.expected))] == pytest.approx(0, abs=points.width_ns)
    assert points.residuals.std() == pytest.approx(1, abs=0.15)


def test_a_dip_of_few_counts_is_drawn_in_wider_points():
    many, few = (dips.dip_points(hbt(tau_ns=40, per_ns=per_ns, live_s=100).fit) for per_ns in (700, 3))
    assert many.width_ns < few.width_ns < 8
    none = dips.dip_points(hbt(contrast=0.0, per_ns=0.02).fit)
    assert none.counts.size == 8


def test_the_trace_shows_every_bin_its_threshold_and_the_gaps():
    trace = blinking(duration_s=32.0)
    ax = blinks.trace_panel(Figure(), (0.5, 0.5, 4, 2), trace, "d")
    shown = ax.lines[0].get_ydata()
    assert np.array_equal(shown[np.isfinite(shown)], trace.counts / 10)
    assert np.isnan(shown).sum() == len(trace.gaps_s), "no line across a gap"
    assert line_of(ax, color=figures.traces.ORANGE).get_ydata()[0] == pytest.approx(trace.on.threshold / 10)
    (gap,) = ax.patches
    assert (gap.get_x(), gap.get_x() + gap.get_width()) == pytest.approx(tuple(trace.gaps_s[0]))
    assert "run blinking" in words(ax.figure)


def test_short_bins_are_put_together_and_those_that_a_gap_cuts_are_left_out(trace):
    fine = replace(
        trace, bin_s=0.004, counts=np.arange(1, 9), gaps_s=np.array([[0.016, 0.1]]),
        time_s=np.array([0.0, 0.004, 0.008, 0.012, 0.1, 0.104, 0.108, 0.112]),
    )  # fmt: skip
    start_s, counts, width_s = blinks.shown(fine)
    assert width_s == 0.008 and counts.tolist() == [3, 7, 11, 15]
    assert start_s == pytest.approx([0, 0.008, 0.1, 0.108])
    cut = replace(fine, counts=fine.counts[1:], time_s=fine.time_s[1:])
    assert blinks.shown(cut)[1].tolist() == [5, 11, 15], "2 + 3; the 4 stands alone before the gap"


def test_the_histogram_of_a_trace_holds_every_bin(trace):
    ax = Figure().subplots()
    blinks.draw_histogram(ax, trace)
    seen, edges, _ = ax.patches[0].get_data()
    assert seen.sum() == trace.counts.size
    assert np.ptp(np.diff(edges)) < 1e-9


def test_a_long_trace_keeps_its_shortest_blink():
    long = blinking(on=1.0, duration_s=300, gap_every_s=1000)
    counts = long.counts.copy()
    counts[12_345] = 0
    ax = Figure().subplots()
    blinks.draw_trace(ax, replace(long, counts=counts))
    vertices = ax.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].min() == 0
    assert vertices[np.argmin(vertices[:, 1]), 0] == pytest.approx(123.45, abs=0.2)


def test_bleaching_is_marked_where_it_was_also_after_a_gap():
    end = blinking(bleached_at_s=44.0)
    assert end.observed and blinks.bleached_at(end) == pytest.approx(44.5, abs=0.05), "a gap of half a second before"
    assert "bleached after 44 s" in blinks.in_words(end)


# --- overviews ---------------------------------------------------------------------------------------------


def test_every_emitter_has_a_circle_and_a_name(search):
    names = [f"single-{i + 11:03}" for i in range(len(search.emitters) - 1)]
    ax = figures.emitters_overview(search, names=names).axes[0]
    rings = [patch for patch in ax.patches if isinstance(patch, Circle)]
    centres = np.array([ring.center for ring in rings])
    assert np.array_equal(centres, np.column_stack([search.emitters.x_um, search.emitters.y_um]))
    dashed = np.array([ring.get_linestyle() != "solid" and ring.get_linewidth() < 0.9 for ring in rings])
    assert np.array_equal(dashed, ~search.emitters.isolated)
    told = [text.get_text() for text in ax.texts]
    assert {"11", "12", str(len(search.emitters))} <= set(told), "the last has no id: its rank"


def test_rows_that_are_missing_are_grey(search):
    half = field(missing_rows=20)
    (picture,) = figures.emitters_overview(half).axes[0].images
    assert np.isnan(np.ma.filled(picture.get_array(), np.nan)[30:]).all()
    assert "20 rows missing" in words(figures.emitters_overview(half))


@pytest.mark.parametrize(
    ("contrast", "verdict"), [(0.77, "single"), (0.35, "not single"), (0.0, "undecided"), (0.46, "undecided")]
)
def test_the_overview_of_a_dip_says_what_was_decided(contrast, verdict):
    per_ns = 60 if contrast else 0.5
    found = hbt(contrast=contrast, per_ns=per_ns, live_s=22.0)
    assert dips.VERDICTS[found.decision.single] == verdict
    assert f"{verdict} (" in words(figures.hbt_overview(found))


def test_the_error_of_a_rise_time_is_drawn_as_it_fell(dip):
    looks = np.column_stack([[10.0, 40, 160], [18.0, 17.5, 17.6], [2.2, 1.1, 0.55]])
    ax = figures.hbt_overview(dip, looks=looks).axes[-1]
    assert np.array_equal(line_of(ax, marker="o").get_ydata(), looks[:, 2])
    law = line_of(ax, marker="None")
    assert law.get_ydata()[-1] == pytest.approx(dip.fit.tau_err_ns)
    assert law.get_ydata()[0] / law.get_ydata()[-1] == pytest.approx(np.sqrt(28.5), rel=1e-6)


def test_an_emitter_that_bleached_is_said_to_have(trace):
    assert "bleached" in words(figures.hbt_overview(hbt(per_ns=60, bleached_at_s=100.0)))
    assert "bleached" not in words(figures.hbt_overview(hbt(per_ns=60)))
    assert "bleached after" in words(figures.blinking_overview(blinking(bleached_at_s=30)))
    assert "bleached after" not in words(figures.blinking_overview(trace))


def test_durations_are_shares_that_last_longer():
    found = replace(
        blinking(), on_times_s=np.array([1.0, 3, 2, 9]), on_complete=np.array([True, True, True, False]),
        off_times_s=np.array([0.1]), off_complete=np.array([True]),
    )  # fmt: skip
    ax = Figure().subplots()
    blinks.durations_panel(ax, found, "")
    on = ax.lines[0]
    assert np.array_equal(on.get_xdata(), [1, 2, 3]), "what a gap cuts is left out"
    assert on.get_ydata() == pytest.approx([1, 2 / 3, 1 / 3])
    assert "3 ON periods" in words(ax.figure) and "1 OFF periods" in words(ax.figure)


def power_series():
    def rise(intensity_w_cm2):
        return 1 / (1 / 17.7 + 1.4e-6 * np.asarray(intensity_w_cm2))

    zero = SimpleNamespace(
        tau_ns=17.7, tau_err_ns=0.3, chi2=0.9, intensity_w_cm2=POWERS, rise_ns=rise(POWERS),
        rise_err_ns=np.full(5, 0.4), rise=rise,
    )  # fmt: skip
    curve = SimpleNamespace(
        rate_max_cps=1.5e6, rate_max_err_cps=3e4, saturation_w_cm2=4e4, saturation_err_w_cm2=2e3,
        background_cps_per_w_cm2=4.8, chi2=np.nan, intensity_w_cm2=POWERS, rate_cps=1.5e6 * POWERS / (POWERS + 4e4),
        rate_err_cps=np.full(5, 1e3), rate=lambda x: 1.5e6 * x / (x + 4e4),
    )  # fmt: skip
    return zero, curve


def test_a_power_series_is_a_line_to_zero_and_a_saturation_curve():
    zero, curve = power_series()
    left, right = figures.power_overview(zero, curve, name="dot", uids=["powerpow-0"]).axes
    (x, y), *_ = (line.get_data() for line in left.lines if len(line.get_xdata()) == 100)
    assert x[0] == 0 and y[0] == pytest.approx(1e3 / 17.7)
    assert np.polyfit(x, y, 1)[0] == pytest.approx(1.4e-6 * 1e6), "per us and kW/cm2"
    told = words(right.figure)
    assert "(17.7 ± 0.3) ns" in told and "(1500 ± 30) kcounts/s" in told and "powerpow" in told and "nan" not in told
    drawn(figures.power_overview(zero, None))


def cohorts():
    rng = np.random.default_rng(2)
    film, glass = cohort(rng.normal(11.4, 3, 40), 1.0), cohort(rng.normal(39, 12, 14), 2.0)
    on = {name: cohort(1 - 0.05 * rng.random(11)) for name in ("film", "film2", "glass")}
    alive = survival([90.0] * 6 + [30], [False] * 6 + [True]), survival([20.0, 30, 40, 60], [True] * 4)
    return film, glass, on, dict(zip(("film", "glass"), alive, strict=True))


def test_a_cohort_shows_every_emitter_and_the_prediction():
    film, glass, on, alive = cohorts()
    predicted = SimpleNamespace(mean_ns=11.4, mean_err_ns=1.0, spread_ns=4.0)
    comparison = compare_survival(*alive.values())
    figure = figures.cohort_overview(
        film, glass, predicted, on=on, survival=alive, comparison=comparison, uids=["cohortco-0"]
    )
    rises, blinked, survived = figure.axes
    shown = sorted(np.concatenate([line.get_xdata() for line in rises.lines if line.get_marker() == "o"]))
    assert np.array_equal(shown, sorted([*film.values, *glass.values]))
    band = rises.patches[0].get_extents().transformed(rises.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((7.4, 15.4))
    plain = [line.get_xdata() for line in blinked.lines if line.get_marker() == "None"]
    assert [x[0] for x in plain if len(x) == 2] == pytest.approx([100 * one.median for one in on.values()])
    steps = [line for line in survived.lines if line.get_drawstyle() == "steps-post"]
    assert [line.get_ydata()[-1] for line in steps] == pytest.approx([6 / 7, 0])
    told = words(figure)
    assert "median not reached" in told and "median 30 s" in told and "cohortco" in told
    assert f"log-rank p = {comparison.p_value:.2g}" in told


def test_a_cohort_without_blinking_traces_can_be_drawn():
    film, glass, *_ = cohorts()
    assert "no blinking traces" in words(figures.cohort_overview(film, glass, None))
    drawn(figures.cohort_overview(film, glass, None))


# --- pictures that grow ------------------------------------------------------------------------------------


def test_a_live_search_waits_grows_and_encircles_what_it_found(search):
    live, wait = figures.LiveFieldImage(), SimpleNamespace(run=None, estimate=None)
    live.update(wait)
    assert "waiting" in live.text.get_text()
    images = np.stack([search.perovskite_counts, search.qd_counts])
    for n, found in ((5, None), (50, search), (50, search)):
        run = SimpleNamespace(facts=search.facts, images=images, usable=np.arange(50) < n)
        live.update(SimpleNamespace(run=run, estimate=found))
        assert f"{n} of 50 rows" in live.text.get_text()
        shown = np.ma.filled(live.pictures[1][1].get_array(), np.nan)
        assert np.isfinite(shown).all(axis=1).sum() == n
        drawn(live.figure)
    rings = [patch for patch in live.pictures[1][0].patches if isinstance(patch, Circle)]
    assert len(rings) == len(search.emitters), "circles of the look before are gone"


def test_a_live_dip_and_a_live_trace_replace_what_they_showed(dip, trace):
    counting, watching = figures.LiveHbtImage(), figures.LiveBlinkingImage()
    for live, estimates, told in (
        (counting, (hbt(per_ns=5), dip), "775 per ns"),
        (watching, (blinking(duration_s=10), trace), "60 s of light"),
    ):
        live.update(SimpleNamespace(estimate=None))
        assert "waiting" in live.text.get_text()
        sizes = []
        for estimate in estimates:
            live.update(SimpleNamespace(estimate=estimate))
            drawn(live.figure)
            sizes.append(len(live.figure.axes))
        assert sizes[0] == sizes[1] and told in live.text.get_text()


# --- any of them -------------------------------------------------------------------------------------------


def test_every_figure_names_its_runs_and_is_legible(search, dip, trace):
    for figure, runs in [
        (figures.figure6(search, dip, trace), ["fieldfie", "hbthbthb", "blinking"]),
        (figures.emitters_overview(search), ["fieldfie"]),
        (figures.hbt_overview(dip), ["hbthbthb", "zerozero"]),
        (figures.blinking_overview(trace), ["blinking"]),
        (figures.power_overview(*power_series(), uids=["powerpow-0"]), ["powerpow"]),
    ]:
        assert all(f"run {run}" in words(figure) or f"runs {run}" in words(figure) for run in runs)
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 6.5
        assert "nan" not in words(figure) and len(drawn(figure)) > 1000


def test_nothing_found_can_be_drawn():
    empty, flat, dark = field(0), hbt(contrast=0.0, per_ns=0.05), blinking(on=1.0)
    flat = replace(flat, background_cps=np.nan, signal_fraction=np.nan, live_s=0.0)
    short = replace(dark, time_s=dark.time_s[:1], counts=0 * dark.counts[:1], on_times_s=np.empty(0),
        on_complete=np.empty(0, bool), off_times_s=np.empty(0), off_complete=np.empty(0, bool))  # fmt: skip
    for figure in (
        figures.figure6(empty, flat, dark), figures.emitters_overview(empty), figures.hbt_overview(flat),
        figures.blinking_overview(dark), figures.blinking_overview(short),
    ):  # fmt: skip
        drawn(figure)
    assert "no antibunching identified" in words(figures.hbt_overview(flat))
    assert "never dark" in words(figures.blinking_overview(dark))


def test_fields_of_one_and_of_ten_micrometres_can_be_drawn():
    for pixel_um, n in ((0.02, 40), (0.5, 20)):
        drawn(figures.emitters_overview(field(0, n=n, pixel_um=pixel_um)))
