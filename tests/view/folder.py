"""A small data folder as a lab leaves it: runs that ended in every way, one that grows, emitters, a night, pictures."""

import json
import time
from pathlib import Path

import event_model
import numpy as np
from PIL import Image

from analysis.derived import derived_run
from lab.emitters.registry import EmitterRegistry
from lab.journal import Journal
from lab.night import page
from tests.night.examples import HOSTILE, status

NOW_S = time.time()
CODE = "0.0+made-up"
TWIN = {"preset": "A", "seed": 3}
RASTER = {"centre_um": [50.0, 50.0], "extent_um": 4.0, "n_pixels": 8, "dwell_ms": 10.0, "n_scans": 2}
UNITS = {"tau_ns": "ns", "tau_err_ns": "ns", "rate_cps": "cps", "rate_err_cps": "cps", "n_photons": "photons"}
PAIRS = {
    "tau_ns": 12.5, "tau_err_ns": 0.4, "g2_zero": 0.11, "g2_zero_err": 0.02, "rate_cps": 81234.0, "rate_err_cps": 31.0,
    "single": 1, "significance_sigma": 9.25, "deviance": 1.5, "n_photons": 4170505, "bleached": 1, "identified": 1,
}  # fmt: skip


class Folder:
    """Writes runs into the journal of a data folder, each as the RunEngine emits it; `uids` by the name of the run."""

    def __init__(self, data: Path):
        self.data = data
        self.journal = Journal(data / "journal", sync=False)
        self.uids: dict[str, str] = {}

    def begin(self, name: str, before_s: float = 0.0, **metadata):
        """Open a run; `before_s` : how long ago it began."""
        about = {"purpose": "measurement", "code_version": CODE, "twin": TWIN, **metadata}
        run = event_model.compose_run(metadata=about, time=NOW_S - before_s, validate=False)
        self.journal("start", run.start_doc)
        self.uids[name] = run.start_doc["uid"]
        return run

    def end(self, run, before_s: float = 0.0, **told):
        """Close it."""
        stop = run.compose_stop(**{"exit_status": "success", **told}, validate=False)
        self.journal("stop", {**stop, "time": NOW_S - before_s})

    def measured(self, name: str, before_s: float, *, takes_s: float = 60.0, told=None, **metadata) -> str:
        """A run from its beginning to its end, without events."""
        self.end(self.begin(name, before_s, **metadata), before_s - takes_s, **(told or {}))
        return self.uids[name]

    def analysed(self, name: str, of: list[str], arrays, columns=None, **metadata) -> str:
        """What was found in runs."""
        values = {key: (value, UNITS.get(key, "")) for key, value in arrays.items()}
        parameters = {"columns": columns} if columns else {}
        for kind, doc in derived_run(name, of, values, parameters=parameters, code_version=CODE, metadata=metadata):
            if kind == "start":
                self.uids[name] = doc["uid"]
            self.journal(kind, doc)
        return self.uids[name]

    def growing(self, n_lines: int = 25):
        """A raster of 100 lines that goes on; the run, to be closed by the test."""
        run = self.begin("growing", 50.0, plan_name="flim_raster", sample_name="A", raster=RASTER, num_points=100)
        keys = ("scanner_lit", "scanner_perovskite_counts", "scanner_qd_counts")
        described = {key: {"source": "x", "dtype": "array", "shape": [8]} for key in keys}
        stream = run.compose_descriptor(name="primary", data_keys=described, validate=False)
        self.journal("descriptor", stream.descriptor_doc)
        for i in range(n_lines):
            self.line(stream, NOW_S - 50.0 + 2 * i)
        return run, stream

    def line(self, stream, time_s: float):
        data = {"scanner_lit": 1.0, "scanner_perovskite_counts": np.full(8, 40), "scanner_qd_counts": np.full(8, 7)}
        times = dict.fromkeys(data, time_s)
        self.journal("event", stream.compose_event(data=data, timestamps=times, time=time_s, validate=False))


def pair_arrays() -> dict:
    delay = np.linspace(-100, 100, 41)
    g2 = 1 - 0.9 * np.exp(-np.abs(delay) / 12.5)
    curve = np.column_stack([delay, 500 * g2, g2, np.full(41, 0.05), g2])
    rates = np.column_stack([np.arange(20) / 10, np.full(20, 4e4), np.full(20, 4.1e4)])
    return {**PAIRS, "curve": curve, "rates": rates}


