"""A prompt that talks like the lab: refusals as one sentence, plans that say how to run them."""

import sys
import warnings
from traceback import walk_tb
from types import TracebackType

from bluesky.run_engine import TransitionError  # pyright: ignore[reportPrivateImportUsage]
from bluesky.utils import FailedStatus, Plan, RequestAbort, RunEngineInterrupted
from ophyd import Device
from ophyd.utils import LimitError

from devices.signals import CommandError
from devices.spectrofluorometer import Spectrofluorometer
from lab.card import spectrometer_card
from lab.catalog import Run
from lab.catalog.asking import meant
from lab.mistakes import UnusedPlans, file_trouble, refused_here, typed_call, wrong_call
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
    elif issubclass(kind, PLAIN) or own(kind) or refused_with_a_common_error(kind, traceback):
        sentence = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    elif issubclass(kind, TypeError) and (name := plan_called_wrongly(traceback)):
        sentence = f"{error}; {name}? tells what it takes"
    elif (issubclass(kind, AttributeError) and (told := no_such_signal(traceback, str(error)))) or (
        issubclass(kind, (TypeError, AttributeError)) and (told := wrong_call(error, traceback))
    ):
        sentence = told
    elif issubclass(kind, OSError) and error.filename is not None and typed_call(traceback):
        sentence = file_trouble(error)
    else:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        return
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, traceback  # what %tb shows
    sys.stderr.write(f"{sentence}\n")


def own(kind: type) -> bool:
    """Whether the lab made this kind of error itself, to say something."""
    return kind.__module__.split(".")[0] in ("lab", "plans", "devices", "analysis")


def refused_with_a_common_error(kind: type, traceback: TracebackType) -> bool:
    """Whether a line of the lab raised it on purpose, with a sentence."""
    return issubclass(kind, (ValueError, LookupError)) and refused_here(traceback)


def no_such_signal(traceback: TracebackType, name: str) -> str:
    """A sentence for `microscope.pizeo`, and for a plan that was given another instrument; "" for anything else."""
    frames = [frame for frame, _ in walk_tb(traceback)]
    device = frames[-1].f_locals.get("self")
    if not isinstance(device, Device):
        return ""
    known = [*device.component_names, *(each for each in vars(type(device)) if not each.startswith("_"))]
    shown = f"{device.name} has no {name!r}{meant(name, known)}; it has {', '.join(device.component_names)}"
    in_a_plan = any("run_engine" in frame.f_code.co_filename for frame in frames)
    return f"{shown}; a plan takes microscope or fs5, %tb shows where it failed" if in_a_plan else shown


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

    shell.set_custom_exc((Exception,), explain)
    unused = UnusedPlans()
    warnings.showwarning = unused.noticed
    shell.events.register("post_run_cell", unused.tell)
    text = shell.display_formatter.formatters["text/plain"]
    text.for_type(Plan, how_to_run)
    text.for_type(Run, lambda run, printer, cycle: printer.text(repr(run)))
    text.for_type(Spectrofluorometer, lambda fs5, printer, cycle: printer.text(spectrometer_card(fs5)))
