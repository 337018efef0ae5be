"""What a TimeHarp 200 tells when something is wrong, and that it works again afterwards."""

import socket

import pytest

from devices.iocs.drivers.timeharp import errors
from devices.iocs.drivers.timeharp.client import CardError
from tests.devices.iocs.drivers.timeharp.conftest import LEVELS, Steady, TimeHarp200Options

OPENING = ("GetHardwareVersion", "GetSerialNumber", "GetBaseResolution", "Initialize", "Calibrate", "SetCFDDiscrMin",
           "SetCFDZeroCross", "SetSyncLevel", "SetRange", "SetOffset", "GetRouterModel", "GetRoutingChannels",
           "EnableRouting", "SetNRT400CFD", "GetLibraryVersion")  # fmt: skip
COUNTING = ("SetStopOverflow", "ClearHistMem", "SetMMode", "StartMeas", "StopMeas", "CTCStatus", "GetBlock", "GetFlags",
            "GetElapsedMeasTime", "GetResolution")  # fmt: skip
TAGGING = ("T3RSetMarkerEdges", "T3RStartDMA", "T3RCompleteDMA")
NRT = {"nrt_cfd_mv": (100, 100), "nrt_zero_cross_mv": (20, 20)}


@pytest.fixture
def acquire(emulate):
    """Acquire once with a fresh setting up; the card fails, or works."""
    emulated = emulate(Steady(), **NRT)

    def take(trouble="", wiring="raster"):
        card = emulated.card
        emulated.trouble.write_text(trouble)
        card.wiring, card.link.opened = wiring, None
        if wiring == "clock":
            return card.acquire_records(0.1, acquisition=1, index=0)
        return card.acquire(0.1, acquisition=1, index=0)

    take.emulated = emulated
    return take


def test_every_function_that_fails_is_named_with_its_code(acquire):
    for wiring, functions in (("raster", OPENING + COUNTING), ("clock", TAGGING)):
        for function in functions:
            acquire.emulated.feed.card.records = [] if wiring == "raster" else Records()
            with pytest.raises(CardError, match=f"TH_{function} failed with code -21: reading data failed"):
                acquire(f"TH_{function} -21\n", wiring)
        acquire("", wiring)


class Records:
    """Records that fill the FIFO to half."""

    def __len__(self):
        return 70_000

    def tobytes(self):
        return b"\x01\x00\x00\x40" * 70_000


def test_every_documented_code_becomes_a_sentence(acquire):
    codes = [*range(-9, 0), *range(-25, -15), *range(-37, -31), *range(-54, -47), *range(-78, -63)]
    assert sorted(errors.CODES) == sorted(codes)
    for code in codes:
        with pytest.raises(CardError, match=f"TH_Calibrate failed with code {code}: ") as why:
            acquire(f"TH_Calibrate {code}\n")
        assert errors.CODES[code] in str(why.value)
    with pytest.raises(CardError, match="TH_Calibrate failed with code -40: ERROR -40"):
        acquire("TH_Calibrate -40\n")
    acquire()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("VERSION 5.0", "the library is '5.0', not '6.1'"),
        ("FLAGS 0x100", "reports a system error"),
        ("ROUTER 0", "finds no router"),
        ("TH_GetResolution -23", "failed with code -23: the board is not calibrated"),
        ("NEVER_ENDS 1", "a measurement of 100 ms does not end"),
        ("TH_Initialize -16", "another program uses the board"),
    ],
)
def test_a_card_that_cannot_be_right_is_refused(acquire, trouble, said):
    with pytest.raises(CardError, match=said):
        acquire(trouble + "\n")
    acquire()


def test_a_dma_that_takes_too_long_loses_the_measurement_only(acquire):
    acquire.emulated.feed.card.records = Records()
    with pytest.raises(CardError, match="T3RCompleteDMA failed with code -24: a DMA transfer failed or took longer"):
        acquire("TH_T3RCompleteDMA timeout\n", "clock")
    assert acquire.emulated.calls()[-2:] == ["T3RCompleteDMA", "StopMeas"]
    assert len(acquire("", "clock").records) == 70_000


@pytest.mark.parametrize("afterwards", ["", "TH_Shutdown -22"])
def test_a_board_that_failed_is_opened_anew(emulate, afterwards):
    emulated = emulate()
    emulated.card.acquire(0.1, acquisition=1, index=0)
    emulated.trouble.write_text("TH_StartMeas -22\n")
    with pytest.raises(CardError, match="the board is not initialised"):
        emulated.card.acquire(0.1, acquisition=1, index=1)
    emulated.trouble.write_text(afterwards)
    emulated.calls()
    emulated.card.acquire(0.1, acquisition=1, index=1)
    assert "Initialize 0" in emulated.calls()
    emulated.card.acquire(0.1, acquisition=1, index=2)
    assert "Initialize 0" not in emulated.calls()


