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
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from event_model import RunRouter

from lab import server, services
from lab.analyses import Analyses
from lab.catalog import Catalog
from lab.config import LabConfig, read
from lab.journal import Journal
from lab.lock import RigLock
from lab.memory import Memory
from lab.results import FlimResult
from lab.storage import Ingester
from lab.version import code_version

log = logging.getLogger(__name__)

HOUSE = Path(__file__).resolve().parents[1]
CONNECT_TIMEOUT_S = 30.0


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
    RE, db, microscope : RunEngine, catalog of runs, the devices
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
        """Connect to the instruments and take the lease of the shutter."""
        from devices.microscope import Microscope
        from lab.engine import Lease

        registry = self.config.file.parent / "samples.toml" if self.config.file else None
        samples = tomllib.loads(registry.read_text()) if registry and registry.exists() else {}
        prefix = self.config.channel_access.prefix
        self.microscope = Microscope(prefix, name="microscope", samples=samples)
        self.microscope.wait_for_connection(timeout=CONNECT_TIMEOUT_S)
        self.lease = Lease(self.microscope.shutter)
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
        from bluesky.preprocessors import SupplementalData

        from lab.engine import LabEngine

        self.RE = LabEngine(self.memory, lease=self.lease, present=self.analyses.present, farewell=self.close)
        self.RE.md.update(purpose="measurement", code_version=code_version(), twin=self.twin_facts())
        self.RE.subscribe(self.journal)
        self.RE.subscribe(self.ingester)
        self.RE.subscribe(harmless(RunRouter([self.analyses.of_run])))
        self.RE.subscribe(harmless(self.analyses.note_exit), "stop")
        self.RE.preprocessors.append(SupplementalData(baseline=self.microscope.baseline()))
        self.restore_irf()

    def twin_facts(self) -> dict[str, Any] | bool:
        """Preset and seed of the simulated bench, as its process says, or False."""
        try:
            return json.loads((self.config.folders.run / "iocs.json").read_text())["twin"]
        except (OSError, ValueError, KeyError):
            return False

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

    def replay(self, uid: str) -> FlimResult | None:
        """Send a stored raster through the live analysis again; the result is stored as a new derived run."""
        return self.analyses.replay(uid)

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

        self.microscope.destroy()
        disconnect()
        (services.down if stop_processes else services.release)(self.processes)
        self.lock.release()


def harmless(callback: Callable[[str, dict], Any]) -> Callable[[str, dict], None]:
    """A callback whose failure is logged and never ends a run."""

    def guarded(name: str, doc: dict):
        try:
            callback(name, doc)
        except Exception:
            log.exception("a callback failed on a %s document; the run goes on", name)

    return guarded
