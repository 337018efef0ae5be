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
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_model import RunRouter

from devices import channel_access
from lab import server, services
from lab.analyses import Analyses, Result
from lab.bench_check import last_check
from lab.catalog import Catalog
from lab.config import LabConfig, read
from lab.earlier import EarlierRuns
from lab.elsewhere import hear_the_named
from lab.emitters.cohorts import Chosen
from lab.emitters.groups import CampaignResult, CohortResult, PowerResult
from lab.emitters.looks import attach
from lab.emitters.registry import EmitterRegistry
from lab.finder import RunFinder
from lab.flim.left import LeftOver
from lab.home import samples_file, usual_config
from lab.journal import Journal
from lab.lock import RigLock
from lab.memory import Memory
from lab.night.guardian import Guardian
from lab.remembered import Remembered
from lab.samples import Samples
from lab.spectra.results import PlSeriesResult
from lab.storage import Ingester
from lab.twin_samples import note_presets
from lab.version import code_version

if TYPE_CHECKING:
    from lab.imports import Imported
    from lab.night.ledger import Ledger

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 30.0


def start(config: LabConfig | str | Path | None = None, **twin: Any) -> "Session":
    """Start or find the processes of the lab and connect to them; `twin` overrides preset, seed, speed, truth.

    Without a configuration it is the usual one: $LUMINESCOPE_CONFIG, ./profile/lab.toml, or that of the package.
    As long as a night is not finished, the simulated bench goes on in the world that it was left in.
    """
    config = config if isinstance(config, LabConfig) else read(config or usual_config())
    lock = RigLock(config.folders.data / "rig.lock").acquire()
    try:
        resume = is_unfinished(config)
        return Session(config, services.up(config, resume=resume, **twin), lock, twin)
    except BaseException:
        lock.release()
        raise


