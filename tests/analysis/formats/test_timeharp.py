"""TimeHarp 200 files: real ones as their software wrote them, written ones as another program reads them, broken ones.

Files are made here byte by byte, from the published layout; the code under test has no part in it.
"""

import struct
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.decay import fit_decays
from analysis.formats import Decays, Photons, read
from analysis.formats.photons import Markers
from analysis.formats.timeharp import write_t3r, write_thd

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "timeharp"
VERSIONS = ["2.0", "3.0", "5.0", "6.0"]
RESOLUTION_NS = float(np.float32(0.0702))
OVERFLOW = 0x0800FFFF
DATA_AT = {"2.0": 588, "3.0": 588, "5.0": 592, "6.0": 640}  # of time tags, without a special header
SETTINGS_AT = {"2.0": 304, "3.0": 304, "5.0": 304, "6.0": 328}


def sample(name: str) -> Path:
    if not (SAMPLES / name).exists():
        pytest.skip(f"the TimeHarp sample file {name} is not there")
    return SAMPLES / name


def head(version: str, *, mode: int, n_curves: int = 0) -> bytes:
    """The header that all files share; `Junk` stands where old software left its memory."""
    maker = struct.pack("<18s12s", b"Some Software", b"6.1.0") if version == "6.0" else b"2.4\0\0\0"
    texts = struct.pack("<16s6s", b"TimeHarp 200", version.encode()) + maker
    texts += struct.pack("<18s2s256s", b"19/05/06 16:36:07", b"\r\n", b"a film")
    settings_ = (4096, n_curves, 32, 1, 1, 0, mode, 0, 1, 0, 60000, 65535, 0, 0, 1, 60, 301, 1, 100_000)
    binary = struct.pack("<19i16i9f4i", *settings_, *range(16), *[0.5] * 9, 0, 1, 0, 0)
    board = struct.pack("<16s8s", b"TimeHarp 200", b"2.5") if version == "6.0" else b""
    board += struct.pack("<5if", 76, 20, 50, -300, 0, RESOLUTION_NS)
    return texts + binary + b"TTTR Mode\0Junk\0\0\0\0\0\0" + board


def t3r(version: str, records, *, special=(), announced: int | None = None) -> bytes:
    tagging = [100, 2, 1, 2, 3, 4, 5, 2_000_000, 7624, 9344, 0, len(records) if announced is None else announced]
    tagging += [len(special), *special] if version in ("5.0", "6.0") else []
    return head(version, mode=2) + struct.pack(f"<{len(tagging)}i{len(records)}I", *tagging, *records)


def photon(time: int, nanotime: int, route: int = 0) -> int:
    return 1 << 30 | route << 28 | nanotime << 16 | time


def curve(counts, *, index: int = 0, width_ns: float = RESOLUTION_NS, integral: int | None = None) -> bytes:
    total = int(np.sum(counts)) if integral is None else integral
    about = struct.pack("<10i3f", index, 997457956, 76, 20, 50, -300, 0, 0, 1, 0, 0.0, 1.0, 2.0)
    about += struct.pack("<9ifii", 1, 0, 60000, 5000, 0, 2_000_000, 4635, -3, total, width_ns, 0, 0)
    return about + np.asarray(counts, "<u4").tobytes()


def thd(version: str, curves) -> bytes:
    return head(version, mode=0, n_curves=len(curves)) + b"".join(curves)


EVENTS = [0x00050007, photon(10, 4000), photon(10, 17, 3), OVERFLOW, OVERFLOW, photon(3, 0, 1), OVERFLOW]


@cache
def small(version: str, kind: str) -> bytes:
    return t3r(version, EVENTS) if kind == "t3r" else thd(version, [curve(np.arange(4096) % 7)])


@pytest.fixture
def put(tmp_path):
    def write(raw: bytes) -> Path:
        (tmp_path / "measurement").write_bytes(raw)
        return tmp_path / "measurement"

    return write


def write(path, found) -> None:
    write_thd(path, found) if isinstance(found, Decays) else write_t3r(path, found)


def read_photons(path) -> Photons:
    found = read(path)
    assert isinstance(found, Photons)
    return found


def read_decays(path) -> Decays:
    found = read(path)
    assert isinstance(found, Decays)
    return found


def refused(path) -> str:
    with pytest.raises(ValueError, match=rf"^{path}: byte \d+: .*expected ") as caught:
        read(path)
    return str(caught.value).removeprefix(f"{path}: ")


