"""What the lab declares of its two SPADs: darkness, dead time or correction table, and what its gate input means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devices.iocs.backends import ROUTES
from devices.iocs.drivers.counting.corrections import CorrectionTable, read_table
from devices.iocs.drivers.finding import Finding

GATES = ("", "high", "low")
CERTAIN = 12.0  # dark counts that should have come: none at all has a chance of 6e-6


@dataclass(frozen=True)
class SpadUnit:
    """One SPAD. Either `dead_time_ns` or `corrections` must be given.

    dark_cps : what it counts in darkness, as its test sheet says; it is compared with what is heard
    corrections : CSV file of its test sheet (see `corrections`), for the unit with this `serial`
    gate_counts_at : the level of the gate input at which it counts, "high" or "low"; "": nothing is plugged in
    """

    dark_cps: float
    serial: str = ""
    dead_time_ns: float | None = None
    corrections: Path | None = None
    gate_counts_at: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.dark_cps <= 1e5:
            raise ValueError(f"dark_cps = {self.dark_cps}: allowed is 0..1e5 counts per second")
        if (self.dead_time_ns is None) == (self.corrections is None):
            raise ValueError("dead_time_ns or corrections: give one of them, from the test sheet of the SPAD")
        if self.dead_time_ns is not None and not 0 <= self.dead_time_ns <= 1000:
            raise ValueError(f"dead_time_ns = {self.dead_time_ns}: allowed is 0..1000 ns")
        if self.corrections is not None and not self.serial:
            raise ValueError("serial is missing: a correction table belongs to one SPAD, name it")
        if self.gate_counts_at not in GATES:
            raise ValueError(f"gate_counts_at = {self.gate_counts_at!r}: allowed is high, low, or nothing")
        self.table()

    def table(self) -> CorrectionTable | None:
        """The test sheet, if there is one; ValueError if its file is wrong."""
        return None if self.corrections is None else read_table(self.corrections, self.serial)

    @property
    def lost_ns(self) -> float:
        """The dead time, as declared or as the test sheet shows it."""
        table = self.table()
        return table.dead_time_ns if table is not None else float(self.dead_time_ns or 0.0)


def check_units(units: Mapping[str, SpadUnit]) -> None:
    """ValueError unless each route has one."""
    if set(units) != set(ROUTES):
        raise ValueError(f"units = {sorted(units)}: describe the SPAD of each route: {', '.join(ROUTES)}")


def dark_findings(
    units: Mapping[str, SpadUnit], heard_cps: Mapping[str, float], *, seconds: float, lit: bool
) -> list[Finding]:
    """Counts in the dark over so many seconds beside what is declared, and what the gate input would still need."""
    found = [_dark(route, units[route], heard_cps[route], seconds, lit=lit) for route in ROUTES]
    for route in ROUTES:
        if level := units[route].gate_counts_at:
            to_do = f"apply the {level} level in the dark: it must count; the other level: it must not. Else swap it"
            found.append(Finding(f"gate of the {route} SPAD", "unverified", f"declared: counts at {level}", to_do))
        if (table := units[route].table()) is not None:
            told = f"test sheet of {table.serial} to {table.most_cps:.3g} cps, {table.dead_time_ns:.1f} ns"
            found.append(Finding(f"losses of the {route} SPAD", "ok", told))
        else:
            told, to_do = f"{units[route].lost_ns:g} ns declared", "compare with the test sheet; better, give its table"
            found.append(Finding(f"losses of the {route} SPAD", "unverified", told, to_do))
    return found


def _dark(route: str, unit: SpadUnit, heard_cps: float, seconds: float, *, lit: bool) -> Finding:
    what, told = f"dark counts of the {route} SPAD", f"{heard_cps:.0f} cps, declared {unit.dark_cps:.0f}"
    if lit:
        return Finding(what, "unverified", f"{heard_cps:.0f} cps under light", "close the shutter and check again")
    if heard_cps == 0 and unit.dark_cps * seconds > CERTAIN:
        return Finding(what, "failed", told, "is the SPAD on, its gate open, and its cable in?")
    if heard_cps > 3 * max(unit.dark_cps, 100.0):
        return Finding(what, "failed", told, "darken the room; if it stays, the SPAD is warm or damaged")
    return Finding(what, "ok", told)
