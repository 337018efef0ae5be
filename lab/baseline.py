"""The state of all instruments, read before and after every run into its stream "baseline"."""

import logging

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException

log = logging.getLogger(__name__)

STREAM = "baseline"


class Baseline:
    """A preprocessor of plans.

    A run that failed keeps its own reason: if the instruments cannot be read after it, which is often why it failed,
    that is logged and the run is closed.
    """

    def __init__(self, devices: list):
        self.devices = devices

    def __call__(self, plan: MsgGenerator) -> MsgGenerator:
        return (yield from bpp.plan_mutator(plan, self.insert))

    def insert(self, msg: Msg):
        """What goes before and after a message."""
        if msg.command == "open_run":
            return None, of_run(msg, self.before())
        if msg.command == "close_run":
            return self.after(msg), None
        return None, None

    def before(self) -> MsgGenerator:
        yield from bps.declare_stream(*self.devices, name=STREAM)
        yield from bps.trigger_and_read(self.devices, name=STREAM)

    def after(self, close: Msg) -> MsgGenerator:
        def report(why: Exception) -> MsgGenerator:
            if isinstance(why, RunEngineControlException) or close.kwargs.get("exit_status") in (None, "success"):
                raise why
            log.error("the instruments could not be read after the run: %s", why)
            yield from bps.null()

        reading = bps.trigger_and_read(self.devices, name=STREAM)
        tolerant = bpp.contingency_wrapper(reading, except_plan=report, auto_raise=False)
        yield from of_run(close, tolerant)
        uid = yield close
        for rewindable in (False, True):  # forget what was said: it cannot be said again to a run that is closed
            yield Msg("rewindable", None, rewindable)
        return uid


def of_run(msg: Msg, plan: MsgGenerator) -> MsgGenerator:
    """A plan whose messages belong to the same run as `msg`, of several open ones."""
    return plan if msg.run is None else bpp.set_run_key_wrapper(plan, msg.run)
