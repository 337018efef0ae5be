"""A small data folder with a run of several kinds, as a session leaves it: journal, raw files, registry, analyses."""

import time
from pathlib import Path
from typing import Any

import event_model
import h5py
import numpy as np

from analysis.formats.timeharp import write_t3r
from lab import journal
from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.registry import EmitterRegistry
from lab.flim.analyses import FlimAnalyses
from lab.imports import House, import_folder
from lab.journal import Journal
from lab.samples import Samples
from tests import simulated_emitters as simulated
from tests.conftest import HOUSE
from tests.lab.test_imports import blinking_photons, exported
from tests.test_docs import first_stops

N, SCANS, BINS, BIN_NS, PERIOD_NS = 6, 2, 256, 0.5, 125.0
TAUS_NS = (2.0, 10.0)
PHOTONS = 3000
TCSPC = {"range_code": 2, "bin_width_ns": BIN_NS, "n_bins": BINS, "period_ns": PERIOD_NS}
RASTER = {"centre_um": [50.0, 40.0], "extent_um": 3.0, "n_pixels": N, "dwell_ms": 100, "n_scans": SCANS}
PULSED = {"laser": "EPL-450", "wavelength_nm": 445.0, "intensity_w_cm2": 50.0, "repetition_hz": 8e6}
COMMON = {"purpose": "measurement", "routes": ["perovskite", "qd"], "twin": False, "code_version": "0.0.0"}
DAY_S = 86400.0


def shapes():
    """Response and decay (2, BINS), each of unit area."""
    time_ns = (np.arange(BINS) + 0.5) * BIN_NS
    pulse = np.exp(-0.5 * ((time_ns - 10) / 0.4) ** 2) * (time_ns < PERIOD_NS)
    decay = sum(np.convolve(pulse, np.exp(-time_ns / tau) / tau)[:BINS] for tau in TAUS_NS) * (time_ns < PERIOD_NS)
    return pulse / pulse.sum(), decay / decay.sum()


def filed(run, raw, key, stream, rows, events, units="counts"):
    """Documents of a stream whose rows lie in a file."""
    path = raw / f"{run.start_doc['uid'][:8]}.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("histograms", data=rows, chunks=(1, *rows.shape[1:]), maxshape=(None, *rows.shape[1:]))
        file.swmr_mode = True
    about = {"source": "file", "dtype": "array", "shape": list(rows.shape[1:]), "dtype_numpy": rows.dtype.str}
    keys = {name: data_key(value) for name, value in events[0].items()}
    keys[key] = {**about, "external": "STREAM:", "units": units}
    descriptor = run.compose_descriptor(name=stream, data_keys=keys, validate=False)
    yield "descriptor", descriptor.descriptor_doc
    resource = run.compose_stream_resource(
        mimetype="application/x-hdf5", uri=path.as_uri().replace("file://", "file://localhost"), data_key=key,
        parameters={"dataset": "histograms", "chunk_shape": [1, *rows.shape[1:]], "swmr": True, "locking": False},
    )  # fmt: skip
    yield "stream_resource", resource.stream_resource_doc
    for i, data in enumerate(events):
        yield (
            "stream_datum",
            resource.compose_stream_datum(
                indices={"start": i, "stop": i + 1},
                seq_nums={"start": i + 1, "stop": i + 2},
                descriptor=descriptor.descriptor_doc,
            ),
        )
        yield "event", descriptor.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0), validate=False)


def data_key(value):
    array = np.asarray(value)
    kind = "array" if array.ndim else "integer" if array.dtype.kind in "iub" else "number"
    return {"source": "x", "dtype": kind, "shape": list(array.shape), "units": "", "dtype_numpy": array.dtype.str}


def baseline(run, **data):
    stream = run.compose_descriptor(
        name="baseline", data_keys={key: data_key(value) for key, value in data.items()}, validate=False
    )
    yield "descriptor", stream.descriptor_doc
    yield "event", stream.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0), validate=False)


def opened(plan_name, days_ago, **about):
    run = event_model.compose_run(
        time=time.time() - days_ago * DAY_S, metadata={**COMMON, "plan_name": plan_name, **about}, validate=False
    )
    documents: list[Any] = [("start", run.start_doc)]
    return run, documents


def irf_run(raw, rng):
    run, documents = opened("irf", 3, sample_name="A", tcspc=TCSPC, excitation=PULSED)
    rows = rng.poisson(5e4 * shapes()[0], (1, 2, BINS)).astype("u2")
    documents += filed(run, raw, "timeharp_histograms", "irf", rows, [{"timeharp_lit": 1.0, "timeharp_elapsed": 1.0}])
    return [*documents, ("stop", run.compose_stop())]


