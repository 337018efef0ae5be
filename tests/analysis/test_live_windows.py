"""The windows of live pictures show what their run knows so far, say how long it will take, and never jump."""

import copy
import math
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from matplotlib.patches import Circle

from analysis import figures
from analysis.callbacks import LiveHbt, LiveSum
from analysis.callbacks.hbt import HbtLook
from analysis.callbacks.places import RefocusedPlaces
from analysis.figures import CampaignShown, DotShown, growth
from analysis.figures.headway import Headway
from analysis.flim_so_far import decay_so_far, line_rates, track_so_far
from tests.analysis.test_figures import even
from tests.simulated_emitters import blinking, field, hbt

TCSPC = {"bin_width_ns": 0.5, "offset_ns": 0.0}


def boxes(figure):
    return sorted(tuple(np.round(ax.get_position().bounds, 6)) for ax in figure.axes)


@pytest.fixture(scope="module")
def dip():
    return hbt()


@pytest.fixture(scope="module")
def raster():
    return even(900.0, (12, 12), n_scans=3)


def taken(raster, n_lines):
    """The raster with only its first lines."""
    part = copy.copy(raster)
    part.taken = (np.arange(raster.taken.size) < n_lines).reshape(raster.taken.shape)
    return part


def test_the_time_left_follows_from_the_pace():
    assert Headway(0.25, 30.0).left_s == pytest.approx(90.0)
    assert str(Headway(0.25, 30.0)) == "25%, 30 s so far, about 1 min 30 s left"
    assert str(Headway(1.0, 30.0)) == "100%, 30 s so far"
    assert str(Headway(math.nan, 30.0)) == str(Headway(math.nan, 30.4)) == "30 s so far"
    assert math.isnan(Headway(0.0, 5.0).left_s) and "left" not in str(Headway(0.01, 5.0))


def test_a_head_shows_its_bar_only_when_it_is_told_how_far_the_run_is():
    head = figures.LiveHbtImage().head
    assert not head.frame.get_visible()
    head.show(Headway(0.4, 10.0))
    assert head.frame.get_visible() and head.done.get_width() == pytest.approx(0.4 * head.frame.get_width())
    head.show(Headway(math.nan, 10.0))
    assert not head.frame.get_visible() and head.told.get_text() == "10 s so far"


def test_the_decay_so_far_is_of_the_lit_lines_that_were_taken(raster):
    part = taken(raster, 20)
    part.lit = raster.lit.copy()
    part.lit[0, 3] = 0.5
    decay = decay_so_far(part)
    assert decay is not None
    assert decay.compressed.sum() == pytest.approx(part.images[0][part.usable].sum(), rel=0.02)
    assert decay.fit.tau_ns[0, -1] == pytest.approx(12.0, abs=4 * decay.fit.tau_err_ns[0, -1])
    assert decay_so_far(taken(raster, 0)) is None
    lines, rates = line_rates(part)
    assert lines.tolist() == list(range(1, 21)) and np.isnan(rates[:, 3]).all()
    assert rates[0, 0] == pytest.approx(raster.images[0, 0, 0].mean() / raster.facts.dwell_s)


def test_a_track_has_a_place_for_each_complete_scan(raster):
    assert [len(track_so_far(taken(raster, n)).drift.reliable) for n in (11, 23, 24, 36)] == [1, 1, 2, 3]


def test_the_window_of_a_raster_keeps_its_layout(raster):
    image, tau2_ns = figures.LiveImage(raster.facts), np.full((12, 12), 12.0)
    seen = []
    for n in (1, 12, 36):
        image.update(SimpleNamespace(raster=taken(raster, n), tau2_ns=tau2_ns))
        image.figure.canvas.draw()
        seen.append((boxes(image.figure), {ax.get_ylabel() for ax in image.figure.axes}))
    assert len({len(places) for places, _ in seen}) == 1
    assert "photons per ns" in seen[0][1] and "drift along y (µm)" in seen[-1][1] - seen[0][1]


def test_a_number_that_becomes_known_is_drawn_with_what_is_asked_for():
    ax = figures.LiveHbtImage().figure.add_axes((0.1, 0.1, 0.8, 0.8))
    known = [(math.nan, math.nan), (18.0, 2.0), (17.0, 1.0)]
    growth.converging_panel(ax, [10, 20, 30], known, "τ (ns)", 0.4)
    (bars,) = ax.containers
    assert bars[0].get_xdata().tolist() == [20, 30] and bars[0].get_ydata().tolist() == [18.0, 17.0]
    (band,) = ax.patches
    assert (band.get_y(), band.get_height()) == pytest.approx((16.6, 0.8))
    low, high = ax.get_ylim()
    assert low < 16 and high > 18


