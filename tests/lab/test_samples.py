"""The registry of samples: one call adds a record, nothing wrong gets in, the file keeps its comments."""

import datetime
import multiprocessing
import stat
import tomllib

import numpy as np
import pytest

from lab.samples import SampleError, Samples
from lab.twin_samples import note_presets
from tests.conftest import HOUSE

TEXT = """# my samples

[A]
doping_percent = 0.025  # from the stoichiometry
thickness_nm = 88
notes = "films of June"

[glass]
role = "blank"
doping_percent = 0
thickness_nm = 0
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "samples.toml").write_text(TEXT)
    return tmp_path / "samples.toml"


def test_the_samples_of_this_lab_are_all_right():
    samples = Samples(HOUSE / "profile" / "samples.toml")
    assert samples["A"]["blank"] == "glass" and samples["A"]["reference"] == "bare_qds"
    assert [samples[name]["doping_percent"] for name in "ABCD"] == [0.025, 0.1, 0.5, 1.0]
    assert "blank" not in samples["glass"] and "reference" not in samples["bare_qds"]


def test_one_call_adds_a_sample_and_keeps_the_comments(path):
    samples = Samples(path)
    added = samples.add("E", doping_percent=0.2, thickness_nm=90, notes="spin-cast twice")
    assert path.read_text().startswith(TEXT) and added["blank"] == "glass"
    assert tomllib.loads(path.read_text())["E"] == {
        "doping_percent": 0.2,
        "thickness_nm": 90,
        "date": datetime.date.today(),
        "notes": "spin-cast twice",
    }
    assert list(Samples(path)) == ["A", "glass", "E"] and Samples(path)["E"]["date"] == str(datetime.date.today())


def test_what_was_edited_by_hand_meanwhile_is_not_lost(path):
    samples = Samples(path)
    path.write_text(TEXT.replace("films of June", "films of July"))
    samples.add("E", doping_percent=0.2, thickness_nm=90)
    assert samples["A"]["notes"] == "films of July" and "films of July" in path.read_text()


def test_the_file_keeps_its_rights_and_nothing_is_left_beside_it(path):
    path.chmod(0o600)
    Samples(path).add("E", doping_percent=0.2, thickness_nm=90)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["samples.toml"]


def add_ten(path, who):
    samples = Samples(path)
    for index in range(10):
        samples.add(f"{who}-{index}", doping_percent=0.1, thickness_nm=88)


def test_what_several_processes_add_at_once_is_all_there(path):
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=add_ten, args=(path, who)) for who in "xyz"]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert len(Samples(path)) == 2 + 3 * 10 and path.read_text().startswith(TEXT)


def test_numbers_of_numpy_are_numbers(path):
    Samples(path).add("E", doping_percent=np.float64(0.2), thickness_nm=np.int64(90))
    assert tomllib.loads(path.read_text())["E"]["thickness_nm"] == 90


def test_the_mark_that_editors_put_first_does_no_harm(path):
    path.write_text(TEXT, encoding="utf-8-sig")
    Samples(path).add("E", doping_percent=0.2, thickness_nm=90, notes='5 µm, "样品"')
    assert list(Samples(path)) == ["A", "glass", "E"] and Samples(path)["E"]["notes"] == '5 µm, "样品"'


REFUSED = [
    ({"name": "A"}, "there is already a sample 'A'"),
    ({"name": "a"}, "there is already a sample 'A'"),
    ({"name": ""}, "a name is 1 to 40 letters"),
    ({"name": "../E"}, "a name is 1 to 40 letters"),
    ({"name": 5}, "a name is 1 to 40 letters"),
    ({"doping_percent": -0.1}, "E.doping_percent = -0.1: must be 0..100"),
    ({"doping_percent": float("nan")}, "E.doping_percent = nan"),
    ({"doping_percent": "much"}, "E.doping_percent = 'much'"),
    ({"thickness_nm": True}, "E.thickness_nm = True"),
    ({"date": datetime.datetime(2026, 3, 31, 12)}, "must be a date like 2026-03-31"),
    ({"date": "yesterday"}, "must be a date like 2026-03-31"),
    ({"role": "film"}, "must be one of sample, blank, reference"),
    ({"blank": "A"}, "must be a sample of role 'blank'; there are glass"),
    ({"reference": "dots"}, "there is none: add it with role='reference'"),
    ({"notes": 3}, "E.notes = 3: must be text"),
    ({"thicknes_nm": 90}, "Did you mean thickness_nm?"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[str(change) for change, _ in REFUSED])
def test_nonsense_is_refused_and_the_file_stays_as_it_is(path, change, message):
    samples = Samples(path)
    given = {"name": "E", "doping_percent": 0.2, "thickness_nm": 90, **change}
    with pytest.raises(SampleError) as refused:
        samples.add(given.pop("name"), **given)
    assert message in str(refused.value)
    assert path.read_text() == TEXT and list(samples) == ["A", "glass"]


def test_a_file_that_makes_no_sense_is_told(path):
    path.write_text("[A]\ndoping = 3\n")
    with pytest.raises(SampleError, match=r"samples.toml.*\n.*A.doping = 3: there is no such key"):
        Samples(path)
    path.write_text("[A\n")
    with pytest.raises(SampleError, match="not a readable TOML file"):
        Samples(path)


def test_a_lab_without_a_file_begins_with_none(tmp_path):
    samples = Samples(tmp_path / "samples.toml")
    assert len(samples) == 0
    samples.add("first", doping_percent=0, thickness_nm=10)
    assert list(Samples(tmp_path / "samples.toml")) == ["first"]


def test_an_unknown_sample_is_told_with_the_nearest(path):
    with pytest.raises(KeyError, match="Did you mean 'glass'"):
        Samples(path)["glas"]


def test_at_the_prompt_they_are_a_table(path):
    lines = repr(Samples(path)).splitlines()
    assert lines[0].split()[:2] == ["name", "role"] and lines[1].startswith("A")
    assert "0.025" in lines[1] and "films of June" in lines[1]


def test_samples_of_presets_are_known_for_the_session_only(path, tmp_path):
    film = tmp_path / "film.toml"
    film.write_text('base = "A"\nname = "held-out"\n[sample]\ndoping_percent = 0.07\nthickness_nm = 95\n')
    samples = Samples(path)
    note_presets(samples, {"preset": f"A,B,{film}", "seed": 1})
    assert list(samples) == ["A", "glass", "B", "held-out"]
    assert samples["held-out"]["doping_percent"] == 0.07 and samples["held-out"]["blank"] == "glass"
    assert samples["A"]["notes"] == "films of June" and path.read_text() == TEXT
    samples.add("E", doping_percent=0.2, thickness_nm=90)
    assert "held-out" in samples and "held-out" not in path.read_text()


def test_without_a_twin_nothing_is_made_up(path):
    samples = Samples(path)
    note_presets(samples, False)
    assert list(samples) == ["A", "glass"]
