"""Runs on single emitters looked at again without telling anybody."""

from typing import Any

from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.runs import Run


class Quiet(EmitterAnalyses):
    """Analyses of emitters that tell the registry nothing, but take the names it knows."""

    def tell_registry(self, run: Run, found: Any):
        if run.plan_name == "find_emitters":
            run.notes = {"ids": self.names_in(run.start["uid"]), "placing_warnings": ()}

    def names_in(self, uid: str) -> tuple[str, ...]:
        """The names of the emitters in an image; none if the registry never had it."""
        try:
            return tuple(each.id for each in self.registry.in_run(uid))
        except LookupError:
            return ()


def nowhere(*_: Any) -> None:
    """Takes what is not to be kept."""