# What real files say.


def test_a_real_time_tag_file_is_what_its_software_said():
    photons = read_photons(sample("v50.t3r"))
    assert len(photons) == 86997 - 1425 - 1
    assert photons.header["NumberOfOverflows"] == 1425
    assert (photons.marker.index.tolist(), photons.marker.pattern.tolist()) == ([0], [7])
    assert photons.arrival_s[-1] == pytest.approx(9.3439, abs=5e-5)
    assert photons.arrival_s[-1] * 1e3 <= photons.header["StopAfter"] == 9344
    assert np.diff(photons.macrotime).min() == 3  # the dead time of the card, in ticks of 100 ns
    assert photons.sync_hz == 4999168
    assert not photons.route.any()


def test_reversed_nanotimes_run_forward_as_in_the_histogram_of_the_same_bench():
    photons, curves = read_photons(sample("v50.t3r")), read_decays(sample("v50.thd"))
    assert photons.reversed
    assert (photons.nanotime.min(), photons.nanotime.max()) == (280, 3035)
    occupied = np.flatnonzero(photons.decay())
    assert (occupied[0], occupied[-1]) == (1060, 3815)
    assert np.corrcoef(photons.decay(), curves.counts[0])[0, 1] > 0.97
    assert np.corrcoef(photons.decay()[::-1], curves.counts[0])[0, 1] < 0.1
    assert photons.bin_width_ns == pytest.approx(curves.bin_width_ns[0], rel=1e-4)


def test_the_sums_of_real_histograms_are_those_stored_with_them():
    curves = read_decays(sample("v60.thd"))
    assert curves.counts.sum(axis=1).tolist() == [185071, 2216305, 8026469, 969760, 55848]
    assert curves.bin_width_ns * 1e3 == pytest.approx([36.613, 36.613, 36.613, 73.226, 146.453], abs=1e-3)
    assert read_decays(sample("v50.thd")).counts.sum() == 262376


def test_coumarin_39_in_two_lines():
    curves = read_decays(sample("v60.thd"))
    fit = fit_decays(
        curves.counts[1],
        curves.counts[0],
        bin_width_ns=curves.bin_width_ns[1],
        period_ns=curves.period_ns[1],
        n_components=1,
    )
    assert fit.tau_ns[0] == pytest.approx(4.515, abs=0.02)
    assert fit.n_photons == 2216305


@pytest.mark.parametrize("name", ["v50.t3r", "v50.thd", "v60.thd"])
def test_a_real_file_is_written_again_byte_for_byte(name, tmp_path):
    path, found = sample(name), read(sample(name))
    write(tmp_path / "again", found)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_another_reader_sees_the_same_header():
    from phconvert.pqreader import t3r_reader

    records, clock_s, resolution_s, theirs = t3r_reader(sample("v50.t3r"))
    photons = read_photons(sample("v50.t3r"))
    assert (clock_s, records.size) == (photons.macrotime_unit_s, photons.header["NumberOfRecords"])
    assert resolution_s[0] == pytest.approx(photons.nanotime_unit_s, rel=1e-6)
    for part in ("header", "repeatgroup", "hardware", "ttmode"):
        named_alike = [name for name in theirs[part].dtype.names or () if name in photons.header]
        assert len(named_alike) >= 5
        for name in named_alike:
            value = theirs[part][name][0]
            assert (value.decode() if isinstance(value, bytes) else value) == photons.header[name], name


# What single records mean.


@pytest.mark.parametrize("version", VERSIONS)
def test_each_record_is_a_photon_a_marker_or_a_turn_of_the_clock(version, put):
    photons = read_photons(put(t3r(version, EVENTS)))
    assert photons.macrotime.tolist() == [10, 10, 2 * 65536 + 3]
    assert photons.nanotime.tolist() == [4000, 17, 0]
    assert photons.delay.tolist() == [95, 4078, 4095]
    assert photons.route.tolist() == [0, 3, 1]
    assert (photons.marker.index.tolist(), photons.marker.pattern.tolist()) == ([0], [5])
    assert photons.marker_macrotime.tolist() == [7]
    assert photons.header["NumberOfOverflows"] == 3
    assert photons.macrotime_unit_s == pytest.approx(1e-7)
    assert photons.nanotime_unit_s == pytest.approx(RESOLUTION_NS * 1e-9)
    assert (photons.sync_hz, photons.n_channels, photons.reversed) == (2e6, 4096, True)
    assert (photons.macrotime.dtype, photons.nanotime.dtype, photons.route.dtype) == (np.int64, np.uint16, np.uint8)