def raster_run(raw, rng, irf_uid, *, scale=1.0, days_ago=1, exit_status: Any = "success"):
    run, documents = opened(
        "flim_raster", days_ago, sample_name="A", sample={"name": "A", "doping_percent": 0.025}, tcspc=TCSPC,
        raster=RASTER, excitation=PULSED, irf_uid=irf_uid,
    )  # fmt: skip
    rows = rng.poisson(scale * PHOTONS * shapes()[1], (SCANS * N, N, 2, BINS)).astype("u2")
    events = [
        {"scanner_line": i, "scanner_lit": 1.0, "scanner_overflow": 0,
         "scanner_perovskite_counts": row[:, 0].sum(1), "scanner_qd_counts": row[:, 1].sum(1)}
        for i, row in enumerate(rows)
    ]  # fmt: skip
    documents += baseline(run, piezo_z=10.0 * scale, shutter_state=0)
    documents += filed(run, raw, "scanner_histograms", "primary", rows, events)
    return [*documents, ("stop", run.compose_stop(exit_status=exit_status))]


def search_run(rng):
    field = simulated.field(6, n=40, centre_um=(50.0, 50.0))
    raster = {"n_pixels": 40, "extent_um": 4.0, "centre_um": (50.0, 50.0), "dwell_ms": 10.0, "n_scans": 1}
    run, documents = opened(
        "find_emitters", 0.01, sample_name="single", raster=raster, search=simulated.SEARCH,
        excitation=simulated.LIGHT, emitter="", dead_time_ns=[45.0, 45.0],
    )  # fmt: skip
    events = [
        {"scanner_line": i, "scanner_lit": 1.0, "scanner_perovskite_counts": one, "scanner_qd_counts": other}
        for i, (one, other) in enumerate(zip(field.perovskite_counts, field.qd_counts, strict=True))
    ]
    stream = run.compose_descriptor(
        name="primary", data_keys={key: data_key(value) for key, value in events[0].items()}, validate=False
    )
    documents.append(("descriptor", stream.descriptor_doc))
    for data in events:
        made = stream.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0), validate=False)
        documents.append(("event", made))
    return [*documents, ("stop", run.compose_stop())]


def make(data: Path) -> dict[str, str]:
    """Fill a data folder; returns the uid of each kind of run."""
    rng = np.random.default_rng(3)
    raw = data / "raw"
    raw.mkdir(parents=True)
    record = Journal(data / "journal", sync=False)
    uids: dict[str, str] = {}

    def keep(name, documents):
        for kind, doc in documents:
            record(kind, doc)
        uids[name] = documents[0][1]["uid"]

    keep("irf", irf_run(raw, rng))
    keep("raster", raster_run(raw, rng, uids["irf"]))
    keep("dim", raster_run(raw, rng, uids["irf"], scale=0.01, days_ago=2, exit_status="abort"))
    keep("search", search_run(rng))
    analyse(data, record, uids)
    uids |= import_old(data, record, rng)
    record.close()
    return uids


def analyse(data, record, uids):
    """Derived runs of the raster and of the search; none of the dim raster."""

    def documents(uid):
        path = journal.path_of(data / "journal", uid)
        assert path is not None
        return journal.read(path)

    flim = FlimAnalyses(documents, record, lambda uid: None)
    registry = EmitterRegistry(data / "emitters.sqlite")
    emitters = EmitterAnalyses(documents, record, registry, irf_of=flim.irf_of)
    emitters.runs.replay(uids["search"])
    looking = []
    for name, doc in documents(uids["raster"]):
        looking = flim.of_run(doc, in_place=True) if name == "start" else looking
        looking[0](name, doc)
    registry.record("blink-0", "single-001", "blinking", {"on_fraction": 0.9, "on_fraction_err": 0.01, "live_s": 60.0})
    pairs = {"tau_ns": 17.5, "tau_err_ns": 0.5, "g2_zero": 0.2, "g2_zero_err": 0.01, "single": 1, "live_s": 30.0}
    registry.record("hbt-0", "single-001", "hbt", {**pairs, "tau_err_ns": 2.0, "tau_ns": 19.0})
    registry.record("hbt-1", "single-001", "hbt", pairs, campaign="single-1")
    registry.close()


def import_old(data, record, rng):
    """Photons, pairs and a spectrum from files of other programs."""
    old = data.parent / "old"
    old.mkdir()
    write_t3r(old / "trace.t3r", blinking_photons(rng))
    write_t3r(old / "pairs.t3r", first_stops(rng))
    axis = np.arange(480.0, 751, 2)
    counts = rng.poisson(2e4 * np.exp(-4 * np.log(2) * ((axis - 541) / 30) ** 2) + 20)
    exported(old / "pl.txt", "Emission Scan", axis, counts, **{"Fixed/Offset": 405.0, "Step": 2.0})
    (old / "import.toml").write_text('["trace.t3r"]\nwiring = "clock"\n["pairs.t3r"]\nwiring = "hbt"\ndelay_ns = 120\n')
    house = House(data / "journal", data / "raw", record, Samples(HOUSE / "profile" / "samples.toml"), True)
    found = import_folder(house, old, sample="single")
    return {run.plan_name: run.uid for file in found for run in file.runs}
