"""PTU files: our records are those of ptufile, what is written comes back, what is damaged is refused with its byte."""

import dataclasses
import re
import struct
from datetime import datetime

import numpy as np
import ptufile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.formats.photons import Markers, Photons
from analysis.formats.ptu import RecordType, is_ptu, read_ptu, write_ptu

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WRAP_PAST = {True: 3_000.0, False: 3e7}  # mean ticks between photons: many overflows, also several in a row


def photons_of(kind: RecordType, n=20_000, n_markers=200, seed=1) -> Photons:
    """Random photons and markers that the records of a card can hold, with the times of photons at some markers."""
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.exponential(WRAP_PAST[kind.is_t3], n)).astype(np.int64)
    index = np.sort(rng.integers(0, n + 1, n_markers))
    return Photons(
        macrotime=time,
        macrotime_unit_s=25e-9 if kind.is_t3 else 4e-12,
        nanotime=rng.integers(0, 1000, n).astype(np.uint16) if kind.is_t3 else np.empty(0, np.uint16),
        nanotime_unit_s=25e-12 if kind.is_t3 else np.nan,
        route=rng.integers(0, 4, n).astype(np.uint8),
        marker=Markers(index, rng.integers(1, 16, n_markers).astype(np.uint8)),
        marker_macrotime=np.where(index < n, time[np.minimum(index, n - 1)], time[-1] + 5) & ~15,
        n_channels=1000 if kind.is_t3 else 0,
        sync_hz=4e7 if kind.is_t3 else np.nan,
    )


