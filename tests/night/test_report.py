"""The morning report: the whole night in one file, from what is on disk."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from event_model import compose_run
from PIL import Image

from analysis.derived import derived_run
from lab.journal import Journal, close_interrupted
from lab.night import report
from lab.night.cards import cards
from lab.night.chapters import results
from lab.night.entry import DONE, FAILED, RUNNING, SKIPPED, WAITING, Entry, Night
from lab.night.numbers import Number
from lab.night.plots import curves
from lab.night.report import Places, render, write
from lab.night.runs import RunFacts, runs_of
from lab.night.suggestions import call_of, remedy, suggestions
from plans.item import Item
from tests.browser import dom, run, widths_needed
from tests.night.examples import BEGAN_S, HOSTILE, REVERSED, night
from tests.night.examples import run as measured


def words(html: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"<(script|style|title).*?</\1>", " ", html.partition("<body>")[2], flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_headline_tells_the_night():
    told, runs = night()
    assert "2 of 4 items done, 1 failed, 1 left out, from" in words(render(told, runs))
    assert "; dark at the end." in words(render(told, runs))
    bright = [*runs[:-1], replace(runs[-1], dark=False)]
    assert "NOT dark at the end" in words(render(told, bright))
    unknown = [*runs[:-1], replace(runs[-1], dark=None)]
    assert "dark at the end" not in words(render(told, unknown))


def test_a_night_that_goes_on_and_an_empty_one_are_told():
    entries = (Entry(0, Item("irf"), RUNNING, began_s=BEGAN_S), Entry(1, Item("irf"), WAITING))
    shown = words(render(Night("n", entries, BEGAN_S), []))
    assert "0 of 2 items done, 2 still to be done" in shown
    assert "nothing was measured" in shown
    assert "make night goes on where it was cut off" in shown
    assert "0 of 0 items done" in words(render(Night("n", (), BEGAN_S), []))


def test_what_failed_is_told_with_the_line_to_type():
    shown = render(*night())
    assert "microscope.spads.reset(); microscope.shutter.reset()" in shown
    assert "failed after 2 attempts" in shown
    assert "it could not end until 06:00" in shown


def test_an_interruption_is_told_with_what_was_lost():
    told, runs = night()
    assert "goes on from line 31 on; 11111111 keeps 31 events" in words(render(told, runs)).replace(" ;", ";")
    assert render(told, runs).count('class="cut"') == 1
    alone = [each for each in runs if each.uid[0] != "2"]
    assert "it was not taken again" in words(render(told, alone))


def test_every_uid_is_there_in_full_with_code_and_seed():
    told, runs = night()
    shown = render(told, runs)
    for each in runs:
        assert f"<code>{each.uid}</code>" in shown
    assert "<code>33333333-cccc</code>" in shown
    assert "0.1.0+abc" in shown
    assert "twin, preset A, seed 7" in words(shown)
    assert "instrument response" in words(shown)
    assert "9.69 ± 0.03 ns" in words(shown)


def test_rates_and_drift_go_over_the_night():
    shown = render(*night())
    drift = re.search(r'aria-label="x and y against time, um".*?</svg>', shown, re.S)
    assert drift is not None
    assert '<b class="one">x</b> 0.4 um' in shown
    assert '<b class="two">y</b> -0.1 um' in shown
    assert "perovskite and qd against time, cps" in shown


@pytest.mark.parametrize(
    ("reason", "typed"),
    [
        ("no instrument response (irf) was measured", "RE(irf(microscope))"),
        ("there is no time zero", "RE(time_zero(microscope))"),
        ("there is no run of blank on 'glass' that fits", "RE(blank(fs5))"),
        ("the lamp is off", "RE(warm_up(fs5))"),
        ("LATCHED: interlock: door", "microscope.shutter.reset()"),
        ("needs 30 kJ/cm2, the budget is 10", 'explain(flim_raster(microscope, sample="A"))'),
        ("183 MB free in data, 201 MB needed", 'RE(flim_raster(microscope, sample="A"))'),
        ("something nobody thought of", 'RE(flim_raster(microscope, sample="A"))'),
    ],
)
def test_each_failure_has_a_remedy(reason, typed):
    assert remedy(Entry(0, Item("flim_raster", {"sample": "A"}), FAILED, reason))[1] == typed


def test_an_item_is_typed_as_it_was_called():
    item = Item("hbt", {"at_um": (1.5, 2.0), "emitter": 'a"b'})
    assert eval(call_of(item), {"hbt": lambda *a, **k: (a, k), "microscope": "m"}) == (("m",), dict(item.arguments))
    assert call_of(Item("pl", {"sample": "A"})) == 'pl(fs5, sample="A")'


def test_suggestions_follow_from_what_happened():
    told, runs = night()
    found = "\n".join(suggestions(told, runs))
    assert "Pile-up in flim_raster of A (22222222)" in found
    assert "1 item had no time left" in found
    assert "Storage" not in found
    assert "bleached" not in found
    dots = [measured(f"{n}", "hbt", 0, n, start={"emitter": f"dot-{n}"}, text="bleached after 3 s") for n in range(3)]
    found = "\n".join(suggestions(told, [*dots, replace(runs[0], stored=False, dark=False)]))
    assert "3 of 3 dots bleached" in found
    assert "Storage is behind by 1 run:" in found
    assert "read back open" in found
    far = replace(runs[0], text="  drift       2.01 +- 0.02 um from first to last scan")
    assert "drifted by 2.01 um" in "\n".join(suggestions(told, [far]))
    assert not suggestions(Night("n", (), BEGAN_S, BEGAN_S), [replace(runs[0], text="drift  0.20 +- 0.02 um")])


def test_one_file_tells_it_all_in_a_browser(tmp_path):
    Image.new("RGB", (2000, 500), (200, 30, 30)).save(tmp_path / "figure.png")
    told, runs = night()
    runs = [replace(each, figure=tmp_path / "figure.png") for each in runs]
    path = write(tmp_path / "nights" / "n.html", told, runs)
    (tmp_path / "figure.png").unlink()
    shown, console = dom(path, tmp_path)
    assert not console
    assert shown.count('src="data:image/png;base64,') == len(runs)
    assert not re.findall(r'(?:src|href)="(?!data:)', shown)
    assert "<script" not in shown
    out = tmp_path / "n.pdf"
    run(path, tmp_path, f"--print-to-pdf={out}", "--no-pdf-header-footer")
    assert out.read_bytes().startswith(b"%PDF")


def test_texts_of_users_stay_texts_and_fit_a_phone(tmp_path):
    told, runs = night()
    paths = []
    for n, title in enumerate((HOSTILE, REVERSED * 40, "x" * 10_000)):
        entries = tuple(replace(entry, item=replace(entry.item, name=title), reason=title) for entry in told.entries)
        start = {"sample_name": title, "emitter": title, "code_version": title, "twin": {"preset": title}}
        named = [replace(each, start={**each.start, **start}, text=title, reason=title) for each in runs]
        paths.append(write(tmp_path / f"{n}.html", replace(told, name=title, entries=entries), named))
        shown = paths[-1].read_text()
        assert "<script>" not in shown
        assert "<img" not in shown
        assert "\u202e" not in shown
    assert widths_needed(paths, tmp_path, 390) == [390] * 3


@pytest.fixture
def recorded(tmp_path):
    """A journal with two runs of a night, one of them cut off, an analysis, a run of another night, and a torn file."""
    journal = Journal(tmp_path / "journal", sync=False)
    raster = {"extent_um": 10.0, "n_pixels": 5, "dwell_ms": 10.0, "n_scans": 2}
    about = {"plan_name": "flim_raster", "night": "n", "sample_name": "A", "raster": raster, "purpose": "measurement"}
    uids = []
    for item, whole in ((0, True), (1, False)):
        one = compose_run(metadata={**about, "item": item}, validate=False)
        uids.append(one.start_doc["uid"])
        journal("start", one.start_doc)
        shutters(journal, one, "open" if item else "closed")
        lines = one.compose_descriptor(name="primary", data_keys={}, validate=False)
        journal("descriptor", lines.descriptor_doc)
        for n in range(3):
            data = {
                "scanner_lit": 1.0,
                "scanner_perovskite_counts": np.full(5, 10 * n),
                "scanner_qd_counts": np.zeros(5),
            }
            journal("event", lines.compose_event(data=data, timestamps={}, validate=False))
        if whole:
            shutters(journal, one, "closed")
            journal("stop", one.compose_stop(validate=False))
    journal.close()
    close_interrupted(journal.path_of(uids[1]), "the session was killed")
    journal = Journal(tmp_path / "journal", sync=False)
    for name, doc in derived_run("flim_analysis", uids[:1], image(), parameters={}, code_version="1"):
        journal(name, doc)
    other = compose_run(metadata={**about, "night": "other"}, validate=False)
    journal("start", other.start_doc)
    journal.close()
    path = journal.path_of(uids[0])
    path.with_suffix(".stored").touch()
    path.with_name("torn.jsonl").write_bytes(b'["start", {"uid"')
    return tmp_path, uids


def shutters(journal, one, state):
    bundle = one.compose_descriptor(name="baseline", data_keys={}, validate=False)
    journal("descriptor", bundle.descriptor_doc)
    for _ in range(2 if state == "closed" else 1):
        journal("event", bundle.compose_event(data={"shutter_state": state}, timestamps={}, validate=False))


def image():
    """Arrays of a lifetime image of 5 x 5 pixels that moved by one pixel to the right."""
    tau_ns = np.stack([np.full((5, 5), 2.0), np.random.default_rng(1).normal(9.7, 0.3, (5, 5))], axis=-1)
    good, bad = np.ones((5, 5), np.uint8), np.zeros((5, 5), np.uint8)
    arrays = {"tau_ns": tau_ns, "n_photons": np.full((5, 5), 900), "converged": good, "degenerate": bad}
    arrays |= {"deviance": np.ones((5, 5)), "drift_px": np.array([[0.0, 0.0], [0.0, 1.0]])}
    return {key: (value, "") for key, value in arrays.items()}


def test_runs_are_gathered_from_the_journal_alone(recorded):
    folder, uids = recorded
    start_s = min(path.stat().st_mtime for path in folder.rglob("*.jsonl")) - 60
    entries = (Entry(0, Item("flim_raster"), DONE, runs=(uids[0],)), Entry(1, Item("flim_raster"), RUNNING))
    first, second = runs_of(folder / "journal", Night("n", entries, start_s))
    assert [first.uid, second.uid] == uids
    assert (first.item, second.item) == (0, 1)
    assert (first.exit_status, second.exit_status) == ("success", "interrupted")
    assert "killed" in second.reason
    assert (first.dark, second.dark, first.stored, second.stored) == (True, None, True, False)
    assert second.n_events == 3
    assert [rate for _, rate in first.rates_cps["perovskite"]] == pytest.approx([0, 1000, 2000])
    assert [number.quantity for number in first.numbers][:2] == ["tau2, median", "tau1, median"]
    assert first.numbers[0].value.startswith("9.")
    assert [move[1:] for move in first.moves_um] == [(0.0, 0.0), (2.0, 0.0)]


def test_a_run_that_the_journal_does_not_have_is_told_as_such(tmp_path):
    (gone,) = runs_of(tmp_path, Night("n", (Entry(0, Item("irf"), DONE, runs=("gone-uid",)),), BEGAN_S, BEGAN_S + 1))
    assert gone.reason == "the journal does not have this run"
    assert "gone-uid" in render(Night("n", (), BEGAN_S, BEGAN_S + 1), [gone])


def test_an_unreadable_picture_or_result_leaves_the_rest(tmp_path, recorded):
    folder, _ = recorded
    (tmp_path / "bad.png").write_text("no picture")
    told, runs = night()
    assert "cannot be read" in render(told, [replace(runs[0], figure=tmp_path / "bad.png")])
    start_s = min(path.stat().st_mtime for path in folder.rglob("*.jsonl")) - 60
    places = Places(
        folder / "journal", folder / "figures", folder / "none.sqlite", folder / "n.sqlite", folder / "nights"
    )
    found = report.gather(places, Night("n", (), start_s))
    assert len(found) == 2
    assert all(isinstance(each, RunFacts) and each.text == "" for each in found)


def test_curves_keep_their_peaks_and_their_gaps():
    points = [(float(i), 1.0) for i in range(5000)]
    points[1234] = (1234.0, 50.0)
    shown = curves({"qd": points}, "cps")
    assert len(re.findall(r"\d,\d", shown)) < 2000
    assert min(float(y) for y in re.findall(r",(-?[\d.]+)(?=[ \"])", shown)) < 1
    apart = curves({"qd": [(0.0, 1.0), (1.0, 1.0), (100.0, 1.0), (101.0, 2.0)]}, "cps", gap_s=10)
    assert apart.count("<polyline") == 2
    assert curves({"qd": [(0.0, math.nan)]}, "cps") == ""


def test_skipped_items_are_no_failures():
    told, runs = night()
    entry = told.of_state(SKIPPED)[0]
    only = replace(told, entries=(replace(entry, index=0),))
    assert "RE(" not in render(only, runs[:1]).partition("Suggestions")[0]


def test_a_run_that_was_continued_is_a_line_and_the_last_one_has_the_result():
    some = RunFacts("x", {"plan_name": "flim_raster", "sample_name": "A", "time": BEGAN_S}, 0, BEGAN_S + 60)
    first = replace(some, uid="first000-run", numbers=(Number("tau", "1 ns"),), continued_by="last0000-run")
    last = replace(some, uid="last0000-run", numbers=(Number("tau", "2 ns"),))
    assert "2 ns" in results([first, last]) and "1 ns" not in results([first, last])
    page = cards([first, last])
    assert page.count("<article") == 1 and "1 run cut off and continued" in page and "first000" in page
