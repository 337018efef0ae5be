"""An operator at Fluoracle, who reads tickets and exports what they ask for, and the session that asks him."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from bluesky.utils import RunEngineInterrupted

from analysis.formats.fluoracle import write_fluoracle
from analysis.formats.photons import Spectrum
from tests.lab.crashes import wait_for

FLAGS = ("Scan Corr. by File", "Corr. by Ref. Det.", "Fixed/Offset Corr. by File")
PEAK_NM, FILM_NM, FILM_ABSORBANCE = 541.0, 520.0, 0.25
SHAPES: tuple[dict[str, Any], ...] = (
    {"separator": ";", "decimal": ",", "encoding": "utf-16"},
    {"separator": ",", "line_end": "\r\n"},
    {"encoding": "cp1252"},
)


def bell(wavelength_nm, centre_nm: float, fwhm_nm: float):
    return np.exp(-4 * np.log(2) * ((wavelength_nm - centre_nm) / fwhm_nm) ** 2)


def absorbance(wavelength_nm, sample: str):
    return FILM_ABSORBANCE * bell(wavelength_nm, FILM_NM, 20) if sample == "A" else 0 * wavelength_nm


def answer(request: dict, rng, **changed) -> Spectrum:
    """What the instrument would export: a band of luminescence, a band of absorption."""
    scan, asked, sample = request["scan"], request["sheet"], request["sample"]
    n_points = round((scan["stop_nm"] - scan["start_nm"]) / scan["step_nm"]) + 1
    told = scan["start_nm"] + scan["step_nm"] * np.arange(n_points)
    header = {
        "Type": asked["kind"], "Start": told[0], "Stop": told[-1], "Step": scan["step_nm"], "Xaxis": "Wavelength",
        "Yaxis": "Counts", "Fixed/Offset": scan["fixed_nm"], "Repeats": 1, "Dwell Time": scan["dwell_s"],
        "Scan Slit": asked["scan_slit_nm"], "Fixed/Offset Slit": asked["fixed_slit_nm"], "Labels": sample,
    }  # fmt: skip
    raw, by_reference = dict.fromkeys(FLAGS, "False"), dict.fromkeys(FLAGS, "False") | {FLAGS[1]: "True"}
    if scan["kind"] == "transmission":
        through = 1e5 * 10 ** -absorbance(told, sample) + rng.normal(0, 30, n_points)
        return Spectrum(told, np.atleast_2d(through), {**header, **by_reference, **changed})
    shine = 2e4 * bell(told, PEAK_NM, 28) + 20 if scan["kind"] == "emission" else 2e4 - 3e3 * absorbance(told, sample)
    counts = rng.poisson(shine).astype(float)
    flags = {flag: (raw[flag], by_reference[flag]) for flag in FLAGS}
    return Spectrum(told, np.array([counts, 1.5 * counts]), {**header, **flags, **changed})


class Operator(threading.Thread):
    """Answers each ticket once; the first one first with half a file, then with the wrong dwell, then right."""

    def __init__(self, folder: Path):
        super().__init__(daemon=True)
        self.folder, self.answered, self.at_work = folder, [], True
        self.rng = np.random.default_rng(7)

    def run(self):
        while self.at_work:
            for path in sorted(self.folder.glob("requests/fs5-*.json")):
                if path.name not in self.answered:
                    self.answered.append(path.name)
                    self.serve(json.loads(path.read_text()))
            time.sleep(0.02)

    def serve(self, request: dict):
        target, n_answered = self.folder / request["export"], len(self.answered)
        if n_answered == 1:
            write_fluoracle(target, answer(request, self.rng))
            target.write_bytes(target.read_bytes()[:3000])
            time.sleep(0.6)
            write_fluoracle(target, answer(request, self.rng, **{"Dwell Time": 9.0}))
            time.sleep(0.6)
        write_fluoracle(target, answer(request, self.rng), **SHAPES[n_answered % len(SHAPES)])

    def go_home(self):
        self.at_work = False
        self.join()


def tickets(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("requests/fs5-*.json"))


def measure_by_hand(config: str, folder: str) -> dict:
    """Spectra of a film by way of the operator; a wait that is paused, one that is aborted, one whose IOC dies."""
    import logging

    from lab.session import start
    from plans import absorption, blank, calibrate, pl, ple

    class Heard(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())

    told: list[str] = []
    logging.getLogger("devices.flight").addHandler(Heard())
    session, exports, stops = start(config), Path(folder), []
    RE, fs5, starts = session.RE, session.fs5, []
    RE.subscribe(lambda name, doc: starts.append(doc), "start")
    RE.subscribe(lambda name, doc: stops.append(doc), "stop")
    short: dict[str, Any] = {"sample": "A", "start_nm": 480.0, "stop_nm": 600.0}

    def refused(plan) -> str:
        try:
            RE(plan)
        except Exception as why:
            return str(why)
        return ""

    def waiting(act):
        """Call `act` as soon as the operator is asked."""
        threading.Thread(target=lambda: (wait_for(lambda: tickets(exports)), act()), daemon=True).start()

    try:
        found: dict[str, Any] = {
            "unnamed": refused(pl(fs5)),
            "missing": refused(pl(fs5, **short)),
            "opened": len(starts),
        }
        exports.mkdir()
        found["calibrate"] = refused(calibrate(fs5, sample="A"))
        operator = Operator(exports)
        operator.start()
        luminescence = RE(pl(fs5, **short))
        RE(blank(fs5, sample="A"))
        film = RE(absorption(fs5, sample="A"))
        RE(ple(fs5, sample="bare_qds"))
        excitation = RE(ple(fs5, sample="A"))
        operator.go_home()
        found |= {
            "peak": (luminescence.fit.peak_nm, luminescence.fit.peak_err_nm),
            "absorbance": film.absorption.peak_absorbance,
            "twin": [start["twin"] for start in starts],
            "coupled": excitation.coupling is not None,
            "told": list(told),
        }
        waiting(lambda: RE.request_pause(False))
        try:
            RE(pl(fs5, **short))
        except RunEngineInterrupted:
            found["paused"] = (wait_for(lambda: fs5.state.get() == "stopped"), tickets(exports))
        operator = Operator(exports)
        operator.answered.append("the one with mistakes")
        operator.start()
        found["resumed"] = RE.resume().exit_status
        operator.go_home()
        waiting(lambda: RE.request_pause(False))
        try:
            RE(pl(fs5, **short))
        except RunEngineInterrupted:
            RE.abort()
        found["aborted"] = (stops[-1]["exit_status"], tickets(exports))
        found["stored"] = session.ingester.flush(30)
        pid = json.loads((session.config.folders.run / "iocs.json").read_text())["bench"]["pid"]
        waiting(lambda: os.kill(pid, signal.SIGKILL))
        found["lost"] = (refused(pl(fs5, **short)), stops[-1]["exit_status"])
        return found
    finally:
        session.close(stop_processes=True)
