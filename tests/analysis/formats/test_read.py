"""The one door for files: what they are called does not matter, what they are not is said."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from analysis.formats import Decays, Photons, read
from analysis.formats.photon_hdf5 import write_photon_hdf5
from analysis.formats.ptu import write_ptu
from analysis.formats.timeharp import write_t3r, write_thd

N = 1000


@pytest.fixture
def photons() -> Photons:
    """A pulsed measurement that every format of photons can hold."""
    rng = np.random.default_rng(3)
    return Photons(
        macrotime=np.cumsum(rng.integers(10, 3000, N)),
        macrotime_unit_s=1e-7,
        nanotime=rng.integers(0, 4096, N).astype(np.uint16),
        nanotime_unit_s=64e-12,
        route=rng.integers(0, 2, N).astype(np.uint8),
        n_channels=4096,
        sync_hz=1e7,
    )


WRITERS = {"t3r": write_t3r, "ptu": write_ptu, "h5": write_photon_hdf5}


@pytest.mark.parametrize("written", WRITERS)
@pytest.mark.parametrize("named", ["spectrum.txt", "x.thd", "x.ptu", "no_extension"])
def test_a_file_is_what_it_holds_not_what_it_is_called(written, named, photons, tmp_path):
    WRITERS[written](tmp_path / named, photons)
    found = read(tmp_path / named)
    assert isinstance(found, Photons)
    assert np.array_equal(found.macrotime, photons.macrotime)
    assert np.array_equal(found.route, photons.route)
    assert np.array_equal(found.decay(), photons.decay())
    assert found.bin_width_ns == pytest.approx(photons.bin_width_ns)


def test_photons_of_one_format_pass_through_another(photons, tmp_path):
    path = tmp_path / "x"
    for writer in (write_t3r, write_photon_hdf5, write_t3r, write_ptu):
        writer(path, photons)
        photons = read(path)
        assert isinstance(photons, Photons)
    assert len(photons) == N


def test_decays_come_through_the_same_door(tmp_path):
    write_thd(str(tmp_path / "x.ptu"), Decays(np.ones((2, 4096), int), np.array([0.1, 0.2])))
    found = read(str(tmp_path / "x.ptu"))
    assert isinstance(found, Decays)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "nothing"),
        (b"T", "b'T'"),
        (b"Wavelength (nm),Counts\n400,17\n", r"b'Wavelength \(nm\),'"),
        (b"PK\x03\x04" + bytes(100), r"b'PK"),
        (bytes(4096), r"b'\\x00"),
    ],
    ids=["empty", "one byte", "text", "zip", "zeros"],
)
def test_what_is_no_known_file_is_refused_with_the_known_ones(content, found, tmp_path):
    path = tmp_path / "measurement.t3r"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path}: byte 0: found {found}.*, expected a file of TimeHarp 200 .*, Pico"):
        read(path)


def test_hdf5_without_photons_is_no_known_file_and_broken_hdf5_is_said_to_be(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["histogram"] = np.zeros(5)
    with pytest.raises(ValueError, match=rf"^{path}: byte 0: found b'\\x89HDF.*, expected a file of "):
        read(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"^{path}: .*expected an HDF5 file"):
        read(path)


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    with pytest.raises(ValueError, match=f"^{tmp_path}: byte 0: expected a file of measurements, this is a folder"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        read(tmp_path / "pipe")


def test_importing_the_door_opens_no_compiler_and_no_hdf5():
    code = "import sys, analysis.formats; sys.exit(bool({'numba', 'h5py'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3], timeout=60)
