"""One lab, ready to use: processes, devices, RunEngine, storage and live analysis, built once.

IPython, scripts and the demo all start here:

    session = start("profile/lab.toml")
    session.RE(irf(session.microscope))
    session.close()
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from event_model import RunRouter

from lab import server, services
from lab.analyses import Analyses
from lab.catalog import Catalog
from lab.config import LabConfig, read
from lab.finder import RunFinder
from lab.journal import Journal
from lab.lock import RigLock
from lab.memory import Memory
from lab.results import FlimResult
from lab.samples import Samples
from lab.spectral_results import PlSeriesResult, SpectralResult
from lab.storage import Ingester
from lab.twin_samples import note_presets
from lab.version import code_version

log = logging.getLogger(__name__)

HOUSE = Path(__file__).resolve().parents[1]
CONNECT_TIMEOUT_S = 30.0
CALIBRATION = (
    "excitation_offset_nm",
    "excitation_offset_err_nm",
    "emission_offset_nm",
    "emission_offset_err_nm",
    "calibration_uid",
    "calibration_boot_id",
)


def start(config: LabConfig | str | Path = HOUSE / "profile" / "lab.toml", **twin: Any) -> "Session":
    """Start or find the processes of the lab and connect to them; `twin` overrides preset, seed, speed, truth."""
    config = config if isinstance(config, LabConfig) else read(config)
    lock = RigLock(config.folders.data / "rig.lock").acquire()
    try:
        return Session(config, services.up(config, **twin), lock)
    except BaseException:
        lock.release()
        raise


class Session:
    """Everything a user or a script needs of a running lab.

    Attributes
    ----------
    RE, db, microscope, fs5 : RunEngine, catalog of runs, the devices
    samples : the records of the samples, by name
    analyses : what looks at the runs, with the hooks of a live display
    journal, ingester : the record of truth, and the thread that brings it into storage
    """

    def __init__(self, config: LabConfig, processes: services.Lab, lock: RigLock):
        self.config, self.processes, self.lock = config, processes, lock
        self.closed = False
        os.environ.update(services.environment(processes))
        self.connect_devices()
        self.connect_storage()
        self.start_engine()
        # Before the executors of Channel Access are shut down, which is earlier than atexit.
        threading._register_atexit(self.close)  # pyright: ignore[reportAttributeAccessIssue]

    def connect_devices(self):
        """Connect to the instruments and take the lease of those that shine."""
        from devices.microscope import Microscope
        from devices.spectrofluorometer import Spectrofluorometer
        from lab.engine import Lease

        self.samples = registry(self.config, lambda name: self.db(sample_name=name, purpose="measurement"))
        prefix = self.config.channel_access.prefix
        self.microscope = Microscope(prefix, name="microscope", samples=self.samples)
        self.fs5 = Spectrofluorometer(f"{prefix}fs5:", name="fs5", samples=self.samples)
        for device in (self.microscope, self.fs5):
            device.wait_for_connection(timeout=CONNECT_TIMEOUT_S)
        self.lease = Lease(self.microscope.shutter, self.fs5)
        self.lease.take()
        self.microscope.timeharp.close_file()

    def connect_storage(self):
        """Journal first, storage behind it; runs that a dead session left behind are stored now."""
        folders, address = self.config.folders, (self.processes.storage_url, self.processes.api_key)
        self.journal = Journal(folders.journal)
        self.db = Catalog(server.client(*address), folders.journal)
        self.ingester = Ingester(lambda: server.client(*address), folders.journal)
        self.memory = Memory(folders.data / "metadata.sqlite")  # goes into every start document
        self.notes = Memory(folders.data / "notes.sqlite")  # does not
        self.analyses = Analyses(self.db, self.journal, self.ingester, self.remember_irf)

    def start_engine(self):
        """The RunEngine with its subscribers: the journal first, then everything that may fail."""
        from lab.baseline import Baseline
        from lab.engine import LabEngine

        self.RE = LabEngine(self.memory, lease=self.lease, present=self.analyses.present, farewell=self.close)
        self.RE.md.update(purpose="measurement", code_version=code_version(), twin=twin_facts(self.config))
        self.RE.subscribe(self.journal)
        self.RE.subscribe(self.ingester)
        self.RE.subscribe(harmless(RunRouter([self.analyses.of_run])))
        self.RE.subscribe(harmless(self.analyses.note_exit), "stop")
        self.RE.preprocessors.append(Baseline([*self.microscope.baseline(), self.fs5]))
        self.restore_irf()
        self.fs5.find_run = RunFinder(self.config.folders.journal, lambda: twin_facts(self.config))
        self.restore_calibration()

    def restore_irf(self):
        """The last instrument response holds as long as the card was not restarted."""
        known = self.notes.get("irf", {})
        if known.get("boot_id") == self.microscope.timeharp.boot_id.get():
            response = self.analyses.irf_of(known["uid"])
            self.microscope.irf_uid.put(response.uid)
            self.microscope.irf_bin_width_ns.put(response.bin_width_ns)
            self.microscope.irf_period_ns.put(response.period_ns)
            self.microscope.irf_boot_id.put(known["boot_id"])

    def remember_irf(self, uid: str):
        """Keep it for the next session, should the card still be the same then."""
        self.notes["irf"] = {"uid": uid, "boot_id": self.microscope.timeharp.boot_id.get()}

    def restore_calibration(self):
        """The last wavelength calibration holds as long as the spectrofluorometer was not restarted."""
        known = self.notes.get("calibration", {})
        if known.get("calibration_boot_id") == self.fs5.boot_id.get():
            for key in CALIBRATION:
                getattr(self.fs5, key).put(known[key])
        self.fs5.calibration_boot_id.subscribe(self.remember_calibration, run=False)

    def remember_calibration(self, **_):
        """Keep it for the next session, should the spectrofluorometer still be the same then."""
        self.notes["calibration"] = {key: getattr(self.fs5, key).get() for key in CALIBRATION}

    def replay(self, uid: str) -> FlimResult | SpectralResult | None:
        """Send a stored run through the live analysis again; the result is stored as a new derived run."""
        return self.analyses.replay(uid)

    def pl_series(self, uids: Iterable[str]) -> PlSeriesResult:
        """Put luminescence spectra of several samples, runs of the plan `pl`, on one scale; stored as a derived run."""
        return self.analyses.spectra.series(uids)

    def panic(self):
        """Dark, now, without a RunEngine: both instruments; the shutter of the lasers stays latched."""
        try:
            self.microscope.panic()
        finally:
            self.fs5.panic()

    def close(self, *, stop_processes: bool = False):
        """Give up the lease, bring everything into storage, leave."""
        if self.closed:
            return
        self.closed = True
        if self.RE.state != "idle":
            self.RE.abort("the session was closed")
        if self.RE.darkening is not None:
            self.RE.darkening.join(5.0)
        patience_s = 30.0 if self.ingester.status().state == "up" else 3.0
        for leave in (self.lease.give_up, lambda: self.ingester.close(patience_s), self.journal.close):
            try:
                leave()
            except Exception as why:
                log.error("closing the session: %s", why)
        from devices.signals import disconnect

        for device in (self.microscope, self.fs5):
            device.destroy()
        disconnect()
        (services.down if stop_processes else services.release)(self.processes)
        self.lock.release()


def registry(config: LabConfig, runs_of: Callable[[str], Any]) -> Samples:
    """The records of the samples, with those of the simulated bench that the file does not have."""
    samples = Samples(config.file.parent / "samples.toml" if config.file else None, runs_of=runs_of)
    note_presets(samples, twin_facts(config))
    return samples


def twin_facts(config: LabConfig) -> dict[str, Any] | bool:
    """Preset and seed of the simulated bench, as its process says, or False."""
    try:
        return json.loads((config.folders.run / "iocs.json").read_text())["twin"]
    except (OSError, ValueError, KeyError):
        return False


def harmless(callback: Callable[[str, dict], Any]) -> Callable[[str, dict], None]:
    """A callback whose failure is logged and never ends a run."""

    def guarded(name: str, doc: dict):
        try:
            callback(name, doc)
        except Exception:
            log.exception("a callback failed on a %s document; the run goes on", name)

    return guarded
