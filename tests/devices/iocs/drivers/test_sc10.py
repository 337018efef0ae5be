"""The shutter that can only be toggled: whatever is lost, closing ends closed or raises, and never opens."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.iocs.drivers.light.sc10 import Sc10, Sc10Options, ShutterError, enabled
from devices.iocs.drivers.wires.thorlabs import CommandRefusedError, is_whole
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.sc10 import Sc10Emulator
from tests.emulators.wires import Mischief, on_pty, on_tcp


@pytest.fixture(scope="module")
def bench():
    """One emulated shutter behind one driver, fast to give up."""
    emulator = Sc10Emulator()
    with on_tcp(emulator) as served:
        driver = Sc10(Sc10Options(served.url, open_reads=1, timeout_s=0.06))
        yield emulator, driver, served
        driver.close()


@pytest.fixture
def shutter(bench):
    emulator, driver, _ = bench
    emulator.mischief, emulator.heard, emulator.n_toggles = Mischief(), [], 0
    emulator.is_open = emulator.stuck = emulator.refuses = False
    emulator.lost = 0
    return emulator, driver


@pytest.mark.parametrize("open_reads", [0, 1])
def test_it_opens_and_closes_whatever_open_reads(open_reads):
    told = []
    emulator = Sc10Emulator(
        open_reads=open_reads,
        open_shutter=lambda: told.append("open"),
        close_shutter=lambda: told.append("closed"),
    )
    with on_pty(emulator) as port:
        driver = Sc10(Sc10Options(port, open_reads=open_reads))
        for action, is_open in ((driver.open_blade, True), (driver.open_blade, True), (driver.close_blade, False)) * 2:
            action()
            assert emulator.is_open is is_open and driver.is_open() is is_open
        driver.close()
    assert told == ["open", "closed", "open", "closed"]
    assert emulator.n_toggles == 4 and "ens=1" not in emulator.heard


def test_a_lost_toggle_is_said_again_only_after_reading(shutter):
    emulator, driver = shutter
    emulator.lost = 1
    driver.open_blade()
    assert emulator.is_open and emulator.n_toggles == 1
    between = emulator.heard[emulator.heard.index("ens") + 1 :]
    assert between[:2] == ["ens?", "ens?"] and between.count("ens") == 1


@pytest.mark.parametrize("before", [b">", b"> ", b"\r>"])
def test_a_prompt_from_before_ends_nothing(shutter, before):
    emulator, driver = shutter
    emulator.mischief = Mischief(babble=before)
    assert driver.is_open() is False
    assert not is_whole(before) and is_whole(before + b"ens?\r0\r>")


def test_a_blade_that_does_not_follow_is_told(shutter):
    emulator, driver = shutter
    emulator.stuck = True
    with pytest.raises(ShutterError, match=r"did not open: ens\? reads 0; .*front panel.*open_reads"):
        driver.open_blade()


def test_an_error_of_the_controller_is_a_sentence(shutter):
    emulator, driver = shutter
    emulator.refuses = True
    with pytest.raises(CommandRefusedError, match=r"refused 'ens\?': Command error CMD_NOT_DEFINED"):
        driver.is_open()


def test_unplugged_it_raises_and_plugged_again_it_goes_on(bench, shutter):
    (emulator, driver), served = shutter, bench[2]
    driver.open_blade()
    served.unplug()
    with pytest.raises(WireError):
        driver.close_blade()
    served.plug()
    driver.close_blade()
    assert not emulator.is_open


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    is_open=st.booleans(),
    wishes=st.lists(st.booleans(), min_size=1, max_size=3),
    faults=st.fixed_dictionaries(
        {name: st.integers(0, 2) for name in ("silent", "garbled", "cut")}
        | {"delay_s": st.sampled_from([0.0, 0.0, 0.08])}
    ),
    lost=st.integers(0, 2),
    babble=st.sampled_from([b"", b"ens?\r1\r>", b"ens?\r0\r>", b"\x00\xff>"]),
)
def test_close_never_opens_and_never_lies(shutter, is_open, wishes, faults, lost, babble):
    emulator, driver = shutter
    emulator.is_open, emulator.lost = is_open, lost
    emulator.mischief = Mischief(**faults, babble=babble)
    for wanted in wishes:
        was_open = emulator.is_open
        try:
            (driver.open_blade if wanted else driver.close_blade)()
        except (WireError, ShutterError):
            assert wanted or was_open or not emulator.is_open  # closing what is closed never opens it
        else:
            assert emulator.is_open is wanted
    emulator.mischief = Mischief()


@given(st.text(max_size=20) | st.from_regex(r"(> )?ens\?\r[01]{1,2}\r?> ?", fullmatch=True))
def test_a_reply_is_0_or_1_or_refused(heard):
    try:
        value = enabled(heard)
    except (ValueError, CommandRefusedError):
        return
    words = heard.lstrip("> \r\n").replace("\n", "\r").split("\r")
    assert str(value) in [word.strip() for word in words[1:-1]]


@pytest.mark.parametrize(
    "heard",
    ["ens\r1\r>", "pos?\r1\r>", "1\r>", "ens?\r>", "ens?\r2\r>", "ens?\r1\r0\r>", "ens?\r1", "ens?\r1\r>\rens?"],
)
def test_the_reply_to_another_command_is_refused(heard):
    with pytest.raises(ValueError, match="replied"):
        enabled(heard)


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"open_reads": 2}, "open_reads = 2: 0 or 1"),
        ({"port": " "}, "port = "),
        ({"interlock": "door"}, "interlock = 'door'"),
        ({"timeout_s": 3.0}, "timeout_s = 3"),
    ],
)
def test_options_that_are_no_options(given_, why):
    with pytest.raises(ValueError, match=why):
        Sc10Options(**{"port": "COM1", "open_reads": 1} | given_)


def test_the_check_moves_nothing(shutter):
    emulator, driver = shutter
    found = {one.what: one for one in driver.check()}
    assert found["polarity"].state == "unverified" and "closed" in found["polarity"].found
    assert set(emulator.heard) == {"ens?"}
