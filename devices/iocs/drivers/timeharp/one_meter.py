"""The one rate meter of a TimeHarp 200, switched between its inputs. Needs the standard library only."""

from __future__ import annotations

import time
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp import thlib
    from devices.iocs.drivers.timeharp.board import Board
    from devices.iocs.drivers.timeharp.errors import CardFault
else:  # run by the path of server.py
    import thlib  # pyright: ignore
    from board import Board  # pyright: ignore
    from errors import CardFault  # pyright: ignore

SETTLING_S = 0.55  # it needs half a second after it was switched


class OneMeter(Board):
    """metered : the input that the meter is on, "cfd" or "sync", since switched_s; tacq_ms : as it was set last."""

    def __init__(self, path: str) -> None:
        super().__init__(thlib.thlib(path), "TH_")
        self.tacq_ms, self.metered, self.switched_s = 0, "", 0.0

    def meter(self, source: str) -> dict[str, Any]:
        """Counts per second at the input "cfd" or "sync", after the meter has settled."""
        while True:
            with self.lib.turn:
                if source != self.metered:
                    self.switch_meter(source)
                due_s = self.switched_s + SETTLING_S - time.monotonic()
                if due_s <= 0:
                    return {"cps": self.call("GetCountRate")}
            time.sleep(due_s)

    def switch_meter(self, source: str) -> None:
        if self.busy:
            raise CardFault("TH_SetSyncMode", 0, "the meter stays on the detector input while the card measures")
        if source == "sync":
            self.call("SetSyncMode")
        else:
            self.set_mode(self.tacq_ms or 1000)
        self.metered, self.switched_s = source, time.monotonic()

    def set_mode(self, tacq_ms: int) -> None:
        """One-shot measurements of that time; the meter is on the detector input from now on."""
        if (self.tacq_ms, self.metered) != (tacq_ms, "cfd"):
            self.call("SetMMode", thlib.ONE_SHOT, tacq_ms)
            if self.metered != "cfd":
                self.metered, self.switched_s = "cfd", time.monotonic()
            self.tacq_ms = tacq_ms