class Session:
    """Everything a user or a script needs of a running lab.

    Attributes
    ----------
    RE, db, microscope, fs5 : RunEngine, catalog of runs, the devices
    samples, emitters : the records of the samples, by name; the registry of single emitters
    analyses : what looks at the runs, with the hooks of a live display
    journal, ingester : the record of truth, and the thread that brings it into storage
    ledger, guardian : what the nights were to do and did; the thread that brings back processes that died
    """

    def __init__(self, config: LabConfig, processes: services.Lab, lock: RigLock, twin: dict[str, Any] | None = None):
        self.config, self.processes, self.lock = config, processes, lock
        self.closed = False
        os.environ.update(services.environment(processes))
        hear_the_named()
        self.connect_devices()
        self.connect_storage()
        self.start_engine()
        self.guardian = Guardian(config, processes, lambda lab: setattr(self, "processes", lab), twin)
        channel_access.join()
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
        self.microscope.counters.close_file()

    def connect_storage(self):
        """Journal first, storage behind it; runs that a dead session left behind are stored now."""
        folders, address = self.config.folders, (self.processes.storage_url, self.processes.api_key)
        self.journal = Journal(folders.journal)
        self.db = Catalog(server.client(*address), folders.journal)
        self.ingester = Ingester(lambda: server.client(*address), folders.journal, files=folders.raw)
        self.memory = Memory(folders.data / "metadata.sqlite")  # goes into every start document
        self.notes = Memory(folders.data / "notes.sqlite")  # does not
        self.remembered = Remembered(self.notes, self.microscope, self.fs5)
        self.emitters = EmitterRegistry(folders.data / "emitters.sqlite", mounted=self.microscope.sample.mounted.get)
        self.microscope.emitters = self.emitters
        self.microscope.unfinished = LeftOver(folders.journal)
        self.analyses = Analyses(self.db, self.journal, self.ingester, self.remembered, self.emitters)
        self.db.behind = self.analyses.storage_backlog
        attach(self.microscope, self.analyses.emitters.runs.look)

    def start_engine(self):
        """The RunEngine with its subscribers: the journal first, then everything that may fail."""
        from lab.baseline import Baseline
        from lab.engine import LabEngine
        from lab.recovery import Recovery
        from lab.silence import Silence

        told = {"present": self.analyses.present, "farewell": self.close}
        recovery = Recovery([self.microscope, self.fs5], self.lease)
        self.RE = LabEngine(self.memory, lease=self.lease, recovery=recovery, **told)
        self.RE.silence = Silence(self.microscope.scanner.heartbeat, within=(self.fs5,))
        self.RE.md.update(purpose="measurement", code_version=code_version(), twin=twin_facts(self.config))
        self.RE.md.pop("bench_check", None)
        self.RE.md.update(checked_bench(self.config))
        self.RE.subscribe(self.journal)
        self.RE.subscribe(self.ingester)
        self.RE.subscribe(harmless(RunRouter([self.analyses.of_run])))
        self.RE.subscribe(harmless(self.analyses.note_exit), "stop")
        self.RE.preprocessors.append(Baseline([*self.microscope.baseline(), self.fs5]))
        self.remembered.restore(self.analyses.flim.irf_of)
        self.fs5.find_run = RunFinder(self.config.folders.journal, lambda: twin_facts(self.config))
        self.microscope.earlier = EarlierRuns(self.config.folders.journal, lambda: twin_facts(self.config))

    def replay(self, uid: str) -> Result | None:
        """Send a stored run through the live analysis again; the result is stored as a new derived run."""
        return self.analyses.replay(uid)

    def refit(self, uids: Iterable[str], client: Any = None, **told: Any) -> list[Any]:
        """Analyse stored rasters and spectra again, on the Dask cluster of `client`; stored as new derived runs.

        told : of imported runs, what was missing when they were imported (`wiring="clock"`, `irf="9f2c..."`); they are
            made anew from their files
        """
        from lab.refit import refit

        if told:
            from lab.imports import again

            made = [again(self.importer(), uid, **told) for uid in uids]
            self.analyses.storage_problem()
            return made
        return refit(uids, folder=self.config.folders.journal, record=self.analyses.record, client=client)

    def import_folder(self, folder: str | Path, *, copy: bool = True, force: bool = False, **told: Any) -> "Imported":
        """Make runs of the old files in a folder, analysed like any other; each file once, unless `force`.

        copy : keep the files in the lab's own folder, too
        told : what no file tells, e.g. sample="A", wiring="clock"; import.toml beside the files says it of single ones
        """
        from lab.imports import import_folder

        imported = import_folder(self.importer(copy=copy), folder, force=force, **told)
        return replace(imported, storage=self.analyses.storage_problem())

    def importer(self, *, copy: bool = True) -> Any:
        """What imports need of this lab."""
        from lab.imports import House

        folders = self.config.folders
        return House(folders.journal, folders.raw, self.analyses.record, self.samples, copy)

    def pl_series(self, uids: Iterable[str]) -> PlSeriesResult:
        """Put luminescence spectra of several samples, runs of the plan `pl`, on one scale; stored as a derived run."""
        return self.analyses.spectra.series(uids)

    def power(self, uids: Iterable[str]) -> PowerResult:
        """Rise time and rate of one emitter against power, from runs of the plan `hbt`; stored as a derived run."""
        return self.analyses.groups.power(uids)

    def cohort(self, film: Chosen = (), glass: Chosen = (), **settings: Any) -> CohortResult:
        """Emitters in a film and on glass, as groups: rise times, ON fractions, survival; stored as a derived run.

        film, glass : a sample, a campaign, the id of an emitter, or a list of them; None of one group is allowed
        settings : film_index, substrate_index, radius_nm, thickness_nm of the effective medium
        """
        return self.analyses.groups.cohort(film, glass, samples=self.samples, **settings)

    def table_of_emitters(self, sample: str = "", campaign: str = "", to: str | Path | None = None) -> Any:
        """All that is known of every emitter as a DataFrame; `to`: a .csv or .html file that is written as well."""
        from lab.emitters.known import table_of_emitters

        return table_of_emitters(self.emitters, sample, campaign, to=to, data=self.config.folders.data)

    def campaign(self, name: str) -> CampaignResult:
        """A campaign as it stands."""
        return self.analyses.groups.campaign(name)

    @cached_property
    def ledger(self) -> "Ledger":
        """What the nights were to do, and what they did."""
        return ledger_of(self.config)

    def night(self, items: Iterable[Any], **options: Any) -> Any:
        """The plan of a night over these items: `RE(night([flim_raster(microscope, sample="A"), ...]))`."""
        from plans.night import night

        return night(items, ledger=self.ledger, devices=self.devices, **options)

    def explain(self, plan: Any) -> Any:
        """What a plan would do: duration, dose, disk, limits, missing calibrations. Nothing moves."""
        from lab.explain import explain

        return explain(plan, devices=self.devices)

    @property
    def devices(self) -> dict[str, Any]:
        """What plans are given, by name."""
        return {"microscope": self.microscope, "fs5": self.fs5}

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
        self.guardian.stop()
        if self.RE.state != "idle":
            self.RE.abort("the session was closed")
        if self.RE.darkening is not None:
            self.RE.darkening.join(5.0)
        patience_s = 30.0 if self.ingester.status().state == "up" else 3.0
        attempt_all(
            self.lease.give_up, lambda: self.ingester.close(patience_s), self.journal.close, self.emitters.close
        )
        for device in (self.microscope, self.fs5):
            device.destroy()
        channel_access.leave()
        (services.down if stop_processes else services.release)(self.processes)
        self.guardian.leave()
        if "ledger" in self.__dict__:
            self.ledger.close()
        self.lock.release()


