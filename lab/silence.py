"""Instruments that hang: they are there, but their heart does not beat."""

import time
from typing import Any

SILENT_S = 1.5


class Silence:
    """For how long a heartbeat has not changed; the light must not wait for a plan to notice.

    heartbeat : a signal that counts up while its IOC is well
    within : lights of that IOC, which cannot obey while it hangs; what they measure fails by itself
    """

    def __init__(self, heartbeat: Any, within: tuple[Any, ...] = ()):
        self.within = within
        self.heard_s, self.told = time.monotonic(), False
        heartbeat.subscribe(self.hear, run=False)

    def hear(self, **_: Any):
        self.heard_s, self.told = time.monotonic(), False

    def begins(self) -> bool:
        """Whether it has been silent for too long; said once for each silence."""
        begins = not self.told and time.monotonic() - self.heard_s > SILENT_S
        self.told = self.told or begins
        return begins
