"""A long course tells where it stands, and goes on without what is refused."""

from types import SimpleNamespace

import pytest
from bluesky.utils import FailedStatus

from lab.flim.results import FlimResult
from lab.report.course import Course
from lab.report.memory import Memory, again, remembered
from lab.report.paper import NO_EMITTERS, Paper, Spectra
from lab.report.publish import nothing_measured
from plans.stubs import MeasurementError, PlanError

SECONDS = {"blank": 10.0, "film": 30.0, "dots": 60.0}


def course(times=(), run=lambda plan: plan):
    told: list[str] = []
    clock = iter([0.0, *times]).__next__
    return Course(run, SECONDS, told.append, clock=clock), told


def test_the_time_left_follows_the_pace_so_far():
    one, told = course([20.0, 80.0])
    for name in SECONDS:
        assert one.step(name, lambda: f"result of {name}") == f"result of {name}"  # noqa: B023
    steps = [line for line in told if line.startswith("[")]
    assert steps == [
        "[1 of 3] blank, about 2 min left",
        "[2 of 3] film, about 3 min left",
        "[3 of 3] dots, about 2 min left",
    ]
    assert one.missing == {}


@pytest.mark.parametrize("error", [PlanError("no blank"), MeasurementError("no light"), FailedStatus("shut")])
def test_a_refused_step_is_remembered_with_its_reason(error):
    def refused(plan):
        raise error

    one, told = course([0.0, 0.0], refused)
    assert one.step("film", lambda: None) is None
    assert one.missing == {"film": str(error)} and str(error) in told[-1]


def test_any_other_error_ends_the_course():
    def broken(plan):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        course([0.0], broken)[0].step("film", lambda: None)


# --- what is remembered ------------------------------------------------------------------------------------


class Stored:
    """Results by uid, as `Sources` gives them."""

    def __init__(self, **results):
        self.results = results

    def of(self, uid):
        return self.results[uid]

    def together(self, kind, uids, selection):
        return SimpleNamespace(uids=uids, kind=kind, asked=selection)

    def ends(self, uid):
        return {"uid": uid, "irf_uid": "irf-1"}, {}


def grouped(*uids):
    return SimpleNamespace(uids=uids, emitters={"film": ("single-001",), "glass": ()}, parameters={"radius_nm": 80.0})


def paper() -> Paper:
    """One result of each kind."""
    spectra = {kind: {"A": SimpleNamespace(uid=f"{kind}-a")} for kind in ("absorption", "pl", "ple")}
    emitters = {
        "field": SimpleNamespace(uid="field-1"), "campaigns": {"film": ("hbt-1", "trace-1")},
        "traces": [SimpleNamespace(uid="trace-1")], "example": SimpleNamespace(uid="example-1"),
        "power": SimpleNamespace(uids=("p-1", "p-2")), "bright": SimpleNamespace(uid="bright-1"),
        "cohort": grouped("hbt-1"), "films": grouped("hbt-1", "trace-1"),
    }  # fmt: skip
    return Paper(
        names=("A", "mine"),
        spectra=Spectra(**spectra, series=SimpleNamespace(uids=("pl-a", "pl-b"))),
        images={role: FlimResult(f"image-{role}", None, "success", None) for role in ("A", "undoped")},
        emitters=type(NO_EMITTERS)(**emitters),
        starts={"A": {}},
        samples={"single": {"doping_percent": 0.01, "thickness_nm": 88, "note": "mine"}},
    )  # fmt: skip


def test_a_course_comes_back_from_what_is_remembered(tmp_path):
    made = paper()
    path = tmp_path / "demo.json"
    path.write_text(remembered(made, {"dots of film2": "no dots"}).told(), encoding="utf-8")
    memory = Memory.read(path)
    found = [*made.spectra.absorption.values(), *made.spectra.pl.values(), *made.spectra.ple.values()]
    found += [*made.images.values(), made.emitters.field, made.emitters.example, made.emitters.bright]
    stored = Stored(**{one.uid: one for one in [*found, *made.emitters.traces]})
    back = again(memory, stored)
    assert (back.names, back.images, back.emitters.traces) == (made.names, made.images, made.emitters.traces)
    assert (back.spectra.pl, back.spectra.ple) == (made.spectra.pl, made.spectra.ple)
    assert back.emitters.campaigns == made.emitters.campaigns and back.emitters.field is made.emitters.field
    assert (back.emitters.power.kind, back.emitters.power.uids) == ("power_series", ("p-1", "p-2"))
    assert back.emitters.films.uids == ("hbt-1", "trace-1")
    assert back.emitters.films.asked["parameters"] == {"radius_nm": 80.0}
    assert back.samples == {"single": {"doping_percent": 0.01, "thickness_nm": 88}}
    assert memory.missing == {"dots of film2": "no dots"} and back.starts["A"]["irf_uid"] == "irf-1"


def test_a_folder_without_memory_says_what_to_do(tmp_path):
    with pytest.raises(LookupError, match="make demo"):
        Memory.read(tmp_path / "demo.json")
    (tmp_path / "demo.json").write_text('{"names": ["A"]}')
    with pytest.raises(ValueError, match="which run played which part"):
        Memory.read(tmp_path / "demo.json")


def test_without_any_measurement_there_are_rows_and_the_exit_tells():
    rows = Paper(("A", "B"), Spectra(), {}, NO_EMITTERS, {}, {}).rows()
    assert {one.verdict for one in rows} == {"setting", "not measured"}
    assert len(rows) == 114 and nothing_measured(rows)