def test_a_meter_of_a_board_that_is_not_open_any_more_opens_it(emulate):
    emulated = emulate()
    emulated.trouble.write_text("TH_GetCountRate -22\n")
    with pytest.raises(CardError, match="the board is not initialised"):
        emulated.card.count_rate_cps()
    emulated.trouble.write_text("TH_GetCountRate -5\n")
    emulated.calls()
    with pytest.raises(CardError, match="code -5"):
        emulated.card.count_rate_cps()
    assert "Initialize 0" in emulated.calls()
    emulated.trouble.write_text("")
    assert emulated.card.count_rate_cps() == 10_000
    assert "Initialize 0" not in emulated.calls()


def test_another_board_is_refused(emulate):
    card = emulate(Steady(serial="1077"), serial="1076").card
    with pytest.raises(CardError, match="the board is '1077', not '1076'"):
        card.configure(2, 0)


@pytest.mark.parametrize("rate", [-12345, 77_777_777])
def test_a_meter_that_shows_nonsense_is_not_believed(emulate, rate):
    emulated = emulate()
    emulated.trouble.write_text(f"RATE {rate}\n")
    with pytest.raises(CardError, match=r"GetCountRate failed|no card can"):
        emulated.card.count_rate_cps()


def test_a_window_or_time_that_the_card_has_not_is_refused_before_it_is_asked(emulate):
    emulated = emulate()
    card = emulated.card
    for bad in ((6, 0.0), (-1, 0.0), (2, -1.0), (2, 2001.0), (2, float("nan"))):
        with pytest.raises(ValueError, match=r"range_code|offset_ns"):
            card.configure(*bad)
    for tacq_s in (0.0, 1e-4, 0.0015, 36001.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="whole milliseconds"):
            card.acquire(tacq_s, acquisition=1, index=0)
    with pytest.raises(ValueError, match="wired for 'raster': this needs 'hbt'; re-cable it"):
        card.acquire_hbt(1.0, n_bins=1, acquisition=1, index=0)
    with pytest.raises(ValueError, match="there are raster, hbt, clock"):
        card.wiring = "both"
    assert emulated.calls() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"library": "nowhere.dll"}, "library = 'nowhere.dll': there is no such file"),
        ({"python": "nowhere"}, "python = 'nowhere'"),
        ({"block_is": "backwards"}, "block_is = 'backwards': it is one of forward, reversed"),
        ({"cfd_mv": 401}, r"cfd_mv = 401: allowed is a whole number of mV, 0\.\.400"),
        ({"zero_cross_mv": 2.5}, "zero_cross_mv = 2.5"),
        ({"sync_level_mv": 500}, r"-1300\.\.400"),
        ({"routes": {"perovskite": 0, "qd": 0}}, "an input of its own"),
        ({"routes": {"perovskite": 0, "qd": 4}}, "an input of its own"),
        ({"routes": {"perovskite": 0}}, "an input of its own"),
        ({"nrt_cfd_mv": [100]}, "give both"),
        ({"marker_edges": ["up", "up", "up"]}, "falling, rising"),
        ({"warm_up_s": -1}, "warm_up_s = -1"),
    ],
)
def test_wrong_options_are_told(library, wrong, said):
    right = {"library": str(library), "block_is": "forward", **LEVELS}
    TimeHarp200Options(**right)
    with pytest.raises(ValueError, match=said):
        TimeHarp200Options(**(right | wrong))


def test_a_file_that_is_no_library_and_a_python_that_is_none_are_told(emulate, tmp_path):
    (tmp_path / "text.dll").write_text("no library")
    with pytest.raises(CardError, match=r"cannot be loaded by this \d+-bit Python"):
        emulate(library=str(tmp_path / "text.dll")).card.configure(2, 0)
    (tmp_path / "python").write_text("no program")
    with pytest.raises(CardError, match="cannot be started"):
        emulate(python=str(tmp_path / "python")).card.configure(2, 0)


def test_a_stranger_is_not_taken_for_the_helper(emulate, monkeypatch):
    """Somebody else finds the port first, and says nothing that was agreed."""
    real = socket.create_server

    def crowded(address, **options):
        door = real(address, **options)
        strangers.append(socket.create_connection(door.getsockname()))
        strangers[-1].sendall(b"\x02\x00\x00\x00\x03\x00\x00\x00{}key")
        return door

    strangers = []
    emulated = emulate()
    monkeypatch.setattr(socket, "create_server", crowded)
    assert emulated.card.configure(2, 0) == 0
    assert strangers[0].recv(10) == b""
    strangers[0].close()
