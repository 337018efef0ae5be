"""Numbers that a plan reads while it measures: each trigger of an estimate is a look of the analysis at its run."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any

log = logging.getLogger(__name__)

LOOK_TIMEOUT_S = 120.0
ASKED = {"g2": "hbt", "blinking": "blinking", "field": "find_emitters"}
OF_THE_PLAN = ("stopped_by",)  # put by plans, never by an analysis

Values = Mapping[str, Any]


def attach(microscope: Any, look: Callable[[str], Future[Any]]):
    """Let `microscope.g2`, `.blinking` and `.field` ask for a look; `look`: plan name -> Future of an estimate."""
    for name, plan_name in ASKED.items():
        device = getattr(microscope, name)
        device.ask = lambda device=device, plan_name=plan_name: answer(look(plan_name), nothing_of(device), plan_name)


def nothing_of(device: Any) -> dict[str, Any]:
    """What an estimate holds when nothing is known."""
    names = [name for name in device.component_names if name not in OF_THE_PLAN]
    return {name: getattr(device, name).default for name in names}


def answer(source: Future[Any], nothing: Values, what: str) -> Future[Values]:
    """The numbers of an estimate when it is there; `nothing`, and a line in the log, if it fails or takes too long."""
    given: Future[Values] = Future()
    patience = threading.Timer(LOOK_TIMEOUT_S, lambda: give(given, nothing, f"no answer in {LOOK_TIMEOUT_S:.0f} s"))
    patience.daemon = True

    def pass_on(done: Future[Any]):
        patience.cancel()
        try:
            give(given, done.result().numbers())
        except Exception as why:
            give(given, nothing, f"{why}")

    def give(to: Future[Values], values: Values, problem: str = ""):
        try:
            to.set_result(values)
        except InvalidStateError:
            return  # it was answered before
        if problem:
            log.error("nothing is known of the %s that goes on: %s", what, problem)

    if not source.done():
        patience.start()
    source.add_done_callback(pass_on)
    return given
