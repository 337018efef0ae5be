"""Old files become runs: each once, with its provenance, found beside new ones, fitted by the same analyses."""

import re
import shutil
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

from analysis.formats import Decays, Photons
from analysis.formats.fluoracle import write_fluoracle
from analysis.formats.photon_hdf5 import write_photon_hdf5
from analysis.formats.photons import Spectrum
from analysis.formats.ptu import write_ptu
from analysis.formats.timeharp import write_t3r, write_thd
from lab import journal
from lab.catalog import Catalog
from lab.imports import House, ImportRefused, Told, again, import_folder
from lab.imports.__main__ import main
from lab.imports.scan import checksum
from lab.journal import Journal
from lab.samples import Samples
from lab.storage import recover
from tests.conftest import HOUSE, house
from tests.test_docs import first_stops, response_and_decay

TAU_NS, BIN_NS, SYNC_HZ = 4.0, 0.035, 1e7
ON_CPS, OFF_CPS, DURATION_S = 30_000.0, 2_000.0, 12.0
SAMPLES = HOUSE.parent / "shared" / "data"
NOTES = """
operator = "Ada"
["*.t3r"]
wiring = "clock"
intensity_w_cm2 = 2500
["trace.ptu"]
wiring = "clock"
["decay.thd"]
wiring = "raster"
irf = 1
["lamp/pulsed.h5"]
wiring = "raster"
irf = "pulse.thd"
["pairs/*.thd"]
wiring = "hbt"
delay_ns = 120
["pairs/hbt.t3r"]
wiring = "hbt"
["spectra/glass*"]
sample = "glass"
["spectra/dots*"]
sample = "bare_qds"
"""


def blinking_photons(rng) -> Photons:
    """Bright for 2 s, dark for 1 s, by turns; ticks of 100 ns."""
    edges = np.arange(0, DURATION_S + 1)
    counts = [rng.poisson(OFF_CPS if int(at) % 3 == 2 else ON_CPS) for at in edges[:-1]]
    times = np.concatenate([np.sort(rng.uniform(at, at + 1, n)) for at, n in zip(edges, counts, strict=False)])
    ticks = np.floor(times * 1e7).astype(np.int64)
    ticks = ticks[np.append(True, np.diff(ticks) > 4)]
    decay = response_and_decay(rng, [TAU_NS], bin_ns=BIN_NS, period_ns=1e9 / SYNC_HZ)[1]
    nanotime = rng.choice(decay.size, ticks.size, p=decay / decay.sum()).astype(np.uint16)
    route = rng.integers(0, 2, ticks.size).astype(np.uint8)
    header = {"StopAfter": round(DURATION_S * 1e3), "FileTime": "08/09/03 12:51:43"}
    return Photons(ticks, 1e-7, nanotime, BIN_NS * 1e-9, route, n_channels=4096, sync_hz=SYNC_HZ, header=header)


def pairs(rng) -> np.ndarray:
    """Start-stop times as the software shows them, backwards."""
    return first_stops(rng).decay()


def exported(path, kind, axis_nm, counts, **header):
    about = {
        "Type": kind, "Start": axis_nm[0], "Stop": axis_nm[-1], "Step": 1.0, "Fixed/Offset": 0.0,
        "Xaxis": "Wavelength", "Yaxis": "Counts", "Scan Corr. by File": "False", "Corr. by Ref. Det.": "False",
        "Fixed/Offset Corr. by File": "False", "Repeats": 1, "Dwell Time": 0.2, "Scan Slit": 1.0,
        "Fixed/Offset Slit": 1.0, "Labels": "x",
    }  # fmt: skip
    write_fluoracle(path, Spectrum(axis_nm, np.atleast_2d(counts), {**about, **header}))


def write_spectra(folder: Path, rng):
    """A blank that is called so that it comes last, its film, and an emission spectrum."""
    folder.mkdir()
    axis = np.arange(400.0, 701)
    lamp = 1e5 * (1 + 0.3 * np.sin(axis / 60))
    absorbed = 0.4 * np.exp(-4 * np.log(2) * ((axis - 520) / 14) ** 2) + 0.3 / (1 + np.exp((axis - 511) / 3.5))
    exported(folder / "glass-z.txt", "Synchronous Scan", axis, lamp * (1 + 1e-3 * rng.normal(size=axis.size)))
    film = lamp * 10 ** -(absorbed + 0.02) * (1 + 1e-3 * rng.normal(size=axis.size))
    exported(folder / "film.csv", "Synchronous Scan", axis, film)
    axis = np.arange(400.0, 601)
    for name in ("a-film.txt", "dots.txt"):
        counts = rng.poisson(2e4 * (1 + 0.3 * np.sin(axis / 50)))
        exported(folder / name, "Excitation Scan", axis, counts, **{"Fixed/Offset": 650.0})
    axis = np.arange(480.0, 751)
    counts = rng.poisson(2e4 * np.exp(-4 * np.log(2) * ((axis - 541) / 30) ** 2) + 20)
    exported(folder / "pl.txt", "Emission Scan", axis, counts, **{"Fixed/Offset": 405.0})


