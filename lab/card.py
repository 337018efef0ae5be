"""`lab` at the prompt: what is up, what it is wired for, what to type next."""

from lab.session import Session

EXAMPLES = """\
  RE(irf(microscope))                                          instrument response of the microscope, once per session
  RE(flim_raster(microscope, sample="A", extent_um=20, n_pixels=40, dwell_ms=100, n_scans=3))
  RE(time_zero(microscope))                                    zero delay of photon pairs, once; wiring "hbt"
  RE(find_emitters(microscope, sample="single"))               where single emitters are; emitters: all that are known
  RE(hbt(microscope, emitter="single-001", target_err_ns=1.0)) is it single, how fast does it rise; blinking(...) too
  RE(qd_campaign(microscope, sample="single"))                 all of this on every emitter of a field; goes on if cut
  RE(calibrate(fs5))                                           wavelengths of the spectrofluorometer, once per start
  RE(blank(fs5)); RE(absorption(fs5, sample="A"))              the empty substrate, then what a film absorbs
  RE(pl(fs5, sample="A")); RE(ple(fs5, sample="A"))            luminescence; how the film excites its dots
  explain(flim_raster(microscope))                             what moves and shines, time, dose, errors; nothing moves
  RE(night([irf(microscope), flim_raster(microscope, sample="A")]))   goes on whatever dies; from the shell: make night
  find(sample="A", plan="hbt", since="yesterday")              runs of both instruments; db[-1] is the newest
  db[-1].image("tau2").plot(); db[-1].fit()                    so decays(), g2(), trace(), spectrum(); compare(uid, uid)
  whence("figure.png"); rebuild("figure.png")                  where a figure comes from; drawn again from its runs
  export(db[-1], "A.ome.tif")                                  .nxs .csv .ptu .h5 too; notebook(uid) to play with a run
  samples; samples.add("E", doping_percent=...)                their records, and what was measured of them
  RE(park(microscope))                                         dark, lasers on standby, stage in the middle
  make view                                                    in a shell: the lab and its past runs in a browser
  lab                                                          this card; Ctrl-C pauses a plan, RE.resume() goes on"""

WIRINGS = {
    "raster": "lifetime images, lifetime_at",
    "hbt": "time_zero, hbt",
    "clock": "photon records of blinking",
}


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
        if twin and "instruments" in twin:
            kind = f"real instruments, but simulated: {', '.join(twin['instruments'])} ({kind})"
        latch = microscope.shutter.latch.get()
        try:
            stored = f"{len(session.db)} measurements in {session.config.folders.data}"
        except Exception:
            log = session.processes.storage.log
            stored = f"storage does not answer, see {log}; nothing is lost, the journal has everything"
        return [
            f"Luminescope: {kind}; RunEngine {session.RE.state}, storage {session.ingester.status()}",
            f"  sample {microscope.sample.mounted.get()}, shutter {microscope.shutter.state.get()}"
            + (f", LATCHED: {latch}" if latch else ""),
            f"  {wired(str(microscope.timeharp.wiring.get()))}",
            f"  spectrofluorometer: {spectrometer(session.fs5)}",
            f"  {calibrations(microscope)}",
            *emitters_line(session),
            f"  {stored}",
        ]


def wired(wiring: str) -> str:
    """What the card is cabled for, what that serves, and how to say so when it is cabled otherwise."""
    first, *more = [f'"{name}"' for name in WIRINGS if name != wiring]
    serves = WIRINGS.get(wiring, "no plan knows it")
    others = f" (or {' or '.join(more)})" if more else ""
    return f"wired for {wiring}: {serves}; once re-cabled: RE(bps.mv(microscope.timeharp.wiring, {first})){others}"


def calibrations(microscope) -> str:
    """What coincidences and lifetimes are measured against."""
    boot_id = microscope.timeharp.boot_id.get()
    irf = microscope.irf_uid.get() if microscope.irf_boot_id.get() == boot_id else ""
    zero = microscope.time_zero_uid.get() if microscope.time_zero_boot_id.get() == boot_id else ""
    zero_ns = f" ({microscope.time_zero_ns.get():.2f} ns)" if zero else ""
    return (
        f"instrument response {str(irf)[:8] if irf else 'missing: RE(irf(microscope)) first'}; "
        f"time zero {str(zero)[:8] + zero_ns if zero else 'missing: RE(time_zero(microscope)), before hbt'}"
    )


def emitters_line(session: Session) -> list[str]:
    """How many emitters are known, and what campaign waits to be gone on with."""
    if not len(session.emitters):
        return []
    campaigns = [session.emitters.campaign(name) for name in session.emitters.names()]
    waiting = [campaign.name for campaign in campaigns if not campaign.finished]
    goes_on = f"; campaign {waiting[-1]} is not finished: session.campaign({waiting[-1]!r})" if waiting else ""
    return [f"  {len(session.emitters)} emitters known{goes_on}"]


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
