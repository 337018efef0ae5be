"""Properties for any input: nonsense moves nothing, any pause or end is dark, any cut of a journal is a prefix."""

import inspect
import math
from functools import partial

import pytest
from bluesky.utils import Msg, RunEngineInterrupted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plans
from lab import journal
from lab.journal import Journal
from plans.stubs import PlanError
from tests.faults.conftest import THOROUGH
from tests.faults.cuts import Light
from tests.faults.invariants import disorders, unpacked
from tests.faults.menu import HARMLESS, MENU
from tests.faults.test_every_message import begun, is_dark, wire
from tests.lab.documents import documents

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.filterwarnings("ignore:plan .* was never iterated"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MOVING = {"set", "open_run", "stage", "kickoff", "trigger", "mv"}
NONSENSE = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, -1, -1e-9, 1e300, 2**70, True, False]),
    st.text(max_size=5),
    st.just(object()),
    st.lists(st.integers(-3, 3), max_size=1),
    st.dictionaries(st.just("no such key"), st.integers(), min_size=1, max_size=1),
)
POOR = settings(
    derandomize=True,
    deadline=None,
    max_examples=600 if THOROUGH else 150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NEVER_WRONG = {"md", "snake", "dark_frame", "stop_on_bleach", "decide", "recover"}  # text and dictionaries, yes or no
NUMBERS = [
    (name, key)
    for name in sorted(set(MENU) - {"park"})
    for key, parameter in inspect.signature(getattr(plans, name)).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and isinstance(parameter.default, float)
]


def said(plan, answer):
    """The messages a plan says before it is done or refuses; the refusal, if it does."""
    messages: list[Msg] = []
    try:
        msg = next(running := iter(plan))
        for _ in range(5000):
            messages.append(msg)
            if msg.command in MOVING:
                running.close()
                return messages, None
            msg = running.send(answer(msg))
    except StopIteration:
        return messages, None
    except PlanError as why:
        return messages, str(why)
    raise AssertionError("the plan neither moves nor refuses")


def answered(msg):
    """What the instruments would say, asked directly: reading moves nothing."""
    if msg.command == "read":
        return msg.obj.read()
    return None


@given(st.sampled_from(NUMBERS), NONSENSE)
@POOR
def test_nonsense_for_a_number_is_refused_before_anything_moves(lab, which, value):
    name, key = which
    arguments = small_arguments(lab, name) | {key: value}
    device = lab.fs5 if "fs5" in inspect.signature(getattr(plans, name)).parameters else lab.microscope
    messages, refusal = said(getattr(plans, name)(device, **arguments), answered)
    assert refusal is not None, f"{name}({key}={value!r}) began with {messages[-1]}"
    assert not MOVING & {msg.command for msg in messages[:-1]}
    assert key in refusal or repr(value) in refusal, refusal


def small_arguments(lab, name):
    """The arguments of the small plan of the menu."""
    plan = MENU[name][1](lab)
    given = inspect.getgeneratorlocals(plan._iter)
    plan.close()
    return {key: value for key, value in given.items() if key not in ("microscope", "fs5")}


STEPS = st.lists(st.tuples(st.integers(1, 120), st.sampled_from(["resume", "abort", "stop", "halt"])), max_size=3)


@given(st.sampled_from(sorted(set(MENU) - HARMLESS - {"qd_campaign", "power_series"})), STEPS)
@settings(POOR, max_examples=100 if THOROUGH else 12)
def test_any_pauses_and_any_end_leave_it_dark_and_ready(lab, name, steps):
    """Pause at any message, go on or end it in any way, again and again: never light while it does not run."""
    wire(lab, name)
    remaining, count = list(steps), 0

    def hook(msg):
        nonlocal count
        count += 1
        if remaining and count == remaining[0][0]:
            lab.RE.loop.call_soon(lambda: lab.RE.loop.create_task(lab.RE._request_pause_coro(False)))

    lab.RE.msg_hook = hook
    with begun(lab) as uids:
        act = partial(lab.RE, MENU[name][1](lab))
        while act is not None:
            act = pursue(lab, act, remaining)
            count = 0
    lab.RE.msg_hook = None
    assert lab.RE.state == "idle" and is_dark(lab)
    for uid in uids:
        path = journal.path_of(lab.config.folders.journal, uid)
        assert journal.state(path) == "complete" and not disorders(unpacked(path))


def pursue(lab, act, remaining):
    """Do one thing; what comes next, or None when the plan is over."""
    try:
        act()
    except RunEngineInterrupted:
        if lab.RE.state != "paused":
            return None
        assert is_dark(lab)
        _, manner = remaining.pop(0) if remaining else (0, "abort")
        return getattr(lab.RE, manner)
    return None


@given(st.integers(0, 10_000))
@settings(POOR, max_examples=300 if THOROUGH else 60)
def test_a_journal_cut_at_any_byte_is_a_prefix_that_can_be_closed(tmp_path_factory, where):
    folder = tmp_path_factory.mktemp("cut")
    record, whole = Journal(folder), list(documents(4))
    for name, doc in whole[:-1]:
        record(name, doc)
    record.close()
    (path,) = journal.paths(folder)
    content = path.read_bytes()
    length = where * len(content) // 10_000
    path.write_bytes(content[:length])
    names = [name for name, _ in journal.read(path)]
    assert names == [name for name, _ in whole][: len(names)] and len(names) == content[:length].count(b"\n")
    assert journal.state(path) == ("open" if names else "empty")
    if names:
        journal.close_interrupted(path, "cut")
        assert not disorders(unpacked(path)) and journal.state(path) == "complete"


def test_light_follows_what_is_said():
    """The tracker that judges the plans knows light when it sees it."""

    class Named:
        def __init__(self, name):
            self.name = name

    light = Light()
    for msg in (Msg("set", Named("pulsed_emission"), "on"), Msg("set", Named("shutter"), "open")):
        light.heed(msg)
    assert not light.dark and light.shining == ["pulsed_emission"]
    light.heed(Msg("set", Named("shutter"), "closed"))
    assert light.dark