def assert_same(ours: Photons, theirs: Photons):
    for name in ("macrotime", "nanotime", "route", "marker_macrotime"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
    np.testing.assert_array_equal(ours.marker.index, theirs.marker.index)
    np.testing.assert_array_equal(ours.marker.pattern, theirs.marker.pattern)
    for name in ("macrotime_unit_s", "nanotime_unit_s", "n_channels", "sync_hz"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=0, abs=0, nan_ok=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "photons.ptu"


def header_of(path) -> int:
    """Bytes before the first record."""
    return path.read_bytes().index(b"Header_End") + 48


def rewritten(path, name: str, value: bytes):
    """The file with other bytes in the value of one tag; returns the offset of that tag."""
    data = bytearray(path.read_bytes())
    at = data.index(name.encode())
    data[at + 40 : at + 40 + len(value)] = value
    path.write_bytes(data)
    return at


@pytest.mark.parametrize("kind", RecordType)
def test_what_is_written_comes_back_and_is_what_ptufile_reads(kind, path):
    photons = photons_of(kind, n_markers=0) if kind == RecordType.PICOHARP_T2 else photons_of(kind)
    write_ptu(path, photons, record_type=kind)
    assert_same(photons, read_ptu(path))
    with ptufile.PtuFile(path) as file:
        assert file.record_type == kind
        assert file.global_resolution == photons.macrotime_unit_s
        records = file.decode_records()
    seen, marks = records[records["channel"] >= 0], records[records["marker"] > 0]
    np.testing.assert_array_equal(seen["time"], photons.macrotime)
    np.testing.assert_array_equal(marks["time"], photons.marker_macrotime)
    np.testing.assert_array_equal(marks["marker"], photons.marker.pattern)
    np.testing.assert_array_equal(np.cumsum(records["channel"] >= 0)[records["marker"] > 0], photons.marker.index)
    if kind.is_t3:
        np.testing.assert_array_equal(seen["dtime"], photons.nanotime)
        np.testing.assert_array_equal(seen["channel"], photons.route)
    elif kind != RecordType.PICOHARP_T2:  # ptufile calls the sync input 0, and the first input as well
        np.testing.assert_array_equal(seen["channel"], np.maximum(photons.route.astype(int) - 1, 0))


RECORDS_BY_HAND = {
    # nsync | dtime << 16 | channel << 28; overflow after 65536; channel 15: marker in dtime
    RecordType.PICOHARP_T3: (
        [0x10050003, 0xF0000000, 0x20060001, 0xF0020007],
        ([3, 65537], [5, 6], [0, 1], [65543], [2]),
    ),
    # time | channel << 28; overflow after 210698240; channel 15: marker in the lowest four bits
    RecordType.PICOHARP_T2: (
        [0x00000009, 0xF0000000, 0x10000001, 0xF0000024],
        ([9, 210698241], [], [0, 1], [210698272], [4]),
    ),
    # special << 31 | channel << 25 | dtime << 10 | nsync; channel 63: overflows counted in nsync
    RecordType.GENERIC_T3: ([0x00001401, 0xFE000003, 0x02000800, 0x84000002], ([1, 3072], [5, 2], [0, 1], [3074], [2])),
    # an older card tells one overflow per record, whatever its time says
    RecordType.HYDRAHARP1_T3: (
        [0x00001401, 0xFE000003, 0x02000800, 0x84000002],
        ([1, 1024], [5, 2], [0, 1], [1026], [2]),
    ),
    # special << 31 | channel << 25 | time; special channel 0: the sync input; 300 overflows, more than 32 bits
    RecordType.TIMEHARP260P_T2: (
        [0x00000001, 0xFE00012C, 0x80000005, 0x82000006],
        ([1, 10066329605], [], [1, 0], [10066329606], [1]),
    ),
    RecordType.HYDRAHARP1_T2: (
        [0x00000001, 0xFE000002, 0x80000005, 0x82000006],
        ([1, 33552005], [], [1, 0], [33552006], [1]),
    ),
}


@pytest.mark.parametrize("kind", RECORDS_BY_HAND)
def test_records_put_together_by_hand(kind, path):
    words, (macrotime, nanotime, route, marker_macrotime, pattern) = RECORDS_BY_HAND[kind]
    write_ptu(path, photons_of(kind, n=2, n_markers=0), record_type=kind)
    path.write_bytes(path.read_bytes()[: header_of(path)] + struct.pack("<4I", *words))
    rewritten(path, "TTResult_NumberOfRecords", struct.pack("<q", 4))
    photons = read_ptu(path)
    assert photons.macrotime.tolist() == macrotime
    assert photons.nanotime.tolist() == nanotime
    assert photons.route.tolist() == route
    assert photons.marker_macrotime.tolist() == marker_macrotime
    assert photons.marker.pattern.tolist() == pattern
    assert photons.marker.index.tolist() == [2]


@pytest.mark.parametrize("kind", [RecordType.GENERIC_T2, RecordType.GENERIC_T3])
def test_many_chunks_are_one_stream(kind, path):
    photons = photons_of(kind, n=2_500_000)
    write_ptu(path, photons)
    assert_same(photons, read_ptu(path))


def test_the_header_comes_back(path):
    header = {
        "File_Comment": "Rhodamine, 5 µm",
        "Wide": "τ = 4 ns",
        "Date": datetime(2026, 3, 1, 12, 30),
        "Gain": 2.5,
        "Lit": True,
        "Nothing": None,
        "Curve": (1.0, 2.5),
        "Blob": b"\1\2\3\4\5\6\7\0",
        "UsrHead(0)": 1,
        "UsrHead(1)": -2,
        "TTResult_NumberOfRecords": 12345,  # not the caller's to say
    }
    write_ptu(path, photons_of(RecordType.GENERIC_T3), header=header)
    found = read_ptu(path).header
    assert {name: found[name] for name in header} == header | {
        "TTResult_NumberOfRecords": found["TTResult_NumberOfRecords"]
    }
    assert found["TTResult_NumberOfRecords"] * 4 == len(path.read_bytes()) - header_of(path)
    with ptufile.PtuFile(path) as file:
        assert {file.comment, file.tags["Wide"]} == {"Rhodamine, 5 µm", "τ = 4 ns"}
        assert file.tags["UsrHead"] == [1, -2]


@pytest.mark.parametrize("name", ["Header_End", "", "x" * 32, "ключ", "new\nline"])
def test_a_name_no_tag_can_have(name, path):
    with pytest.raises(ValueError, match="cannot name a PTU tag"):
        write_ptu(path, photons_of(RecordType.GENERIC_T3, n=1, n_markers=0), header={name: 1})


def test_backward_nanotimes_are_turned_round(path):
    backward = dataclasses.replace(photons_of(RecordType.GENERIC_T3), reversed=True)
    write_ptu(path, backward)
    np.testing.assert_array_equal(read_ptu(path).nanotime, 999 - backward.nanotime)
    np.testing.assert_array_equal(read_ptu(path).decay(), backward.decay())


def test_channels_cover_a_laser_period_and_every_photon(path):
    photons = dataclasses.replace(photons_of(RecordType.GENERIC_T3, n=3, n_markers=0), nanotime=np.array([1, 2, 3]))
    write_ptu(path, photons)
    data = path.read_bytes().replace(b"Luminescope_Channels", b"Nobody_knows_this_tg")
    path.write_bytes(data)
    assert read_ptu(path).n_channels == 1000  # 25 ns of 25 ps
    write_ptu(path, dataclasses.replace(photons, nanotime=np.array([1, 2, 1499]), n_channels=1500))
    path.write_bytes(path.read_bytes().replace(b"Luminescope_Channels", b"Nobody_knows_this_tg"))
    assert read_ptu(path).n_channels == 1500


@pytest.mark.parametrize("kind", [RecordType.GENERIC_T2, RecordType.GENERIC_T3])
def test_no_photons(kind, path):
    write_ptu(path, empty(kind))
    photons = read_ptu(path)
    assert (len(photons), photons.marker.index.size) == (0, 0)
    assert photons.decay().sum() == 0


def empty(kind: RecordType) -> Photons:
    few = photons_of(kind, n=1, n_markers=0)
    none = {name: getattr(few, name)[:0] for name in ("macrotime", "nanotime", "route")}
    return dataclasses.replace(few, **none)


def test_a_measurement_that_was_never_ended_is_read_to_its_end(path):
    photons = photons_of(RecordType.GENERIC_T3)
    write_ptu(path, photons)
    rewritten(path, "TTResult_NumberOfRecords", bytes(8))
    assert_same(photons, read_ptu(path))


def test_records_beyond_those_promised_are_not_read(path):
    photons = photons_of(RecordType.GENERIC_T3)
    write_ptu(path, photons)
    path.write_bytes(path.read_bytes() + b"\n")
    assert_same(photons, read_ptu(path))


def test_photons_slightly_out_of_order_are_sorted_and_no_more(path):
    photons = dataclasses.replace(empty(RecordType.GENERIC_T2), macrotime_unit_s=1e-12)
    for step, sorted_ in ((900_000, True), (1_100_000, False)):
        times = np.array([5, 2_000_000, 2_000_000 - step, 3_000_000])
        write_ptu(path, dataclasses.replace(photons, macrotime=times, route=np.arange(4)))
        if sorted_:
            found = read_ptu(path)
            assert (found.macrotime.tolist(), found.route.tolist()) == (sorted(times), [0, 2, 1, 3])
        else:
            with pytest.raises(ValueError, match=rf"byte {header_of(path) + 8}: expected a photon no earlier"):
                read_ptu(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"route": np.array([70])}, "route 70"),
        ({"nanotime": np.array([40_000], np.uint16)}, "nanotime"),
        ({"n_channels": 40_000}, "n_channels 40000"),
        ({"macrotime": np.array([-1])}, "macrotime -1"),
        ({"macrotime_unit_s": np.nan}, "macrotime_unit_s nan"),
        ({"nanotime": np.empty(0, np.uint16)}, "number of nanotimes"),
        ({"marker": Markers(np.array([0]), np.array([16])), "marker_macrotime": np.array([0])}, "marker pattern 16"),
        ({"marker": Markers(np.array([2]), np.array([1])), "marker_macrotime": np.array([0])}, "marker index 2"),
        ({"marker": Markers(np.array([1]), np.array([1])), "marker_macrotime": np.array([5])}, "event 1"),
    ],
)
def test_photons_that_fit_no_record(change, message, path):
    few = dataclasses.replace(photons_of(RecordType.GENERIC_T3, n=1, n_markers=0), macrotime=np.array([5_000]))
    with pytest.raises(ValueError, match=message):
        write_ptu(path, dataclasses.replace(few, **change))


