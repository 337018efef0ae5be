"""What a night looks like from outside, at one moment: plain values, as JSON for the page and the terminal."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ItemStatus:
    """One line of the queue; times are Unix seconds, None: not yet or unknown."""

    index: int
    title: str
    state: str
    reason: str = ""
    attempts: int = 0
    interruptions: int = 0
    began_s: float | None = None
    ended_s: float | None = None
    expected_s: float | None = None
    runs: tuple[str, ...] = ()
    results: tuple[str, ...] = ()  # short sentences: "tau2 9.69 +- 0.03 ns"


@dataclass(frozen=True)
class NightStatus:
    """A night at one moment.

    state : "running", "waiting" (for a time), "paused", "recovering" (a process died and comes back), "finished",
        "stopped"
    now : what runs, with progress 0..1 (None: unknown), a sentence, and when the item and the night should end
    rates_cps : of both SPADs, newest last, one every few seconds; drift_um (n, 3): seconds, x, y
    image : file name of the last image beside the page, "" if there is none
    services : one sentence for each process: "storage up", "light up, shutter closed"
    failures : what failed and why, newest first
    """

    name: str
    state: str
    written_s: float
    began_s: float
    items: tuple[ItemStatus, ...]
    now: str = ""
    progress: float | None = None
    item_end_s: float | None = None
    night_end_s: float | None = None
    until_s: float | None = None
    rates_cps: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)  # route -> (time, cps)
    drift_um: tuple[tuple[float, float, float], ...] = ()
    image: str = ""
    services: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    free_gb: float | None = None

    def as_json(self) -> str:
        """Strict JSON: what is not a number is null."""
        return json.dumps(plain(asdict(self)), allow_nan=False, indent=1)


def plain(value: Any) -> Any:
    """Values of JSON; NaN and infinity become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
