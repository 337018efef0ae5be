"""Figures of the explanations, drawn from photons that are simulated here and analysed by the analysis."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lab.handbook.figures import dead_time, drift, lifetimes, medium, pile_up, start_stop

FIGURES: dict[str, Any] = {
    "dead-time": dead_time,
    "drift": drift,
    "effective-medium": medium,
    "dim-decays": lifetimes,
    "pile-up": pile_up,
    "start-stop": start_stop,
}
NUMBERS, DPI, MOST = "figures.json", 200, 60


def draw_all(folder: Path) -> None:
    """Measure and draw every figure into `folder`, and write the numbers they show beside them."""
    told = {}
    for name, module in FIGURES.items():
        found = module.measure()
        about = {"Software": "luminescope", "Source": f"simulated: {module.__name__}.measure()"}
        module.draw(found).savefig(folder / f"{name}.png", dpi=DPI, metadata=about)
        told[name] = numbers(found)
    (folder / NUMBERS).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8", newline="\n")


def numbers(found: Any) -> dict[str, Any]:
    """The short arrays of a measurement, to six digits, and what its properties make of them."""
    names = [*vars(found), *(name for name, each in vars(type(found)).items() if isinstance(each, property))]
    arrays = {name: np.asarray(getattr(found, name), float) for name in names}
    short = {name: array for name, array in arrays.items() if array.size <= MOST}
    return {name: np.vectorize(lambda x: float(f"{x:.6g}"))(array).tolist() for name, array in short.items()}
