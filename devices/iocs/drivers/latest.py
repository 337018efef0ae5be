"""The latest reading of an instrument, for those who must not wait for it."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Reads again and again in a thread of its own; `value` is at most `max_age_s` old, or raises.

    what : the reading, for the message; the thread begins with the first `value`, and `close` ends it
    """

    def __init__(self, read: Callable[[], T], *, what: str, period_s: float, max_age_s: float = 2.0) -> None:
        self._read, self.what, self.period_s, self.max_age_s = read, what, period_s, max_age_s
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._reading: tuple[float, T] | None = None
        self._why: Exception | None = None
        self._tried = threading.Event()
        self._thread: threading.Thread | None = None

    def value(self) -> T:
        """The last reading; TimeoutError if there is none, or none that is young enough."""
        self._begin()
        if self._reading is None:
            self._tried.wait(self.max_age_s)
        if (reading := self._reading) is not None and time.monotonic() - reading[0] <= self.max_age_s:
            return reading[1]
        raise TimeoutError(
            f"{self.what} could not be read for {self.max_age_s:g} s: {self._why or 'it does not answer'}"
        )

    def put(self, value: T) -> None:
        """A reading that somebody else took just now."""
        self._reading = (time.monotonic(), value)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_reading, name=self.what, daemon=True)
                self._thread.start()

    def _keep_reading(self) -> None:
        while not self._stop.is_set():
            try:
                self.put(self._read())
                self._why = None
            except Exception as why:  # whatever a driver raises, the next reading may be good again
                self._why = why
            self._tried.set()
            self._stop.wait(self.period_s)
