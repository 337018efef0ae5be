"""One lab, ready to use: processes, devices, RunEngine, storage and live analysis, built once.

IPython, scripts, the demo and the queue server all start here:

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
from concurrent.futures import TimeoutError as NotReady
from dataclasses import replace
from pathlib import Path
from typing import Any

from event_model import RunRouter

from analysis.callbacks import IrfSum, LiveFlim
from analysis.derived import derived_run
from analysis.flim import FlimMap, Response
from lab import server, services
from lab.catalog import Catalog
from lab.config import LabConfig, read
from lab.journal import Journal
from lab.lock import RigLock
from lab.memory import Memory
from lab.results import FlimResult, IrfResult, flim_arrays
from lab.storage import Ingester
from lab.version import code_version

log = logging.getLogger(__name__)

HOUSE = Path(__file__).resolve().parents[1]
CONNECT_TIMEOUT_S = 30.0
RESULT_TIMEOUT_S = 600.0


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
    live : run uid -> the callback that analyses it
    on_line, on_result : hooks of the live display, called with the `LiveFlim` in its own thread
    figures : folder for the figure of each run, drawn by `draw` if that is set
    """

    def __init__(self, config: LabConfig, processes: services.Lab, lock: RigLock):
        self.config, self.processes, self.lock = config, processes, lock
        self.live: dict[str, LiveFlim] = {}
        self.irfs: dict[str, Response] = {}
        self.derived_uids: dict[str, str] = {}
        self.exit_status: dict[str, str] = {}
        self.on_line: Callable[[LiveFlim], None] | None = None
        self.draw: Callable[[FlimResult], Path | None] | None = None
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

    def start_engine(self):
        """The RunEngine with its subscribers: the journal first, then everything that may fail."""
        from bluesky.preprocessors import SupplementalData

        from lab.engine import LabEngine

        self.RE = LabEngine(self.memory, lease=self.lease, present=self.present, farewell=self.close)
        self.RE.md.update(purpose="measurement", code_version=code_version(), twin=self.twin_facts())
        self.RE.subscribe(self.journal)
        self.RE.subscribe(self.ingester)
        self.RE.subscribe(self.harmless(RunRouter([self.analysis_for])))
        self.RE.subscribe(self.harmless(self.note_exit), "stop")
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
            response = self.irf_of(known["uid"])
            self.microscope.irf_uid.put(response.uid)
            self.microscope.irf_bin_width_ns.put(response.bin_width_ns)
            self.microscope.irf_period_ns.put(response.period_ns)
            self.microscope.irf_boot_id.put(known["boot_id"])

    def analysis_for(self, name: str, start: dict):
        """What looks at a run while it is measured (RunRouter factory)."""
        if start.get("plan_name") == "flim_raster":
            live = LiveFlim(self.irf_of, on_line=self.on_line, on_result=self.store_flim)
            self.live[start["uid"]] = live
            return [live], []
        if start.get("plan_name") == "irf":
            total = IrfSum()
            return [total, lambda kind, doc: kind == "stop" and self.note_irf(doc, total)], []
        return [], []

    def note_irf(self, stop: dict, total: IrfSum):
        """Keep the instrument response for the rasters of this session, if the run was completed."""
        if total.response is None or stop["exit_status"] != "success":
            return
        uid = stop["run_start"]
        self.irfs[uid] = total.response
        self.notes["irf"] = {"uid": uid, "boot_id": self.microscope.timeharp.boot_id.get()}

    def note_exit(self, name: str, doc: dict):
        self.exit_status[doc["run_start"]] = doc["exit_status"]

    def irf_of(self, uid: str) -> Response:
        """The instrument response of an `irf` run, from memory or from its documents."""
        if uid not in self.irfs:
            total = IrfSum()
            for name, doc in self.db.documents(uid):
                total(name, doc)
            if total.response is None:
                raise LookupError(f"run {uid[:8]} holds no instrument response")
            self.irfs[uid] = total.response
        return self.irfs[uid]

    def record(self, name: str, doc: dict):
        """Put a document of a derived run where all documents go."""
        self.journal(name, doc)
        self.ingester(name, doc)

    def store_flim(self, start: dict, image: FlimMap):
        """Store a lifetime image as a derived run of its raster."""
        facts = image.facts
        parameters = {
            "irf_uid": start["irf_uid"],
            "route": "perovskite",
            "n_components": image.model.n_components,
            "tau_bounds_ns": list(image.model.tau_bounds_ns),
            "n_time_bins": image.model.n_time_bins,
        }
        documents = derived_run(
            "flim_analysis",
            [facts.uid],
            flim_arrays(image),
            parameters=parameters,
            code_version=code_version(),
            metadata={"sample_name": facts.sample},
        )
        for name, doc in documents:
            if name == "start":
                self.derived_uids[facts.uid] = doc["uid"]
            self.record(name, doc)

    def replay(self, uid: str) -> FlimResult | None:
        """Send a stored raster through the live analysis again; the result is stored as a new derived run."""
        uid = self.db[uid].start["uid"]
        live = LiveFlim(self.irf_of, in_place=True, on_result=self.store_flim)
        for name, doc in self.db.documents(uid):
            if name == "stop":
                self.note_exit(name, doc)
            live(name, doc)
        self.live[uid] = live
        return self.flim_result(uid)

    def present(self, uids: tuple[str, ...], plan_result: Any) -> Any:
        """What RE(...) returns: results of the runs if there are any, else what the plan returned, else uids."""
        results = [result for uid in uids if (result := self.result_of(uid)) is not None]
        if uids:
            self.ingester.flush(timeout_s=10.0)
        if len(results) == 1:
            return results[0]
        return results or (plan_result if plan_result is not None else (uids or None))

    def result_of(self, uid: str) -> FlimResult | IrfResult | None:
        if uid in self.live:
            return self.flim_result(uid)
        if uid in self.irfs:
            start = next(doc for name, doc in self.db.documents(uid) if name == "start")
            status = self.exit_status.get(uid, "open")
            return IrfResult(self.irfs[uid], tuple(start["routes"]), status)
        return None

    def flim_result(self, uid: str) -> FlimResult | None:
        """Wait for the lifetime image of a run; None (and a line in the log) if there is none."""
        try:
            image = self.live[uid].done.result(RESULT_TIMEOUT_S)
        except (NotReady, Exception) as why:
            log.error("run %s is stored, but its lifetime image could not be computed: %s", uid[:8], why)
            return None
        status = self.exit_status.get(uid, "open")
        storage = "" if self.ingester.flush(timeout_s=10.0) else str(self.ingester.status())
        result = FlimResult(uid, self.derived_uids.get(uid), status, image, storage=storage)
        return replace(result, figure=self.draw(result)) if self.draw is not None else result

    @staticmethod
    def harmless(callback: Callable[[str, dict], Any]) -> Callable[[str, dict], None]:
        """A callback whose failure is logged and never ends a run."""

        def guarded(name: str, doc: dict):
            try:
                callback(name, doc)
            except Exception:
                log.exception("a callback failed on a %s document; the run goes on", name)

        return guarded

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
