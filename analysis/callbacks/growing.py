"""An analysis that can be asked for its estimate while its run is open, without asking the run to wait."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from analysis.callbacks.filed import PRIMARY, FiledAnalysis
from analysis.callbacks.worker import PREVIEW_PERIOD_S

log = logging.getLogger(__name__)


class GrowingAnalysis(FiledAnalysis):
    """A run that is digested row by row, and can be looked at: `look()` is queued behind everything received so far.

    Parameters
    ----------
    on_look : called with this object whenever there is something new to be seen (live display)
    on_result : called with the start document and the final estimate, in the working thread, before `done` is set

    Attributes
    ----------
    run : what the documents go into; None before the run has started
    estimate : the latest, None before the first look; `done` is a Future of the final one
    """

    def __init__(
        self,
        what: str,
        *,
        in_place: bool = False,
        on_look: Callable[[Any], None] | None = None,
        on_result: Callable[[dict, Any], None] | None = None,
    ):
        super().__init__(what, in_place=in_place)
        self.on_look, self.on_result = on_look, on_result
        self.run: Any = None
        self.estimate: Any = None
        self.sources: dict[int, str] = {}  # the file of each row
        self.told: set[int] = set()  # rows whose Event has come
        self.last_shown, self.ended, self.lock = 0.0, False, threading.RLock()

    def begin(self, start: dict[str, Any]) -> Any:
        """The object that the documents go into."""
        raise NotImplementedError

    def take(self, stream: str, data: dict[str, Any], index: int):
        """Digest the data of one Event, the index-th of its stream."""
        raise NotImplementedError

    def take_row(self, row: Any, index: int):
        """Digest one row of the file of the primary stream; a run without file has none."""

    def estimated(self) -> Any:
        """The estimate from everything digested so far."""
        raise NotImplementedError

    def start(self, doc):
        super().start(doc)
        self.attempt(lambda: setattr(self, "run", self.begin(self.start_doc)))

    def stream_datum(self, doc):
        if self.points_to_primary(doc):
            for index in range(doc["indices"]["start"], doc["indices"]["stop"]):
                self.sources[index] = doc["stream_resource"]
                if index in self.told:
                    self.attempt(lambda index=index: self.read_row(index))

    def event(self, doc):
        stream, data, index = self.streams.get(doc["descriptor"], ""), doc["data"], doc["seq_num"] - 1
        if stream == PRIMARY:
            self.told.add(index)
            if index in self.sources:  # read now: an Event that is repeated after a pause has a row that was taken anew
                self.attempt(lambda: self.read_row(index))
        self.attempt(lambda: self.take(stream, data, index))
        if not self.worker.in_place:
            self.attempt(self.show)

    def read_row(self, index: int):
        """Digest one row as it is in the file now."""
        self.take_row(self.files[self.sources[index]].row(index), index)

    def stop(self, doc):
        with self.lock:
            self.ended = True
            super().stop(doc)

    def look(self) -> Future:
        """Future of the estimate from everything received so far; after the end, of the final one.

        It fails with whatever made the analysis fail.
        """
        asked: Future = Future()

        def answer():
            settle(asked, self.done.result if self.done.done() else self.renewed)

        with self.lock:
            if self.ended or self.done.done():
                return self.done
            self.worker.do(answer)
        return asked

    def renewed(self) -> Any:
        """A new estimate, shown."""
        if self.run is None:
            raise LookupError("the run has not started")
        self.estimate = self.estimated()
        self.show(at_once=True)
        return self.estimate

    def show(self, at_once: bool = False):
        """Let the display see what is new, if there is time."""
        if self.on_look is None or self.worker.in_place:
            return
        if at_once or (self.worker.idle and time.monotonic() - self.last_shown > PREVIEW_PERIOD_S):
            self.last_shown = time.monotonic()
            try:
                self.on_look(self)
            except Exception as why:
                log.error("the live display of the %s failed: %s", self.what, why)

    def result(self) -> Any:
        """The final estimate."""
        self.estimate = self.final()
        if self.on_result is not None:
            self.on_result(self.start_doc, self.estimate)
        return self.estimate

    def final(self) -> Any:
        """The estimate from the whole run."""
        return self.estimated()


def settle(future: Future, work: Callable[[], Any]):
    """Put the result of some work into a future, or why there is none."""
    try:
        future.set_result(work())
    except Exception as why:
        future.set_exception(why)
