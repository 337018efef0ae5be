"""Photon-HDF5: valid by the reference implementation, what is written comes back, what is damaged is refused."""

import dataclasses
import json
import re

import h5py
import numpy as np
import phconvert.hdf5
import pytest
import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.formats.photon_hdf5 import is_photon_hdf5, read_photon_hdf5, write_photon_hdf5
from analysis.formats.photons import Markers, Photons

UNIT = "photon_data/timestamps_specs/timestamps_unit"
LIFETIMES = "photon_data/nanotimes_specs"


def photons_of(pulsed=True, n=3000, n_routes=2, seed=2) -> Photons:
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.exponential(1000, n)).astype(np.int64)
    index = np.sort(rng.integers(0, n + 1, 25))
    return Photons(
        macrotime=time,
        macrotime_unit_s=1e-7,
        nanotime=rng.integers(0, 4096, n).astype(np.uint16) if pulsed else np.empty(0, np.uint16),
        nanotime_unit_s=39.06e-12 if pulsed else np.nan,
        route=rng.integers(0, n_routes, n).astype(np.uint8),
        marker=Markers(index, rng.integers(1, 8, 25).astype(np.uint8)),
        marker_macrotime=np.append(time, time[-1:])[index],
        n_channels=4096 if pulsed else 0,
        reversed=pulsed,
        sync_hz=4.98e6 if pulsed else np.nan,
        header={"Ident": "TimeHarp 200", "Resolution": 0.03906},
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "photons.h5"


def changed(path, change):
    """The file after `change(file)`."""
    with h5py.File(path, "r+") as file:
        change(file)


def replaced(path, name, value):
    def change(file):
        del file[name]
        if value is not None:
            file[name] = value

    changed(path, change)


@pytest.mark.parametrize("pulsed", [True, False])
@pytest.mark.parametrize("compression", [0, 4])
def test_what_is_written_comes_back(pulsed, compression, path):
    photons = photons_of(pulsed)
    write_photon_hdf5(path, photons, description="dots", author="Ada", source="/data/v50.t3r", compression=compression)
    found = read_photon_hdf5(path)
    for name in ("macrotime", "nanotime", "route", "marker_macrotime"):
        np.testing.assert_array_equal(getattr(found, name), getattr(photons, name), name)
        assert getattr(found, name).dtype == getattr(photons, name).dtype
    np.testing.assert_array_equal(found.marker.index, photons.marker.index)
    np.testing.assert_array_equal(found.marker.pattern, photons.marker.pattern)
    for name in ("macrotime_unit_s", "nanotime_unit_s", "n_channels", "reversed", "sync_hz"):
        assert getattr(found, name) == pytest.approx(getattr(photons, name), rel=0, abs=0, nan_ok=True), name
    np.testing.assert_array_equal(found.decay(), photons.decay())
    assert (found.header["description"], found.header["identity/author"]) == ("dots", "Ada")
    assert found.header["provenance/filename"] == "v50.t3r"
    assert json.loads(found.header["user/luminescope/header"]) == photons.header


@pytest.mark.parametrize("pulsed", [True, False])
@pytest.mark.parametrize("n_routes", [1, 2, 3])
@pytest.mark.parametrize("detectors", ["split", "spectral", "polarization"])
def test_the_reference_implementation_finds_it_valid_and_reads_the_same(pulsed, n_routes, detectors, path):
    photons = photons_of(pulsed, n_routes=n_routes)
    write_photon_hdf5(
        path,
        photons,
        author="Ada",
        author_affiliation="Lab",
        sample_name="dots",
        excitation_nm=450,
        detection_nm=[560] * (n_routes if detectors == "spectral" else 1),
        detectors=detectors,
    )
    with tables.open_file(path) as file:
        phconvert.hdf5.assert_valid_photon_hdf5(file, require_rootformat=True)
        data = phconvert.hdf5.dict_from_group(file.root.photon_data)
        assert file.root.setup.detectors.counts.read().sum() == len(photons)
    np.testing.assert_array_equal(data["timestamps"], photons.macrotime)
    np.testing.assert_array_equal(data["detectors"], photons.route)
    assert data["timestamps_specs"]["timestamps_unit"] == photons.macrotime_unit_s
    if pulsed:
        np.testing.assert_array_equal(data["nanotimes"], photons.nanotime)
        assert data["nanotimes_specs"]["tcspc_unit"] == photons.nanotime_unit_s
        assert data["nanotimes_specs"]["tcspc_num_bins"] == 4096
        assert data["measurement_specs"]["laser_repetition_rate"] == photons.sync_hz


def test_a_file_of_the_reference_implementation(path, capsys):
    photons = photons_of()
    data = {
        "description": "from elsewhere",
        "photon_data": {
            "timestamps": photons.macrotime,
            "timestamps_specs": {"timestamps_unit": 1e-7},
            "detectors": photons.route,
            "nanotimes": photons.nanotime,
            "nanotimes_specs": {"tcspc_unit": 39.06e-12, "tcspc_num_bins": 4096, "tcspc_range": 160e-9},
            "measurement_specs": {
                "measurement_type": "generic",
                "laser_repetition_rate": 4.98e6,
                "detectors_specs": {"split_ch1": np.array([0]), "split_ch2": np.array([1])},
            },
        },
        "setup": {
            "num_pixels": 2,
            "num_spots": 1,
            "num_spectral_ch": 1,
            "num_polarization_ch": 1,
            "num_split_ch": 2,
            "modulated_excitation": False,
            "lifetime": True,
            "excitation_alternated": [False],
            "excitation_cw": [False],
            "laser_repetition_rates": [4.98e6],
            "excitation_wavelengths": [450e-9],
            "detection_wavelengths": [560e-9],
        },
        "identity": {"author": "Ada", "author_affiliation": "Lab"},
    }
    phconvert.hdf5.save_photon_hdf5(data, h5_fname=str(path), close=True)
    capsys.readouterr()
    found = read_photon_hdf5(path)
    np.testing.assert_array_equal(found.macrotime, photons.macrotime)
    np.testing.assert_array_equal(found.nanotime, photons.nanotime)
    np.testing.assert_array_equal(found.route, photons.route)
    assert (found.n_channels, found.sync_hz, found.reversed, found.marker.index.size) == (4096, 4.98e6, False, 0)
    assert found.header["description"] == "from elsewhere"


def test_events_that_are_no_photons_become_markers(path):
    photons = photons_of(n_routes=3)
    none = Markers(np.empty(0, int), np.empty(0, int))
    write_photon_hdf5(path, dataclasses.replace(photons, marker=none, marker_macrotime=np.empty(0, int)))
    replaced(path, "user", None)
    changed(
        path,
        lambda file: file["photon_data/measurement_specs/detectors_specs"].create_dataset("non_photon_id", data=[2]),
    )
    found = read_photon_hdf5(path)
    other = photons.route == 2
    np.testing.assert_array_equal(found.macrotime, photons.macrotime[~other])
    np.testing.assert_array_equal(found.nanotime, photons.nanotime[~other])
    np.testing.assert_array_equal(found.marker_macrotime, photons.macrotime[other])
    assert set(found.marker.pattern) == {2}
    before = [np.sum(~other[:i]) for i in np.flatnonzero(other)]
    np.testing.assert_array_equal(found.marker.index, before)


def test_only_times_and_their_unit_are_needed(path):
    with h5py.File(path, "w") as file:
        file["photon_data/timestamps"] = [1, 5, 5]
        file[UNIT] = 1e-8
    found = read_photon_hdf5(path)
    assert found.macrotime.tolist() == [1, 5, 5]
    assert found.route.tolist() == [0, 0, 0]
    assert (found.nanotime.size, found.n_channels, found.macrotime_unit_s) == (0, 0, 1e-8)


def test_no_photons(path):
    few = photons_of(n=10)
    none = {name: getattr(few, name)[:0] for name in ("macrotime", "nanotime", "route", "marker_macrotime")}
    write_photon_hdf5(path, dataclasses.replace(few, **none, marker=Markers(*(m[:0] for m in few.marker))))
    found = read_photon_hdf5(path)
    assert (len(found), found.n_channels, found.decay().sum()) == (0, 4096, 0)


def test_many_spots_are_refused(path):
    write_photon_hdf5(path, photons_of())
    changed(path, lambda file: file.move("photon_data", "photon_data0"))
    changed(path, lambda file: file.copy("photon_data0", "photon_data1"))
    assert is_photon_hdf5(path)
    with pytest.raises(ValueError, match="/photon_data0: expected one spot in /photon_data, found 2 more"):
        read_photon_hdf5(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("photon_data", None, "/photon_data/timestamps: expected, but not there"),
        ("photon_data/timestamps", np.ones((3, 2), int), "expected integers in a row"),
        ("photon_data/timestamps", np.ones(3000), "expected integers in a row, found float64"),
        ("photon_data/timestamps", np.arange(3000)[::-1], "expected times in order, photon 1 is earlier"),
        ("photon_data/timestamps", np.arange(-1, 2999), "found -1 to 2998"),
        ("photon_data/timestamps", np.full(3000, 2**64 - 1, np.uint64), "found 18446744073709551615"),
        ("photon_data/detectors", np.zeros(2999, np.uint8), "expected 3000 integers in a row"),
        ("photon_data/detectors", np.full(3000, 256), "found 256 to 256"),
        ("photon_data/nanotimes", np.full(3000, 4096), "expected nanotimes below 4096, found 4096"),
        (UNIT, None, "expected, but not there"),
        (UNIT, np.nan, "expected one number"),
        (UNIT, 0.0, "expected one number"),
        (UNIT, -1e-7, "expected one number"),
        (UNIT, "fast", "expected one number"),
        (UNIT, np.array([1e-7, 2e-7]), "expected one number"),
        (f"{LIFETIMES}/tcspc_unit", None, "expected, but not there"),
        (f"{LIFETIMES}/tcspc_num_bins", 2**40, "expected one number"),
        ("photon_data/measurement_specs/laser_repetition_rate", np.inf, "expected one number"),
        ("user/luminescope/marker_pattern", np.zeros(3, np.uint8), "expected 25 integers in a row"),
        ("user/luminescope/marker_index", np.arange(25)[::-1], "numbers that do not decrease"),
        ("user/luminescope/marker_macrotime", None, "expected, but not there"),
    ],
)
def test_fields_that_make_no_sense_are_named(name, value, message, path):
    write_photon_hdf5(path, photons_of())
    replaced(path, name, value)
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        read_photon_hdf5(path)
    assert str(refusal.value).startswith(f"{path}: /")
    assert value is None or f"/{name}: " in str(refusal.value)