def test_the_clock_turns_over_after_the_record_that_says_so(put):
    photons = read_photons(put(t3r("5.0", [0x08020009, photon(1, 1)])))
    assert photons.marker_macrotime.tolist() == [9]
    assert photons.macrotime.tolist() == [65537]


def test_hours_do_not_overflow(put):
    n = 1_000_000
    photons = read_photons(put(t3r("5.0", [*[OVERFLOW] * n, photon(5, 1)])))
    assert photons.macrotime.tolist() == [n * 65536 + 5]
    assert photons.arrival_s[0] == pytest.approx(6553.6, rel=1e-6)


def test_markers_keep_their_place_in_a_file_of_several_chunks(rng, tmp_path):
    made = simulated(rng, n=400_000)
    write_t3r(tmp_path / "long", made)
    assert_same_events(read_photons(tmp_path / "long"), made)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_photons_no_curves(version, put):
    photons = read_photons(put(t3r(version, [])))
    assert len(photons) == 0
    assert photons.decay().sum() == 0
    assert read_decays(put(thd(version, []))).counts.shape == (0, 4096)


def test_a_clockless_sync_rate_is_unknown(put):
    raw = bytearray(t3r("5.0", EVENTS))
    struct.pack_into("<i", raw, 540 + 28, -5)
    assert np.isnan(read_photons(put(bytes(raw))).sync_hz)


def test_a_saturated_histogram_is_read(put):
    curves = read_decays(put(thd("6.0", [curve(np.full(4096, 2**32 - 1), integral=-4096), curve(np.zeros(4096))])))
    assert curves.counts[0].min() == 2**32 - 1
    assert not curves.counts[1].any()


# Writing.


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def simulated(rng, n=2000, n_markers=40, **changes) -> Photons:
    """A Poisson stream at 5 kcps with line markers, as no file has ever held it."""
    macrotime = np.cumsum(rng.exponential(2000, n)).astype(np.int64)
    index = np.sort(rng.integers(0, n + 1, n_markers))
    made = {
        "macrotime": macrotime,
        "macrotime_unit_s": 1e-7,
        "nanotime": rng.integers(0, 4096, n).astype(np.uint16),
        "nanotime_unit_s": RESOLUTION_NS * 1e-9,
        "route": rng.integers(0, 4, n).astype(np.uint8),
        "marker": Markers(index, rng.integers(1, 8, n_markers).astype(np.uint8)),
        "marker_macrotime": np.concatenate([[0], macrotime])[index],
        "n_channels": 4096,
        "reversed": True,
        "sync_hz": 2e6,
    }
    return Photons(**made | changes)


def assert_same_events(found: Photons, made: Photons) -> None:
    for name in ("macrotime", "delay", "route", "marker_macrotime"):
        assert np.array_equal(getattr(found, name), getattr(made, name)), name
    assert np.array_equal(found.marker.index, made.marker.index)
    assert np.array_equal(found.marker.pattern, made.marker.pattern)
    assert found.macrotime_unit_s == pytest.approx(made.macrotime_unit_s)
    assert found.bin_width_ns == pytest.approx(made.bin_width_ns)


@pytest.mark.parametrize("version", VERSIONS)
def test_simulated_photons_come_back(version, rng, tmp_path):
    made = simulated(rng)
    write_t3r(tmp_path / "new", made, version=version)
    found = read_photons(tmp_path / "new")
    assert_same_events(found, made)
    assert found.header["FormatVersion"] == version
    assert found.header["RoutingChannels"] == 4
    assert found.sync_hz == 2e6
    assert found.header["StopAfter"] == pytest.approx(made.arrival_s[-1] * 1e3, abs=1)


def test_photons_of_a_card_that_counts_forward_are_turned_round(rng, tmp_path):
    made = simulated(rng, reversed=False, n_channels=1000, nanotime=rng.integers(0, 1000, 2000).astype(np.uint16))
    write_t3r(tmp_path / "new", made)
    assert np.array_equal(read_photons(tmp_path / "new").decay()[:1000], made.decay())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["t3r", "thd"])
