"""Decay images: every photon in the pixel and bin that its line gives it, from records and from photons alike."""

import dataclasses

import numpy as np
import ptufile
import pytest

from analysis.formats.cube import Scan, decay_cube, scan_of
from analysis.formats.photons import Markers, Photons
from analysis.formats.ptu import RecordType, write_ptu

ROWS, COLUMNS, DWELL, GAP = 12, 17, 301, 777  # pixels, and laser pulses
IMAGE = {
    "Measurement_SubMode": 3,
    "ImgHdr_Dimensions": 3,
    "ImgHdr_Ident": 3,
    "ImgHdr_PixX": COLUMNS,
    "ImgHdr_PixY": ROWS,
    "ImgHdr_LineStart": 1,
    "ImgHdr_LineStop": 2,
    "ImgHdr_Frame": 3,
    "ImgHdr_BiDirect": False,
    "ImgHdr_SinCorrection": 0,
    "ImgHdr_TimePerPixel": DWELL * 25e-6,  # ms
}


def scanned(n_frames=3, n_photons=30_000, line_ticks=DWELL * COLUMNS, seed=4) -> Photons:
    """Photons at random times, and the markers of lines with flyback between them; a frame marker ends each frame."""
    rng = np.random.default_rng(seed)
    begun = GAP + np.arange(n_frames * ROWS) * (line_ticks + GAP)
    time = np.sort(rng.integers(0, begun[-1] + line_ticks + GAP, n_photons))
    ends = begun[ROWS - 1 :: ROWS] + line_ticks + GAP // 2
    marks = np.concatenate([begun, begun + line_ticks, ends])
    bits = np.repeat([1, 2, 4], [begun.size, begun.size, ends.size])
    order = np.argsort(marks)
    return Photons(
        macrotime=time,
        macrotime_unit_s=25e-9,
        nanotime=np.minimum(rng.exponential(200, n_photons), 999).astype(np.uint16),
        nanotime_unit_s=25e-12,
        route=rng.integers(0, 2, n_photons).astype(np.uint8),
        marker=Markers(np.searchsorted(time, marks[order]), bits[order].astype(np.uint8)),
        marker_macrotime=marks[order],
        n_channels=1000,
        sync_hz=4e7,
    )


def by_brute_force(photons: Photons, line_ticks: int, bidirectional=False) -> np.ndarray:
    """Each photon by integer division in Python."""
    counts = np.zeros((ROWS, COLUMNS, 1000), int)
    for time, delay in zip(photons.macrotime.tolist(), photons.nanotime.tolist(), strict=True):
        line, since = divmod(time - GAP, line_ticks + GAP)
        if line >= 0 and since < line_ticks:
            x = since * COLUMNS // line_ticks
            y = line % ROWS
            counts[y, COLUMNS - 1 - x if bidirectional and y % 2 else x, delay] += 1
    return counts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.ptu"


@pytest.mark.parametrize("line_ticks", [DWELL * COLUMNS, DWELL * COLUMNS + 5, 3, 1])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_photon_is_where_integer_division_puts_it(line_ticks, bidirectional):
    photons = scanned(line_ticks=line_ticks)
    cube = decay_cube(photons, Scan(ROWS, COLUMNS, bidirectional=bidirectional))
    truth = by_brute_force(photons, line_ticks, bidirectional)
    np.testing.assert_array_equal(cube.counts, truth)
    assert cube.n_photons == truth.sum() > 0
    assert cube.n_scans.tolist() == [3] * ROWS
    np.testing.assert_allclose(cube.dwell_s, 3 * line_ticks / COLUMNS * 25e-9)
    assert cube.bin_width_ns == pytest.approx(0.025)