def test_a_gap_that_would_fill_the_disk_with_overflows(path):
    photons = dataclasses.replace(photons_of(RecordType.PICOHARP_T3, n=1, n_markers=0), macrotime=np.array([2**50]))
    with pytest.raises(ValueError, match="mostly overflows; choose GENERIC"):
        write_ptu(path, photons, record_type=RecordType.PICOHARP_T3)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TTResultFormat_TTTRRecType", struct.pack("<q", 0x00010208), "unknown record type 0x00010208"),
        ("TTResultFormat_BitsPerRecord", struct.pack("<q", 64), "TTResultFormat_BitsPerRecord"),
        ("TTResult_NumberOfRecords", struct.pack("<q", 10**12), "expected 1000000000000 records"),
        ("TTResult_NumberOfRecords", struct.pack("<q", -1), "TTResult_NumberOfRecords"),
        ("MeasDesc_GlobalResolution", struct.pack("<d", np.nan), "MeasDesc_GlobalResolution .* found nan"),
        ("MeasDesc_GlobalResolution", struct.pack("<d", 0), "MeasDesc_GlobalResolution .* found 0.0"),
        ("MeasDesc_Resolution", struct.pack("<d", np.inf), "MeasDesc_Resolution .* found inf"),
        ("TTResult_SyncRate", struct.pack("<q", -5), "TTResult_SyncRate"),
    ],
)
def test_numbers_that_make_no_sense(name, value, message, path):
    write_ptu(path, photons_of(RecordType.GENERIC_T3, n=10, n_markers=0))
    at = rewritten(path, name, value)
    with pytest.raises(ValueError, match=message) as refusal:
        read_ptu(path)
    assert f"{path}: byte {at}:" in str(refusal.value)