def test_numbers_that_are_promised_but_not_stored(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("photon_data/timestamps", shape=(2**50,), dtype="i8", chunks=(2**20,))
        file[UNIT] = 1e-8
    with pytest.raises(ValueError, match="expected 9007199254740992 bytes, the file stores"):
        read_photon_hdf5(path)


def test_links_to_other_files_are_not_followed(path, tmp_path):
    secret = tmp_path / "other.bin"
    secret.write_bytes(bytes(80))
    with h5py.File(path, "w") as file:
        file.create_dataset("photon_data/timestamps", shape=(10,), dtype="i8", external=[(str(secret), 0, 80)])
        file[UNIT] = 1e-8
    with pytest.raises(ValueError, match="expected data stored in this file"):
        read_photon_hdf5(path)


def test_a_flipped_bit_among_the_photons_is_noticed(path):
    photons = photons_of()
    write_photon_hdf5(path, photons, compression=0)
    data = bytearray(path.read_bytes())
    data[data.index(photons.nanotime.tobytes()) + 1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="/photon_data/nanotimes: cannot be read"):
        read_photon_hdf5(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sync_hz": np.nan}, "rate of the laser is needed"),
        ({"macrotime": np.arange(3000)[::-1]}, "not in order"),
        ({"route": np.zeros(3, np.uint8)}, "3 routes"),
        ({"nanotime": np.full(3000, 5000)}, "nanotime 5000 with 4096 channels"),
        ({"marker_macrotime": np.zeros(3, int)}, "25 markers with 25 patterns, 3 times"),
    ],
)
def test_photons_that_could_not_be_read_again_are_not_written(change, message, path):
    with pytest.raises(ValueError, match=message):
        write_photon_hdf5(path, dataclasses.replace(photons_of(), **change))
    assert not path.exists()