@pytest.mark.parametrize("line_ticks", [2**33 + 1, 2**45 + 3])
def test_lines_too_long_for_the_fast_division(line_ticks):
    rng = np.random.default_rng(0)
    edges = -(-np.arange(1, COLUMNS) * line_ticks // COLUMNS)  # first tick of each pixel
    time = np.sort(np.concatenate([edges - 1, edges, rng.integers(0, line_ticks, 100)]))
    photons = dataclasses.replace(
        scanned(n_photons=time.size),
        macrotime=time,
        nanotime=np.zeros(time.size, np.uint16),
        marker=Markers(np.array([0, time.size]), np.array([1, 2])),
        marker_macrotime=np.array([0, line_ticks]),
    )
    truth = np.bincount([t * COLUMNS // line_ticks for t in time.tolist()], minlength=COLUMNS)
    np.testing.assert_array_equal(decay_cube(photons, Scan(1, COLUMNS), n_bins=1).counts[0, :, 0], truth)


@pytest.mark.parametrize("kind", [RecordType.GENERIC_T3, RecordType.PICOHARP_T3, RecordType.HYDRAHARP1_T3])
def test_records_photons_and_ptufile_give_one_image(kind, path):
    photons = scanned()
    write_ptu(path, photons, record_type=kind, header=IMAGE)
    straight = decay_cube(path)
    np.testing.assert_array_equal(straight.counts, decay_cube(photons, scan_of(IMAGE)).counts)
    with ptufile.PtuFile(path) as file:
        theirs = file.decode_image(channel=-1, frame=-1, dtime=1000)
    np.testing.assert_array_equal(straight.counts, theirs[0, :, :, 0])
    assert straight.n_outside == 0


def test_an_image_written_by_ptufile(path):
    truth = np.random.default_rng(1).poisson(0.4, (3, ROWS, COLUMNS, 2, 64)).astype(np.uint8)
    ptufile.imwrite(path, truth, global_resolution=25e-9, tcspc_resolution=25e-12, pixel_time=1e-5)
    cube = decay_cube(path, n_bins=64)
    np.testing.assert_array_equal(cube.counts, truth.sum(axis=(0, 3)))
    np.testing.assert_array_equal(decay_cube(path, n_bins=64, route=1).counts, truth[:, :, :, 1].sum(axis=0))
    np.testing.assert_allclose(cube.dwell_s, 3e-5)


@pytest.mark.parametrize("source", ["photons", "file"])
def test_binning_routes_and_late_photons(source, path):
    photons = scanned()
    write_ptu(path, photons, header=IMAGE)
    given, scan = (path, None) if source == "file" else (photons, scan_of(IMAGE))
    full = decay_cube(given, scan).counts
    binned = decay_cube(given, scan, binning=7, dtype=np.uint32)
    padded = np.pad(full, ((0, 0), (0, 0), (0, 143 * 7 - 1000))).reshape(ROWS, COLUMNS, 143, 7)
    np.testing.assert_array_equal(binned.counts, padded.sum(axis=3))
    assert binned.counts.dtype == np.uint32
    np.testing.assert_array_equal(sum(decay_cube(given, scan, route=r).counts for r in (0, 1)), full)
    early = decay_cube(given, scan, n_bins=300)
    np.testing.assert_array_equal(early.counts, full[:, :, :300])
    assert early.n_photons + early.n_outside == full.sum()


def test_backward_nanotimes_run_forward_in_a_cube():
    photons = scanned()
    backward = dataclasses.replace(photons, reversed=True, nanotime=999 - photons.nanotime)
    scan = Scan(ROWS, COLUMNS)
    np.testing.assert_array_equal(decay_cube(backward, scan).counts, decay_cube(photons, scan).counts)


def test_rows_repeat_without_frame_markers_and_lines_too_many_are_left_out():
    photons = scanned()
    unframed = photons.marker.pattern != 4
    marker = Markers(photons.marker.index[unframed], photons.marker.pattern[unframed])
    plain = dataclasses.replace(photons, marker=marker, marker_macrotime=photons.marker_macrotime[unframed])
    truth = decay_cube(photons, Scan(ROWS, COLUMNS)).counts
    np.testing.assert_array_equal(decay_cube(plain, Scan(ROWS, COLUMNS, frame=0)).counts, truth)
    np.testing.assert_array_equal(decay_cube(photons, Scan(ROWS - 2, COLUMNS)).counts, truth[:-2])


def test_a_line_without_stop_is_no_line():
    photons = scanned()
    last = photons.marker.pattern.size - 2  # the stop before the last frame marker
    keep = np.arange(photons.marker.pattern.size) != last
    marker = Markers(photons.marker.index[keep], photons.marker.pattern[keep])
    cut = dataclasses.replace(photons, marker=marker, marker_macrotime=photons.marker_macrotime[keep])
    assert decay_cube(cut, Scan(ROWS, COLUMNS)).n_scans.tolist() == [3] * (ROWS - 1) + [2]


def test_a_full_bin_is_an_error_and_never_wraps():
    n = 65_536
    photons = Photons(
        np.ones(n, np.int64),
        1e-6,
        np.zeros(n, np.uint16),
        1e-9,
        np.zeros(n, np.uint8),
        Markers(np.array([0, n]), np.array([1, 2])),
        np.array([0, 2]),
        n_channels=1,
    )
    assert decay_cube(photons, Scan(1, 1), dtype=np.uint32).counts.max() == n
    with pytest.raises(ValueError, match=r"already hold 65535: ask for dtype=np\.uint32"):
        decay_cube(photons, Scan(1, 1))


def test_no_photons_and_no_markers():
    photons = scanned(n_photons=0)
    assert decay_cube(photons, Scan(ROWS, COLUMNS)).counts.sum() == 0
    none = dataclasses.replace(
        photons, marker=Markers(np.empty(0, int), np.empty(0, int)), marker_macrotime=np.empty(0, int)
    )
    cube = decay_cube(none, Scan(ROWS, COLUMNS))
    assert (cube.n_photons, cube.n_scans.sum()) == (0, 0)


@pytest.mark.parametrize(
    ("scan", "arguments", "message"),
    [
        ((0, 3), {}, "n_rows = 0"),
        ((3, 3, 1, 3), {}, "share a marker bit"),
        ((ROWS, COLUMNS), {"binning": 0}, "binning = 0"),
        ((ROWS, COLUMNS), {"n_bins": 10**6}, "n_bins = 1000000"),
        ((ROWS, COLUMNS), {"dtype": np.float32}, "choose uint16 or uint32"),
        ((10**6, 10**6), {}, "cells: at most"),
    ],
)
def test_images_that_cannot_be(scan, arguments, message):
    with pytest.raises(ValueError, match=message):
        decay_cube(scanned(n_photons=10), Scan(*scan), **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ImgHdr_SinCorrection": 80}, "sinusoidal scan"),
        ({"ImgHdr_LineStart": 9}, "ImgHdr_LineStart = 9"),
        ({"ImgHdr_PixX": 2**40}, "ImgHdr_PixX"),
        ({"ImgHdr_PixY": "many"}, "ImgHdr_PixY = 'many'"),
        ({"ImgHdr_LineStop": 1}, "share a marker bit"),
    ],
)
def test_headers_that_describe_no_scan(change, message):
    with pytest.raises(ValueError, match=message):
        scan_of(IMAGE | change)


def test_files_that_are_no_image(path):
    write_ptu(path, scanned(n_photons=10))
    with pytest.raises(ValueError, match=rf"{path}: the header has no ImgHdr_LineStart"):
        decay_cube(path)
    t2 = dataclasses.replace(scanned(n_photons=10), nanotime=np.empty(0, np.uint16), n_channels=0)
    with pytest.raises(ValueError, match="T2 photons have no decays"):
        decay_cube(t2, Scan(ROWS, COLUMNS))


def test_a_damaged_record_inside_a_line_is_named(path):
    write_ptu(path, scanned(), header=IMAGE, record_type=RecordType.PICOHARP_T3)
    data = bytearray(path.read_bytes())
    words = np.frombuffer(data[data.index(b"Header_End") + 48 :], np.uint32)
    at = len(data) - 4 * (words.size - np.flatnonzero(words >> 16 == 0xF001)[5] - 100)  # in the sixth line
    data[at : at + 4] = (0xC0000000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"byte {at}: expected a PICOHARP_T3 record"):
        decay_cube(path)
