"""The FS5 by way of its operator, who is a test here: what is taken from the folder, and what is not."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from analysis.formats import Spectrum
from analysis.formats.fluoracle import write_fluoracle
from devices.iocs.backends import Point, Scan
from devices.iocs.drivers.fs5.export import points
from devices.iocs.drivers.fs5.fluoracle import FluoracleFolder
from devices.iocs.drivers.fs5.ticket import Tickets

POLL_S, SETTLE_S, PATIENCE_S = 0.01, 0.1, 20.0
PL = Scan("emission", 600, 640, 1, 405, 1, 2, 0.3)
PLE = Scan("excitation", 450, 490, 2, 650, 1.5, 2, 1.0)
ABSORPTION = Scan("transmission", 450, 490, 2, 0, 1, 1, 0.1)
RAW = {"Scan Corr. by File": "False", "Corr. by Ref. Det.": "False", "Fixed/Offset Corr. by File": "False"}
CORRECTED = RAW | {"Corr. by Ref. Det.": "True"}


@dataclass
class Wait:
    """A scan that waits for its file, in a thread."""

    backend: FluoracleFolder
    stop: threading.Event = field(default_factory=threading.Event)
    taken: list[tuple[int, Point]] = field(default_factory=list)
    outcome: list[object] = field(default_factory=list)
    thread: threading.Thread | None = None

    def over(self) -> bool:
        assert self.thread is not None
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive(), self.backend.instruction
        return self.outcome[0] is True

    @property
    def still_waits(self) -> bool:
        return self.thread is not None and self.thread.is_alive() and not self.taken


def until(holds) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(POLL_S)


@contextmanager
def asking(backend: FluoracleFolder, scan: Scan, acquisition: int = 1) -> Iterator[Wait]:
    """`scan` under way, with its request written; stopped at the end if no file was taken."""
    wait = Wait(backend)

    def run() -> None:
        try:
            done = backend.scan(
                scan, acquisition=acquisition, stop=wait.stop, on_point=lambda *point: wait.taken.append(point)
            )
            wait.outcome.append(done)
        except Exception as why:
            wait.outcome.append(why)

    wait.thread = threading.Thread(target=run, daemon=True)
    wait.thread.start()
    until(lambda: backend.instruction or wait.outcome)
    yield wait
    wait.stop.set()
    wait.thread.join(PATIENCE_S)
    assert not [error for error in wait.outcome if isinstance(error, Exception)], wait.outcome


@pytest.fixture
def backend(tmp_path) -> FluoracleFolder:
    return FluoracleFolder(tmp_path, poll_s=POLL_S, settle_s=SETTLE_S)


def measured(scan: Scan, *flags: dict, header: dict | None = None, n: int | None = None, seed: int = 0) -> Spectrum:
    """What the instrument measures: raw counts of some seed, corrected ones twice as high; header: what is off."""
    asked = {
        "emission": ("Emission Scan", scan.emission_slit_nm, scan.excitation_slit_nm),
        "excitation": ("Excitation Scan", scan.excitation_slit_nm, scan.emission_slit_nm),
        "synchronous": ("Synchronous Scan", scan.excitation_slit_nm, scan.emission_slit_nm),
        "transmission": ("Synchronous Scan", scan.excitation_slit_nm, 7.0),
    }[scan.kind]
    common = {
        "Type": asked[0],
        "Start": f"{scan.start_nm:.2f}",
        "Stop": f"{scan.stop_nm:.2f}",
        "Step": f"{scan.step_nm:.2f}",
        "Fixed/Offset": f"{scan.fixed_nm:.2f}",
        "Repeats": "1",
        "Dwell Time": f"{scan.dwell_s:.2f}",
        "Scan Slit": f"{asked[1] * 1.0003:.7f}",
        "Fixed/Offset Slit": f"{asked[2] * 0.9997:.7f}",
        "Detector": "Detector 1",
    } | (header or {})
    flags = flags or (RAW, CORRECTED)
    counts = np.random.default_rng(seed).poisson(400, scan.n_points) * 1.0
    rows = [counts * (2 if "True" in flag.values() else 1) for flag in flags]
    merged = {key: tuple(flag[key] for flag in flags) for key in RAW}
    return Spectrum(scan.wavelength_nm[:n], np.array(rows)[:, :n], common | merged)


def test_a_pl_scan_is_asked_for_taken_and_put_away(backend, tmp_path):
    backend.mount("A")
    number = backend.next_acquisition()
    with asking(backend, PL, number) as wait:
        sheet = (tmp_path / "requests" / "fs5-00001.txt").read_text()
        twin = json.loads((tmp_path / "requests" / "fs5-00001.json").read_text())
        for words in (
            "Emission Scan",
            "600 to 640 nm in steps of 1 nm",
            "excitation 405 nm",
            "0.3 s",
            "A",
            "fs5-00001.txt",
        ):
            assert words in sheet
        assert twin["scan"]["fixed_nm"] == 405
        assert twin["sample"] == "A"
        assert "fs5-00001.txt" in backend.instruction
        write_fluoracle(tmp_path / "fs5-00001.txt", measured(PL))
        assert wait.over()
    counts = np.random.default_rng(0).poisson(400, 41)
    assert [index for index, _ in wait.taken] == list(range(41))
    assert [point.wavelength_nm for _, point in wait.taken] == list(range(600, 641))
    assert [point.counts for _, point in wait.taken] == list(counts)
    assert [point.corrected for _, point in wait.taken] == pytest.approx(2 * counts / 0.3, rel=1e-8)
    assert [point.correction for _, point in wait.taken] == pytest.approx([2] * 41, rel=1e-8)
    assert all(np.isnan([point.reference, point.transmitted, point.time_s]).all() for _, point in wait.taken)
    assert backend.instruction == ""
    assert sorted(path.name for path in (tmp_path / "requests" / "done").iterdir()) == [
        "fs5-00001.json",
        "fs5-00001.txt",
    ]
    assert (tmp_path / "fs5-00001.txt").exists()


@pytest.mark.parametrize("name", ["FS5-00001.TXT", "A fs5-00001 second try.csv", "whatever"])
@pytest.mark.parametrize(
    "form",
    [
        {"separator": ",", "line_end": "\r\n"},
        {"separator": ";", "decimal": ",", "encoding": "utf-8-sig"},
        {"encoding": "utf-16"},
    ],
)
def test_an_export_is_taken_under_any_name_and_in_any_form(name, form, backend, tmp_path):
    with asking(backend, PLE) as wait:
        write_fluoracle(tmp_path / name, measured(PLE), **form)
        assert wait.over()
    assert len(wait.taken) == PLE.n_points


def test_a_file_is_taken_only_when_it_is_complete(backend, tmp_path):
    write_fluoracle(tmp_path / ".whole", measured(PL))
    whole = (tmp_path / ".whole").read_bytes()
    with asking(backend, PL) as wait, (tmp_path / "fs5-00001.txt").open("wb", buffering=0) as file:
        for part in np.array_split(np.frombuffer(whole, np.uint8), 4):
            assert wait.still_waits
            file.write(part.tobytes())
            time.sleep(SETTLE_S / 2)
        assert wait.over()
    assert len(wait.taken) == PL.n_points


def test_a_writer_that_rests_longer_is_told_of_and_then_taken(backend, tmp_path):
    write_fluoracle(tmp_path / ".whole", measured(PL))
    whole = (tmp_path / ".whole").read_bytes()
    path = tmp_path / "fs5-00001.txt"
    with asking(backend, PL) as wait:
        path.write_bytes(whole[: len(whole) // 2])
        until(lambda: "truncated" in backend.instruction or "expected" in backend.instruction)
        assert wait.still_waits
        path.write_bytes(whole)
        assert wait.over()


@pytest.mark.parametrize(
    ("scan", "file", "reason"),
    [
        (PL, measured(PL, header={"Fixed/Offset": "410.00"}), "Fixed/Offset is 410 nm, expected 405 nm"),
        (PL, measured(PL, header={"Type": "Excitation Scan"}), "Type is Excitation Scan, expected Emission Scan"),
        (PL, measured(PL, header={"Dwell Time": "0.10"}), "Dwell Time is 0.1 s, expected 0.3 s"),
        (PL, measured(PL, header={"Dwell Time": ""}), "Dwell Time is not told, expected 0.3 s"),
        (PL, measured(PL, header={"Scan Slit": "1.00"}), "Scan Slit is 1 nm, expected 2 nm"),
        (PL, measured(PL, header={"Fixed/Offset Slit": "2.00"}), "Fixed/Offset Slit is 2 nm, expected 1 nm"),
        (PL, measured(PL, header={"Repeats": "5"}), "Repeats is 5, expected 1"),
        (PL, measured(PL, header={"Yaxis": "Absorbance"}), "Yaxis is Absorbance, expected Counts"),
        (PL, measured(replace(PL, step_nm=2)), "Step is 2 nm, expected 1 nm"),
        (PL, measured(replace(PL, stop_nm=650)), "51 points from 600 to 650 nm, expected 41 from 600 to 640 nm"),
        (PL, measured(replace(PL, start_nm=601, stop_nm=641)), "Start is 601 nm, expected 600 nm"),
        (PL, measured(PL, n=30), "truncated: 30 of 41 points, last at 629 nm of curve 1"),
        (PL, measured(PL, RAW, RAW), "2 raw curves and 0 corrected ones, expected at most one of each"),
        (PLE, measured(PLE, RAW), "Corr. by Ref. Det. is nowhere True"),
        (PLE, measured(PLE, RAW | {"Scan Corr. by File": "True"}), "Corr. by Ref. Det. is nowhere True"),
        (ABSORPTION, measured(ABSORPTION, header={"Labels": "Film Absorptance"}, n=None), "2 curves, expected one"),
        (
            ABSORPTION,
            measured(ABSORPTION, CORRECTED, header={"Labels": "Absorptance", "Yaxis": "Absorbance"}),
            "the curve is an absorptance by its label",
        ),
    ],
)
def test_what_does_not_fit_is_told_and_waiting_goes_on(scan, file, reason, backend, tmp_path):
    with asking(backend, scan) as wait:
        write_fluoracle(tmp_path / "fs5-00001.txt", file)
        until(lambda: "was not taken" in backend.instruction)
        assert reason in backend.instruction
        assert "Export as fs5-00001.txt" in backend.instruction
        assert wait.still_waits
        assert (tmp_path / "fs5-00001.txt").exists()
        write_fluoracle(tmp_path / "right.txt", measured(scan, *([CORRECTED] if scan is ABSORPTION else [])))
        assert wait.over()


def test_other_files_in_the_folder_are_nobodys_business(backend, tmp_path):
    with asking(backend, PL) as wait:
        (tmp_path / "notes.docx").write_bytes(b"PK\x03\x04")
        (tmp_path / "thesis").mkdir()
        write_fluoracle(tmp_path / "of the morning.txt", measured(PLE))
        until(lambda: "of the morning.txt was not taken" in backend.instruction)
        assert "notes" not in backend.instruction
        (tmp_path / "of the morning.txt").unlink()
        until(lambda: "not taken" not in backend.instruction)
        assert wait.still_waits


def test_a_file_that_was_there_before_or_is_older_than_the_request_is_not_taken(backend, tmp_path):
    write_fluoracle(tmp_path / "fs5-00001.txt", measured(PL))
    write_fluoracle(tmp_path / "last week.txt", measured(PL))
    with asking(backend, PL) as wait:
        write_fluoracle(tmp_path / ".copy", measured(PL))
        week_ago = time.time() - 7 * 86400
        os.utime(tmp_path / ".copy", (week_ago, week_ago))
        (tmp_path / ".copy").rename(tmp_path / "copied fs5-00001.txt")
        until(lambda: "copied fs5-00001.txt was not taken: it is older than the request" in backend.instruction)
        assert wait.still_waits
        assert "last week" not in backend.instruction
        (tmp_path / "last week.txt").touch()
        assert wait.over()


def test_every_region_and_repeat_is_a_request_of_its_own(backend, tmp_path):
    seen = []
    for region in (1, 1, 2):
        with asking(backend, replace(PL, region=region), backend.next_acquisition()) as wait:
            name = backend.instruction.rpartition(" ")[2]
            assert f"region {region}" in backend.instruction
            write_fluoracle(tmp_path / name, measured(PL, seed=len(seen)))
            assert wait.over()
        seen.append((name, wait.taken[0][1].counts))
    assert [name for name, _ in seen] == ["fs5-00001.txt", "fs5-00002.txt", "fs5-00003.txt"]
    assert len({counts for _, counts in seen}) > 1


def test_the_same_numbers_under_another_name_are_no_repeat(backend, tmp_path):
    for number in (1, 2):
        with asking(backend, PL, number) as wait:
            write_fluoracle(tmp_path / f"export {number}", measured(PL))
            if number == 1:
                assert wait.over()
            else:
                until(lambda: "export 2 was not taken: it is the same as one taken before" in backend.instruction)
                write_fluoracle(tmp_path / "fs5-00002.txt", measured(PL))
                assert wait.over()


def test_stop_ends_the_wait_and_withdraws_the_request(backend, tmp_path):
    with asking(backend, PL) as wait:
        wait.stop.set()
        assert not wait.over()
    assert wait.outcome == [False]
    assert backend.instruction == ""
    assert (tmp_path / "requests" / "withdrawn" / "fs5-00001.txt").exists()
    with asking(backend, PL):
        assert "fs5-00001-2.txt" in backend.instruction


def test_a_stop_among_the_points_goes_on_where_it_was(backend, tmp_path):
    stop, seen = threading.Event(), []

    def take(index: int, point: Point) -> None:
        seen.append((index, point.wavelength_nm))
        if index == 10:
            stop.set()

    def operate() -> None:
        until(lambda: backend.instruction)
        write_fluoracle(tmp_path / "fs5-00001.txt", measured(PL))

    threading.Thread(target=operate, daemon=True).start()
    assert not backend.scan(PL, acquisition=1, stop=stop, on_point=take)
    assert len(seen) == 11
    assert backend.scan(PL, acquisition=1, first=11, on_point=take)
    assert seen == list(enumerate(PL.wavelength_nm))
    backend.finish_acquisition(1)
    with pytest.raises(ValueError, match="begin with point 0"):
        backend.scan(PL, acquisition=1, first=11, on_point=take)


def test_a_request_left_by_a_process_that_died_is_withdrawn_and_numbers_go_on(backend, tmp_path):
    Tickets(tmp_path).issue(PL, sample="A", acquisition=7)
    again = FluoracleFolder(tmp_path, poll_s=POLL_S, settle_s=SETTLE_S)
    assert again.next_acquisition() == 8
    assert again.next_acquisition() == 9
    with asking(again, PL, 9):
        assert (tmp_path / "requests" / "withdrawn" / "fs5-00007.txt").exists()
        assert [path.name for path in (tmp_path / "requests").glob("*.txt")] == ["fs5-00009.txt"]


def test_transmission_comes_as_counts_or_as_absorbance():
    one = measured(ABSORPTION, CORRECTED, header={"Yaxis": "Absorbance"})
    absorbance = replace(one, counts=np.full((1, ABSORPTION.n_points), 0.5), curves=({"Yaxis": "Absorbance"},))
    for found in points(absorbance, ABSORPTION, "per dwell"):
        assert (found.transmitted, found.reference, found.corrected) == (10**-0.5, 1.0, 10**-0.5)
        assert np.isnan(found.counts)
    counts = replace(absorbance, curves=({"Yaxis": "Counts"},))
    assert points(counts, ABSORPTION, "per dwell")[0].corrected == 0.5


@pytest.mark.parametrize(("flag", "known"), [(RAW, "counts"), (CORRECTED, "corrected")])
def test_one_curve_is_raw_or_corrected_by_its_flags(flag, known, backend, tmp_path):
    with asking(backend, PL) as wait:
        write_fluoracle(tmp_path / "fs5-00001.txt", measured(PL, flag))
        assert wait.over()
    told = {name for name in ("counts", "correction", "corrected") if np.isfinite(getattr(wait.taken[0][1], name))}
    assert told == {known}


def test_counts_may_be_told_per_second(tmp_path):
    backend = FluoracleFolder(tmp_path, poll_s=POLL_S, settle_s=SETTLE_S, counts_are="per second")
    with asking(backend, PL) as wait:
        write_fluoracle(tmp_path / "fs5-00001.txt", measured(PL))
        assert wait.over()
    per_second = np.random.default_rng(0).poisson(400, 41)
    assert [point.counts for _, point in wait.taken] == pytest.approx(per_second * 0.3, rel=1e-8)
    assert [point.corrected for _, point in wait.taken] == pytest.approx(2 * per_second, rel=1e-8)
    with pytest.raises(ValueError, match="give one of per dwell, per second"):
        FluoracleFolder(tmp_path, counts_are="kHz")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"step_nm": 0.0}, "step_nm"),
        ({"step_nm": float("nan")}, "step_nm"),
        ({"dwell_s": float("nan")}, "dwell_s"),
        ({"dwell_s": 1e4}, "dwell_s"),
        ({"stop_nm": 500.0}, "stop_nm"),
        ({"stop_nm": 2000.0}, "200..870"),
        ({"fixed_nm": 100.0}, "230..1000"),
        ({"emission_slit_nm": 40.0}, "emission_slit_nm"),
        ({"kind": "raman"}, "raman"),
        ({"region": 0}, "region"),
    ],
)
def test_a_scan_that_the_instrument_cannot_do_is_refused_and_nothing_written(change, reason, backend, tmp_path):
    with pytest.raises(ValueError, match=reason):
        backend.check(replace(PL, **change))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_or_not_writable_is_refused(backend, tmp_path):
    with pytest.raises(
        ValueError, match=r"nowhere is no folder: create it, or set the one into which Fluoracle exports"
    ):
        FluoracleFolder(tmp_path / "nowhere").check(PL)
    with pytest.raises(ValueError, match="is no folder"):
        FluoracleFolder(Path(__file__)).check(PL)
    assert FluoracleFolder(tmp_path / "nowhere").next_acquisition() == 1
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(ValueError, match="cannot be written to"):
            backend.check(PL)
    finally:
        tmp_path.chmod(0o700)


def test_what_only_the_operator_can_do_is_not_claimed(backend):
    assert backend.lamp_state == "unknown"
    assert np.isnan(backend.warm_up_s)
    assert not backend.shutter_is_open()
    counts, seconds = backend.dark(10.0, acquisition=1)
    assert np.isnan(counts)
    assert seconds == 0
    with pytest.raises(ValueError, match="switch it off at the instrument"):
        backend.switch_lamp(False)
