"""The RunEngine of the lab: it proves to whatever shines that it is alive, goes dark when it is not running, and
hands back results instead of uids."""

import asyncio
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bluesky import RunEngine
from bluesky.run_engine import RunEngineResult
from bluesky.utils import DuringTask, Msg
from ophyd.utils import DisconnectedError

from devices import leash, polite
from devices.signals import CommandError, put_and_wait
from lab.recovery import Recovery
from lab.silence import SILENT_S, Silence
from plans.stubs import MeasurementError, PlanError

log = logging.getLogger(__name__)

BEAT_PERIOD_S = 0.3
TICK_S = 0.1
LEAVING_S = 8.0


class Lease:
    """The right to drive the instruments and to let light on samples, for one session: its token, beaten only from a
    running RunEngine. The connection that told a process the token is its only writer, until it is cut or gives up.

    Parameters
    ----------
    lights : instruments with `owner` and `beat`, each dark at once when told to `hold` or, after a plan, to `rest`
    """

    def __init__(self, *lights: Any):
        self.lights = lights
        user, place = os.environ.get("USER", "user"), socket.gethostname()
        self.token = f"{user}@{place} process {os.getpid()} ({secrets.token_hex(3)})"

    def take(self):
        """Become the owner of all; raises CommandError naming the present one."""
        for light in self.lights:
            self.take_one(light)

    def take_one(self, light: Any):
        boot_id = light.boot_id.get()
        light.owner.put(self.token, wait=True, timeout=5)
        light.object_if_failed(boot_id, light.owner)

    def renew(self):
        """Take the lease again where an IOC was restarted and has forgotten it."""
        for light in self.lights:
            if light.owner.connected and light.owner.get() != self.token:
                self.take_one(light)

    def beat(self):
        """One sign of life; never waits, never fails."""
        for light in self.lights:
            try:
                if light.beat.connected:
                    light.beat.put(self.token, wait=False)
            except Exception as why:
                log.error("no sign of life reached the %s: %s", light.name, why)

    def prove(self):
        """One sign of life that has arrived."""
        for light in self.lights:
            put_and_wait(light.beat, self.token, 5.0)

    def darken(self, *, for_good: bool = False, but: Sequence[Any] = ()):
        """All dark, and `for_good` at rest; what does not obey is dark by itself when the beats stop."""
        for light in self.lights:
            if light in but:
                continue
            try:
                light.rest() if for_good else light.hold()
            except Exception as why:
                log.error("the %s was not closed by the session (%s): its dead-man does it", light.name, why)

    def give_up(self):
        for light in self.lights:
            if light.owner.connected:
                light.owner.put("nobody", wait=True, timeout=5)


class Ticking(DuringTask):
    """Wait for the RunEngine, looking up ten times a second to let pictures be drawn."""

    def __init__(self):
        self.hooks: list[Callable[[], None]] = []

    def block(self, blocking_event):
        while not blocking_event.wait(TICK_S):
            for hook in self.hooks:
                try:
                    hook()
                except Exception:
                    log.exception("a live picture failed; the run goes on without it")
                    self.hooks.remove(hook)


