"""Exported runs are what other people's programs read, and come back as they were."""

import json
import re

import h5py
import nexusformat.nexus as nx
import numpy as np
import ome_types
import pandas
import phconvert.hdf5
import ptufile
import pytest
import tables
from PIL import Image

from analysis.formats import read
from lab.export import KINDS, export, export_all, read_back
from lab.export.__main__ import main
from lab.export.many import checksum
from lab.imports.photons import photon_drafts
from lab.imports.told import Told
from lab.journal import Journal
from tests.conftest import HOUSE
from tests.lab.stored_runs import N_BINS, N_SCANS, N, flim_arrays, pairs, photon_trace, photons_of, raster, spectrum


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(8)


@pytest.fixture(scope="module")
def image(tmp_path_factory, rng):
    return raster(tmp_path_factory.mktemp("raw"), rng)


def found_in(run):
    """The arrays of its analysis."""
    (event,) = (doc for name, doc in run.analyses[-1] if name == "event")
    return {key: np.asarray(value) for key, value in event["data"].items()}


@pytest.mark.parametrize("pulsed", [False, True])
def test_photon_hdf5_is_valid_and_holds_every_photon(pulsed, tmp_path, rng):
    photons = photons_of(rng, pulsed=pulsed)
    run = photon_trace(tmp_path, photons, "raster" if pulsed else "clock")
    path = export(run, tmp_path / "dot.h5")
    with tables.open_file(str(path)) as file:
        phconvert.hdf5.assert_valid_photon_hdf5(file, warnings=False, strict_description=False)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["photon_data/timestamps"][:], photons.macrotime)
        np.testing.assert_array_equal(file["photon_data/detectors"][:], photons.route)
        assert ("nanotimes" in file["photon_data"]) == pulsed
        assert file["sample/sample_name"][()] == b"single"
        assert file["setup/excitation_wavelengths"][:] == pytest.approx([561e-9])
        assert run.uid.encode() in file["description"][()]
    assert read_back(path).uid == run.uid


@pytest.mark.parametrize("pulsed", [False, True])
def test_ptu_is_what_ptufile_reads_t2_without_pulses_and_t3_with_them(pulsed, tmp_path, rng):
    photons = photons_of(rng, pulsed=pulsed)
    run = photon_trace(tmp_path, photons, "raster" if pulsed else "clock")
    path = export(run, tmp_path / "dot.ptu")
    with ptufile.PtuFile(path) as file:
        assert file.is_t3 == pulsed
        decoded = file.decode_records()
        counted = decoded[(decoded["channel"] >= 0) & (decoded["marker"] == 0)]
        assert file.tags["Luminescope_Uid"] == run.uid
    np.testing.assert_array_equal(counted["time"], photons.macrotime)
    if pulsed:
        np.testing.assert_array_equal(counted["dtime"], photons.nanotime)
    back = read_back(path)
    np.testing.assert_array_equal(back.photons.macrotime, photons.macrotime)
    np.testing.assert_array_equal(back.photons.route, photons.route)
    assert back.uid == run.uid


@pytest.mark.parametrize("name", ["dot.h5", "dot.ptu"])
@pytest.mark.parametrize("wiring", ["clock", "raster"])
def test_imported_again_an_exported_trace_has_the_same_records(name, wiring, tmp_path, rng):
    run = photon_trace(tmp_path, photons_of(rng, pulsed=wiring == "raster"), wiring)
    again = photon_drafts(read(export(run, tmp_path / name)), Told(wiring=wiring))[0]
    with h5py.File(next(tmp_path.rglob("*-*.h5"))) as file:
        recorded = [row[row > 0] for row in file["records"][:]]
    assert len(again.rows) == len(recorded) == 3
    for row, before in zip(again.rows, recorded, strict=True):
        after = row.filed if wiring == "raster" else without_nanotimes(row.filed)
        np.testing.assert_array_equal(after, before if wiring == "raster" else without_nanotimes(before))


def without_nanotimes(words):
    """Records of photons with the same nanotime: without a pulsed laser it means nothing."""
    return np.where(words >> 30 == 1, words & ~np.uint32(0xFFF << 16), words)


def test_segments_lie_on_one_axis_with_the_gaps_between_them(tmp_path, rng):
    run = photon_trace(tmp_path, photons_of(rng, seconds=12.0))
    late_s = 100.0
    for name, doc in run.docs:
        if name == "event" and doc["seq_num"] > 1:
            doc["data"]["timeharp_started"] += late_s
    photons = read_back(export(run, tmp_path / "dot.h5")).photons
    begun, ended = photons.marker_macrotime[::2], photons.marker_macrotime[1::2]
    np.testing.assert_array_equal(begun, [0, 1_050_000_000, 1_100_000_000])
    np.testing.assert_array_equal(ended, [50_000_000, 1_100_000_000, 1_120_000_000])
    inside = np.searchsorted(begun, photons.macrotime, "right") - 1
    assert np.all(photons.macrotime <= ended[inside])


