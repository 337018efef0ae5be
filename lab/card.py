"""`lab` at the prompt: what is up, what it is wired for, what to type next."""

from lab.session import Session

EXAMPLES = """\
  RE(irf(microscope))                                          instrument response, once per session
  RE(flim_raster(microscope, sample="A", extent_um=20, n_pixels=40, dwell_ms=100, n_scans=3))
  db[-1]                                                       the run just made; db[-1].table(), db[-1].derived()
  db(plan_name="flim_raster", sample_name="A")                 find runs
  RE(park(microscope))                                         dark, lasers on standby, stage in the middle
  lab                                                          this card; Ctrl-C pauses a plan, RE.resume() goes on"""


class LabCard:
    """Its repr reads the instruments now; nothing moves."""

    def __init__(self, session: Session):
        self.session = session

    def __repr__(self) -> str:
        return "\n".join([*self.state(), "try:", EXAMPLES])

    def state(self) -> list[str]:
        session, microscope = self.session, self.session.microscope
        if not microscope.shutter.state.connected or not microscope.timeharp.wiring.connected:
            return [f"the instruments do not answer; see {session.processes.iocs.log}"]
        twin = session.RE.md.get("twin")
        kind = f"digital twin, preset {twin['preset']}, seed {twin['seed']}" if twin else "real instruments"
        latch = microscope.shutter.latch.get()
        irf = microscope.irf_uid.get()
        try:
            stored = f"{len(session.db)} measurements in {session.config.folders.data}"
        except Exception:
            log = session.processes.storage.log
            stored = f"storage does not answer, see {log}; nothing is lost, the journal has everything"
        return [
            f"Luminescope: {kind}; RunEngine {session.RE.state}, storage {session.ingester.status()}",
            f"  sample {microscope.sample.mounted.get()}, wired for {microscope.timeharp.wiring.get()}, "
            f"shutter {microscope.shutter.state.get()}" + (f", LATCHED: {latch}" if latch else ""),
            f"  instrument response {str(irf)[:8] if irf else 'missing: RE(irf(microscope)) first'}",
            f"  {stored}",
        ]