class LabEngine(RunEngine):
    """A RunEngine whose `__call__` and `resume` return what the plan was for.

    Parameters
    ----------
    lease : beaten from this engine's own event loop and only while it runs, so that a hang is a silence
    present : (run uids, plan result) -> what the user gets to see
    farewell : called before a signal ends the process
    recovery : what the message "recover" asks to wait for lost instruments; None: there is nothing to wait for
    """

    silence: Silence | None = None  # of the bench

    def __init__(
        self,
        *args,
        lease: Lease,
        present: Callable[[tuple, Any], Any],
        farewell: Callable[[], None] = lambda: None,
        recovery: Recovery | None = None,
        **kwargs,
    ):
        self.during = Ticking()
        super().__init__(*args, call_returns_result=True, during_task=self.during, **kwargs)
        self.lease, self.present, self.farewell, self.recovery = lease, present, farewell, recovery
        self.leaving = False
        self.darkening: threading.Thread | None = None
        self.state_hook = self.follow_state
        self.register_command("recover", self.recover)
        asyncio.run_coroutine_threadsafe(self.keep_beating(), self.loop)

    async def keep_beating(self):
        while True:
            if self.state == "running" and not self.leaving:
                self.lease.beat()
                self.heed_silence()
            await asyncio.sleep(BEAT_PERIOD_S)

    def heed_silence(self):
        """Dark, if the bench hangs: a plan waits longer before it fails, and nobody would count the light."""
        if self.silence is not None and self.silence.begins():
            log.error("no heartbeat of the bench for %.1f s: dark until it is back", SILENT_S)
            self.go_dark(for_good=False, but=self.silence.within)

    def follow_state(self, new: str, old: str):
        """Beat at once when a plan starts; go dark at once when it stops running, for whatever reason."""
        if new == "running":
            self.wait_for_dark()
            if old == "idle":
                self.lease.renew()
                if self.recovery is not None:
                    self.recovery.note()
            self.lease.beat()
        elif old == "running" or new == "idle":
            self.go_dark(for_good=new == "idle")

    async def recover(self, message: Msg) -> tuple[str, ...]:
        """The message "recover": waits in a thread, so that the session goes on beating."""
        if self.recovery is None:
            return ()
        given_up = threading.Event()
        try:
            return await asyncio.to_thread(self.recovery.recover, message.kwargs["timeout_s"], given_up)
        finally:
            given_up.set()

    def go_dark(self, *, for_good: bool, but: Sequence[Any] = ()):
        """In a thread, after the darkening before."""
        before = self.darkening

        def darken():
            if before is not None:
                before.join()
            self.lease.darken(for_good=for_good, but=but)

        self.darkening = threading.Thread(target=darken, name="dark", daemon=True)
        self.darkening.start()

    def __call__(self, plan=None, *args, **kwargs):
        if not isinstance(plan, Iterable):
            name = getattr(plan, "__name__", None)
            raise PlanError(f"RE({name or repr(plan)}): give a plan, called: RE({name or 'pl'}(...))")
        if isinstance(plan, (str, list, tuple, set, dict)) and not all(isinstance(each, Msg) for each in plan):
            raise PlanError(f"RE({plan!r:.60}): give one plan, called: RE(pl(...)); several of them: RE(night([...]))")
        return self.shown(lambda: super(LabEngine, self).__call__(plan, *args, **kwargs))

    def resume(self):
        """Go on; a scan that flies on its own goes on as soon as it is told, so the lease must live by then."""
        if self.state == "paused":
            self.wait_for_dark()
            self.lease.renew()
            self.lease.prove()
        return self.shown(super().resume)

    def wait_for_dark(self):
        """Let the darkening of the last plan end, or it would darken the next one."""
        if self.darkening is not None:
            self.darkening.join(2.0)

    def abort(self, reason: str = ""):
        return self.shown(lambda: super(LabEngine, self).abort(reason))

    def stop(self):
        return self.shown(super().stop)

    def halt(self):
        return self.shown(super().halt)

    def shown(self, run: Callable[[], Any]):
        """Run, and present the outcome; a vanished IOC is told as what it is."""
        try:
            outcome: RunEngineResult = run()
        except (DisconnectedError, TimeoutError) as why:
            raise CommandError(first_reason(why)) from why
        finally:
            if self.leaving:  # another thread ends this process; the script must not go on meanwhile
                threading.Event().wait(4 * LEAVING_S)
        complete = outcome.exit_status == "success"
        return self.present(outcome.run_start_uids, outcome.plan_result if complete else None)

    def obey_signals(self):
        """SIGTERM, a closed terminal, a leash let go: dark at once, the plan aborted with its clean-up, the end."""
        polite.on_signals(polite.LEAVING, self.leave)
        leash.obey(polite.ask_myself_to_end)

    def leave(self, number, frame):
        """Runs in the main thread, between two instructions of whatever it does."""
        if self.leaving:
            return
        self.leaving = True
        if self.state == "running":
            threading.Thread(target=self.end, args=(number,), name="leaving").start()
        else:
            self.end(number)

    def end(self, number: int):
        """Dark first; then nothing that fails may keep the process alive."""
        self.lease.darken()
        try:
            silence_terminal()
            self.context_managers = []  # no signal handlers: this may be a thread
            if self.state == "running":  # stop what moves first, or the abort would be filed as a failure
                self.request_pause(defer=False)
                self.wait_until("paused", "idle")
            if self.state != "idle":
                super().abort("the session was told to end")
                self.wait_until("idle")
            self.farewell()
        except Exception as why:
            log.error("leaving: %s", why)
        finally:
            os._exit(128 + number)

    def wait_until(self, *states: str):
        deadline = time.monotonic() + LEAVING_S
        while self.state not in states and time.monotonic() < deadline:
            time.sleep(0.02)


def first_reason(error: BaseException) -> str:
    """What went wrong first: an IOC that is lost makes the end of its run stumble as well, with less to say."""
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    known = [one for one in chain if isinstance(one, (CommandError, MeasurementError))]
    if known:
        return str(known[-1])
    return f"{error}: its IOC went away; it should be back in a few seconds (type lab), else leave and start again"


def silence_terminal():
    """The terminal may be gone, and writing to it would raise: say what is left to nobody."""
    nobody = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nobody, stream)