PAIR_COLUMNS = {
    "curve": ["delay_ns", "counts", "g2", "g2_err", "g2_model"],
    "rates": ["time_s", "start_cps", "stop_cps"],
}


def raster_arrays() -> dict:
    tau = np.stack([np.full((8, 8), 2.0), np.full((8, 8), 9.5)], axis=-1) + np.arange(8)[:, None] * 0.05
    good, counts = np.ones((8, 8), np.uint8), np.arange(64).reshape(8, 8) + 100
    good[0, :4] = 0
    return {
        "tau_ns": tau, "tau_err_ns": tau / 10, "converged": good, "degenerate": 1 - good, "deviance": np.ones((8, 8)),
        "n_photons": counts, "perovskite_counts": counts * 40, "qd_counts": counts, "coverage": good * 0 + 2,
        "drift_px": np.array([[0.0, 0.0], [0.4, -0.2]]), "drift_err_px": np.full((2, 2), 0.05),
    }  # fmt: skip


def make(data: Path) -> Folder:
    """The whole folder; the growing run is left out."""
    made = Folder(data)
    light = {"laser": "EPL-450", "repetition_hz": 2e6}
    irf = made.measured("irf", 90_000.0, plan_name="irf", sample_name="A")
    raster = made.measured(
        "raster", 80_000.0, plan_name="flim_raster", sample_name="A", raster=RASTER, irf_uid=irf, excitation=light
    )
    made.analysed("flim_analysis", [raster], raster_arrays(), sample_name="A")
    pairs = made.measured("pairs", 4000.0, plan_name="hbt", sample_name="single", emitter="single-001")
    made.analysed("hbt_analysis", [pairs], pair_arrays(), PAIR_COLUMNS, sample_name="single", emitter="single-001")
    made.measured("hostile", 3000.0, plan_name="pl", sample_name=HOSTILE, warnings=[HOSTILE], sample={"notes": HOSTILE})
    why = {"exit_status": "fail", "reason": "a SPAD was tripped (overload)"}
    made.measured("failed", 2000.0, plan_name="blinking", sample_name="single", told=why)
    made.begin("cut", 1000.0, plan_name="flim_raster", sample_name="B", raster=RASTER, continues=raster)
    made.journal.close()
    made.journal = Journal(data / "journal", sync=False)
    emitters(data, pairs)
    page.write(data / "night", status(written_s=NOW_S - 5, name="2027-01-15"))
    (data / "nights").mkdir()
    (data / "nights" / "2027-01-14.html").write_text("<!doctype html><title>all done</title><p>all done")
    (data / "nights" / "ledger.sqlite").write_text("secret")
    (data / "figures").mkdir()
    Image.new("RGB", (300, 200), "white").save(data / "figures" / f"{raster[:8]}-overview.png")
    (data / "run").mkdir()
    (data / "run" / "lab.json").write_text(json.dumps({"storage": {"pid": 1, "command": ["gone"], "ports": [1]}}))
    return made


def emitters(data: Path, pairs: str) -> None:
    """Three emitters: a single one, several in one, one that nobody looked at closely."""
    registry = EmitterRegistry(data / "emitters.sqlite")
    told = {"sample": "single", "frame": 1, "err_um": 0.01, "first_seen_s": 1.0, "last_seen_s": 2.0}
    for n, (x_um, y_um) in enumerate(((50.0, 50.0), (51.0, 52.0), (53.0, 49.0)), 1):
        light = {"rate_cps": 1e5, "background_cps": 1e3, "fwhm_um": 0.24, "isolated": 1}
        registry.store.write("emitters", id=f"single-00{n}", x_um=x_um, y_um=y_um, **told, **light)
    facts = {key: PAIRS[key] for key in ("tau_ns", "tau_err_ns", "single")} | {"contrast": 0.89, "contrast_err": 0.02}
    registry.record(pairs, "single-001", "hbt", facts, time_s=NOW_S)
    registry.record("elsewhere", "single-002", "hbt", {**facts, "single": 0}, time_s=NOW_S)
    registry.close()
