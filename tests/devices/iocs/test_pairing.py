"""Which laser may shine behind which filters: the table, and the shutter that keeps to it, whatever happens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.iocs.config import ConfigError, read
from devices.iocs.lease import DEAD_MAN_S
from devices.iocs.pairing import USUAL, Optics, Pairing, objection
from devices.iocs.permit import SILENT_S
from plans.tcspc import APART, EMISSION_FILTERS, QD_FILTERS, SCATTER, SHARED
from tests.conftest import house
from tests.devices.iocs.fake_light import EMISSION, TOKEN, Room, in_room
from tests.devices.iocs.fake_light import SCATTER as SCATTERING


@pytest.mark.parametrize(
    ("laser", "w_cm2", "splitter", "filters"),
    [
        ("pulsed", 1000.0, APART, SCATTER),  # irf
        ("pulsed", 1000.0, SHARED, SCATTER),  # time_zero
        ("pulsed", 1000.0, APART, EMISSION_FILTERS),  # flim_raster, lifetime_at
        ("cw", 50_000.0, APART, EMISSION_FILTERS),  # find_emitters
        ("cw", 50_000.0, SHARED, QD_FILTERS),  # hbt, blinking, recentre
    ],
)
def test_what_plans_do_is_allowed(laser, w_cm2, splitter, filters):
    assert objection(USUAL, Optics("", splitter, **filters), {laser: w_cm2}) == ""


@pytest.mark.parametrize(
    ("optics", "shining", "why"),
    [
        (SCATTERING, {"cw": 1.0}, "cw must not shine with splitter 'dichroic', perovskite 'scatter', qd 'scatter'"),
        (EMISSION | {"qd": "scatter"}, {"pulsed": 1.0}, "Set the filters, or [[pairing]] in lab.toml"),
        (SCATTERING, {"pulsed": 1001.0}, "at most 1000 with"),
        (EMISSION, {"pulsed": 1.0, "cw": 1.0}, "cw and pulsed are both on: one laser at a time"),
        (EMISSION, {}, "no laser is on"),
        (EMISSION | {"moving": True}, {"cw": 1.0}, "moves: wait"),
    ],
)
def test_what_is_not_allowed_is_said_in_a_sentence(optics, shining, why):
    assert why in objection(USUAL, Optics("", **optics), shining)


def test_a_lab_has_a_table_of_its_own(tmp_path):
    file = house(tmp_path)
    names = 'splitter = ["dichroic"]\nperovskite = ["a"]\nqd = ["b", "c"]\n'
    file.write_text(f'{file.read_text()}\n[[pairing]]\nlaser = "cw"\n{names}max_w_cm2 = 7\n')
    assert read(file).pairing == (Pairing("cw", ("dichroic",), ("a",), ("b", "c"), 7.0),)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ('laser = "red"', "each \\[\\[pairing\\]\\] has laser"),
        ('laser = "red"\nsplitter = ["a"]\nperovskite = ["a"]\nqd = ["a"]', "allowed: pulsed, cw"),
        ('laser = "cw"\nsplitter = "a"\nperovskite = ["a"]\nqd = ["a"]', "splitter = 'a'; allowed: a list of names"),
        ('laser = "cw"\nsplitter = ["a"]\nperovskite = ["a"]\nqd = ["a"]\nmax_w_cm2 = -1', "a number above 0"),
    ],
)
def test_a_wrong_table_is_refused_with_its_number(tmp_path, table, why):
    file = house(tmp_path)
    file.write_text(f"{file.read_text()}\n[[pairing]]\n{table}\n")
    with pytest.raises(ConfigError, match=f"pairing number 1.*{why}"):
        read(file)


def test_light_passes_only_what_the_table_allows():
    async def steps(room: Room):
        await room.ready("cw", 100.0, **SCATTERING)
        assert "cw must not shine" in await room.shine()
        await room.tell()
        assert await room.shine() == "" and room.light.open
        assert "both on" in await room.put(room.pulsed.emission, "on")
        assert room.light.on == {"cw": 100.0} and room.light.open
        await room.tell(moving=True)
        assert not room.light.open and room.shutter.latch.value == ""

    in_room(steps)


def test_more_light_than_allowed_is_refused_while_it_is_open():
    async def steps(room: Room):
        await room.ready("pulsed", 50.0, **SCATTERING)
        assert await room.shine() == ""
        assert "at most 1000" in await room.put(room.pulsed.intensity, 1500.0)
        assert room.light.on == {"pulsed": 50.0}
        await room.put(room.shutter.command, "closed")
        assert await room.put(room.pulsed.intensity, 1500.0) == ""
        assert "at most 1000" in await room.shine()

    in_room(steps)


def test_a_silent_bench_closes_and_latches_until_it_is_back():
    async def steps(room: Room):
        assert "bench: silent" in (await room.ready() or await room.pass_time(2, tells=False) or await room.shine())
        await room.tell()
        assert await room.shine() == ""
        await room.pass_time(2, tells=False)
        assert not room.light.open and not room.light.on and room.shutter.latch.value.startswith("bench: silent")
        assert "still silent" in await room.put(room.shutter.reset, 1)
        await room.tell()
        assert await room.put(room.shutter.reset, 1) == "" and room.shutter.latch.value == ""

    in_room(steps)


def test_a_bench_that_was_restarted_closes():
    async def steps(room: Room):
        await room.ready()
        await room.shine()
        await room.tell(boot="2")
        assert not room.light.open and "restarted" in room.shutter.latch.value

    in_room(steps)


def test_only_the_bench_tells_what_the_filters_are():
    async def steps(room: Room):
        await room.ready("cw", 100.0, **SCATTERING)
        assert "with its key" in await room.tell(key="guessed")
        assert "only the bench" in await room.put(room.shutter.optics, "{}")
        assert "cw must not shine" in await room.shine()
        assert "a key" not in room.shutter.optics.value

    in_room(steps)


def test_open_without_a_measurement_it_closes_by_itself():
    async def steps(room: Room):
        await room.ready()
        await room.shine()
        await room.pass_time(30, measuring=True)
        assert room.light.open
        await room.pass_time(9)
        assert room.light.open
        await room.shine()
        await room.pass_time(9)
        assert room.light.open
        await room.pass_time(2)
        assert not room.light.open and "10 s while nothing was measured" in room.shutter.reason.value
        assert room.shutter.latch.value == "" and await room.shine() == ""

    in_room(steps)


STEPS = st.one_of(
    st.tuples(st.just("time"), st.sampled_from([0.05, 1.0, 1.6, 6.0]), st.booleans(), st.booleans()),
    st.tuples(st.sampled_from(["beat", "owner"]), st.sampled_from([TOKEN, "another"])),
    st.tuples(st.just("emission"), st.sampled_from(["pulsed", "cw"]), st.sampled_from(["on", "standby"])),
    st.tuples(st.just("intensity"), st.sampled_from(["pulsed", "cw"]), st.sampled_from([5.0, 1500.0])),
    st.tuples(st.just("tell"), st.sampled_from([EMISSION, SCATTERING, SCATTERING | {"qd": "x"}]), st.booleans()),
    st.tuples(st.just("interlock"), st.booleans()),
    st.sampled_from([("open",)] * 4 + [("closed",), ("rest",), ("trip",), ("reset",), ("ready",), ("boot",)]),
)


async def take(room: Room, step: tuple):
    """One thing that somebody does."""
    kind, words, shutter = step[0], step[1:], room.shutter
    if kind == "time":
        seconds, beats, tells = words
        await room.pass_time(seconds, beats=beats, tells=tells, **room.told)
    elif kind in ("beat", "owner"):
        await room.put(getattr(shutter, kind), words[0])
    elif kind in ("emission", "intensity"):
        await room.put(getattr(getattr(room, words[0]), kind), words[1])
    elif kind == "tell":
        await room.tell(**words[0], moving=words[1])
    elif kind == "interlock":
        room.light.interlock = words[0]
        await shutter.watch()
    elif kind in ("open", "closed"):
        await room.put(shutter.command, kind)
    elif kind == "ready":
        await room.ready()
        await room.put(shutter.reset, 1)
    elif kind == "boot":
        await room.tell(boot="2")
    else:
        await room.put(getattr(shutter, kind), "a reason" if kind == "trip" else 1)


def harmless(room: Room) -> bool:
    """The rule itself, written a second time and plainly."""
    now_s, light, told = room.clock.now_s, room.light, room.told
    if len(light.on) != 1 or not light.interlock or room.shutter.latch.value:
        return False
    ((laser, w_cm2),) = light.on.items()
    if now_s - room.shutter.last_beat > DEAD_MAN_S or now_s - room.told_s > SILENT_S or told.get("moving"):
        return False
    filters = {place: told[place] for place in EMISSION}
    return filters == EMISSION or (filters == SCATTERING and laser == "pulsed" and w_cm2 <= 1000)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=25))
def test_nothing_that_anybody_does_lets_light_through_that_must_not(sequence):
    async def steps(room: Room):
        for step in [("ready",), ("open",), *sequence]:
            await take(room, step)
            await room.shutter.watch()
            assert not room.light.open or harmless(room), (step, room.told, room.light.on)

    in_room(steps)
