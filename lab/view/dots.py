"""The emitters of a lab from their file, opened to be read only: a session may be writing it."""

import math
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.emitters.campaigns import from_text
from lab.emitters.tables import EmitterRecord
from lab.night.html import text
from lab.view.analysed import signs
from lab.view.charts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axis, Chart, axis, frame
from lab.wording import within

PATIENCE_S = 2.0
VERDICTS = {1: ("single", "yes"), 0: ("several", "no")}
MARGIN_UM = 0.5
LEAST_UM = 5.0


class DotsError(RuntimeError):
    """The file of the emitters cannot be read now; the message says why."""


@dataclass(frozen=True)
class Dot:
    """One emitter: its row of the table of emitters, where it was found, what measured it."""

    record: EmitterRecord
    columns: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.columns["id"])

    @property
    def sample(self) -> str:
        return str(self.columns["sample"])

    @property
    def kind(self) -> tuple[str, str]:
        """Class of its sign on a map, and whether it is a single emitter, in a word."""
        return VERDICTS.get(self.columns.get("single"), ("open", "–"))  # type: ignore[arg-type]

    @property
    def runs(self) -> list[tuple[str, str]]:
        """Plan and uid of everything measured of it, oldest first; the images that it was found in come first."""
        found = [("find_emitters", uid) for uid in self.record.found_in]
        return found + [(str(run["kind"]), str(run["uid"])) for run in self.record.runs]

    def told(self, key: str, unit: str = "", scale: float = 1.0) -> str:
        """A value with its error."""
        value = self.columns.get(key)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return "–"
        stem, _, last = key.rpartition("_")
        error = self.columns.get(f"{key}_err", self.columns.get(f"{stem}_err_{last}"))
        known = float(error) if isinstance(error, (int, float)) else math.nan
        if known > 0:
            return signs(within(value * scale, known * scale, unit))
        shown = value * scale
        return f"{shown:,.0f} {unit}".strip() if abs(shown) >= 1000 else f"{shown:.4g} {unit}".strip()

    @property
    def place(self) -> str:
        """Where it is in its sample, with the error of both coordinates."""
        x, y, err = (self.columns.get(key) for key in ("x_um", "y_um", "err_um"))
        if x is None or y is None:
            return "–"
        error = f" ± {err:.3f}" if isinstance(err, float) and math.isfinite(err) else ""
        return f"({x:.3f}, {y:.3f}){error} µm"

    @property
    def survival(self) -> str:
        """How long it lived in the light, or that it still does."""
        lived_s = self.columns.get("survival_s")
        if lived_s is None:
            return "–"
        return f"{lived_s:.3g} s, bleached" if self.columns.get("observed") else f"> {lived_s:.3g} s"


def read_dots(path: Path) -> list[Dot]:
    """All emitters, by sample; none if there is no file. DotsError if it cannot be read."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)) as db:
            db.row_factory = sqlite3.Row
            return records(db)
    except (sqlite3.Error, RuntimeError, ValueError) as why:
        raise DotsError(f"the emitters cannot be read now ({why}); nothing is lost, load the page again") from why


def records(db: sqlite3.Connection) -> list[Dot]:
    found: dict[str, list[str]] = {}
    for row in db.execute("SELECT emitter, uid FROM sightings ORDER BY rowid"):
        found.setdefault(row["emitter"], []).append(row["uid"])
    runs: dict[str, list[dict[str, Any]]] = {}
    for row in db.execute("SELECT * FROM runs ORDER BY time_s"):
        runs.setdefault(row["emitter"], []).append({**dict(row), "facts": from_text(row["facts"])})
    rows = [dict(row) for row in db.execute("SELECT * FROM emitters ORDER BY sample, length(id), id")]
    all_of = [EmitterRecord(row, found.get(row["id"], []), runs.get(row["id"], [])) for row in rows]
    return [Dot(record, record.columns()) for record in all_of]


def names_in(path: Path, uid: str) -> dict[int, str]:
    """Names of the emitters of a search image, by row of its table; none if they cannot be read."""
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)) as db:
            return dict(db.execute("SELECT row, emitter FROM sightings WHERE uid = ?", (uid,)).fetchall())
    except sqlite3.Error:
        return {}


def map_of(dots: Iterable[Dot], sample: str) -> str:
    """The emitters of a sample where they are, as SVG: signs tell single ones from others without colour."""
    placed = [dot for dot in dots if all(math.isfinite(dot.columns.get(key) or math.nan) for key in ("x_um", "y_um"))]
    if not placed:
        return ""
    x, y = square([float(dot.columns["x_um"]) for dot in placed], [float(dot.columns["y_um"]) for dot in placed])
    chart = Chart(f"Emitters of {sample}", "x (µm)", "y (µm)", ())
    signs_ = "".join(sign(dot, x, y) for dot in placed)
    return (
        f'<svg class="chart map" viewBox="0 0 {WIDTH:g} {WIDTH:g}" role="img" '
        f'aria-label="{text(chart.title)}, {len(placed)} of them">{frame(x, y, chart, WIDTH)}{signs_}</svg>'
    )


def square(xs: list[float], ys: list[float]) -> tuple[Axis, Axis]:
    """Two scales with as many µm per mm of paper."""
    half = max(max(xs) - min(xs), max(ys) - min(ys), LEAST_UM) / 2 + MARGIN_UM
    mid_x, mid_y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    foot = WIDTH - BOTTOM
    side = foot - TOP
    x = axis(np.array([mid_x - half, mid_x + half]), LEFT, LEFT + min(side, WIDTH - RIGHT - LEFT), tight=True)
    y = axis(np.array([mid_y - half, mid_y + half]), foot, foot - min(side, WIDTH - RIGHT - LEFT), tight=True)
    return x, y


def sign(dot: Dot, x: Axis, y: Axis) -> str:
    """A disc for a single emitter, a square for several, a ring where it is not known."""
    a, b = float(x(np.array([dot.columns["x_um"]]))[0]), float(y(np.array([dot.columns["y_um"]]))[0])
    kind, word = dot.kind
    title = f"<title>{text(dot.id)}: single {text(word)}</title>"
    shape = (
        f'<rect class="dot {kind}" x="{a - 4.5:.1f}" y="{b - 4.5:.1f}" width="9" height="9">{title}</rect>'
        if kind == "several"
        else f'<circle class="dot {kind}" cx="{a:.1f}" cy="{b:.1f}" r="5">{title}</circle>'
    )
    return f'<a href="/emitters/{text(dot.id)}" aria-label="{text(dot.id)}">{shape}</a>'
