"""Calibrations that outlive a session: each holds as long as the instrument it belongs to was not restarted."""

from collections.abc import Callable, MutableMapping
from typing import Any

from analysis.correlation import TimeZero
from analysis.flim import Response
from devices.microscope import Microscope
from devices.spectrofluorometer import Spectrofluorometer

WAVELENGTHS = (
    "excitation_offset_nm",
    "excitation_offset_err_nm",
    "emission_offset_nm",
    "emission_offset_err_nm",
    "calibration_uid",
    "calibration_boot_id",
)
TIME_ZERO = {"time_zero_ns": "t0_ns", "time_zero_err_ns": "t0_err_ns", "pair_sigma_ns": "sigma_ns"}


class Remembered:
    """Instrument response, time zero and wavelengths: put where plans look for them, kept in `notes`."""

    def __init__(self, notes: MutableMapping[str, Any], microscope: Microscope, fs5: Spectrofluorometer):
        self.notes, self.microscope, self.fs5 = notes, microscope, fs5

    def restore(self, irf_of: Callable[[str], Response]):
        """Those that still hold; irf_of: uid -> that instrument response."""
        self.restore_irf(irf_of)
        self.restore_time_zero()
        self.restore_calibration()
        self.fs5.calibration_boot_id.subscribe(self.keep_calibration, run=False)

    def restore_irf(self, irf_of: Callable[[str], Response]):
        known = self.notes.get("irf", {})
        if known.get("boot_id") == self.microscope.timeharp.boot_id.get():
            response = irf_of(known["uid"])
            self.microscope.irf_uid.put(response.uid)
            self.microscope.irf_bin_width_ns.put(response.bin_width_ns)
            self.microscope.irf_period_ns.put(response.period_ns)
            self.microscope.irf_boot_id.put(known["boot_id"])

    def keep_irf(self, uid: str):
        self.notes["irf"] = {"uid": uid, "boot_id": self.microscope.timeharp.boot_id.get()}

    def restore_time_zero(self):
        known = self.notes.get("time_zero", {})
        if known.get("time_zero_boot_id") == self.microscope.timeharp.boot_id.get():
            self.put_time_zero(known)

    def keep_time_zero(self, uid: str, fit: TimeZero):
        """Used by every later coincidence run, of this session and the next."""
        known = {key: getattr(fit, name) for key, name in TIME_ZERO.items()}
        known |= {"time_zero_uid": uid, "time_zero_boot_id": self.microscope.timeharp.boot_id.get()}
        self.put_time_zero(known)
        self.notes["time_zero"] = known

    def put_time_zero(self, known: dict[str, Any]):
        for key, value in known.items():
            getattr(self.microscope, key).put(value)

    def restore_calibration(self):
        known = self.notes.get("calibration", {})
        if known.get("calibration_boot_id") == self.fs5.boot_id.get():
            for key in WAVELENGTHS:
                getattr(self.fs5, key).put(known[key])

    def keep_calibration(self, **_):
        self.notes["calibration"] = {key: getattr(self.fs5, key).get() for key in WAVELENGTHS}