def test_what_was_read_is_written_byte_for_byte(version, kind, put, tmp_path):
    raw = small(version, kind) if kind == "thd" else t3r(version, EVENTS, special=(7, -1) if version > "3" else ())
    found = read(put(raw + b"\r\n"))
    write(tmp_path / "again", found)
    assert (tmp_path / "again").read_bytes() == raw + b"\r\n"


@pytest.mark.parametrize(("old", "new"), [("2.0", "6.0"), ("6.0", "5.0"), ("5.0", "3.0")])
def test_a_file_can_change_its_version(old, new, put, tmp_path):
    photons, curves = read_photons(put(small(old, "t3r"))), read_decays(put(small(old, "thd")))
    write_t3r(tmp_path / "tags", photons, version=new)
    write_thd(tmp_path / "curves", curves, version=new)
    assert_same_events(read_photons(tmp_path / "tags"), photons)
    assert np.array_equal(read_decays(tmp_path / "curves").counts, curves.counts)
    assert read(tmp_path / "tags").header["Comment"] == "a film"
    assert (tmp_path / "curves").stat().st_size == (17072 if new == "6.0" else 17024)


@pytest.mark.parametrize("version", VERSIONS)
def test_simulated_curves_come_back(version, rng, tmp_path):
    made = Decays(rng.poisson(50, (3, 4096)), np.array([0.036, 0.072, 1.152]), sync_hz=np.array([2e6, 1e7, np.nan]))
    write_thd(tmp_path / "new", made, version=version)
    found = read_decays(tmp_path / "new")
    assert np.array_equal(found.counts, made.counts)
    assert found.bin_width_ns == pytest.approx(made.bin_width_ns, rel=1e-6)
    assert found.period_ns == pytest.approx([500, 100, np.nan], nan_ok=True)
    assert [about["IntegralCount"] for about in found.header["Curves"]] == made.counts.sum(axis=1).tolist()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nanotime": np.empty(0, np.uint16)}, "0 nanotimes of 4096 channels for 2000 photons"),
        ({"n_channels": 32768}, "at most 4096 channels"),
        ({"nanotime": np.full(2000, 4096, np.uint16)}, "nanotime goes from 4096 to 4096: give 0 to 4095"),
        ({"nanotime": np.full(2000, 0.5)}, "nanotime is of type float64: give whole numbers"),
        ({"route": np.full(2000, 4, np.uint8)}, "route goes from 4 to 4: give 0 to 3"),
        ({"macrotime": np.arange(2000)[::-1]}, "macrotime goes back"),
        ({"macrotime": np.arange(2000) - 1}, "macrotime goes from -1"),
        ({"macrotime": np.arange(2000) + 2**60}, "records, 17592186044416 of the clock: a T3R file holds at most"),
        ({"macrotime_unit_s": 4e-12}, "macrotime_unit_s is 4e-12"),
        ({"macrotime_unit_s": float("nan")}, "macrotime_unit_s is nan"),
        ({"nanotime_unit_s": float("nan")}, "nanotime_unit_s is nan"),
        ({"marker": Markers(np.array([5, 3] * 20), np.ones(40, np.uint8))}, "marker indices go back"),
        ({"marker": Markers(np.full(40, 3), np.full(40, 8, np.uint8))}, "marker pattern goes from 8"),
        ({"marker_macrotime": np.zeros(40, np.int64)}, "a marker lies long before"),
        ({"marker_macrotime": np.zeros(3, np.int64)}, "marker_macrotime has 3 numbers: give 40"),
    ],
)
def test_photons_that_no_such_file_can_hold_are_not_written(changes, reason, rng, tmp_path):
    with pytest.raises(ValueError, match=reason):
        write_t3r(tmp_path / "new", simulated(rng, **changes))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("counts", "width_ns", "reason"),
    [
        (np.zeros(4096, int), [0.1], "give \\(n, 4096\\) and \\(n,\\)"),
        (np.zeros((1, 1024), int), [0.1], "give \\(n, 4096\\)"),
        (np.zeros((1, 4096)), [0.1], "counts is of type float64"),
        (np.full((1, 4096), -1), [0.1], "counts goes from -1"),
        (np.full((1, 4096), 2**32), [0.1], "to 4294967296: give 0 to 4294967295"),
        (np.zeros((1, 4096), int), [np.nan], "bin_width_ns is \\[nan\\]: give 0.001 to 100"),
    ],
)
def test_curves_that_no_such_file_can_hold_are_not_written(counts, width_ns, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        write_thd(tmp_path / "new", Decays(counts, np.array(width_ns)))
    assert not (tmp_path / "new").exists()


def test_a_header_must_fit_its_data_and_its_fields(put, tmp_path):
    curves = read_decays(put(small("5.0", "thd")))
    with pytest.raises(ValueError, match="the header is about 1 curves, counts hold 2"):
        write_thd(tmp_path / "new", Decays(np.zeros((2, 4096), int), np.full(2, 0.1), curves.header))
    with pytest.raises(ValueError, match="sync_hz has 1 numbers: give 2, or none"):
        write_thd(tmp_path / "new", Decays(np.zeros((2, 4096), int), np.full(2, 0.1), sync_hz=np.array([2e6])))
    for comment in ("x" * 257, "τ = 4 ns"):
        with pytest.raises(ValueError, match=r"header field Comment is .*: give 256 latin characters"):
            write_thd(tmp_path / "new", replace(curves, header=curves.header | {"Comment": comment}))
    with pytest.raises(ValueError, match=r"version is '4.0': give one of 2.0, 3.0, 5.0, 6.0"):
        write_thd(tmp_path / "new", curves, version="4.0")


# Files that lie.


@pytest.mark.parametrize("version", VERSIONS)
def test_a_time_tag_file_cut_anywhere_is_refused(version, put):
    raw = small(version, "t3r")
    for size in range(len(raw)):
        where = refused(put(raw[:size]))
        assert int(where.split()[1][:-1]) <= size


@pytest.mark.parametrize("version", VERSIONS)
def test_a_histogram_file_cut_anywhere_is_refused(version, put):
    raw = small(version, "thd")
    for size in [*range(700), *range(700, len(raw), 997), len(raw) - 1]:
        refused(put(raw[:size]))


HOSTILE = {
    "ident": (0, "16s", b"TimeHarp 20", "byte 0: found"),
    "ident with a tail": (0, "16s", b"TimeHarp 2000", "byte 0: Ident is 'TimeHarp 2000', expected TimeHarp 200"),
    "version": (16, "6s", b"4.0", "byte 16: FormatVersion is '4.0', expected 2.0 or 3.0 or 5.0 or 6.0"),
    "line end": (46, "2s", b"\n\n", r"byte 46: CRLF is '\\n\\n', expected a line end"),
    "channels": (304, "i", 65536, "byte 304: NumberOfChannels is 65536, expected 4096"),
    "curves": (308, "i", -1, "byte 308: NumberOfCurves is -1, expected 0 to"),
    "bits": (312, "i", 16, "byte 312: BitsPerChannel is 16, expected 32"),
    "boards": (320, "i", 3, "byte 320: NumberOfBoards is 3, expected 1"),
    "continuous mode": (328, "i", 1, "byte 328: MeasurementMode is 1, expected 0 .* or 2"),
    "NaN resolution": (536, "f", float("nan"), "byte 536: Resolution is nan, expected 0.001 to 100"),
    "no resolution": (536, "f", 0.0, "byte 536: Resolution is 0.0"),
    "infinite resolution": (536, "f", float("inf"), "byte 536: Resolution is inf"),
    "stopped clock": (540, "i", 0, "byte 540: TTTRGlobclock is 0, expected 1 to 1000000"),
    "fewer records than none": (584, "i", -1, "byte 584: NumberOfRecords is -1"),
    "as many records as can be said": (584, "i", 2**31 - 1, "byte 592: expected 2147483647 records, 8589934588 bytes"),
    "a record more": (584, "i", 8, "byte 592: expected 8 records, 32 bytes, but the file ends at byte 620"),
    "a record less": (584, "i", 6, "byte 616: 4 bytes follow the 6 records"),
    "endless special header": (588, "i", 2**31 - 1, "byte 588: SpecHeaderLength is 2147483647, expected 0 to 4096"),
    "special header below zero": (588, "i", -4, "byte 588: SpecHeaderLength is -4"),
    "special header into the void": (588, "i", 100, "byte 592: expected the special header, 400 bytes"),
    "reserved bit": (604, "I", 1 << 31, "byte 604: record 0x80000000 is none of photon, marker and overflow"),
    "photon with the reserved bit": (604, "I", 3 << 30, "byte 604: record 0xC0000000 is none of"),
    "record of nothing": (608, "I", 0x00000009, "byte 608: record 0x00000009 is none of"),
    "marker on a route": (592, "I", 0x10010009, "byte 592: record 0x10010009 is none of"),
    "unknown special bits": (592, "I", 0x00090009, "byte 592: record 0x00090009 is none of"),
    "back in time": (600, "I", photon(9, 0), "byte 600: record 0x40000009 is earlier than the one before"),
    "marker back in time": (600, "I", 0x00010006, "byte 600: record 0x00010006 is earlier"),
}


@pytest.mark.parametrize(("at", "code", "value", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_lying_field_is_refused_where_it_stands(at, code, value, reason, put):
    raw = bytearray(small("5.0", "t3r"))
    struct.pack_into("<" + code, raw, at, value)
    path = put(bytes(raw))
    with pytest.raises(ValueError, match=f"^{path}: {reason}"):
        read(path)


def test_lying_curves_are_refused_where_they_lie(put):
    counts = np.arange(4096)
    found = refused(put(thd("5.0", [curve(counts), curve(counts, integral=5)])))
    assert found.startswith(f"byte {540 + 16484 + 84}: IntegralCount of curve 1 is 5, expected the sum of its counts")
    found = refused(put(thd("6.0", [curve(counts, width_ns=float("nan"))])))
    assert found.startswith(f"byte {588 + 88}: Resolution of curve 0 is nan")
    raw = bytearray(small("5.0", "thd"))
    struct.pack_into("<i", raw, 308, 2**31 - 1)
    assert refused(put(bytes(raw))).startswith("byte 540: expected 2147483647 curves, ")


@pytest.mark.parametrize("kind", ["t3r", "thd"])
def test_a_line_end_after_the_data_is_tolerated_anything_else_is_not(kind, put):
    raw = small("5.0", kind)
    assert read(put(raw + b"\n")).header["Trailer"] == "\n"
    for trailer in (b"\0", b"\n\n\n", b"rubbish", bytes(4)):
        assert refused(put(raw + trailer)).startswith(f"byte {len(raw)}: ")


CASES = st.tuples(st.sampled_from(VERSIONS), st.sampled_from(["t3r", "thd"]))
CHANGES = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(case=CASES, changes=CHANGES, cut=st.integers(0, 30))
def test_a_damaged_file_is_refused_or_read_and_written_as_it_is(case, changes, cut):
    raw = bytearray(small(*case))
    for at, value in changes:
        raw[at % len(raw)] = value
    if cut > 20:
        del raw[-cut:]
    with tempfile.TemporaryDirectory() as folder:
        path, again = Path(folder) / "damaged", Path(folder) / "again"
        path.write_bytes(raw)
        try:
            found = read(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: byte ")
            return
        write(again, found)
        same = again.read_bytes() == bytes(raw)
        assert same or same_meaning(read(again), found)


def same_meaning(a, b) -> bool:
    """Records can say the same in two ways: an overflow at any tag, one that is also a marker; a NaN has many bits."""
    if isinstance(a, Decays):
        return np.array_equal(a.counts, b.counts) and np.array_equal(a.bin_width_ns, b.bin_width_ns)
    events = ("macrotime", "nanotime", "route", "marker_macrotime")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in events) and all(
        np.array_equal(x, y) for x, y in zip(a.marker, b.marker, strict=True)
    )


@settings(max_examples=100, deadline=None)
@given(records=st.lists(st.integers(0, 2**32 - 1), max_size=20), version=st.sampled_from(VERSIONS))
def test_any_records_are_refused_or_understood_as_the_layout_says(records, version):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records"
        path.write_bytes(t3r(version, records))
        expected = by_hand(records)
        if isinstance(expected, int):
            with pytest.raises(ValueError, match=f": byte {DATA_AT[version] + 4 * expected}: record "):
                read(path)
        else:
            photons = read_photons(path)
            assert list(zip(photons.macrotime, photons.nanotime, photons.route, strict=True)) == expected


def by_hand(records):
    """Photons (time, nanotime, route), or the place of the first record that is wrong."""
    turns, photons, marks = 0, [], [0]
    for i, word in enumerate(records):
        time, data, route, kind = turns + word % 65536, word >> 16 & 4095, word >> 28 & 3, word >> 30
        if kind == 1 and (not photons or time >= photons[-1][0]):
            photons.append((time, data, route))
        elif kind == 0 and route == 0 and data and not data & 0x7F8 and (not data & 7 or time >= marks[-1]):
            marks += [time] * bool(data & 7)
            turns += 65536 * (data >> 11)
        else:
            return i
    return photons