def test_nexus_plots_lifetimes_with_errors_and_coordinates(image, tmp_path):
    root = nx.nxload(export(image, tmp_path / "A.nxs"))
    data = root.plottable_data
    assert (data.nxsignal.nxname, data.nxsignal.attrs["units"]) == ("tau_ns", "ns")
    np.testing.assert_array_equal(data.nxsignal.nxdata, found_in(image)["tau_ns"])
    np.testing.assert_array_equal(data.nxerrors.nxdata, found_in(image)["tau_err_ns"])
    y, x, _ = data.nxaxes
    assert (x.attrs["units"], x.nxdata[0], y.nxdata[-1]) == ("um", 48.75, 41.25)
    entry = root["entry"]
    assert entry["experiment_identifier"].nxvalue == image.uid
    assert entry["start_time"].nxvalue == "2023-11-14T22:13:20.000000+00:00"
    assert entry["instrument/source/frequency"].nxdata == 2e6
    assert entry["instrument/beam/incident_wavelength"].attrs["units"] == "nm"
    assert entry["user/name"].nxvalue == "Ada"
    assert (entry["analysis"].nxclass, entry["analysis/version"].nxvalue) == ("NXprocess", "1.2.4")
    cube = entry["measured/primary/scanner_histograms"]
    assert (cube.shape, cube.chunks, cube.compression) == ((N_SCANS * N, N, 2, N_BINS), (1, N, 2, N_BINS), "gzip")


def test_nexus_comes_back_bit_for_bit(image, tmp_path):
    back = read_back(export(image, tmp_path / "A.nxs"))
    assert (back.uid, back.facts) == (image.uid, json.loads(json.dumps(image.start)))
    wanted = found_in(image)
    assert set(back.arrays) == set(wanted)
    for key, value in wanted.items():
        np.testing.assert_array_equal(back.arrays[key], value)
        assert back.arrays[key].dtype.kind == value.dtype.kind
    counts = back.measured["primary/scanner_histograms"][:, :, 0].sum(axis=-1)
    np.testing.assert_array_equal(counts, back.measured["primary/scanner_perovskite_counts"])


@pytest.mark.parametrize("analysed", [True, False])
def test_every_run_becomes_nexus_analysed_or_not(analysed, tmp_path, rng):
    runs = [raster(tmp_path, rng, analysed), spectrum(rng, analysed), photon_trace(tmp_path, photons_of(rng))]
    for number, run in enumerate(runs):
        root = nx.nxload(export(run, tmp_path / f"{number}.nxs"))
        assert root["entry/entry_identifier"].nxvalue == run.uid
        assert ("analysis" in root["entry"]) == bool(run.analyses)


def test_ome_tiff_has_named_channels_as_the_figures_show_them(image, tmp_path):
    path = export(image, tmp_path / "A.ome.tif")
    described = ome_types.from_tiff(path).images[0]
    names = [channel.name for channel in described.pixels.channels]
    assert names[:4] == ["QD intensity [counts/s]", "perovskite intensity [counts/s]", "tau1 [ns]", "tau1_err [ns]"]
    assert (described.pixels.physical_size_x, described.pixels.physical_size_x_unit.value) == (0.5, "µm")
    told = {pair.k: pair.value for note in ome_types.from_tiff(path).structured_annotations for pair in note.value.ms}
    assert (told["uid"], told["simulated"]) == (image.uid, "yes: digital twin, preset A, seed 1")
    wanted = found_in(image)
    with Image.open(path) as tiff:
        assert (tiff.n_frames, tiff.mode) == (len(names), "F")
        tiff.seek(names.index("tau2 [ns]"))
        np.testing.assert_array_equal(np.array(tiff), wanted["tau_ns"][::-1, :, 1].astype(np.float32))
        tiff.seek(0)
        np.testing.assert_allclose(np.array(tiff), wanted["qd_counts"][::-1] / (N_SCANS * 0.5), rtol=1e-6)


def test_csv_is_what_pandas_reads_and_comes_back_bit_for_bit(tmp_path, rng):
    run = pairs(rng)
    path = export(run, tmp_path / "dip.csv")
    table = pandas.read_csv(path, comment="#", float_precision="round_trip")
    curve = found_in(run)["curve"]
    assert list(table) == ["delay_ns", "counts", "g2", "g2_err", "g2_model"]
    np.testing.assert_array_equal(table.to_numpy(), curve)
    back = read_back(path)
    assert (back.uid, back.facts["plan"], back.facts["emitter"]) == (run.uid, "hbt", "single-001")
    assert back.facts["units"] == "delay_ns [ns]; counts [counts]"
    np.testing.assert_array_equal(back.arrays["g2"], curve[:, 2])
    numbers = read_back(export(run, tmp_path / "numbers.csv", table="numbers")).arrays
    assert numbers["name"].tolist() == ["tau_ns", "tau_err_ns"]
    np.testing.assert_array_equal(numbers["value"], [12.5, np.nan])


def test_a_spectrum_has_its_unit_and_points_that_came_in_pages(tmp_path, rng):
    run = spectrum(rng)
    back = read_back(export(run, tmp_path / "pl.csv"))
    np.testing.assert_array_equal(back.arrays["value"], found_in(run)["value"])
    assert "value [corrected cps]" in back.facts["units"]
    points = read_back(export(run, tmp_path / "points.csv", table="primary")).arrays["fs5_wavelength"]
    np.testing.assert_array_equal(points, found_in(run)["wavelength_nm"])


