"""Nothing that was measured is ever lost: storage follows the journal, whatever happens to either."""

import event_model
import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky import preprocessors as bpp
from bluesky.utils import RunEngineInterrupted

from analysis.derived import derived_run
from lab import journal
from lab.catalog import Catalog
from lab.journal import Journal
from lab.storage import Ingester, recover
from tests.lab.documents import documents


def factory(storage, opened):
    def make():
        opened.append(storage.client())
        return opened[-1]

    return make


@pytest.fixture
def ingester(storage, tmp_path):
    opened = []
    ingester = Ingester(factory(storage, opened), tmp_path / "journal", flush_s=0.2)
    yield ingester
    ingester.close(5)
    for client in opened:
        client.context.http_client.close()


@pytest.fixture
def record(RE, tmp_path, ingester):
    record = Journal(tmp_path / "journal")
    RE.subscribe(record)
    RE.subscribe(ingester)
    yield record
    record.close()


def derive(record, ingester, uid, value):
    """Record an analysis of a run through the same path as a measurement."""
    run = event_model.compose_run(metadata={"purpose": "analysis", "analysis_of": [uid], "plan_name": "fit"})
    key = {"source": "fit", "dtype": "number", "shape": []}
    stream = run.compose_descriptor(name="primary", data_keys={"tau_ns": key})
    event = stream.compose_event(data={"tau_ns": value}, timestamps={"tau_ns": 1.0})
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc), ("event", event)]
    for name, doc in [*documents, ("stop", run.compose_stop())]:
        record(name, doc)
        ingester(name, doc)
    return run.start_doc["uid"]


def test_what_is_closed_already_waits_for_nothing(ingester):
    assert ingester.close(5)
    ingester("start", {"uid": "after the end"})
    assert not ingester.close(1e6)


def test_an_analysis_that_found_nothing_is_stored_too(db, record, ingester):
    arrays = {"centre_nm": (np.zeros(0), "nm"), "value": (np.zeros((0, 3)), "1"), "n_bands": (np.int64(0), "1")}
    documents = list(derived_run("pl_analysis", ["some run"], arrays, parameters={}, code_version=""))
    for name, doc in documents:
        record(name, doc)
        ingester(name, doc)
    assert ingester.flush(30) and str(ingester.status()) == "up"
    uid = documents[0][1]["uid"]
    assert list(db[uid].table()["n_bands"]) == [0]
    kept = next(doc for name, doc in db.documents(uid) if name == "event")
    assert np.shape(kept["data"]["value"]) == (0, 3)


def test_a_run_comes_back_from_storage_as_it_was_measured(RE, db, camera, record, ingester):
    emitted = []
    RE.subscribe(lambda name, doc: emitted.append((name, dict(doc))))
    odd = {"edges_um": np.arange(3.0), "doping": np.float32(0.5), "power": float("nan"), "pair": (1, 2)}
    (uid,) = RE(bp.count([camera], 5), sample_name="hBN-13", sample=odd)
    assert ingester.flush(30)
    assert record.path_of(uid).with_suffix(".stored").exists()
    assert str(ingester.status()) == "up"

    table = db[uid].table()
    assert list(table["camera_rate"]) == [0, 1, 2.5, 3.5, 4.5]
    assert list(table["camera_counts"]) == [0, 15, 30, 45, 60]
    np.testing.assert_array_equal(np.stack(table["camera_decay"]), np.arange(5)[:, None] * np.arange(4))
    images = db.array(uid, "camera_image")
    assert images.shape == (5, 3, 5)
    np.testing.assert_array_equal(images[2:4], np.full((2, 3, 5), [[[2]], [[3]]]))

    replayed = list(db.documents(uid))
    assert [name for name, _ in replayed] == [name for name, _ in emitted]
    for (_, seen), (_, kept) in zip(emitted, replayed, strict=True):
        np.testing.assert_equal(kept, lists(seen))
    assert sum(name == "stream_datum" for name, _ in replayed) == 5

    without_journal = list(Catalog(db.v2).documents(uid))
    events = [doc["data"] for name, doc in replayed if name == "event"]
    stored = [doc["data"] for name, doc in without_journal if name == "event"]
    np.testing.assert_equal(stored, [{**data, "camera_decay": data["camera_decay"].tolist()} for data in events])

    fit = derive(record, ingester, uid, 24.5)
    newer = derive(record, ingester, uid, 24.25)
    assert ingester.flush(30)
    assert db.derived(uid).uid == newer != fit
    assert db.derived(fit) is None
    assert db[-1].uid == db[uid[:8]].uid == uid
    assert [run.uid for run in db(sample_name="hBN-13", plan_name="count")] == [uid]
    assert [run.uid for run in db("hBN-13")] == [uid]
    assert len(db) >= 1
    card = repr(db[-1])
    assert f"{uid[:8]} count of hBN-13" in card
    assert "success" in card and "5 primary" in card
    assert f"analysis of {uid[:8]}" in repr(db[newer])
    assert db.array(uid, "camera_image")[4, 0, 0] == 4


