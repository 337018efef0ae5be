"""A prompt that talks like the lab: refusals as one sentence, plans that say how to run them."""

import linecache
import sys
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

from bluesky.run_engine import TransitionError  # pyright: ignore[reportPrivateImportUsage]
from bluesky.utils import FailedStatus, Plan, RequestAbort, RunEngineInterrupted
from ophyd.utils import LimitError

from devices.signals import CommandError
from devices.spectrofluorometer import Spectrofluorometer
from lab.card import spectrometer_card
from lab.catalog import Run
from lab.sample_records import SampleError
from plans.stubs import MeasurementError, PlanError

HOUSE = Path(__file__).resolve().parent.parent
PLAIN = (
    PlanError,
    SampleError,
    MeasurementError,
    CommandError,
    FailedStatus,
    LimitError,
    RequestAbort,
    RunEngineInterrupted,
    TransitionError,
)
PAUSED = """paused: the shutter is closed, nothing is lost
  RE.resume()   go on with the next line or point
  RE.abort()    end the run here; what was measured stays
  RE.stop()     end the run here and call it a success"""


def explain(shell, kind, error, traceback, tb_offset=None):
    """Show what happened as a sentence where one was made for that; else with its traceback, as ever."""
    if issubclass(kind, RunEngineInterrupted):
        sentence = PAUSED
    elif issubclass(kind, PLAIN) or (issubclass(kind, (ValueError, LookupError)) and refused_here(traceback)):
        sentence = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    elif issubclass(kind, TypeError) and (name := plan_called_wrongly(traceback)):
        sentence = f"{error}; {name}? tells what it takes"
    else:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        return
    sys.stderr.write(f"{sentence}\n")


def refused_here(traceback: TracebackType) -> bool:
    """Whether the error was raised on purpose, by a line of lab/ or analysis/ that says `raise`."""
    frame, line = list(walk_tb(traceback))[-1]
    path = Path(frame.f_code.co_filename)
    ours = any(path.is_relative_to(HOUSE / folder) for folder in ("lab", "analysis"))
    return ours and linecache.getline(str(path), line).lstrip().startswith("raise ")


def plan_called_wrongly(traceback: TracebackType) -> str:
    """The name of a plan that was called with arguments it does not have; "" if that is not what happened."""
    last = list(walk_tb(traceback))[-1][0].f_locals
    if not isinstance(plan := last.get("self"), Plan) or "f" not in last:
        return ""
    plan._stack = None  # it was never made, so it needs no warning that it was never used
    return last["f"].__name__


def friendly(shell):
    """Teach an IPython shell to explain refusals, to tell how a plan is run, and to show runs as cards."""

    def how_to_run(plan: Plan, printer, cycle):
        plan._stack = None  # it was looked at, so it needs no warning that it was never used
        typed = shell.user_ns["In"][-1].strip() if "\n" not in shell.user_ns["In"][-1].strip() else "the plan"
        printer.text(f"this is a plan; nothing has moved. To run it, type\n  RE({typed})")

    shell.set_custom_exc((*PLAIN, ValueError, LookupError, TypeError), explain)
    text = shell.display_formatter.formatters["text/plain"]
    text.for_type(Plan, how_to_run)
    text.for_type(Run, lambda run, printer, cycle: printer.text(repr(run)))
    text.for_type(Spectrofluorometer, lambda fs5, printer, cycle: printer.text(spectrometer_card(fs5)))
