"""What cannot be exported is refused before there is a file, and no failure leaves half of one."""

import errno
import os

import numpy as np
import pytest

from lab.export import ExportError, export, export_all
from lab.export import kinds as kinds_of_files
from lab.export.journalled import journalled
from tests.lab.stored_runs import pairs, photon_trace, photons_of, raster, spectrum


@pytest.fixture
def rng():
    return np.random.default_rng(9)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.xlsx", {}, r"\.xlsx means no kind of file; there are \.h5, \.hdf5 \(photon-hdf5\)"),
        ("a", {}, "no ending means no kind"),
        ("a.tif", {}, r"for images say \.ome\.tif"),
        ("a.dat", {"kind": "excel"}, "kind='excel': expected one of photon-hdf5, ptu, nexus, ome-tiff, csv"),
        ("a.csv", {"table": "spectra"}, "no table 'spectra'; it has g2, numbers, primary"),
        ("a.nxs", {"table": "g2"}, r"only \.csv holds one table"),
        ("a.h5", {}, "start-stop pairs, no photon has a time of its own"),
        ("a.ptu", {}, "start-stop pairs"),
        ("a.ome.tif", {}, r"\(hbt\) has no images: \.ome\.tif is for flim_raster and find_emitters"),
        ("nowhere/a.csv", {}, "does not exist: make it"),
    ],
)
def test_a_refusal_says_what_is_allowed(name, options, message, tmp_path, rng):
    with pytest.raises(ExportError, match=message):
        export(pairs(rng), tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_analysed_says_how_to_analyse_it(tmp_path, rng):
    bare = spectrum(rng, analysed=False)
    command = rf'session\.replay\("{bare.uid[:8]}"\) makes it'
    with pytest.raises(ExportError, match=command + r".*table='primary'"):
        export(bare, tmp_path / "pl.csv")
    with pytest.raises(ExportError, match=r'session\.replay\("[0-9a-f]{8}"\) makes it anew; then export again'):
        export(raster(tmp_path, rng, analysed=False), tmp_path / "A.ome.tif")


def test_a_raster_has_no_times_of_photons_and_none_are_made_up(tmp_path, rng):
    with pytest.raises(ExportError, match=r"pixels hold histograms.*\.nxs has the histograms"):
        export(raster(tmp_path, rng), tmp_path / "A.ptu")


def test_what_is_there_stays_unless_it_may_be_replaced(tmp_path, rng):
    path = tmp_path / "dip.csv"
    path.write_text("precious")
    with pytest.raises(ExportError, match=r"exists and is left as it is.*overwrite=True"):
        export(pairs(rng), path)
    assert path.read_text() == "precious"
    export(pairs(rng), path, overwrite=True)
    assert path.read_text().startswith("# Luminescope export: g2")


def test_a_full_disk_leaves_nothing_and_the_old_file_as_it_was(tmp_path, rng, monkeypatch):
    def half(path, header, table):
        path.write_text("# half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kinds_of_files, "write_csv", half)
    with pytest.raises(ExportError, match=r"dip\.csv was not written: No space left on device \([0-9]+ MB free"):
        export(pairs(rng), tmp_path / "dip.csv")
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old.csv"
    old.write_text("precious")
    with pytest.raises(ExportError, match="No space"):
        export(pairs(rng), old, overwrite=True)
    assert (old.read_text(), list(tmp_path.iterdir())) == ("precious", [old])


def test_raw_data_that_are_gone_are_named(tmp_path, rng):
    run = photon_trace(tmp_path / "raw", photons_of(rng))
    next((tmp_path / "raw").rglob("*.h5")).unlink()
    for name in ("dot.h5", "dot.nxs"):
        with pytest.raises(ExportError, match=r"raw data of timeharp_records cannot be read.*put that file back"):
            export(run, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_many_are_refused_together_before_one_is_written(tmp_path, rng):
    runs = [pairs(rng), spectrum(rng)]
    export_all(runs, tmp_path / "archive", kinds=["csv"])
    before = sorted(path.name for path in (tmp_path / "archive").iterdir())
    with pytest.raises(ExportError, match="exists and is left as it is"):
        export_all([spectrum(rng), *runs], tmp_path / "archive", kinds=["csv", "nexus"])
    assert sorted(path.name for path in (tmp_path / "archive").iterdir()) == before
    with pytest.raises(ExportError, match=r"kinds=\['excel'\]: expected some of"):
        export_all(runs, tmp_path / "other", kinds=["excel"])
    assert not (tmp_path / "other").exists()


def test_a_run_that_fits_no_kind_is_named(tmp_path, rng):
    found = export_all([pairs(rng)], tmp_path / "archive", kinds=["ptu"])
    assert "(hbt) cannot be ptu" in found.left_out[0]


def test_what_is_no_run_and_no_runs_at_all_are_refused(tmp_path):
    with pytest.raises(ExportError, match=r"3 is no run: give one of the catalog, such as db\[-1\]"):
        export(3, tmp_path / "a.csv")
    with pytest.raises(ExportError, match="there are no runs to write"):
        export_all([], tmp_path / "x")
    with pytest.raises(ExportError, match="is no data folder"):
        journalled(tmp_path / "nowhere", "9f2c")
    assert list(tmp_path.iterdir()) == []
