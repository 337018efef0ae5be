"""What a plan, or a whole night, will take, before anything moves: `explain(flim_raster(microscope, sample="A"))`."""

import html
import inspect
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from bluesky.utils import Msg

from lab.explained import as_html, as_text, bytes_told, rows_of
from plans.forecast import Forecast
from plans.item import Item, as_item, looked_at
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
        """One for each item that is expected to be begun; all numbers of the text, with units in their names."""
        return self.review.taken

    def __repr__(self) -> str:
        if self.whole_night:
            told = night_told(self.review)
        else:
            first = self.review.previews[0]
            told = as_text(first.item.title, rows_of(first, self.review))
        wrong = ["  it would be refused:", *(f"    - {problem}" for problem in self.problems)]
        checked = ["  nothing has moved; not looked at:", *(f"    {line}" for line in unchecked(self.review))]
        return "\n".join([*told, *(wrong if self.problems else []), *(checked if len(checked) > 1 else [])])

    def _repr_html_(self) -> str:
        if self.whole_night:
            return f"<pre>{html.escape(repr(self))}</pre>"
        first = self.review.previews[0]
        refused = [("refused", tuple(self.problems))] if self.problems else []
        checked = [("unseen", tuple(unchecked(self.review)))]
        return as_html(first.item.title, [*rows_of(first, self.review), *refused, *checked])


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
    """Options and items of a night, None for the items if it is a single plan; they can still be run."""
    if isinstance(plan, (list, tuple)):
        return {}, plan
    generator = getattr(plan, "_iter", plan)
    if not inspect.isgenerator(generator) or generator.gi_code.co_name != NIGHT:
        return {}, None
    options = dict(inspect.getgeneratorlocals(generator)) if generator.gi_frame is not None else {}
    looked_at(plan)
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
