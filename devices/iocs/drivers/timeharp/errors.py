"""Error codes of THLib v6.1 in words. Needs the standard library only: the 32-bit helper reads it, too."""

from __future__ import annotations

CODES = {
    -1: "the board cannot be opened; is it in its slot, and its driver installed?",
    -2: "the board is busy",
    -3: "an event of the driver failed",
    -4: "a callback of the driver failed",
    -5: "the registers of the board cannot be mapped",
    -6: "the board cannot be closed",
    -7: "the board cannot be reset",
    -8: "the version of the driver cannot be read",
    -9: "driver and library do not fit each other",
    -16: "another program uses the board; end it",
    -17: "an argument is out of range",
    -18: "not possible in this mode",
    -19: "the board lacks this option; time tagging is licensed separately",
    -20: "the memory of the board failed",
    -21: "reading data failed",
    -22: "the board is not initialised",
    -23: "the board is not calibrated",
    -24: "a DMA transfer failed or took longer than 300 ms",
    -25: "an external device failed; is the router plugged in and on?",
    -32: "calibration failed: too many attempts",
    -33: "calibration failed: its registers cannot be set up",
    -34: "calibration failed: the control value is out of range",
    -35: "calibration failed: the measured value is out of range",
    -36: "calibration failed: no fit",
    -37: "calibration failed: too few valid points",
    -48: "no SCX 200 scan controller",
    -49: "the scan controller is not enabled",
    -50: "the scan controller cannot be reset",
    -51: "the scan controller is not active",
    -52: "the scan controller is still active",
    -53: "the scan controller did not go where it was sent",
    -54: "the scan programme of the controller failed",
    **{-63 - n: f"hardware fault F{n:02d}; note it and ask the maker" for n in range(1, 16)},
}
CALIBRATION = range(-37, -31)
CALIBRATION_HINT = "; let the board warm up 10 min, look for noise on its inputs, then try again"


class CardFault(Exception):  # noqa: N818  (what the library tells, not a mistake)
    """A function of the library that failed.

    function : its name; code : what it returned; said : what the library itself calls it
    """

    def __init__(self, function: str, code: int, said: str = "") -> None:
        super().__init__(function, code, said)
        self.function, self.code, self.said = function, code, said


def sentence(function: str, code: int, said: str = "") -> str:
    """What failed, its code, and what it means; code 0 is no failure of the library, but what was found about it."""
    if code == 0:
        return f"{function}: {said}"
    meaning = CODES.get(code) if function.startswith("TH_") else None
    if meaning is None:
        return f"{function} failed with code {code}" + (f": {said}" if said else "")
    hint = CALIBRATION_HINT if code in CALIBRATION else ""
    return f"{function} failed with code {code}: {meaning}{hint}"
