"""What the boards have in common: one measurement at a time. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp.errors import CardFault
    from devices.iocs.drivers.timeharp.library import Library
else:  # run by the path of server.py
    from errors import CardFault  # pyright: ignore
    from library import Library  # pyright: ignore

POLL_S = 0.001
LATE_S = 3.0  # what has not ended by itself so much too late never will


class Board:
    """One board. A method may be called while another one measures: calls to the library take turns.

    halt : set to end the measurement that runs; busy : one runs; opened : the library holds the board
    """

    def __init__(self, lib: Library, prefix: str) -> None:
        self.lib, self.prefix = lib, prefix
        self.halt, self.busy, self.opened = threading.Event(), False, False

    def call(self, name: str, *arguments: Any) -> Any:
        return self.lib.call(self.prefix + name, *arguments)

    def shut_down(self) -> None:
        """Leave the board, if it is open."""
        raise NotImplementedError

    def stop(self) -> dict[str, Any]:
        """End the measurement that runs."""
        self.halt.set()
        return {}

    @contextlib.contextmanager
    def idle(self, measuring: bool = False) -> Iterator[None]:
        """The board is not measuring, and nothing else is done to it meanwhile but reading its meter."""
        with self.lib.turn:
            if self.busy:
                raise CardFault("the board", 0, "is measuring; wait for it, or stop it")
            self.busy = measuring
            self.halt.clear()
            if not measuring:
                yield
                return
        try:
            yield
        finally:
            self.busy = False

    @contextlib.contextmanager
    def started(self, *arguments: int) -> Iterator[None]:
        """A measurement that runs, and is stopped however this ends."""
        self.call("StartMeas", *arguments)
        try:
            yield
        except BaseException:
            with contextlib.suppress(CardFault):
                self.call("StopMeas")
            raise
        self.call("StopMeas")