def test_without_a_sync_rate_the_period_tells_it(path):
    write_ptu(path, photons_of(RecordType.GENERIC_T3, n=10, n_markers=0))
    rewritten(path, "TTResult_SyncRate", bytes(8))
    assert read_ptu(path).sync_hz == pytest.approx(4e7)


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (36, struct.pack("<I", 0x12345678), "expected the type of a tag, found 0x12345678"),
        (40, struct.pack("<q", 2**62), "the file ends"),
        (40, struct.pack("<q", -8), "expected the length of a value, found -8"),
    ],
)
def test_damaged_tags(offset, value, message, path):
    write_ptu(path, photons_of(RecordType.GENERIC_T3, n=10, n_markers=0))
    data = bytearray(path.read_bytes())
    at = data.index(b"File_Comment") + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_ptu(path)


def test_a_header_without_end(path):
    tag = struct.pack("<32siI8s", b"Again", -1, 0xFFFF0008, bytes(8))
    path.write_bytes(b"PQTTTR\0\x001.0.00\0\0" + tag * 100_001)
    with pytest.raises(ValueError, match="expected Header_End within 100000 tags"):
        read_ptu(path)


@pytest.mark.parametrize("kind", [RecordType.GENERIC_T3, RecordType.PICOHARP_T3, RecordType.PICOHARP_T2])
def test_a_record_without_a_meaning_is_named(kind, path):
    write_ptu(path, photons_of(kind, n=10, n_markers=0), record_type=kind)
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<I", 0xC0000000)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"byte {len(data) - 4}: expected a {kind.name} record, found 0xc0000000"):
        read_ptu(path)


def test_overflows_beyond_all_time(path):
    write_ptu(path, photons_of(RecordType.GENERIC_T2, n=10, n_markers=0))
    path.write_bytes(path.read_bytes()[: header_of(path)] + b"\xff\xff\xff\xff" * 10_000)
    rewritten(path, "TTResult_NumberOfRecords", struct.pack("<q", 10_000))
    with pytest.raises(ValueError, match="the overflows of the clock"):
        read_ptu(path)


def test_other_files_are_none(path, tmp_path):
    assert is_ptu(b"PQTTTR\0\x001.0.00\0\0")
    assert not is_ptu(b"PQHISTO\0")
    path.write_bytes(b"TimeHarp 200\0\0\0\0")
    with pytest.raises(ValueError, match=r"byte 0: .* not a PTU file"):
        read_ptu(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="byte 0"):
        read_ptu(path)
    with pytest.raises(ValueError, match="a folder"):
        read_ptu(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a small file, and where its damaged copies go."""
    path = tmp_path_factory.mktemp("fuzz") / "small.ptu"
    write_ptu(path, photons_of(RecordType.GENERIC_T3, n=40, n_markers=6))
    return path.read_bytes(), path


def test_truncated_anywhere(small):
    data, path = small
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=re.escape(f"{path}: byte ")):
            read_ptu(path)


@FEW
@given(st.data())
def test_any_damage_gives_photons_in_order_or_a_refusal_with_the_byte(small, data):
    content, path = bytearray(small[0]), small[1]
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        photons = read_ptu(path)
    except ValueError as refusal:
        assert re.search(r": byte \d+: ", str(refusal))
    else:
        assert np.all(np.diff(photons.macrotime) >= 0)
        assert photons.decay().sum() == len(photons) == photons.route.size


CODES = (0, 1, 2, 63, 64, 65, 79, 80, 127)  # inputs, the sync input of T2, markers, nothing, overflows
PLAUSIBLE = st.builds(lambda code, time: code << 25 | time, st.sampled_from(CODES), st.integers(0, 40))


# More than 127 overflows in one T2 record are beyond ptufile, which multiplies them in 32 bits.
@FEW
@given(
    words=st.lists(PLAUSIBLE, max_size=60) | st.lists(st.integers(0, 127 << 25), max_size=9),
    kind=st.sampled_from(list(RecordType)),
)
def test_any_records_agree_with_ptufile_or_are_refused(small, words, kind):
    path = small[1]
    write_ptu(path, empty(kind), record_type=kind)
    path.write_bytes(path.read_bytes() + struct.pack(f"<{len(words)}I", *words))
    rewritten(path, "TTResult_NumberOfRecords", struct.pack("<q", len(words)))
    try:
        photons = read_ptu(path)
    except ValueError as refusal:
        assert re.search(r": byte \d+: ", str(refusal))
        return
    if words:
        with ptufile.PtuFile(path) as file:
            records = file.decode_records()
        np.testing.assert_array_equal(photons.macrotime, np.sort(records["time"][records["channel"] >= 0]))
