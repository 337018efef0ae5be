"""A prompt that talks like the lab: refusals as one sentence, plans that say how to run them."""

import sys

from bluesky.utils import FailedStatus, Plan, RequestAbort, RunEngineInterrupted
from ophyd.utils import LimitError

from devices.signals import CommandError
from lab.catalog import Run
from lab.sample_records import SampleError
from plans.stubs import MeasurementError, PlanError

PLAIN = (
    PlanError,
    SampleError,
    MeasurementError,
    CommandError,
    FailedStatus,
    LimitError,
    RequestAbort,
    RunEngineInterrupted,
)
PAUSED = """paused: the shutter is closed, nothing is lost
  RE.resume()   go on with the next line or point
  RE.abort()    end the run here; what was measured stays
  RE.stop()     end the run here and call it a success"""


def explain(shell, kind, error, traceback, tb_offset=None):
    """Show what happened as a sentence, without the traceback of the machinery."""
    sys.stderr.write(f"{PAUSED if issubclass(kind, RunEngineInterrupted) else error}\n")


def friendly(shell):
    """Teach an IPython shell to explain refusals, to tell how a plan is run, and to show runs as cards."""

    def how_to_run(plan: Plan, printer, cycle):
        plan._stack = None  # it was looked at, so it needs no warning that it was never used
        typed = shell.user_ns["In"][-1].strip() if "\n" not in shell.user_ns["In"][-1].strip() else "the plan"
        printer.text(f"this is a plan; nothing has moved. To run it, type\n  RE({typed})")

    shell.set_custom_exc(PLAIN, explain)
    text = shell.display_formatter.formatters["text/plain"]
    text.for_type(Plan, how_to_run)
    text.for_type(Run, lambda run, printer, cycle: printer.text(repr(run)))
