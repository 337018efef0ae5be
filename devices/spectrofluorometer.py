"""The spectrofluorometer FS5: lamp, two monochromators, a sample chamber, and scans that fly."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ophyd import Component as Cpt
from ophyd import EpicsSignal, Signal
from ophyd.signal import AttributeSignal
from ophyd.status import Status

from devices.flight import LONGEST_FLIGHT_S
from devices.flyer import Flyer
from devices.signals import Setting, reading, setting


class Patient(Setting):
    """A command that takes as long as it takes: warming a lamp, counting in the dark."""

    def set(self, value, *, timeout: float | None = None, settle_time=None) -> Status:
        return super().set(value, timeout=timeout or LONGEST_FLIGHT_S)


class Spectrofluorometer(Flyer):
    """`kickoff` begins the scan that the settings describe, `collect` hands over its points as they come.

    Points are marked with `region` and `repeat`. The offsets of both monochromators (true minus told) are those of
    the run `calibration_uid`; the `calibrate` plan sets them. `find_run(plan_name, sample, needs)` names an earlier
    run to compare with, or "".
    """

    scan_kind = setting("ScanKind", string=True)
    scan_start = setting("ScanStart")
    scan_stop = setting("ScanStop")
    step = setting("Step")
    fixed = setting("Fixed")
    excitation_slit = setting("ExcitationSlit")
    emission_slit = setting("EmissionSlit")
    dwell = setting("Dwell")
    region = setting("Region", kind="omitted")
    repeat = Cpt(Signal, value=1, kind="omitted")
    mounted = setting("Mounted", string=True)
    available = reading("Available", kind="omitted", string=True)
    lamp = setting("Lamp", string=True)
    lamp_state = reading("LampState", string=True)
    warm_up = reading("WarmUp")
    warm = Cpt(Patient, "Warm", kind="omitted", rounds=True)
    check = Cpt(Setting, "Check", kind="omitted", rounds=True)
    acquire = Cpt(Setting, "Acquire", kind="omitted")
    halt = Cpt(EpicsSignal, "Stop", kind="omitted")
    state = reading("State", kind="omitted", string=True)
    acquisition = reading("Acquisition", kind="omitted")
    points = reading("Points", kind="omitted")
    points_done = reading("PointsDone", kind="omitted")
    wavelength = reading("Wavelength", kind="omitted")
    counts = reading("Counts", kind="omitted")
    reference = reading("Reference", kind="omitted")
    transmitted = reading("Transmitted", kind="omitted")
    correction = reading("Correction", kind="omitted")
    corrected = reading("Corrected", kind="omitted")
    measured_at = reading("Time", kind="omitted")
    elapsed = reading("Elapsed", kind="omitted")
    shutter = reading("Shutter", string=True)
    take_dark = Cpt(Patient, "Dark:Take", kind="omitted")
    dark_counts = reading("Dark:Counts", kind="omitted")
    dark_time = reading("Dark:Time", kind="omitted")
    dead_time = reading("DeadTime", kind="config")
    backend = reading("Backend", kind="config", string=True)
    instruction = reading("Instruction", kind="omitted", string=True)
    owner = Cpt(EpicsSignal, "Owner", kind="omitted", string=True)
    beat = Cpt(EpicsSignal, "Beat", kind="omitted", string=True)
    flying = Cpt(AttributeSignal, attr="in_flight", write_access=False, kind="omitted")

    excitation_offset_nm = Cpt(Signal, value=0.0, kind="config")
    excitation_offset_err_nm = Cpt(Signal, value=math.nan, kind="omitted")
    emission_offset_nm = Cpt(Signal, value=0.0, kind="config")
    emission_offset_err_nm = Cpt(Signal, value=math.nan, kind="omitted")
    calibration_uid = Cpt(Signal, value="", kind="config")
    calibration_boot_id = Cpt(Signal, value="", kind="omitted")

    columns = ("wavelength", "counts", "reference", "transmitted", "correction", "corrected", "elapsed")
    labels = ("region", "repeat")

    def __init__(self, prefix: str, *, name: str, samples: Mapping[str, Any] | None = None, **kwargs):
        super().__init__(prefix, name=name, **kwargs)
        self.samples: Mapping[str, Any] = {} if samples is None else samples
        self.find_run: Callable[[str, str, Mapping[str, Any]], str] = lambda plan_name, sample, needs: ""
