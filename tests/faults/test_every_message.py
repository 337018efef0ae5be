"""Whatever message a plan is broken off at, and however: it ends dark, says so, and the next plan works."""

import random
import threading
from contextlib import contextmanager

import pytest
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import RunEngineInterrupted

import plans
from lab import journal
from tests.faults.conftest import THOROUGH
from tests.faults.cuts import InjectedError, cut, recorded
from tests.faults.invariants import disorders, false_success, loose_json, missing_rows, of_run
from tests.faults.menu import HARMLESS, MENU, ON_A_DOT, mount

pytestmark = [
    pytest.mark.xdist_group("faults"),
    # What the RunEngine leaves of a plan that it halts.
    pytest.mark.filterwarnings("ignore:plan .* was never iterated"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MANNERS = ("exception", "abort", "stop", "halt", "resume")
TOLERANT = {"qd_campaign"}  # notes the dot that failed and goes on with the next


ADAPTIVE = ("hbt", "blinking", "qd_campaign")


@pytest.fixture(scope="module")
def answers(lab):
    """Messages and answers of each plan, from one undisturbed run of it."""
    known: dict[str, list] = {}

    def of(name):
        if name not in known:
            wire(lab, name)
            known[name] = []
            lab.RE(recorded(MENU[name][1](lab), known[name]))
        return known[name]

    return of


def wire(lab, name):
    """Cable the card and mount the sample as the plan needs it.

    A plan on a dot is a step of the twin's world: its dot blinks and bleaches as it did when the messages were counted.
    """
    if name in ON_A_DOT:
        mount(lab, "example_qd")
    if lab.microscope.timeharp.wiring.get() != MENU[name][0]:
        lab.RE(bps.mv(lab.microscope.timeharp.wiring, MENU[name][0]))
    lab.RE(bps.mv(lab.microscope.sample.step, f"faults/{name}" if name in ON_A_DOT else ""))


def test_the_menu_has_every_plan():
    assert set(MENU) | HARMLESS == set(plans.__all__)


def representatives(said, most):
    """Where each kind of message stands for the first time, as many as `most`, evenly; all kinds if they are fewer."""
    first: dict[tuple[str, str, str], int] = {}
    for index, (msg, _) in enumerate(said):
        first.setdefault((msg.command, getattr(msg.obj, "name", ""), str(msg.args)), index)
    kinds = sorted(first.values())
    return sorted({kinds[k * len(kinds) // most] for k in range(most)} | {len(said) - 1})


@pytest.mark.parametrize("name", MENU)
def test_a_plan_cut_at_any_message_ends_dark(lab, answers, name):
    said = answers(name)
    for index in range(len(said)) if THOROUGH else representatives(said, 30):
        where = f"{name}, message {index} of {len(said)}: {said[index][0]}"
        light, error = cut(MENU[name][1](lab), said, index)
        assert error is None if error is None else isinstance(error, InjectedError), where
        assert error is not None or name in TOLERANT, where
        assert light.shutter == "closed" and not light.shining and not light.staged, (where, light)


@pytest.mark.parametrize("name", MENU)
def test_a_clean_up_that_fails_too_leaves_the_second_barrier(lab, answers, name):
    said = answers(name)
    for index in range(len(said)) if THOROUGH else representatives(said, 8):
        for again in range(4):
            light, _ = cut(MENU[name][1](lab), said, index, again=again)
            assert light.dark, f"{name}, message {index}: {said[index][0]}, and message {again} of its clean-up"


def broken(lab, name, manner, index):
    """Run a plan that is broken off while it does message `index`; whether it got so far."""
    count = 0

    def meddle(msg):
        nonlocal count
        count += 1
        if count == index and manner == "exception":
            return failing(msg), None
        if count == index:
            threading.Thread(target=lab.RE.request_pause, args=(False,)).start()
        return None, None

    def failing(msg):
        yield msg
        raise InjectedError(f"injected at {msg.command}")

    wire(lab, name)
    try:
        lab.RE(bpp.plan_mutator(MENU[name][1](lab), meddle))
    except RunEngineInterrupted:
        if lab.RE.state == "paused":
            assert is_dark(lab), f"{name} paused at message {index} in the light"
            getattr(lab.RE, manner)()
    except InjectedError:
        pass
    return count >= index


@contextmanager
def begun(lab):
    """The uids of the runs that the engine begins meanwhile."""
    uids: list[str] = []
    token = lab.RE.subscribe(lambda name, doc: uids.append(doc["uid"]), "start")
    try:
        yield uids
    finally:
        lab.RE.unsubscribe(token)


def is_dark(lab):
    """Whether the light is out as soon as the engine has seen to it."""
    lab.RE.darkening.join(5.0)
    return not lab.beam.read().lit and lab.microscope.shutter.state.get() == "closed"


def samples_of(name):
    """A few messages of the plan for each manner; all of them in the thorough tier."""
    for manner in MANNERS:
        for share in range(1, 40) if THOROUGH else [random.Random(f"{name} {manner}").randrange(1, 40)]:
            yield manner, share / 40


@pytest.mark.parametrize("name", MENU if THOROUGH else ("flim_raster", "hbt", "blinking", "pl"))
def test_a_plan_broken_off_in_the_lab_ends_dark_and_tells_the_truth(healthy, answers, name):
    lab = healthy
    journal_folder, raw = lab.config.folders.journal, lab.config.folders.raw
    n_messages = len(answers(name))
    for manner, share in samples_of(name):
        latest = 0.75 if name in ADAPTIVE else 1.0  # how long those take depends on what they see
        index = max(1, round(min(share, latest) * n_messages))
        where = f"{name}, {manner} at message {index} of {n_messages}"
        with begun(lab) as uids:
            assert broken(lab, name, manner, index), where
        assert lab.RE.state == "idle" and is_dark(lab), where
        if manner != "halt":
            assert {lab.microscope.pulsed.emission.get(), lab.microscope.cw.emission.get()} == {"standby"}, where
        for uid in uids:
            run = of_run(journal_folder, uid)
            assert not (disorders(run) + missing_rows(run, raw) + false_success_of(run, manner)), where
            assert not loose_json(journal.path_of(journal_folder, uid))
            if manner in ("exception", "abort", "halt"):
                expected = {"exception": "fail"}.get(manner, "abort")
                assert run[-1][1]["exit_status"] == expected or complete(run), (where, run[-1][1])
    wire(lab, name)
    assert ends_well(lab, name)


def test_a_pause_behind_the_end_of_a_run_goes_on_from_there(healthy):
    """What was said before the run was closed, such as its last baseline, is not said again."""

    def pausing(msg):
        return None, bps.pause() if msg.command == "close_run" else None

    wire(healthy, "flim_raster")
    with begun(healthy) as uids:
        with pytest.raises(RunEngineInterrupted):
            healthy.RE(bpp.plan_mutator(MENU["flim_raster"][1](healthy), pausing))
        assert healthy.RE.state == "paused" and is_dark(healthy)
        healthy.RE.resume()
    run = of_run(healthy.config.folders.journal, uids[0])
    assert healthy.RE.state == "idle" and run[-1][1]["exit_status"] == "success" and not disorders(run)


def ends_well(lab, name):
    """Whether the plan works, begun anew."""
    stops = []
    token = lab.RE.subscribe(lambda kind, doc: stops.append(doc["exit_status"]), "stop")
    lab.RE(MENU[name][1](lab))
    lab.RE.unsubscribe(token)
    return stops and set(stops) == {"success"}


def false_success_of(run, manner):
    """A run that was told to stop is a success with what it has."""
    return [] if manner == "stop" else false_success(run)


def complete(run):
    """Whether a run had ended before its plan was broken off."""
    return run[-1][1]["exit_status"] == "success" and not false_success(run)