def lists(value):
    """Return a document with lists where it had tuples."""
    if isinstance(value, dict):
        return {key: lists(item) for key, item in value.items()}
    return [lists(item) for item in value] if isinstance(value, list | tuple) else value


def test_an_event_that_is_emitted_again_after_a_pause_is_stored_once(RE, db, camera, record, ingester):
    """The engine says it again under the same number: the later one counts, whether the first is stored or not."""
    seen = []
    RE.subscribe(lambda name, doc: seen.append(doc["seq_num"]), "event")

    @bpp.stage_decorator([camera])
    @bpp.run_decorator(md={"plan_name": "paused"})
    def plan():
        for point in range(4):
            yield from bps.checkpoint()
            yield from bps.trigger_and_read([camera])
            if point in (1, 2) and RE.state == "running" and len(seen) == (point + 1 if point == 1 else point + 2):
                assert point == 1 or ingester.flush(30)
                yield from bps.pause()

    with pytest.raises(RunEngineInterrupted):
        RE(plan())
    with pytest.raises(RunEngineInterrupted):
        RE.resume()
    (uid,) = RE.resume()
    assert seen == [1, 2, 2, 3, 3, 4]
    assert ingester.flush(30) and str(ingester.status()) == "up"
    kept = [doc for name, doc in db.documents(uid) if name == "event"]
    assert len(kept) == 6  # the journal keeps what was said
    table = db[uid].table()
    assert list(table["camera_counts"]) == [kept[i]["data"]["camera_counts"] for i in (0, 2, 4, 5)]


def test_a_server_killed_in_the_middle_of_a_run_loses_nothing(RE, db, camera, record, ingester, storage):
    @bpp.stage_decorator([camera])
    @bpp.run_decorator(md={"plan_name": "killed"})
    def plan():
        for point in range(6):
            if point == 3:
                assert ingester.flush(30)
                storage.kill()
            yield from bps.trigger_and_read([camera])

    (uid,) = RE(plan())
    assert not ingester.flush(0.5)
    assert ingester.status().waiting == 1
    storage.start()
    assert ingester.flush(60)
    assert list(db[uid].table()["camera_counts"]) == [0, 15, 30, 45, 60, 75]
    assert db.array(uid, "camera_image").shape == (6, 3, 5)
    assert ingester.status().state == "up"


def test_an_interrupted_run_is_recovered_and_says_so(RE, db, camera, client, tmp_path):
    whole = []
    RE.subscribe(lambda name, doc: whole.append((name, doc)))
    (uid,) = RE(bp.count([camera], 4))
    dying = Journal(tmp_path / "journal")
    events = [i for i, (name, _) in enumerate(whole) if name == "event"]
    for name, doc in whole[: events[2] + 1]:
        dying(name, doc)
    assert recover(client, tmp_path / "journal") == []  # its writer lives
    dying.close()
    assert recover(client, tmp_path / "journal", live=[uid]) == []
    assert recover(client, tmp_path / "journal") == [uid]
    assert recover(client, tmp_path / "journal") == []

    run = db[uid]
    assert run.exit_status == "interrupted"
    assert run.stop["num_events"] == {"primary": 3}
    assert list(run.table()["camera_counts"]) == [0, 15, 30]
    assert db.array(uid, "camera_image").shape == (3, 3, 5)
    assert "interrupted" in repr(run)
    assert list(journal.read(dying.path_of(uid)))[-1][0] == "stop"


def test_a_damaged_or_empty_file_stops_no_recovery(client, tmp_path, caplog):
    record = Journal(tmp_path)
    for name, doc in list(documents(2))[:-1]:
        record(name, doc)
    record.close()
    (path,) = journal.paths(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'["descriptor"', b'["descr', 1))
    path.with_stem("torn").write_bytes(b'["start", {"uid"')
    assert recover(client, tmp_path) == []
    assert f"{path} cannot be closed" in caplog.text


def test_a_run_that_storage_cannot_take_does_not_hold_up_the_others(RE, db, camera, record, ingester):
    run = event_model.compose_run(metadata={"purpose": "measurement"})
    key = {"source": "x", "dtype": "number", "shape": []}
    stream = run.compose_descriptor(name="primary", data_keys={"x_um": key})
    event = stream.compose_event(data={"x_um": "far"}, timestamps={"x_um": 0.0})
    documents = [("start", run.start_doc), ("descriptor", stream.descriptor_doc), ("event", event)]
    for name, doc in [*documents, ("stop", run.compose_stop())]:
        record(name, doc)
        ingester(name, doc)
    (uid,) = RE(bp.count([camera], 1))
    assert not ingester.flush(30)
    assert ingester.status().refused == (run.start_doc["uid"],)
    assert db[uid].table()["camera_counts"][1] == 0
    assert not record.path_of(run.start_doc["uid"]).with_suffix(".stored").exists()
