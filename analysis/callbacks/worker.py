"""The thread in which a live analysis works, so that it never holds up the RunEngine."""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from event_model import DocumentRouter

log = logging.getLogger(__name__)

PREVIEW_PERIOD_S = 0.5


class Worker:
    """One thread that does things in order; `in_place` does them at once, in the caller."""

    def __init__(self, name: str, *, in_place: bool):
        self.in_place = in_place
        self.tasks: queue.SimpleQueue = queue.SimpleQueue()
        if not in_place:
            threading.Thread(target=self.run, name=name, daemon=True).start()

    def do(self, task: Callable[[], None]):
        if self.in_place:
            task()
        else:
            self.tasks.put(task)

    def run(self):
        while (task := self.tasks.get()) is not None:
            task()

    @property
    def idle(self) -> bool:
        return self.in_place or self.tasks.empty()

    def end(self):
        if not self.in_place:
            self.tasks.put(None)


class LiveAnalysis(DocumentRouter):
    """The analysis of one run, done piece by piece while its documents arrive; `done` is a Future of its result.

    Parameters
    ----------
    what : what comes out, in a word or two
    in_place : do the work in the caller's thread (replay) instead of one of its own (live)
    """

    def __init__(self, what: str, *, in_place: bool):
        super().__init__()
        self.what = what
        self.worker = Worker(f"live {what}", in_place=in_place)
        self.done: Future[Any] = Future()

    def start(self, doc):
        self.start_doc: dict[str, Any] = dict(doc)

    def stop(self, doc):
        self.worker.do(self.finish)
        self.worker.end()

    def result(self) -> Any:
        """The final result, computed in the working thread when the run has ended."""
        raise NotImplementedError

    def close(self):
        """Let go of files."""

    def attempt(self, task: Callable[[], None]):
        """Do a piece of work; the first failure ends the analysis, never the run."""

        def guarded():
            if self.done.done():
                return
            try:
                task()
            except Exception as why:
                log.error("the live analysis stopped, the run goes on: %s", why)
                self.done.set_exception(why)

        self.worker.do(guarded)

    def finish(self):
        """Compute the final result."""
        try:
            if not self.done.done():
                self.done.set_result(self.result())
        except Exception as why:
            log.error("no %s of run %s: %s", self.what, self.start_doc["uid"][:8], why)
            if not self.done.done():
                self.done.set_exception(why)
        finally:
            self.close()
