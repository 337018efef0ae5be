"""Work that goes on beside the commands: repeated in threads, tried without an end, and waited for only so long."""

import logging
import threading
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

Job = Callable[[], None]


class Keepers:
    """Jobs that are done again and again, each in a thread of its own.

    jobs : by name: what is done, and how long to wait until it is done again
    """

    def __init__(self, jobs: Mapping[str, tuple[Job, float]]) -> None:
        self.jobs, self.ended = dict(jobs), threading.Event()
        self.threads: list[threading.Thread] = []
        self._turn = threading.Lock()

    def begin(self) -> None:
        """Start them, if they are not at work already or were ended."""
        with self._turn:
            if self.threads or self.ended.is_set():
                return
            for name, job in self.jobs.items():
                self.threads.append(threading.Thread(target=self._repeat, args=job, name=name, daemon=True))
                self.threads[-1].start()

    def end(self) -> None:
        """Let each finish what it does now."""
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _repeat(self, job: Job, period_s: float) -> None:
        while not self.ended.is_set():
            job()
            self.ended.wait(period_s)


class Complaints:
    """Tries that may fail; a failure is logged when it is another one than the last of that name."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}

    def tried(self, name: str, job: Callable[[], bool | None]) -> bool | None:
        """What the job returns; None if it fails."""
        try:
            done, why = job(), ""
        except Exception as fault:
            done, why = None, f"{fault}"
        if why != self.last.get(name, ""):
            log.warning("%s: %s", name, why or "answers again")
        self.last[name] = why
        return done


class Hurry:
    """Jobs that are waited for only so long, and then go on by themselves; at most `most` of them at a time."""

    def __init__(self, what: str, most: int) -> None:
        self.what, self.most = what, most
        self.threads: list[threading.Thread] = []

    def do(self, job: Job, seconds: float) -> None:
        """Do it in a thread of its own; TimeoutError if it takes longer, else what it raised."""
        self.threads = [thread for thread in self.threads if thread.is_alive()]
        if len(self.threads) >= self.most:
            raise TimeoutError(f"{self.what} does not answer; it is still being tried")
        done, faults = threading.Event(), []

        def run() -> None:
            try:
                job()
            except Exception as fault:
                faults.append(fault)
            done.set()

        self.threads.append(threading.Thread(target=run, name=self.what, daemon=True))
        self.threads[-1].start()
        if not done.wait(seconds):
            raise TimeoutError(f"{self.what} does not answer within {seconds:g} s; it is still being tried")
        if faults:
            raise faults[0]
