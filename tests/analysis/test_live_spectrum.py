"""The live spectrum: it grows point by point, live and replayed alike, and its failure never ends a run."""

import threading

import numpy as np
import pytest
from event_model import compose_run, pack_event_page

from analysis.callbacks import LiveSpectrum, StoredSpectrum
from analysis.callbacks import spectrum as live_spectrum
from analysis.spectra import choose_curve

AXIS = np.arange(480.0, 621.0)
SCAN = {"kind": "emission", "start_nm": 480.0, "stop_nm": 620.0, "step_nm": 1.0, "fixed_nm": 405.0,
        "excitation_slit_nm": 1.0, "emission_slit_nm": 1.0, "dwell_s": 0.3}  # fmt: skip
NUMBER = {"dtype": "number", "shape": [], "source": "test"}


def gauss(centre_nm, fwhm_nm):
    return np.exp(-4 * np.log(2) * ((AXIS - centre_nm) / fwhm_nm) ** 2)


def counted(rng, regions=1):
    """Counts of a doublet of 20,000 counts on 50 dark counts per second, one row a region."""
    expected = 20_000 * (0.3 * gauss(533, 17) + gauss(545, 34)) + 50 * 0.3
    return rng.poisson(np.tile(expected, (regions, 1)))


def documents(counts, *, dark=500, pages_of=7):
    """The documents of a run over the regions of `counts`: dark counts, then pages of points."""
    regions = list(range(1, len(counts) + 1))
    run = compose_run(
        metadata={"plan_name": "pl", "sample_name": "A", "scan": SCAN, "regions": regions, "repeats": 1,
                  "num_points": counts.size, "dead_time_ns": 0.0, "warnings": []}
    )  # fmt: skip
    yield "start", run.start_doc
    numbers = {"fs5_dark_counts": float(dark), "fs5_dark_time": 10.0}
    stream = run.compose_descriptor(name="dark", data_keys=dict.fromkeys(numbers, NUMBER))
    yield "descriptor", stream.descriptor_doc
    yield "event", stream.compose_event(data=numbers, timestamps=dict.fromkeys(numbers, 0.0))
    rows = [point(region, i, counts[region - 1, i]) for region in regions for i in range(AXIS.size)]
    stream = run.compose_descriptor(name="primary", data_keys=dict.fromkeys(rows[0], NUMBER))
    yield "descriptor", stream.descriptor_doc
    events = [stream.compose_event(data=row, timestamps=dict.fromkeys(row, 0.0)) for row in rows]
    for first in range(0, len(events), pages_of):
        yield "event_page", pack_event_page(*events[first : first + pages_of])
    yield "stop", run.compose_stop()


def point(region, i, counts):
    nan = float("nan")
    numbers = {"wavelength": AXIS[i], "counts": float(counts), "reference": 1.0, "transmitted": nan, "correction": 1.0,
               "corrected": nan, "elapsed": 0.3 * i, "region": region, "repeat": 1, "point": i}  # fmt: skip
    return {f"fs5_{key}": value for key, value in numbers.items()}


def looked_at(stream, **options):
    live = LiveSpectrum(lambda start, run: run.curve(), fit=choose_curve, **options)
    for name, doc in stream:
        live(name, doc)
    return live


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(live_spectrum, "PREVIEW_PERIOD_S", 0.0)


def test_live_replayed_and_stored_give_the_same_spectrum(rng):
    stream = list(documents(counted(rng)))
    live, replayed = looked_at(stream), looked_at(stream, in_place=True)
    stored = StoredSpectrum()
    for name, doc in stream:
        stored(name, doc)
    curve, again = live.done.result(10), replayed.done.result(0)
    for key in ("wavelength_nm", "value", "err", "counts", "background"):
        np.testing.assert_array_equal(getattr(curve, key), getattr(again, key))
        np.testing.assert_array_equal(getattr(curve, key), getattr(stored.run.curve(), key))
    assert curve.background[0] == pytest.approx(50 * 0.3)


def test_the_spectrum_grows_and_its_bands_appear(rng, impatient):
    seen = []
    one_by_one = threading.Event()

    def note(live):
        seen.append((int(live.curve.lit.sum()), live.bands))
        one_by_one.set()

    live = LiveSpectrum(lambda start, run: run.curve(), fit=choose_curve, on_points=note)
    for name, doc in documents(counted(rng), pages_of=20):
        one_by_one.clear()
        live(name, doc)
        if name == "event_page":
            assert one_by_one.wait(10)
    live.done.result(10)
    lengths = [n for n, _ in seen]
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1] <= AXIS.size
    assert not seen[0][1].converged or seen[0][1].n_bands <= 1
    assert seen[-1][1].converged and seen[-1][1].peak_nm == pytest.approx(541, abs=3)


def test_each_region_is_shown_by_itself(rng, impatient):
    shown, drawn = [], threading.Event()

    def note(live):
        shown.append((live.region, live.curve.counts.sum()))
        drawn.set()

    live = LiveSpectrum(lambda start, run: run.curve(), on_points=note)
    for name, doc in documents(counted(rng, regions=2), pages_of=AXIS.size):
        drawn.clear()
        live(name, doc)
        if name == "event_page":
            assert drawn.wait(10)
    total = live.done.result(10).counts.sum()
    assert {region for region, _ in shown} == {1, 2} and all(counts < total for _, counts in shown)


def test_a_point_that_makes_no_sense_ends_the_analysis_and_not_the_run(rng):
    stream = list(documents(counted(rng)))
    name, page = stream[4]
    assert name == "event_page"
    page["data"]["fs5_counts"][0] = "many"
    live = looked_at(stream)
    with pytest.raises(ValueError, match="many"):
        live.done.result(10)


def test_a_failed_result_is_told_to_whoever_waits(rng):
    def fail(start, run):
        raise ValueError("no light")

    live = LiveSpectrum(fail, in_place=True)
    for name, doc in documents(counted(rng)):
        live(name, doc)
    with pytest.raises(ValueError, match="no light"):
        live.done.result(0)


def test_a_run_without_points_has_an_empty_spectrum():
    stream = [item for item in documents(np.zeros((1, AXIS.size), int)) if item[0] != "event_page"]
    curve = looked_at(stream, in_place=True).done.result(0)
    assert curve.wavelength_nm.size == 0 and not curve.lit.any()


@pytest.fixture
def rng():
    return np.random.default_rng(11)