def test_unknown_choices(path):
    with pytest.raises(ValueError, match="compression 11"):
        write_photon_hdf5(path, photons_of(), compression=11)
    with pytest.raises(ValueError, match="detectors 'left'"):
        write_photon_hdf5(path, photons_of(), detectors="left")  # type: ignore[arg-type]


def test_other_files_are_none(path, tmp_path):
    path.write_bytes(b"TimeHarp 200\0\0\0\0")
    assert not is_photon_hdf5(path)
    with pytest.raises(ValueError, match="byte 0: expected the signature of an HDF5 file"):
        read_photon_hdf5(path)
    path.write_bytes(b"")
    assert not is_photon_hdf5(path)
    with h5py.File(path, "w") as file:
        file["histograms"] = [1, 2]
    assert not is_photon_hdf5(path)
    with pytest.raises(ValueError, match="/photon_data/timestamps: expected, but not there"):
        read_photon_hdf5(path)
    with pytest.raises(ValueError, match="a folder"):
        read_photon_hdf5(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a small file, and where its damaged copies go."""
    path = tmp_path_factory.mktemp("fuzz") / "small.h5"
    write_photon_hdf5(path, photons_of(n=50))
    return path.read_bytes(), path


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_gives_photons_in_order_or_a_refusal_with_the_field(small, data):
    content, path = bytearray(small[0]), small[1]
    del content[data.draw(st.integers(0, len(content)) | st.just(len(content))) :]
    for _ in range(data.draw(st.integers(0, 5)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        photons = read_photon_hdf5(path)
    except ValueError as refusal:
        assert str(refusal).startswith(f"{path}: ")
    else:
        assert np.all(np.diff(photons.macrotime) >= 0)
        assert photons.decay().sum() == (len(photons) if photons.n_channels else 0)
