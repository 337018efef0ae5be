"""A long list of plans, one after the other: which is running, how long the rest will take, which could not be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from bluesky.utils import FailedStatus

from devices.signals import CommandError
from lab.night.html import span
from plans.stubs import MeasurementError, PlanError

REFUSED = (PlanError, MeasurementError, CommandError, FailedStatus)  # FailedStatus: an instrument gave up


class Course:
    """Steps of a known order and length.

    run : runs a plan, returns its result
    seconds : how long each step takes on some computer, by its name, in the order they are made
    tell : is given a line before each step, and what came of it after
    clock : seconds, of any beginning

    Attributes
    ----------
    missing : why a step was not done, by its name
    """

    def __init__(
        self,
        run: Callable[[Any], Any],
        seconds: Mapping[str, float],
        tell: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.run, self.seconds, self.tell, self.clock = run, dict(seconds), tell, clock
        self.began_s = clock()
        self.missing: dict[str, str] = {}

    def step(self, name: str, plan: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a plan of these arguments; None, and a line in `missing`, if it is refused or fails."""
        self.tell(self.line(name))
        try:
            result = self.run(plan(*args, **kwargs))
        except REFUSED as why:
            return self.skip(name, str(why))
        self.tell(f"{result}\n")
        return result

    def skip(self, name: str, why: str) -> None:
        """Note that a step is not done."""
        self.missing[name] = why
        self.tell(f"{name}: not measured: {why}\n")

    def line(self, name: str) -> str:
        """Where the course stands.

        >>> course = Course(None, {"blank": 10.0, "film A": 30.0}, print, clock=iter([0.0, 20.0]).__next__)
        >>> course.line("film A")
        '[2 of 2] film A, about 1 min left'
        """
        names = list(self.seconds)
        if name not in self.seconds:
            return f"[-] {name}"
        k = names.index(name)
        return f"[{k + 1} of {len(names)}] {name}, about {span(self.left_s(k))} left"

    def left_s(self, k: int) -> float:
        """Seconds from the k-th step to the end, at the pace so far."""
        expected = list(self.seconds.values())
        before, after = sum(expected[:k]), sum(expected[k:])
        return after * (self.clock() - self.began_s) / before if before else after
