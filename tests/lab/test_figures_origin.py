"""A figure says where it comes from, and is drawn again from stored runs to the same arrays, wherever the folder is."""

import json
import shutil
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from matplotlib.figure import Figure
from PIL import Image

from analysis.emitters import Emitters
from analysis.figures import digest, files
from lab import journal
from lab.derived import derive
from lab.emitters.cohorts import compared, members
from lab.emitters.registry import EmitterRegistry
from lab.figures import Held, Recipe, Sources, draw, keep_overview, rebuild, whence
from lab.figures.__main__ import main as command
from lab.figures.every import every_figure
from lab.figures.paper import keep_composed, of_images
from lab.journal import Journal
from lab.stored.whereabouts import documents
from plans import absorption, blank, blinking, calibrate, find_emitters, flim_raster, hbt, pl, ple, time_zero

KINDS = (
    "flim_raster", "calibrate", "blank", "absorption", "reference", "ple", "pl", "find_emitters", "hbt", "blinking",
)  # fmt: skip


@pytest.fixture(scope="module")
def lab(session):
    """The lab, with its wiring and its sample as they were when all is done; pictures are small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "DPI", 40)
        yield session
    session.RE(bps.mv(session.microscope.timeharp.wiring, "raster", session.microscope.sample.mounted, "A"))


@pytest.fixture(scope="module")
def results(lab):
    """One run of each kind that has a picture."""
    RE, scope, fs5 = lab.RE, lab.microscope, lab.fs5
    RE(bps.mv(scope.timeharp.wiring, "raster", scope.sample.mounted, "A"))
    found = {"flim_raster": RE(flim_raster(scope, sample="A", extent_um=5, n_pixels=8, dwell_ms=50, n_scans=2))}
    found["calibrate"] = RE(calibrate(fs5))
    found["blank"] = RE(blank(fs5, sample="B", step_nm=2))
    found["absorption"] = RE(absorption(fs5, sample="B", step_nm=2))
    found["reference"], found["ple"] = RE(ple(fs5, sample="bare_qds", step_nm=2)), RE(ple(fs5, sample="B", step_nm=2))
    found["pl"] = RE(pl(fs5, sample="A", start_nm=480, step_nm=2))
    RE(bps.mv(scope.sample.mounted, "example_qd", scope.timeharp.wiring, "hbt"))
    RE(time_zero(scope))
    found["find_emitters"] = search = RE(find_emitters(scope, sample="example_qd", extent_um=4.0, n_pixels=40))
    one = search.ids[int(np.flatnonzero(search.field.emitters.isolated)[0])]
    found["hbt"] = RE(hbt(scope, emitter=one, target_err_ns=5.0, max_time_s=10))
    found["blinking"] = RE(blinking(scope, emitter=one, duration_s=5))
    return found


@pytest.fixture(scope="module")
def paths(lab, results):
    """The overviews as the session draws them, from what it has in hand."""
    return {kind: keep_overview(result, lab.config.folders.data / "figures") for kind, result in results.items()}


@pytest.fixture(scope="module")
def composed(lab, results):
    """A figure of two runs, in a folder beside the data."""
    raster, folder = results["flim_raster"], lab.config.folders.data.parent / "paper"
    made = of_images({"A": raster, "B": raster})[:1]
    return keep_composed(made, folder, data=lab.config.folders.data, record=lab.analyses.record)


@pytest.fixture(scope="module")
def moved(lab, results, paths, composed, tmp_path_factory):
    """What these figures need of the data folder, somewhere else: no file is where its documents say."""
    house, data = tmp_path_factory.mktemp("moved"), lab.config.folders.data
    needed = {uid for path in (*paths.values(), *composed) for uid in (*whence(path).runs, *whence(path).derived)}
    needed |= {start["irf_uid"] for uid in needed if (start := start_of(data, uid)).get("irf_uid")}
    notes = [start["uid"] for start in Sources(data).index.of_purpose("figure")]
    for uid in (*needed, *notes):
        path = journal.path_of(data / "journal", uid)
        copied(path, data, house / "data")
        for name, doc in journal.read(path):
            if name == "stream_resource":
                copied(data / unquote(urlsplit(doc["uri"]).path).split("/data/")[-1], data, house / "data")
    shutil.copy(data / "emitters.sqlite", house / "data")
    return house


def copied(path, data, to):
    (to / path.relative_to(data)).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, to / path.relative_to(data))


def start_of(data, uid):
    return next(doc for name, doc in journal.read(journal.path_of(data / "journal", uid)) if name == "start")


def test_an_overview_is_drawn_again_from_its_stored_run(paths):
    for kind in ("pl", "find_emitters", "hbt"):
        now = rebuild(paths[kind])
        assert now.identical and now.digest == whence(paths[kind]).digest, now


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_a_figure_says_its_runs_selection_parameters_and_code(lab, results, composed, suffix):
    path = next(path for path in composed if path.suffix == f".{suffix}")
    origin, raster = whence(path), results["flim_raster"]
    assert origin.runs == (raster.uid,) and origin.derived == (raster.derived_uid,)
    assert origin.selection == {"qd_threshold_cps": 250.0} and origin.data == lab.config.folders.data.resolve()
    card = repr(origin)
    for told in ("(A, B), flim_raster of A", "success", "flim_analysis", "n_components = 2", origin.code_version):
        assert told in card
    assert max(map(len, card.splitlines())) <= 120 or "/" in max(card.splitlines(), key=len)


def test_the_file_alone_tells_its_origin_else_the_file_beside_it(composed, tmp_path):
    for path in composed:
        alone = shutil.copy(path, tmp_path)
        assert whence(alone).recipe == whence(path).recipe and whence(alone).prints == whence(path).prints
    picture = tmp_path / "figure4.png"
    with Image.open(picture) as image:
        image.convert("RGB").save(picture)  # the metadata are gone
    with pytest.raises(ValueError, match=r"tells no origin, and there is no figure4.png.json beside it"):
        whence(picture)
    shutil.copy(f"{composed[0]}.json", tmp_path)
    assert whence(picture).digest == whence(composed[0]).digest
    text = tmp_path / "notes.txt"
    text.write_text("no figure")
    with pytest.raises(ValueError, match="neither PNG nor PDF"):
        whence(text)


def test_a_figure_that_was_sent_away_is_told_where_its_runs_are(lab, composed, tmp_path):
    alone = shutil.copy(composed[0], tmp_path)
    assert whence(alone).data is None and 'data="..."' in repr(whence(alone))
    with pytest.raises(LookupError, match="its data folder is not found; say where it is"):
        rebuild(alone)
    with pytest.raises(LookupError, match=r"no run .* in its journal"):
        rebuild(alone, data=tmp_path)
    again = rebuild(alone, to=tmp_path / "talk.pdf", data=lab.config.folders.data)
    assert again.identical and whence(tmp_path / "talk.pdf").digest == again.origin.digest


def test_what_is_different_is_told_panel_by_panel(composed, lab, tmp_path):
    changed = tmp_path / "figure4.png"
    with Image.open(composed[0]) as image:
        image.convert("RGB").save(changed)
    told = json.loads(composed[0].with_name("figure4.png.json").read_text())
    told["recipe"]["selection"]["qd_threshold_cps"] = 20.0  # other contours, in the panels of A
    changed.with_name("figure4.png.json").write_text(json.dumps(told))
    again = rebuild(changed, data=lab.config.folders.data)
    assert not again.identical and {each.panel for each in again.differences} == {"panel a", "panel b", "panel c"}
    assert "different in 3 panels" in repr(again) and "outline" in repr(again)


def test_a_note_in_the_catalog_is_neither_measurement_nor_analysis(lab, results, composed):
    raster = results["flim_raster"]
    before = len(lab.db)
    assert lab.ingester.flush(timeout_s=20) and lab.ingester.status().refused == ()
    (note,) = [run for run in lab.db(purpose="figure") if raster.uid in run.start["analysis_of"]]
    assert note.start["plan_name"] == "figure4" and note.start["recipe"]["runs"] == {"A": raster.uid, "B": raster.uid}
    assert note.start["files"] == ["../paper/figure4.png", "../paper/figure4.pdf"] and len(lab.db) == before
    assert lab.db.derived(raster.uid).uid == raster.derived_uid and lab.db[-1].purpose == "measurement"


def test_files_are_found_in_a_folder_that_was_moved(moved, results):
    uri = next(doc["uri"] for _, doc in documents(moved / "data", results["hbt"].uid) if "uri" in doc)
    assert str(moved) in unquote(uri)
    with pytest.raises(LookupError, match="has no journal"):
        Sources(moved)
    with pytest.raises(LookupError, match="run 00000000 is not in the journal"):
        Sources(moved / "data").of("00000000-0")


def test_one_command_draws_all_figures_of_a_moved_folder_anew(moved, paths, composed, capsys):
    assert command([str(moved)]) == 0
    told = capsys.readouterr().out
    new = {Path(line.split()[1]).name for line in told.splitlines() if line.startswith("new  ")}
    ours = {path.name for path in paths.values()}  # the lab may have measured for other tests, too
    assert set(paths) == set(KINDS) and ours <= new
    assert told.count("identical ") == 2 and "failed" not in told
    drawn = {path.name: whence(path) for path in moved.rglob("*.p??") if path.suffix in (".png", ".pdf")}
    assert set(drawn) == new | {path.name for path in composed}
    for path in (*paths.values(), *composed):
        assert drawn[path.name].digest == whence(path).digest and drawn[path.name].data == (moved / "data").resolve()


# --- without a lab -----------------------------------------------------------------------------------------


def spots(n):
    """Emitters in a row, as a search image gives them."""
    numbers = {field.name: np.full(n, 0.02) for field in fields(Emitters)}
    flags = {name: np.ones(n, bool) for name in ("round", "whole", "isolated")}
    return Emitters(**{**numbers, **flags, "x_um": np.arange(1.0, n + 1), "y_um": np.full(n, 5.0)})


def measured(data):
    """A registry with four dots in a film and four on glass, each measured once; their ids and runs."""
    registry = EmitterRegistry(data / "emitters.sqlite", clock=count(1e9).__next__)
    ids = []
    for sample, tau_ns in (("film", 12.0), ("glass", 22.0)):
        ids += registry.place(sample, spots(4), uid=f"image-{sample}", extent_um=((0.0, 10.0), (0.0, 10.0))).ids
        for n, each in enumerate(ids[-4:]):
            facts = {"single": 1, "tau_ns": tau_ns + n, "tau_err_ns": 0.5, "live_s": 9.0 + n, "bleached": n % 2}
            registry.record(f"hbt-{each}", each, "hbt", {**facts, "bleached_at_s": 5.0 + n})
    return registry, {"film": ids[:4], "glass": ids[4:]}


def test_a_cohort_is_drawn_from_its_own_runs_whatever_was_measured_since(tmp_path):
    (tmp_path / "journal").mkdir()
    registry, emitters = measured(tmp_path)
    samples = {"film": {"thickness_nm": 88.0}}
    shown = compared(members(registry, "film"), members(registry, "glass"), samples=samples)
    path = keep_overview(replace(shown, derived_uid="cohort-0"), tmp_path / "figures")
    better = {"single": 1, "tau_ns": 99.0, "tau_err_ns": 0.1, "live_s": 50.0}
    registry.record("hbt-later", emitters["film"][0], "hbt", better)
    registry.close()
    (tmp_path / "journal/2026/01/01").mkdir(parents=True)
    (tmp_path / f"journal/2026/01/01/{shown.uids[0]}.jsonl").write_text("")  # by which the data folder is known
    recipe = whence(path).recipe
    again = draw(recipe, Sources(tmp_path))
    assert digest(again) == whence(path).digest
    wider = replace(recipe, runs={"runs": (*recipe.runs["runs"], "hbt-later")})
    assert digest(draw(wider, Sources(tmp_path))) != whence(path).digest
    with pytest.raises(LookupError, match="does not know the emitter film-009"):
        Sources(tmp_path).together("cohort", shown.uids, {"emitters": {"film": ["film-009"]}, "parameters": {}})


def test_the_command_writes_what_is_missing_and_keeps_what_is_different(tmp_path):
    """A cohort: it needs no run, only the registry and the note of its analysis."""
    registry, emitters = measured(tmp_path)
    shown = compared(members(registry, "film"), members(registry, "glass"), samples={}, thickness_nm=88.0)
    book = Journal(tmp_path / "journal")
    parameters = {**shown.parameters, "emitters": {name: list(ids) for name, ids in emitters.items()}, "left_out": {}}
    derive(book, "cohort_analysis", shown.uids, {"n": (np.asarray(8), "")}, parameters=parameters)
    book.close()
    (made,) = every_figure(tmp_path)
    bytes_then = made.path.read_bytes()
    assert made.state == "new" and [each.state for each in every_figure(tmp_path)] == ["identical"]
    facts = {"single": 1, "tau_ns": 13.0, "tau_err_ns": 0.5, "live_s": 9.0, "bleached": 0}
    registry.record(f"hbt-{emitters['film'][0]}", emitters["film"][0], "hbt", facts)
    registry.close()
    (made,) = every_figure(tmp_path)
    assert made.state == "different" and "panel a, line 1: mean" in made.why and made.path.read_bytes() == bytes_then
    assert whence(made.path.with_name(made.path.stem + ".new.png")).digest != whence(made.path).digest
    (tmp_path / "emitters.sqlite").unlink()
    (made,) = every_figure(tmp_path)
    assert made.state == "failed" and "does not know the emitter" in made.why


def test_a_figure_from_before_recipes_tells_its_runs_and_what_cannot_be_done(tmp_path):
    about = {"uids": ["0123456789"], "selection": {}, "code_version": "0.1.0"}
    path = files.save(Figure(), tmp_path / "old.png", **about)
    assert "01234567" in repr(whence(path)) and 'db["01234567"]' in repr(whence(path))
    with pytest.raises(ValueError, match=r"names its runs, but not how it was drawn: .* \(0\.1\.0\)"):
        rebuild(path)


def test_a_recipe_is_what_it_was_when_it_comes_back():
    recipe = Recipe("figure2", {"A": "a-1", "series": ("b-1", "c-1", "a-1")}, {"names": ["A", "B"]})
    assert Recipe.of(json.loads(json.dumps(recipe.told()))) == recipe and recipe.uids == ("a-1", "b-1", "c-1")
    with pytest.raises(ValueError, match="is no recipe of a figure"):
        Recipe.of({"kind": "figure2"})
    with pytest.raises(ValueError, match="kind='figure7': there are the drawings figure1a, figure2"):
        draw(replace(recipe, kind="figure7"), Held())
    with pytest.raises(LookupError, match="run a-1 is not among the results in hand"):
        draw(replace(recipe, kind="hbt", runs={"run": "a-1"}), Held())
