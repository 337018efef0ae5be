"""The morning report of runs that a lab has measured: what the prompt showed, with pictures, and nothing changed."""

import shutil

import pytest

from lab.night.entry import DONE, Entry, Night
from lab.night.report import Places, gather, write
from plans import find_emitters, flim_raster
from plans.item import Item


@pytest.fixture(scope="module")
def measured(session):
    """What the prompt returned for a raster and a search of a night, and the night."""
    small = {"extent_um": 6, "n_pixels": 8, "n_scans": 1}
    mine = {"md": {"night": "n", "item": 0}}
    found = [session.RE(flim_raster(session.microscope, sample="A", **small, **mine))]
    found += [session.RE(find_emitters(session.microscope, sample="A", extent_um=4, n_pixels=40, dwell_ms=10, **mine))]
    start_s = session.db[found[0].uid].start["time"]
    return found, Night("n", (Entry(0, Item("flim_raster", {"sample": "A"}), DONE),), start_s - 1)


def files(folder):
    """Every file of the record of truth and the registry, with its content."""
    paths = [*(folder / "journal").rglob("*.jsonl"), folder / "emitters.sqlite"]
    return {path: path.read_bytes() for path in paths}


def test_the_report_shows_what_the_prompt_showed(session, measured, tmp_path):
    results, night = measured
    data = session.config.folders.data
    before = files(data)
    places = Places.of(session.config)
    places = Places(places.journal, tmp_path / "figures", places.registry, places.ledger, tmp_path)
    runs = gather(places, night)
    assert [run.uid for run in runs] == [result.uid for result in results]
    for run, result in zip(runs, results, strict=True):
        assert run.text.splitlines()[0] == repr(result).splitlines()[0]
        assert run.derived_uid == result.derived_uid
        assert run.dark
        assert run.rates_cps["qd"]
        assert run.figure is not None
    assert results[1].ids == tuple(each.id for each in session.emitters.in_run(results[1].uid))
    assert all(name in runs[1].text for name in results[1].ids[:3])
    shown = write(tmp_path / "n.html", night, runs).read_text()
    assert shown.count("data:image/png;base64,") == 2
    assert files(data) == before
    shutil.rmtree(tmp_path / "figures")
    assert [run.figure for run in gather(places, night, again=False)] == [None, None]
