"""After an instrument was lost: wait until all answer again, and say which are not the process they were."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from devices.signals import CommandError

log = logging.getLogger(__name__)

LOOK_S = 0.7  # heartbeats count twice a second
PATIENCE_S = 1.0  # of one reading
OF_THE_LOSS = ("dead-man", "bench:", "the session could not close it")


class Recovery:
    """What a session knows of the processes behind its instruments.

    Parameters
    ----------
    devices : ophyd devices; all their parts with a boot id and a heartbeat are looked at
    lease : renewed where an instrument has forgotten it
    """

    def __init__(self, devices: Iterable[Any], lease: Any):
        self.groups = [part for device in devices for part in parts(device)]
        self.lease = lease
        self.known: dict[str, str] = {}
        self.at_work = False

    def note(self):
        """A plan begins: these are the processes that it starts with."""
        self.known |= {name: boot for name, boot in self.boot_ids().items() if boot}

    def boot_ids(self) -> dict[str, str]:
        """Of those that answer."""
        return {name: str(boot or "") for name, boot in self.of_all(lambda group: value_of(group.boot_id)).items()}

    def of_all(self, look: Callable[[Any], Any]) -> dict[str, Any]:
        """By name, all at once: one that hangs keeps nobody waiting."""
        with ThreadPoolExecutor(len(self.groups)) as pool:
            return dict(zip([group.name for group in self.groups], pool.map(look, self.groups), strict=True))

    def recover(self, timeout_s: float, given_up: threading.Event) -> tuple[str, ...]:
        """Names of what restarted since the plan began or this was asked last, once all answer and obey again."""
        self.at_work = True
        try:
            return self.awaited(timeout_s, given_up)
        finally:
            self.at_work = False

    def awaited(self, timeout_s: float, given_up: threading.Event) -> tuple[str, ...]:
        deadline = time.monotonic() + timeout_s
        while True:
            silent, why = self.silent(given_up), "no heartbeat"
            if not silent:
                try:
                    return self.taken_back()
                except Exception as error:  # it vanished again, or another one holds the lease for a few seconds more
                    why = str(error)
            if time.monotonic() > deadline or given_up.is_set():
                missing = ", ".join(silent) or "the lease"
                raise CommandError(f"not back after {timeout_s:.0f} s: {missing} ({why}); see iocs.log, or type lab")

    def silent(self, given_up: threading.Event) -> list[str]:
        """Names of those whose heart does not beat, or that are not there as a whole yet."""
        before = self.of_all(lambda group: value_of(group.heartbeat))
        given_up.wait(LOOK_S)
        after = self.of_all(lambda group: value_of(group.heartbeat))
        cut_off = {group.name for group in self.groups if not getattr(group, "connected", True)}
        return [name for name, beat in after.items() if beat is None or beat == before[name] or name in cut_off]

    def taken_back(self) -> tuple[str, ...]:
        """The lease renewed, latches of the loss cleared; names of those that restarted."""
        now = self.boot_ids()
        if missing := [name for name, boot in now.items() if not boot]:
            raise CommandError(f"no boot id of {', '.join(missing)}: are the instruments up? Type lab")
        self.lease.renew()
        self.lease.prove()
        for light in self.lease.lights:
            clear_latch(light)
        restarted = tuple(name for name, boot in now.items() if self.known.get(name, boot) != boot)
        self.known = now
        if restarted:
            log.warning("back after a restart: %s", ", ".join(restarted))
        return restarted


def parts(device: Any) -> list[Any]:
    """The device itself and all its parts that tell whether their process restarted."""
    every = [device, *(part for _, part in device.walk_subdevices(include_lazy=True))]
    return [part for part in every if hasattr(part, "boot_id") and hasattr(part, "heartbeat")]


def value_of(signal: Any) -> Any:
    """Read now; None if nobody answers."""
    if not signal.connected:
        return None
    try:
        return signal.get(timeout=PATIENCE_S, connection_timeout=PATIENCE_S, use_monitor=False)
    except Exception:  # of many kinds: not connected, no answer, torn down meanwhile
        return None


def clear_latch(light: Any):
    """Acknowledge what the loss itself has latched; overload, interlock, panic, room light stay for a person."""
    latch = str(light.latch.get()) if hasattr(light, "latch") else ""
    if latch.startswith(OF_THE_LOSS):
        log.warning("the latch of the loss is cleared: %s", latch)
        light.reset()
