"""The FS5 by way of its operator: requests go out as tickets, exported text files come back as points.

Fluoracle, the software of the FS5, has no remote interface. What a file does not tell is NaN; lamp and shutter are the
operator's.
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import get_args

from analysis.formats.fluoracle_curves import CountsAre
from devices.iocs.backends import Point, Scan, Stop
from devices.iocs.drivers.fs5.inbox import Inbox
from devices.iocs.drivers.fs5.ticket import DONE, WITHDRAWN, Tickets
from devices.iocs.drivers.fs5.watch import Watch
from devices.iocs.scan_check import check as check_scan

LIMITS = {
    "excitation_nm": (230.0, 1000.0),
    "emission_nm": (200.0, 870.0),
    "slit_nm": (0.01, 30.0),
    "step_nm": (0.01, 100.0),
    "dwell_s": (0.001, 200.0),
}
MOST_POINTS = 20_000


@dataclass(frozen=True)
class FluoracleOptions:
    """What lab.toml says about it.

    folder : where Fluoracle exports to; counts_are : what uncorrected numbers are
    settle_s : how long a file must stand still to be complete
    dead_time_ns : of the counting, as far as exported counts are not put right for it
    """

    folder: Path
    counts_are: CountsAre = "per dwell"
    settle_s: float = 1.0
    dead_time_ns: float = 0.0

    def __post_init__(self) -> None:
        for name in ("settle_s", "dead_time_ns"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} = {getattr(self, name)}: must be a number from 0 on")


class FluoracleFolder:
    """A spectrofluorometer whose operator reads `instruction` and exports into `folder`.

    limits : lowest and highest of what can be asked for; those of the FS5 unless given
    counts_are : what the numbers of an uncorrected curve are, "per dwell" or "per second"
    poll_s, settle_s : between two looks at the folder; how long a file must stand still to be complete
    dead_time_ns : of the detector's counting, as far as the exported counts are not put right for it
    """

    name = "fluoracle"
    samples: Sequence[str] = ()
    lamp_state = "unknown"
    warm_up_s = math.nan

    def __init__(
        self,
        folder: Path | str,
        *,
        limits: Mapping[str, tuple[float, float]] | None = None,
        counts_are: CountsAre = "per dwell",
        poll_s: float = 0.2,
        settle_s: float = 1.0,
        dead_time_ns: float = 0.0,
        max_points: int = MOST_POINTS,
    ) -> None:
        if counts_are not in get_args(CountsAre):
            raise ValueError(f"counts_are is {counts_are!r}: give one of {', '.join(get_args(CountsAre))}")
        self.folder, self.counts_are, self.poll_s, self.settle_s = Path(folder), counts_are, poll_s, settle_s
        self.limits: Mapping[str, tuple[float, float]] = LIMITS | dict(limits or {})
        self.dead_time_ns, self.max_points = dead_time_ns, max_points
        self.mounted, self.instruction = "", ""
        self._tickets = Tickets(self.folder)
        self._delivered: list[Point] | None = None
        self._taken: set[bytes] = set()

    def mount(self, name: str) -> None:
        """Remember which sample the operator is asked to put in."""
        self.mounted = name

    def switch_lamp(self, on: bool) -> None:
        """On is what every ticket asks the operator for; ValueError for off, which nothing here can do."""
        if not on:
            raise ValueError("the lamp has no remote control: switch it off at the instrument")

    def warm_up(self, stop: Stop | None = None) -> bool:
        """The operator sees to it."""
        return True

    def shutter_is_open(self) -> bool:
        """Fluoracle opens the shutter for its own scans only; nothing here does."""
        return False

    def close_shutter(self) -> None:
        """Nothing here opened it."""

    def next_acquisition(self) -> int:
        """One more than in any ticket of this folder."""
        return self._tickets.next_number()

    def dark(self, seconds: float, *, acquisition: int, stop: Stop | None = None) -> tuple[float, float]:
        """Not known: an export holds no count with the shutter closed."""
        return math.nan, 0.0

    def check(self, scan: Scan) -> None:
        """ValueError for a scan beyond the limits, or a folder that is not there or cannot be written to."""
        check_scan(scan, self.limits, self.max_points)
        check_folder(self.folder)

    def scan(
        self,
        scan: Scan,
        *,
        acquisition: int,
        first: int = 0,
        stop: Stop | None = None,
        on_point: Callable[[int, Point], None],
    ) -> bool:
        """Ask for the scan and wait until a file brings it; False if stopped, and the ticket is withdrawn."""
        self.check(scan)
        stop = Event() if stop is None else stop
        if first == 0:
            self._delivered = self._ask(scan, acquisition, stop)
            if self._delivered is None:
                return False
        elif self._delivered is None:
            raise ValueError(f"first = {first}: no file was delivered for this scan, begin with point 0")
        for index, point in enumerate(self._delivered[first:], first):
            if stop.is_set():
                return False
            on_point(index, point)
        return True

    def finish_acquisition(self, acquisition: int) -> None:
        """Forget what was delivered."""
        self._delivered = None

    def _ask(self, scan: Scan, acquisition: int, stop: Stop) -> list[Point] | None:
        watch = Watch(self.folder, self.settle_s)
        ticket = self._tickets.issue(scan, sample=self.mounted, acquisition=acquisition)
        inbox, where = Inbox(ticket, watch, counts_are=self.counts_are, taken=self._taken), WITHDRAWN
        try:
            while not stop.is_set():
                self.instruction = inbox.instruction
                if (found := inbox.look()) is not None:
                    where = DONE
                    return found
                stop.wait(self.poll_s)
            return None
        finally:
            self.instruction = ""
            self._tickets.move(ticket.name, where)


def check_folder(folder: Path) -> None:
    """ValueError unless tickets can be written into a folder."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: create it, or set the one into which Fluoracle exports")
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".writable"):
            pass
    except OSError as why:
        raise ValueError(f"{folder} cannot be written to ({why.strerror}): give this user the right to") from why