def write_old_files(folder: Path):
    """One file of every kind, one broken, one twice, one that is no measurement."""
    rng = np.random.default_rng(8)
    for part in ("", "lamp", "pairs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    photons = blinking_photons(rng)
    write_t3r(folder / "trace.t3r", photons)
    write_ptu(folder / "trace.ptu", photons)
    write_photon_hdf5(folder / "lamp" / "pulsed.h5", photons)
    curves = response_and_decay(rng, [TAU_NS], bin_ns=BIN_NS, period_ns=1e9 / SYNC_HZ)
    decays = Decays(curves, np.full(2, BIN_NS), sync_hz=np.full(2, SYNC_HZ))
    write_thd(folder / "decay.thd", decays, version="6.0")
    write_thd(folder / "lamp" / "pulse.thd", Decays(curves[:1], np.full(1, BIN_NS), sync_hz=np.full(1, SYNC_HZ)))
    counts = np.stack([pairs(rng), pairs(rng)]).astype(np.uint32)
    about = {
        "Ident": "TimeHarp 200",
        "Curves": [{"CurveIndex": index, "StopAfter": 60_000, "SyncRate": 30_000} for index in range(2)],
    }
    write_thd(folder / "pairs" / "hbt.thd", Decays(counts, np.full(2, 0.144), about))
    write_t3r(folder / "pairs" / "hbt.t3r", first_stops(rng))
    write_spectra(folder / "spectra", rng)
    shutil.copy(folder / "trace.t3r", folder / "trace copy.T3R")
    (folder / "broken.t3r").write_bytes((folder / "trace.t3r").read_bytes()[:5000])
    (folder / "remarks.txt").write_text("bought in 1998\n")
    (folder / "photo.jpg").write_bytes(b"not looked at")


@dataclass
class Lab:
    """A journal and a folder of files; `at(...)` opens it as a new process would."""

    folder: Path
    raw: Path

    def at(self, **options) -> House:
        self.book = Journal(self.folder / "journal", sync=False)
        samples = Samples(HOUSE / "profile" / "samples.toml")
        return House(self.folder / "journal", self.raw, self.book, samples, **options)

    @property
    def starts(self) -> list[dict]:
        return [next(journal.read(path))[1] for path in journal.paths(self.folder / "journal")]


def made(folder: Path, raw: Path | None = None) -> Lab:
    return Lab(folder, raw or folder / "raw")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    write_old_files(folder)
    return folder


@pytest.fixture(scope="module")
def noted(old):
    (old / "import.toml").write_text(NOTES)
    return old


@pytest.fixture(scope="module")
def lab(tmp_path_factory, storage):
    return made(tmp_path_factory.mktemp("lab"), storage.raw)


@pytest.fixture(scope="module")
def importer(lab):
    return lab.at()


@pytest.fixture(scope="module")
def imported(importer, noted):
    return import_folder(importer, noted, sample="A")


@pytest.fixture
def empty(tmp_path):
    """A lab without runs."""
    return made(tmp_path / "lab")


def of(imported, relative):
    return next(file for file in imported if file.relative == relative)


def run_of(imported, relative, plan_name):
    return next(run for run in of(imported, relative).runs if run.plan_name == plan_name)


def found_in(importer, run):
    """What the analysis of a run found, by key."""
    return next(doc for name, doc in importer.analyst.documents(run.derived_uid) if name == "event")["data"]


def test_every_file_is_told_what_became_of_it(imported):
    assert {file.relative: file.state for file in imported if file.state != "imported"} == {
        "broken.t3r": "refused",
        "remarks.txt": "refused",
        "trace.t3r": "known",
    }
    assert "byte 592" in of(imported, "broken.t3r").reason and "records" in of(imported, "broken.t3r").reason
    assert len(imported) == 15 and "photo.jpg" not in repr(imported)
    assert "15 files" in repr(imported) and "12 imported, 1 known, 2 refused" in repr(imported)
    assert [run.note for file in imported for run in file.runs if run.note] == []


def test_a_trace_is_that_of_its_photons_whatever_the_format(importer, imported):
    for relative in ("trace copy.T3R", "trace.ptu", "lamp/pulsed.h5"):
        found = found_in(importer, run_of(imported, relative, "blinking"))
        assert found["on_fraction"] == pytest.approx(2 / 3, abs=0.01)
        assert found["n_segments"] == 3 and found["n_overrun"] == 0
        assert round(DURATION_S * 1e3) - found["trace"].shape[0] in (0, 1)  # a header may tell no end
        assert found["trace"][:, 1].sum() == found["n_photons"] > 2.4e5
    told = importer.analyst.start_of(run_of(imported, "trace copy.T3R", "blinking").uid)
    assert told["excitation"]["intensity_w_cm2"] == 2500 and told["operator"] == "Ada" and told["twin"] is False


def test_a_dead_time_is_corrected_only_where_it_is_known(importer, imported):
    card, other = (
        importer.analyst.start_of(run_of(imported, relative, "blinking").uid)["record"]["card_dead_time_ns"]
        for relative in ("trace copy.T3R", "trace.ptu")
    )
    assert (card, other) == (350.0, 0.0)


def test_a_decay_is_fitted_with_the_response_that_was_declared(importer, imported):
    in_file = found_in(importer, run_of(imported, "decay.thd", "lifetime_at"))
    assert abs(in_file["tau_ns"] - TAU_NS) < 5 * in_file["tau_err_ns"] < 0.1
    beside = found_in(importer, run_of(imported, "lamp/pulsed.h5", "lifetime_at"))
    assert abs(beside["tau_ns"] - TAU_NS) < 0.2
    start = importer.analyst.start_of(run_of(imported, "lamp/pulsed.h5", "lifetime_at").uid)
    assert start["irf_uid"] == run_of(imported, "lamp/pulse.thd", "irf").uid
    assert start["tcspc"]["period_ns"] == pytest.approx(1e9 / SYNC_HZ)
    assert start["repetition_from"] == "rate meter in the file"


def test_pairs_show_their_dip_on_the_axis_of_the_card(importer, imported):
    for relative in ("pairs/hbt.thd", "pairs/hbt.t3r"):
        run = run_of(imported, relative, "hbt")
        found = found_in(importer, run)
        assert abs(found["tau_ns"] - 18) < 5 * found["tau_err_ns"] < 5
        assert abs(found["contrast"] - 0.9) < 5 * found["contrast_err"]
        assert found["t0_ns"] == pytest.approx(120, abs=1)
        assert np.isnan(found["rate_cps"])  # nobody counted the SPADs
    emitters = importer.analyst.emitters
    assert "photons     not counted" in repr(emitters.result_of(run_of(imported, "pairs/hbt.thd", "hbt").uid))


def test_spectra_find_their_blank_whatever_it_is_called(importer, imported):
    blank, film = run_of(imported, "spectra/glass-z.txt", "blank"), run_of(imported, "spectra/film.csv", "absorption")
    assert importer.analyst.start_of(film.uid)["blank_uid"] == blank.uid
    result = importer.analyst.spectra.derivation.of(film.uid)
    assert result.absorption is not None
    excitation = importer.analyst.start_of(run_of(imported, "spectra/a-film.txt", "ple").uid)
    assert excitation["absorption_uid"] == film.uid
    assert excitation["reference_uid"] == run_of(imported, "spectra/dots.txt", "ple").uid
    emission = importer.analyst.spectra.derivation.of(run_of(imported, "spectra/pl.txt", "pl").uid)
    assert emission.fit.peak_nm == pytest.approx(541, abs=0.5)


def test_a_run_says_where_it_comes_from(importer, imported, noted):
    source = importer.analyst.start_of(run_of(imported, "pairs/hbt.t3r", "hbt").uid)["source"]
    path = noted / "pairs" / "hbt.t3r"
    assert source["sha256"] == checksum(path) and source["bytes"] == path.stat().st_size
    assert (source["file"], source["relative"], source["format"]) == ("hbt.t3r", "pairs/hbt.t3r", "T3R")
    assert source["header"]["instrument"] == "TimeHarp 200" and source["header"]["sync_hz"] == 2e6
    kept = Path(source["kept"])
    assert kept.read_bytes() == path.read_bytes() and kept.stat().st_mode & 0o077 == 0
    start = importer.analyst.start_of(run_of(imported, "trace copy.T3R", "blinking").uid)
    assert start["time_from"] == "FileTime of the file, read as dmy"
    assert importer.analyst.start_of(run_of(imported, "spectra/pl.txt", "pl").uid)["time_from"].startswith("the date")


def test_the_catalog_has_them_beside_all_others(lab, client, imported):
    folder = lab.folder / "journal"
    trace, pl = run_of(imported, "trace copy.T3R", "blinking"), run_of(imported, "spectra/pl.txt", "pl")
    wanted = {trace.uid, trace.derived_uid, pl.uid}
    others = {path.stem for path in journal.paths(folder)} - wanted
    assert set(recover(client, folder, live=others)) == wanted
    db = Catalog(client, folder)
    assert trace.uid in [run.start["uid"] for run in db(plan_name="blinking", sample_name="A")]
    assert db[trace.uid].exit_status == "success" and len(db[trace.uid].table()) == 3
    assert db.array(trace.uid, "timeharp_records")[0].max() > 0
    assert db.derived(trace.uid).start["uid"] == trace.derived_uid
    assert len(db[pl.uid].table()) == 271 and db[pl.uid].start["source"]["file"] == "pl.txt"


def test_no_file_is_imported_twice(lab, imported, noted):
    second = import_folder(lab.at(), noted, sample="A")
    assert second.uids == () and {file.state for file in second} == {"known", "refused"}
    for file in second:
        if file.state == "known" and file.relative != "trace.t3r":
            assert set(file.uids) == set(of(imported, file.relative).uids)


def test_what_was_not_told_is_told_later(empty, old, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(old / "trace.t3r", folder)
    first = import_folder(empty.at(), folder, sample="A")
    (run,) = first.files[0].runs
    assert run.plan_name == "import_photons" and "wiring is not told" in run.note and "session.refit" in run.note
    assert run.derived_uid == ""
    assert import_folder(empty.at(), folder, sample="A").uids == ()
    shutil.rmtree(folder)  # the lab has kept the file
    (analysed,) = again(empty.at(), run.uid, wiring="clock").runs
    assert analysed.plan_name == "blinking" and analysed.derived_uid
    start = empty.at().analyst.start_of(analysed.uid)
    assert start["replaces"] == [run.uid] and start["source"]["file"] == "trace.t3r"
    assert start["source"]["folder"] == str(folder) and start["told"] == {"sample": "A", "wiring": "clock"}
    with pytest.raises(ImportRefused, match="was not imported"):
        again(empty.at(), analysed.derived_uid, wiring="clock")


def test_only_what_is_missing_is_made_anew(empty, old, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(old / "trace.t3r", folder)
    shutil.copy(old / "lamp" / "pulse.thd", folder)
    (folder / "import.toml").write_text('sample = "A"\nwiring = "raster"\n["pulse.thd"]\nkind = "irf"\n')
    first = of(import_folder(empty.at(), folder), "trace.t3r")
    assert [run.plan_name for run in first.runs] == ["blinking", "lifetime_at"]
    assert "no instrument response" in first.runs[1].note
    second = of(import_folder(empty.at(), folder, irf="pulse.thd"), "trace.t3r")
    assert [(run.plan_name, bool(run.derived_uid)) for run in second.runs] == [("lifetime_at", True)]
    third = import_folder(empty.at(), folder, irf="pulse.thd")
    assert third.uids == () and sorted(of(third, "trace.t3r").uids) == sorted([first.uids[0], *second.uids])
    forced = of(import_folder(empty.at(), folder, irf="pulse.thd", force=True), "trace.t3r")
    assert len(forced.runs) == 2 and not set(forced.uids) & {*first.uids, *second.uids}


def test_an_import_that_was_cut_off_is_completed(empty, old, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(old / "decay.thd", folder)
    importer = empty.at()
    lost = lambda name, doc: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
    seen = []

    def record(name, doc):
        seen.append(name)
        return lost(name, doc) if seen.count("start") == 2 else empty.book(name, doc)

    importer.record = record
    with pytest.raises(KeyboardInterrupt):
        import_folder(importer, folder, sample="A", wiring="raster", irf=1)
    empty.book.close()
    (file,) = import_folder(empty.at(), folder, sample="A", wiring="raster", irf=1).files
    assert file.state == "imported" and [run.plan_name for run in file.runs] == ["lifetime_at"]
    assert file.runs[0].derived_uid


def test_files_may_stay_where_they_are(empty, old, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(old / "spectra" / "pl.txt", folder)
    (uid,) = import_folder(empty.at(copy=False), folder, sample="A").uids
    assert empty.at().analyst.start_of(uid)["source"]["kept"] == str(folder / "pl.txt")
    assert not (empty.raw / "imported").exists()


@pytest.mark.parametrize(
    ("notes", "told", "message"),
    [
        ("", {}, "sample of trace.t3r is not told"),
        ("", {"sample": "Z"}, "there is no sample 'Z'"),
        ("", {"sample": "A", "wirring": "hbt"}, "Did you mean wiring?"),
        ("", {"sample": "A", "wiring": "hub"}, "wiring='hub': must be one of raster, hbt, clock"),
        ("", {"sample": "A", "curves": [0]}, "curves=(0,): must be different whole numbers"),
        ("", {"sample": "A", "repetition_hz": "2 MHz"}, "repetition_hz='2 MHz': must be 1..1e+09"),
        ('["trace.t3r"]\nbin_ms = 0\n', {"sample": "A"}, "import.toml: [trace.t3r] "),
        ("sample = ", {}, "not a readable TOML file"),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_is_written(empty, old, tmp_path, notes, told, message):
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(old / "trace.t3r", folder)
    (folder / "import.toml").write_text(notes)
    with pytest.raises(ImportRefused) as why:
        import_folder(empty.at(), folder, **told)
    assert message in str(why.value)
    assert empty.starts == [] and not empty.raw.exists()


@pytest.mark.parametrize(
    ("file", "told", "reason"),
    [
        ("decay.thd", {"kind": "blinking"}, "the file holds histograms"),
        ("decay.thd", {"kind": "irf"}, "curves=... names the instrument response"),
        ("decay.thd", {"wiring": "raster", "irf": 3}, "the file has 2 curves"),
        ("decay.thd", {"wiring": "raster", "irf": "none.thd"}, "neither such a file beside this one nor such a run"),
        ("trace.t3r", {"kind": "pl"}, "the file holds photons"),
        ("trace.t3r", {"wiring": "clock", "routes": [3]}, "has photons on [0, 1]"),
        ("spectra/pl.txt", {"kind": "ple"}, "these are pl"),
    ],
)
def test_a_file_that_is_not_what_was_told_is_refused_alone(empty, old, tmp_path, file, told, reason):
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(old / file, folder)
    (result,) = import_folder(empty.at(), folder, sample="A", **told).files
    assert result.state == "refused" and reason in result.reason
    assert empty.starts == []


def test_a_response_on_another_axis_is_not_used(empty, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    counts = np.random.default_rng(1).poisson(5, (2, 4096)).astype(np.uint32)
    write_thd(folder / "x.thd", Decays(counts, np.array([0.035, 0.07]), sync_hz=np.full(2, SYNC_HZ)), version="6.0")
    (file,) = import_folder(empty.at(), folder, sample="A", wiring="raster", irf=1).files
    assert [(run.plan_name, run.derived_uid) for run in file.runs] == [("irf", ""), ("lifetime_at", "")]
    assert "4096 channels of 0.035 ns, the decay 4096 channels of 0.07 ns" in file.runs[1].note


def test_from_the_command_line_no_instrument_is_needed(noted, tmp_path, capsys):
    config = house(tmp_path)
    words = [str(noted), "--config", str(config), "--sample", "A"]
    assert main(words) == 1  # one file is broken, one is none
    told = capsys.readouterr().out
    assert "12 imported" in told and "the journal has the runs; storage: not running" in told
    assert main(words) == 1
    assert "13 known, 2 refused" in capsys.readouterr().out
    assert main([str(noted), "--config", str(config)]) == 2
    assert "is not told" in capsys.readouterr().err


def test_the_notes_in_the_documentation_are_understood():
    page = (HOUSE / "docs" / "how-to" / "import-old-data.md").read_text(encoding="utf-8")
    notes = tomllib.loads(re.search(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1])
    told = Told.of({key: value for key, value in notes.items() if not isinstance(value, dict)})
    each = [told.but(facts) for facts in notes.values() if isinstance(facts, dict)]
    assert [one.wiring for one in each] == ["clock", "raster", "hbt", ""]
    facts = [one.name for one in fields(Told)]
    assert [name for name in facts if not re.search(rf"\b{name}\b", page)] == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files of the vendors' software are not there")
def test_files_of_the_vendors_software(empty):
    """A 5 MHz laser on a dye and its response, and spectra of strangers; what the software said of them."""
    imported = import_folder(empty.at(), SAMPLES, sample="A", wiring="raster", irf="v50.thd")
    assert [file.state for file in imported] == ["imported"] * 6
    trace, decay = of(imported, "timeharp/v50.t3r").runs
    start = empty.at().analyst.start_of(trace.uid)
    assert start["duration_s"] == 9.344 and start["source"]["header"]["serial"] == 76
    assert start["source"]["header"]["stopped_after_ms"] == 9344
    assert found_in(empty.at(), trace)["n_photons"] == 85571 and decay.derived_uid
    assert [run.plan_name for run in of(imported, "timeharp/v60.thd").runs] == ["lifetime_at"] * 5