def ledger_of(config: LabConfig) -> "Ledger":
    """The ledger of a lab."""
    from lab.night.ledger import Ledger

    return Ledger(config.folders.data / "nights.sqlite", config.folders.journal)


def is_unfinished(config: LabConfig) -> bool:
    """Whether a night waits to be gone on with; a session is opened even if nobody can know."""
    if not (config.folders.data / "nights.sqlite").exists():
        return False
    try:
        ledger = ledger_of(config)
    except Exception as why:
        log.error("%s", why)
        return False
    try:
        return ledger.unfinished() is not None
    finally:
        ledger.close()


def attempt_all(*steps: Callable[[], Any]):
    """Do every step, whatever becomes of those before."""
    for step in steps:
        try:
            step()
        except Exception as why:
            log.error("closing the session: %s", why)


def registry(config: LabConfig, runs_of: Callable[[str], Any]) -> Samples:
    """The records of the samples, with those of the simulated bench that the file does not have."""
    samples = Samples(samples_file(config), runs_of=runs_of)
    note_presets(samples, twin_facts(config))
    return samples


def twin_facts(config: LabConfig) -> dict[str, Any] | bool:
    """Preset and seed of the simulated bench, as its process says, or False."""
    try:
        told = "bench.json" if config.channel_access.elsewhere else "iocs.json"
        return json.loads((config.folders.run / told).read_text())["twin"]
    except (OSError, ValueError, KeyError):
        return False


def checked_bench(config: LabConfig) -> dict[str, Any]:
    """The last checklist, for labs with a real instrument."""
    twin = twin_facts(config)
    all_simulated = isinstance(twin, dict) and "instruments" not in twin
    return {} if all_simulated else {"bench_check": last_check(config)}


def harmless(callback: Callable[[str, dict], Any]) -> Callable[[str, dict], None]:
    """A callback whose failure is logged and never ends a run."""

    def guarded(name: str, doc: dict):
        try:
            callback(name, doc)
        except Exception:
            log.exception("a callback failed on a %s document; the run goes on", name)

    return guarded
