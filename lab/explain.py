"""What a plan, or a whole night, will take, before anything moves: `explain(flim_raster(microscope, sample="A"))`."""

import inspect
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from bluesky.utils import Msg

from plans.forecast import Forecast
from plans.item import Item, as_item
from plans.known import device_of
from plans.moments import clock_of, moment_of, span_of
from plans.night import as_queue
from plans.outlook import LOOKS
from plans.review import Preview, Review, reviewed
from plans.stubs import require

NIGHT = "night"
UNCHECKED = {
    "microscope": "the sync of the pulsed laser, which is measured when the plan begins",
    "fs5": "the scan as the spectrofluorometer itself judges it, when the plan begins",
}


@dataclass(frozen=True, repr=False)
class Explanation:
    """What a plan will take; shown as text. problems : what it would refuse to start for, in its own words."""

    review: Review
    whole_night: bool

    @property
    def problems(self) -> list[str]:
        if self.whole_night:
            return self.review.all_problems
        return [problem for preview in self.review.previews for problem in preview.problems] + [*self.review.problems]

    @property
    def forecasts(self) -> list[Forecast]:
        return self.review.taken

    def __repr__(self) -> str:
        told = night_told(self.review) if self.whole_night else plan_told(self.review.previews[0], self.review)
        wrong = ["  it would be refused:", *(f"    - {problem}" for problem in self.problems)]
        checked = ["  nothing has moved; not looked at:", *(f"    {line}" for line in unchecked(self.review))]
        return "\n".join([*told, *(wrong if self.problems else []), *(checked if len(checked) > 1 else [])])


def explain(plan: Any, *, devices: Mapping[str, Any], now_s: float | None = None) -> Explanation:
    """What a called plan, an item, a list of them or a `night([...])` will take. Nothing moves; plans are not run."""
    moment_s = time.time() if now_s is None else now_s
    options, items = asked(plan)
    if items is None:
        review = answered(reviewed([as_item(plan, moment_s)], devices, now_s=moment_s))
        return Explanation(review, whole_night=False)
    queue, problems = as_queue(items, moment_s)
    until_s, wrong = moment_of("until", options.get("until"), moment_s)
    require([*problems, wrong])
    limits = {"until_s": until_s, "max_time_s": options.get("max_time_s")}
    return Explanation(answered(reviewed(queue, devices, now_s=moment_s, **limits)), whole_night=True)


def asked(plan: Any) -> tuple[dict[str, Any], Any]:
    """Options and items of a night, None for the items if it is a single plan. A night is closed, as it is not run."""
    if isinstance(plan, (list, tuple)):
        return {}, plan
    generator = getattr(plan, "_iter", plan)
    if not inspect.isgenerator(generator) or generator.gi_code.co_name != NIGHT:
        return {}, None
    options = dict(inspect.getgeneratorlocals(generator)) if generator.gi_frame is not None else {}
    plan.close()
    return options, options.pop("items", [])


def answered(plan: Generator[Msg, Any, Any]) -> Any:
    """What a plan of looks returns, without a RunEngine; RuntimeError before it would change anything."""
    answer = None
    while True:
        try:
            message = plan.send(answer)
        except StopIteration as end:
            return end.value
        if message.command not in LOOKS:
            plan.close()
            raise RuntimeError(f"{message.command} is not among the messages that change nothing")
        answer = None if message.command == "null" else getattr(message.obj, message.command)()


def plan_told(preview: Preview, review: Review) -> list[str]:
    """A single plan, one fact in a line."""
    head, forecast = preview.item.title, preview.forecast
    if forecast is None:
        return [head]
    facts = {"time": time_told(preview, review), "light": light_told(forecast)}
    facts["disk"] = f"up to {bytes_told(forecast.disk_bytes)} of {bytes_told(review.free_bytes)} that are free"
    lines = [f"  {key:8}{value}" for key, value in facts.items() if value]
    for key, values in {"expects": forecast.expects, "limits": forecast.limits}.items():
        lines += [f"  {key if not row else '':8}{value}" for row, value in enumerate(values)]
    calibrations = [*forecast.needs, *(f"{each} (better with it)" for each in forecast.prefers)]
    return [head, *lines, *([f"  {'needs':8}{', '.join(calibrations)}"] if calibrations else [])]


def time_told(preview: Preview, review: Review) -> str:
    """Duration, longest duration, and the end."""
    forecast = preview.forecast
    assert forecast is not None
    longest = forecast.longest_s > 1.05 * forecast.duration_s
    most = f", at most {span_of(forecast.longest_s)}" if longest and forecast.longest_s < float("inf") else ""
    begins = "" if preview.begins_s <= review.now_s else f" from {clock_of(preview.begins_s, review.now_s)}"
    end_s = preview.begins_s + forecast.duration_s
    return f"about {span_of(forecast.duration_s)}{begins}, until {clock_of(end_s, review.now_s)}{most}"


def light_told(forecast: Forecast) -> str:
    """Light at the place that gets most."""
    if not forecast.light_s:
        return ""
    dose = f", {forecast.dose_kj_cm2:.3g} kJ/cm2" if forecast.dose_kj_cm2 else ""
    return f"up to {forecast.light_s:.3g} s at one place{dose}"


def bytes_told(n_bytes: float) -> str:
    """A size for people.

    >>> bytes_told(3.28e9), bytes_told(2_000)
    ('3.28 GB', '0.002 MB')
    """
    return f"{n_bytes / 1e9:.3g} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.3g} MB"


def night_told(review: Review) -> list[str]:
    """A night: one line for each item, then the whole."""
    needed_s = review.ends_s - review.now_s
    until = "" if review.until_s is None else f" of {span_of(review.until_s - review.now_s)} that are left"
    head = f"night of {len(review.previews)} items: about {span_of(needed_s)}{until}, "
    head += f"until {clock_of(review.ends_s, review.now_s)}; up to {bytes_told(review.disk_bytes)} of "
    return [
        f"{head}{bytes_told(review.free_bytes)} that are free",
        *(item_told(each, review) for each in review.previews),
    ]


def item_told(preview: Preview, review: Review) -> str:
    """One line of a night."""
    forecast, item = preview.forecast, preview.item
    head = f"  {preview.index + 1:3} {clock_of(preview.begins_s, review.now_s)}  {item.title:28}"
    if preview.left_out:
        return f"{head} left out: {preview.left_out}"
    if forecast is None:
        return f"{head} refused"
    dose = f"  {forecast.dose_kj_cm2:.2g} kJ/cm2" if forecast.dose_kj_cm2 else ""
    return f"{head} {span_of(forecast.duration_s):>11}{dose}  {bytes_told(forecast.disk_bytes)}{policy_told(item)}"


def policy_told(item: Item) -> str:
    """What becomes of the night if the item fails."""
    retries = f", {item.retries} more tries" if item.retries else ""
    return f"  ({item.on_failure} if it fails{retries})" if item.retries or item.on_failure != "skip" else ""


def unchecked(review: Review) -> list[str]:
    """What only a plan that has begun finds out."""
    return [UNCHECKED[name] for name in dict.fromkeys(device_of(each.item.plan) for each in review.previews)]