def test_pixels_decay_and_distribution_of_an_image(image, tmp_path):
    wanted = found_in(image)
    pixels = pandas.read_csv(export(image, tmp_path / "A.csv"), comment="#", float_precision="round_trip")
    at = pixels[(pixels.row == 1) & (pixels.column == 2)].iloc[0]
    assert (at.x_um, at.y_um, at.tau2_ns) == (49.75, 39.25, wanted["tau_ns"][1, 2, 1])
    decay = read_back(export(image, tmp_path / "decay.csv", table="decay")).arrays
    cube = read_back(export(image, tmp_path / "A.nxs")).measured["primary/scanner_histograms"]
    np.testing.assert_array_equal(decay["qd_counts"], cube[:, :, 1].sum(axis=(0, 1)))
    np.testing.assert_array_equal(decay["time_ns"], np.arange(N_BINS) * 0.5)
    spread = pandas.read_csv(export(image, tmp_path / "spread.csv", table="distribution"), comment="#")
    for _, one in spread.groupby("component"):
        assert np.trapezoid(one.density_per_ns, one.tau_ns) == pytest.approx(1, abs=0.01)


def test_the_analysis_of_a_series_is_passed_over(rng, tmp_path):
    run = pairs(rng)
    own, series = (
        run.analyses[0],
        list(run.analysed("power_series_analysis", {"powers": (np.ones((2, 5)), "")}).analyses)[1],
    )
    run.db = lambda plan_name: [run_of(docs) for docs in (own, series) if docs[0][1]["plan_name"] == plan_name]
    assert read_back(export(run, tmp_path / "dip.csv")).facts["analysis"] == own[0][1]["uid"]


def run_of(docs):
    return type(pairs(np.random.default_rng()))(docs)


def test_many_runs_at_once_with_checksums(image, tmp_path, rng):
    runs = [image, spectrum(rng), photon_trace(tmp_path, photons_of(rng))]
    folder = tmp_path / "archive"
    found = export_all(runs, folder)
    rows = pandas.read_csv(folder / "manifest.csv")
    assert [name for name in rows.kind if name == "photon-hdf5"] == ["photon-hdf5"]
    assert set(rows.uid) == {run.uid for run in runs}
    assert set(rows.kind) == set(KINDS)
    for file, digest in zip(rows.file, rows.sha256, strict=True):
        assert checksum(folder / file) == digest
    assert not found.left_out
    assert {path.name for path in folder.iterdir()} == {*rows.file, "manifest.csv"}


def test_a_run_is_exported_from_a_folder_of_data(image, tmp_path, capsys):
    journal = Journal(tmp_path / "data" / "journal")
    for docs in (image.docs, image.analyses[-1]):
        for name, doc in docs:
            journal(name, doc)
    assert main([str(tmp_path / "data"), image.uid[:8], str(tmp_path / "A.ome.tif")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "A.ome.tif")
    assert main([str(tmp_path / "data"), "ffff", str(tmp_path / "B.nxs")]) == 1
    assert "no run of the journal" in capsys.readouterr().err


def test_the_page_about_export_runs_as_it_stands(image, tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dot = photon_trace(tmp_path, photons_of(rng))

    class Db(dict):
        def __call__(self, **wanted):
            return [image, dot]

    page = (HOUSE / "docs/how-to/export.md").read_text()
    names = {"db": Db({-1: image, -2: dot, -3: pairs(rng), -4: spectrum(rng)})}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(block, names)
    assert (tmp_path / "archive" / "manifest.csv").is_file()


def test_a_data_frame_becomes_a_table_with_units(tmp_path):
    frame = pandas.DataFrame({"emitter": ["a-1", "a-2"], "lifetime_ns": [12.5, np.nan]})
    back = read_back(export(frame, tmp_path / "emitters.csv"))
    assert (back.arrays["emitter"].tolist(), back.facts["units"]) == (["a-1", "a-2"], "lifetime_ns [ns]")
    np.testing.assert_array_equal(back.arrays["lifetime_ns"], [12.5, np.nan])


def test_a_table_of_an_image_without_light_is_no_number(tmp_path, rng):
    run = raster(tmp_path, rng, analysed=False)
    arrays = flim_arrays(rng)
    arrays["coverage"][0][0, 0] = 0
    path = export(run.analysed("flim_analysis", arrays), tmp_path / "A.ome.tif")
    with Image.open(path) as tiff:
        assert np.isnan(np.array(tiff)[-1, 0])


def test_lifetimes_that_are_not_trusted_are_not_shown(tmp_path, rng):
    arrays = flim_arrays(rng)
    arrays["degenerate"][0][0, 0] = 1
    path = export(raster(tmp_path, rng, analysed=False).analysed("flim_analysis", arrays), tmp_path / "A.ome.tif")
    with Image.open(path) as tiff:
        tiff.seek(2)
        assert np.argwhere(np.isnan(np.array(tiff))).tolist() == [[0, N - 1], [N - 1, 0]]