def test_the_window_of_pairs_shows_every_look_and_every_place(dip):
    window = figures.LiveHbtImage({"stop_rule": {"target_err_ns": 0.4}})
    places = RefocusedPlaces()
    for index, x_um in ((0, 1.0), (1, 1.01), (1, 1.02), (2, 1.03)):
        places.add({"target_found": 1, "target_x_um": x_um, "target_y_um": 2.0}, index)
    places.add({"target_found": 0}, 3)
    looks = [replace(HbtLook.of(dip), live_s=t) for t in (10.0, 20.0)]
    window.update(SimpleNamespace(estimate=dip, looks=looks, places=places))
    before = boxes(window.figure)
    titles = {text.get_text() for ax in window.figure.axes for text in ax.texts}
    assert "3 re-centrings" in titles and "asked: ± 0.4" in titles
    window.update(SimpleNamespace(estimate=dip))  # of an analysis that keeps neither looks nor places
    window.figure.canvas.draw()
    assert boxes(window.figure) == before


def test_looks_are_kept_in_order():
    live = LiveHbt(in_place=True)
    seen = iter([hbt(live_s=10.0, per_ns=30), hbt(live_s=20.0, per_ns=60)])
    live.run = SimpleNamespace(estimate=lambda: next(seen))
    for _ in range(2):
        live.estimated()
    assert [look.live_s for look in live.looks] == [10.0, 20.0] and live.looks[0].tau_err_ns > live.looks[1].tau_err_ns


def test_the_on_fraction_ends_where_the_estimate_is():
    trace, window = blinking(on=0.7), figures.LiveBlinkingImage()
    window.update(SimpleNamespace(estimate=trace))
    window.figure.canvas.draw()
    (panel,) = [ax for ax in window.figure.axes if ax.get_ylabel() == "ON (%)"]
    assert panel.lines[0].get_ydata()[-1] == pytest.approx(100 * trace.on.value, abs=0.5)


def test_histograms_add_up_as_they_come(tmp_path):
    rows = np.arange(24).reshape(3, 2, 4)
    with h5py.File(tmp_path / "rows.h5", "w", libver="latest") as file:
        file["histograms"] = rows.astype(np.uint16)
    live = LiveSum(in_place=True, on_look=lambda live: seen.append(int(live.total.sum())))
    seen = []
    live("start", {"uid": "irf", "plan_name": "irf"})
    for name in ("irf", "refocus"):
        live("descriptor", {"uid": name, "name": name})
    uri = (tmp_path / "rows.h5").as_uri()
    live("stream_resource", {"uid": "file", "uri": uri, "parameters": {"dataset": "histograms"}})
    for stream, k in (("irf", 0), ("irf", 1), ("refocus", 2)):
        indices = {"start": k, "stop": k + 1}
        live("stream_datum", {"descriptor": stream, "stream_resource": "file", "indices": indices, "uid": f"{k}"})
    live("stop", {"uid": "stop"})
    assert np.array_equal(live.done.result(0), rows[:2].sum(axis=0)) and live.n_rows == 2
    assert seen == [rows[0].sum(), rows[:2].sum()]
    window = figures.LiveSumImage({"uid": "irf", "plan_name": "irf", "sample_name": "A", "tcspc": TCSPC})
    window.update(live)
    window.figure.canvas.draw()
    assert "instrument response of A  ·  2 integrations" in window.text.get_text()
    assert len(window.ax.patches) == 2 and window.ax.get_xlim() == (0.0, 2.0)


def test_a_campaign_shows_what_became_of_its_dots(dip):
    search = field(6)
    places = zip(search.emitters.x_um, search.emitters.y_um, strict=True)
    states = ["done", "rejected", "failed", "begun"] + ["waiting"] * 20
    facts = {"hbt": {"tau_ns": 17.72, "tau_err_ns": 0.94, "contrast": 0.8, "contrast_err": 0.02}}
    dots = [
        DotShown(f"single-{i:03d}", *where, state, "no reason at all" * 9, facts if state == "done" else {})
        for i, (where, state) in enumerate(zip(places, states, strict=False))
    ]
    window = figures.LiveCampaignImage()
    shown = CampaignShown("single-1", "single", dots, search, dip)
    for known in (CampaignShown("single-1", "single", []), shown, replace(shown, present=blinking()), shown):
        window.update(known)
        window.figure.canvas.draw()
    circles = [patch for ax in window.figure.axes for patch in ax.patches if isinstance(patch, Circle)]
    texts = {text.get_text() for ax in window.figure.axes for text in ax.texts}
    assert len(circles) == len(dots) and {"17.7 ± 0.9", "0.80 ± 0.02", "now"} <= texts
    assert "1 done, 1 left, 1 failed" in window.text.get_text()
    assert max(len(text) for text in texts if "no reason" in text) <= 44
