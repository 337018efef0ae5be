"""A progress bar for runs that say how much there will be: lines, points, or seconds of light."""

import math
from typing import Any

from event_model import DocumentRouter
from tqdm import tqdm

STREAMS = ("primary", "lamp", "scatter")  # those that hold the points a run counts
SECONDS = ("counters_elapsed", "timeharp_elapsed")


class ProgressBar(DocumentRouter):
    """One line at the terminal: what is done, what is left, the time it will take, and the number that matters."""

    bar: tqdm | None = None

    def start(self, doc):
        self.names: dict[str, str] = {}
        self.stop_rule: dict[str, Any] = doc.get("stop_rule", {})
        self.in_seconds = False
        name = f"{doc.get('plan_name', 'run')} {doc.get('emitter') or doc.get('sample_name', '')}".strip()
        if total := doc.get("num_points"):
            self.begin(total, name, "line" if "raster" in doc else "point")
        elif seconds := self.stop_rule.get("max_time_s") or doc.get("duration_s"):
            self.in_seconds = True
            self.begin(seconds, name, "s")

    def begin(self, total: float, name: str, unit: str):
        self.bar = tqdm(
            total=total, desc=name, unit=unit, dynamic_ncols=True, mininterval=0.2, bar_format=FORMATS[unit]
        )

    def descriptor(self, doc):
        self.names[doc["uid"]] = doc.get("name", "primary")

    def event(self, doc):
        if self.bar is None:
            return
        stream, data = self.names.get(doc["descriptor"], ""), doc["data"]
        if stream in STREAMS:
            self.bar.update(seconds_in(data) if self.in_seconds else 1)
        elif stream == "estimate":
            self.bar.set_postfix_str(told(data, self.stop_rule))

    def stop(self, doc):
        if self.bar is not None:
            self.bar.close()
            self.bar = None


SECONDS_DONE = "{l_bar}{bar}| {n:.0f}/{total:.0f} s [{elapsed}{postfix}]"
FORMATS = {"s": SECONDS_DONE, "line": None, "point": None}


def seconds_in(data: dict[str, Any]) -> float:
    """How long one integration took."""
    return next((float(data[key]) for key in SECONDS if key in data), 0.0)


def told(data: dict[str, Any], stop_rule: dict[str, Any]) -> str:
    """The number that a run is measured for, with the error that ends it.

    >>> told({"g2_tau_ns": 12.34, "g2_tau_err_ns": 1.2, "g2_single": 1}, {"target_err_ns": 1.0})
    'tau 12.3 +- 1.20 ns (1 asked), single'
    """
    if "blinking_on_fraction" in data:
        on_fraction = data["blinking_on_fraction"]
        known = f"ON {100 * on_fraction:.1f} %, " if math.isfinite(on_fraction) else ""
        return f"{known}{data['blinking_n_photons']:,} photons"
    single = {1: ", single", 0: ", not single"}.get(data.get("g2_single", -1), "")
    tau_ns, err_ns = data.get("g2_tau_ns", math.nan), data.get("g2_tau_err_ns", math.nan)
    if not math.isfinite(err_ns):
        return f"no dip yet{single}"
    goal = stop_rule.get("target_err_ns")
    return f"tau {tau_ns:.1f} +- {err_ns:.2f} ns" + (f" ({goal:g} asked)" if goal else "") + single
