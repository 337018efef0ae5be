"""Stored runs made of documents and small files, without a lab: a raster, a trace of photons, pairs, a spectrum."""

import math
from dataclasses import dataclass, field

import numpy as np
from event_model import compose_run

from analysis.derived import derived_run
from analysis.formats import Photons
from devices.iocs.writer import RowKind
from lab.imports.draft import Draft, Row, documents, filed
from lab.imports.photons import trace
from lab.imports.told import Told

N, N_BINS, N_SCANS = 6, 64, 2
START = {
    "purpose": "measurement", "sample_name": "A", "code_version": "1.2.3", "twin": {"preset": "A", "seed": 1},
    "operator": "Ada", "sample": {"name": "A", "doping_percent": 0.025, "notes": "clusters"},
}  # fmt: skip
TWO_ROUTES = {
    "routes": ["perovskite", "qd"], "dead_time_ns": [45.0, 32.0],
    "detection": {"perovskite": {"filter": "532/10"}, "qd": {"filter": "650"}},
    "excitation": {"laser": "EPL-450", "wavelength_nm": 445.0, "intensity_w_cm2": 50.0, "repetition_hz": 2e6},
}  # fmt: skip
RASTER = {"centre_um": [50.0, 40.0], "extent_um": 3, "n_pixels": N, "dwell_ms": 500, "n_scans": N_SCANS}


@dataclass
class StoredRun:
    """What `export` asks of a run of the catalog."""

    docs: list
    analyses: list = field(default_factory=list)

    @property
    def start(self):
        return self.docs[0][1]

    @property
    def uid(self):
        return self.start["uid"]

    def documents(self):
        return iter(self.docs)

    def derived(self):
        return StoredRun(self.analyses[-1]) if self.analyses else None

    def analysed(self, name, arrays, **more):
        """With a derived run; arrays : key -> (value, unit)."""
        about = {"parameters": {"n_components": 2, **more}, "code_version": "1.2.4"}
        self.analyses.append(list(derived_run(name, [self.uid], arrays, **about)))
        return self


def raster(folder, rng, analysed=True):
    """A lifetime image of 6 x 6 pixels; the last one is not trusted."""
    histograms = rng.poisson(30, (N_SCANS * N, N, 2, N_BINS)).astype("<u2")
    rows = tuple(
        Row({"scanner_line": line, "scanner_perovskite_counts": cube[:, 0].sum(axis=-1)}, cube, float(line))
        for line, cube in enumerate(histograms)
    )
    tcspc = {"bin_width_ns": 0.5, "n_bins": N_BINS, "period_ns": 32.0}
    about = {
        **START,
        **TWO_ROUTES,
        "raster": RASTER,
        "tcspc": tcspc,
        "plan_name": "flim_raster",
        "splitter": "dichroic",
    }
    kind = RowKind("histograms", "<u2", (N, 2, N_BINS), (N, 1, N_BINS))
    draft = Draft("flim_raster", about, rows, "scanner", 12.0, kind)
    run = StoredRun(list(documents(draft, about, 1.7e9, filed(draft, folder, {}))))
    return run.analysed("flim_analysis", flim_arrays(rng)) if analysed else run


def flim_arrays(rng):
    image = (N, N)
    tau_ns = rng.uniform(1, 10, (*image, 2))
    tau_ns[-1, -1] = np.nan
    converged = np.ones(image, np.uint8)
    converged[-1, -1] = 0
    return {
        "tau_ns": (tau_ns, "ns"), "tau_err_ns": (tau_ns / 10, "ns"), "fraction": (rng.random((*image, 2)), "1"),
        "fraction_err": (rng.random((*image, 2)), "1"), "background_fraction": (rng.random(image), "1"),
        "deviance": (rng.random(image), "1"), "converged": (converged, "1"),
        "degenerate": (np.zeros(image, np.uint8), "1"), "n_photons": (rng.integers(0, 999, image), "photons"),
        "t0_ns": (np.asarray(0.03), "ns"), "perovskite_counts": (rng.integers(1, 999, image), "counts"),
        "qd_counts": (rng.integers(1, 999, image), "counts"), "coverage": (np.full(image, N_SCANS), "scans"),
        "drift_px": (rng.random((N_SCANS, 2)), "px"), "drift_err_px": (rng.random((N_SCANS, 2)), "px"),
        "drift_reliable": (np.ones(N_SCANS, np.uint8), "1"),
    }  # fmt: skip


def photons_of(rng, seconds=12.0, n=4000, pulsed=False):
    """Photons of two detectors on a clock of 100 ns."""
    macrotime = np.sort(rng.choice(int(seconds * 1e7), n, replace=False)).astype(np.int64)
    timed = {"nanotime_unit_s": 0.036e-9, "n_channels": 4096, "sync_hz": 5e6 if pulsed else math.nan}
    nanotime = rng.integers(0, 4000, n).astype(np.uint16)
    header = {"StopAfter": round(seconds * 1e3)}
    route = rng.integers(0, 2, n).astype(np.uint8)
    return Photons(macrotime, 1e-7, nanotime=nanotime, route=route, header=header, **timed)


def photon_trace(folder, photons, wiring="clock"):
    """A blinking run in segments of 5 s, as records in a file."""
    told = Told(sample="single", wiring=wiring, wavelength_nm=561.0, laser="CW 561", splitter="50:50")
    draft = trace(photons, told)
    about = {**START, **draft.about, "plan_name": draft.plan_name, "sample_name": "single"}
    return StoredRun(list(documents(draft, about, 1.7e9, filed(draft, folder, {}))))


def pairs(rng):
    """An antibunching run with a stored curve."""
    about = {**START, **TWO_ROUTES, "plan_name": "hbt", "emitter": "single-001", "sample_name": "single"}
    draft = Draft("hbt", about, (Row({"timeharp_coincidences": 7}),), "timeharp", 30.0)
    columns = ("delay_ns", "counts", "g2", "g2_err", "g2_model")
    curve = np.column_stack([np.linspace(-50, 50, 101), rng.poisson(90, 101), *rng.random((3, 101))])
    arrays = {"curve": (curve, ""), "tau_ns": (np.asarray(12.5), "ns"), "tau_err_ns": (np.asarray(math.nan), "ns")}
    run = StoredRun(list(documents(draft, about, 1.7e9, None)))
    return run.analysed("hbt_analysis", arrays, columns={"curve": list(columns)})


def spectrum(rng, analysed=True):
    """A luminescence spectrum whose points come in event pages."""
    about = {**START, "plan_name": "pl", "excitation": {"lamp": "Xe", "wavelength_nm": 405.0}}
    run = compose_run(metadata=about, time=1.7e9, validate=False)
    keys = {key: {"source": "fs5", "dtype": "number", "shape": [], "units": "nm"} for key in ("fs5_wavelength",)}
    stream = run.compose_descriptor(name="primary", data_keys=keys, validate=False)
    axis = np.arange(500.0, 520.0)
    page = stream.compose_event_page(
        data={"fs5_wavelength": axis.tolist()},
        timestamps={"fs5_wavelength": [0.0] * axis.size},
        time=[0.0] * axis.size,
        seq_num=list(range(1, axis.size + 1)),
        validate=False,
    )
    stop = run.compose_stop(validate=False)
    found = StoredRun(
        [("start", run.start_doc), ("descriptor", stream.descriptor_doc), ("event_page", page), ("stop", stop)]
    )
    value = rng.random(axis.size)
    arrays = {"wavelength_nm": (axis, "nm"), "value": (value, "corrected cps"), "err": (value / 9, "corrected cps")}
    return found.analysed("pl_analysis", arrays) if analysed else found
