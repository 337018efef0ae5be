"""The run that goes on in a night, as far as its documents tell."""

from dataclasses import dataclass, field
from typing import Any

from lab.night.runs import rates


@dataclass
class Course:
    """How far a run is and how bright; a new one for each run."""

    start: dict[str, Any] = field(default_factory=dict)
    primary: set[str] = field(default_factory=set)
    n_done: int = 0
    rates: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def take(self, name: str, doc: dict[str, Any]):
        """A document of the run behind its start."""
        if name == "descriptor" and doc.get("name") == "primary":
            self.primary.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in self.primary:
            self.n_done += 1
            for route, cps in rates(self.start, doc["data"]).items():
                self.rates.setdefault(route, []).append((doc["time"], cps))

    @property
    def progress(self) -> float | None:
        """0 to 1, lines of the runs before included; None: nobody knows."""
        n_points, n_before = self.start.get("num_points"), self.start.get("first_line", 0)
        return min(1.0, (n_before + self.n_done) / (n_before + n_points)) if n_points else None

    def __str__(self) -> str:
        about = self.start.get("emitter") or self.start.get("sample_name") or ""
        of = f", {self.n_done} of {self.start['num_points']}" if self.start.get("num_points") else ""
        return f"{self.start.get('plan_name', '')} {about}".strip() + of
