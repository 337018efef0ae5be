"""`lab` at the prompt: what is up, what it is wired for, what to type next."""

from lab.session import Session

EXAMPLES = """\
  RE(irf(microscope))                                          instrument response of the microscope, once per session
  RE(flim_raster(microscope, sample="A", extent_um=20, n_pixels=40, dwell_ms=100, n_scans=3))
  RE(calibrate(fs5))                                           wavelengths of the spectrofluorometer, once per start
  RE(blank(fs5)); RE(absorption(fs5, sample="A"))              the empty substrate, then what a film absorbs
  RE(pl(fs5, sample="A")); RE(ple(fs5, sample="A"))            luminescence; how the film excites its dots
  samples                                                      their records; samples.add("E", doping_percent=...)
  db[-1]                                                       the run just made; db[-1].table(), db[-1].derived()
  db(sample_name="A")                                          find runs, of both instruments; plan_name="pl" too
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
            f"  spectrofluorometer: {spectrometer(session.fs5)}",
            f"  instrument response {str(irf)[:8] if irf else 'missing: RE(irf(microscope)) first'}",
            f"  {stored}",
        ]


def spectrometer_card(fs5) -> str:
    """The spectrofluorometer at the prompt: how it stands, what its next scan would be, what to type."""
    if not fs5.lamp_state.connected:
        return "fs5 does not answer"
    keys = ("scan_start", "scan_stop", "step", "dwell", "excitation_slit", "emission_slit")
    start, stop, step, dwell, *slits = (getattr(fs5, key).get() for key in keys)
    return "\n".join(
        [
            f"fs5, spectrofluorometer ({fs5.backend.get()}): {spectrometer(fs5)}, shutter {fs5.shutter.get()}",
            f"  set to      {fs5.scan_kind.get()}, {start:g} to {stop:g} nm in steps of {step:g} nm, "
            f"{dwell * 1e3:g} ms, slits of {slits[0]:g} and {slits[1]:g} nm",
            '  plans       RE(pl(fs5, sample="A")); so absorption, blank, ple, calibrate, warm_up; pl? tells more',
        ]
    )


def spectrometer(fs5) -> str:
    """Sample, lamp and calibration of the spectrofluorometer."""
    if not fs5.lamp_state.connected:
        return "does not answer"
    calibrated = fs5.calibration_uid.get() and fs5.calibration_boot_id.get() == fs5.boot_id.get()
    known = f"calibrated ({fs5.calibration_uid.get()[:8]})" if calibrated else "not calibrated: RE(calibrate(fs5))"
    return f"sample {fs5.mounted.get()}, lamp {fs5.lamp_state.get()}, {known}"
