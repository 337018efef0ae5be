"""Live and replayed, a run of single emitters gives the same; a look waits for all that came before it."""

import uuid

import h5py
import numpy as np
import pytest

from analysis.callbacks import LiveBlinking, LiveField, LiveHbt
from analysis.callbacks.rows import LiveRows
from tests.analysis.simulated_emitters import first_stops, hbt_event, hbt_start, refocus_event, spot


def stream(name):
    return {"uid": f"{name}-descriptor", "name": name}


def event(name, data, number):
    return {"descriptor": f"{name}-descriptor", "data": data, "seq_num": number}


def documents_of(start, rows, events, refocused, folder, dataset):
    """Documents of a run with a file of rows, as a RunEngine emits them."""
    path = folder / f"{uuid.uuid4()}.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file[dataset] = np.asarray(rows)
    yield "start", start
    yield "descriptor", stream("refocus")
    yield "event", event("refocus", refocused, 1)
    yield "descriptor", stream("primary")
    yield "stream_resource", {"uid": "file", "uri": path.as_uri(), "parameters": {"dataset": dataset}}
    for k, data in enumerate(events):
        indices = {"start": k, "stop": k + 1}
        yield (
            "stream_datum",
            {"descriptor": "primary-descriptor", "stream_resource": "file", "indices": indices, "uid": f"file/{k}"},
        )
        yield "event", event("primary", data, k + 1)
    yield "stop", {"uid": "stop"}


@pytest.fixture
def hbt_documents(tmp_path):
    rng = np.random.default_rng(1)
    rows = [first_stops(rng, 30, tau_ns=12, contrast=0.77).astype(np.uint16) for _ in range(3)]
    events = [hbt_event(rng, 88e3, 12e3, 9.0) for _ in rows]
    return list(documents_of(hbt_start(), rows, events, refocus_event(rng, 12e3), tmp_path, "histograms"))


def test_live_and_replayed_antibunching_are_the_same_bit_for_bit(hbt_documents):
    live, replayed = LiveHbt(), LiveHbt(in_place=True)
    for analysis in (live, replayed):
        for name, doc in hbt_documents:
            analysis(name, doc)
    a, b = live.done.result(30), replayed.done.result(0)
    assert a.numbers() == b.numbers()
    assert np.array_equal(a.g2, b.g2) and a.n_runs == 3


def test_a_look_holds_everything_received_before_it(hbt_documents):
    live, seen = LiveHbt(), []
    for name, doc in hbt_documents:
        live(name, doc)
        if name == "event":
            seen.append(live.look().result(30).n_runs)
    assert seen == [0, 1, 2, 3]
    assert live.look() is live.done


def test_looks_do_not_change_what_comes_out(hbt_documents):
    looked, plain = LiveHbt(), LiveHbt()
    for name, doc in hbt_documents:
        plain(name, doc)
        looked(name, doc)
        if name == "event":
            looked.look().result(30)
    assert looked.done.result(30).numbers() == plain.done.result(30).numbers()


def test_documents_from_storage_may_bring_events_before_rows(hbt_documents):
    analysis = LiveHbt(in_place=True)
    late = [pair for pair in hbt_documents if pair[0] == "stream_datum"]
    for name, doc in [*(pair for pair in hbt_documents[:-1] if pair[0] != "stream_datum"), *late, hbt_documents[-1]]:
        analysis(name, doc)
    assert analysis.done.result(0).n_runs == 3


def test_an_event_that_is_repeated_counts_once(hbt_documents):
    """A pause between an Event and its checkpoint makes the engine say it again: integrations, background, rows."""
    analysis, plain = LiveHbt(in_place=True), LiveHbt(in_place=True)
    sums = [LiveRows("sum", lambda start, total: total, in_place=True) for _ in range(2)]
    for name, doc in hbt_documents:
        for once in (plain, sums[0]):
            once(name, doc)
        for _ in range(1 + (name == "event")):
            analysis(name, doc)
            sums[1](name, doc)
    assert analysis.done.result(0).n_runs == 3
    assert analysis.done.result(0).numbers() == plain.done.result(0).numbers()
    once, twice = (rows.done.result(0) for rows in sums)
    assert np.array_equal(once, twice) and once.sum() > 0 and sums[1].live_s == pytest.approx(27.0)


def test_a_failing_display_stops_nothing(hbt_documents):
    def broken(_):
        raise RuntimeError("no screen")

    live = LiveHbt(on_look=broken)
    for name, doc in hbt_documents:
        live(name, doc)
        if name == "event":
            live.look().result(30)
    assert live.done.result(30).n_runs == 3


def test_a_run_that_cannot_be_read_fails_the_look_with_the_reason():
    live = LiveHbt()
    live("start", {"uid": "broken"})
    with pytest.raises(KeyError):
        live.look().result(30)


def test_live_and_replayed_traces_are_the_same(tmp_path):
    rng = np.random.default_rng(2)
    start = {
        "uid": "trace",
        "sample_name": "film",
        "excitation": {"intensity_w_cm2": 2500.0},
        "record": {"kind": "bins", "bin_s": 0.001, "segment_s": 2.0},
        "dead_time_ns": [45.0, 32.0],
    }
    rows = [rng.poisson(np.repeat([50.0, 6.0], [1500, 500])[:, None], (2000, 2)).astype(np.uint32) for _ in range(4)]
    events = [{"counters_started": 2.0 * k, "counters_elapsed": 2.0, "counters_lit": 1.0} for k in range(4)]
    documents = list(documents_of(start, rows, events, refocus_event(rng, 12e3), tmp_path, "counts"))
    found, seen = [], []
    for analysis in (LiveBlinking(), LiveBlinking(in_place=True)):
        for name, doc in documents:
            analysis(name, doc)
            if name == "event":
                seen.append(analysis.look().result(30).n_segments)
        found.append(analysis.done.result(30))
    assert seen == [0, 1, 2, 3, 4] * 2
    assert found[0].numbers() == pytest.approx(found[1].numbers(), rel=0, abs=0, nan_ok=True)
    assert found[0].on.value == pytest.approx(0.75, abs=0.002)


def test_a_field_grows_line_by_line():
    rng = np.random.default_rng(3)
    image = rng.poisson(spot(30, 0.1, 1.5, 1.4, 900, 120))
    live = LiveField()
    live(
        "start",
        {
            "uid": "search",
            "sample_name": "film",
            "raster": {"n_pixels": 30, "extent_um": 3.0, "centre_um": [50, 50], "dwell_ms": 10.0, "n_scans": 1},
            "excitation": {"intensity_w_cm2": 2500.0},
        },
    )
    live("descriptor", stream("primary"))
    for row in range(30):
        line = {"scanner_line": row, "scanner_lit": 1.0}
        data = line | {"scanner_perovskite_counts": np.zeros(30), "scanner_qd_counts": image[row]}
        live("event", event("primary", data, row + 1))
        if row == 8:
            assert len(live.look().result(30).emitters) == 0
    assert len(live.look().result(30).emitters) == 1
    live("stop", {"uid": "stop"})
    assert live.done.result(30).numbers()["n_found"] == 1
