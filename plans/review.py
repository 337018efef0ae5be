"""A night before its first photon: every item examined in the lab as those before it will leave it, and the whole."""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bluesky.utils import Msg

from plans.forecast import Bench, Forecast
from plans.forecast import forecast as forecast_of
from plans.item import Item
from plans.known_bench import bench_of
from plans.moments import clock_of, span_of
from plans.outlook import Outlook, after, rehearsed
from plans.raster import DISK_RESERVE_BYTES
from plans.stubs import read

Forecaster = Callable[[Bench, str, Mapping[str, Any]], Forecast]


@dataclass(frozen=True)
class Preview:
    """One item as it is expected to go.

    begins_s, ends_s : Unix time; both the same if it is expected to be left out
    left_out : why it is expected to be left out, or ""
    forecast : None if the item is wrong
    """

    index: int
    item: Item
    problems: tuple[str, ...]
    begins_s: float
    ends_s: float
    forecast: Forecast | None = None
    left_out: str = ""

    @property
    def expected_s(self) -> float:
        return math.nan if self.forecast is None else self.forecast.duration_s


@dataclass(frozen=True)
class Review:
    """A whole night as it is expected to go. problems : of the whole; those of the items are in the previews."""

    previews: tuple[Preview, ...]
    now_s: float
    until_s: float | None
    free_bytes: float
    problems: tuple[str, ...] = ()

    @property
    def ends_s(self) -> float:
        return max((preview.ends_s for preview in self.previews), default=self.now_s)

    @property
    def taken(self) -> list[Forecast]:
        """The forecasts of all items that are expected to be begun."""
        return [each.forecast for each in self.previews if each.forecast is not None and not each.left_out]

    @property
    def disk_bytes(self) -> float:
        return sum(each.disk_bytes for each in self.taken)

    @property
    def all_problems(self) -> list[str]:
        """One sentence each, with the item it is about."""
        told = [f"{called(each)}: {problem}" for each in self.previews for problem in each.problems]
        return [*told, *self.problems]


def called(preview: Preview) -> str:
    """An item as people count it: from 1."""
    return f"item {preview.index + 1} ({preview.item.title})"


def reviewed(
    items: Mapping[int, Item] | Sequence[Item],
    devices: Mapping[str, Any],
    *,
    now_s: float,
    until_s: float | None = None,
    max_time_s: float | None = None,
    done: Sequence[Item] = (),
    begun: Sequence[int] = (),
    going_on: bool = False,
    forecast: Forecaster = forecast_of,
) -> Generator[Msg, Any, Review]:
    """Examine all items with messages that change nothing.

    items : those that are left, by their place; done : what this night has finished before, with its calibrations
    begun : places of items that were cut off, they are never left out
    going_on : the night was begun before; its time was judged then
    """
    numbered = dict(items) if isinstance(items, Mapping) else dict(enumerate(items))
    outlook, previews, moment_s = Outlook(devices), [], now_s
    for item in done:
        outlook = yield from after(outlook, item)
    for index, item in numbered.items():
        preview = yield from previewed(outlook, index, item, forecast, now_s=now_s, turn_s=moment_s)
        if index in begun:
            preview = replace(preview, left_out="")
        previews.append(preview)
        moment_s = preview.ends_s
        if not preview.left_out:  # also behind one that is wrong, or every later one would complain of it
            outlook = yield from after(outlook, item)
    free = float((yield from read(devices["microscope"].timeharp.free_bytes)))
    whole = Review(tuple(previews), now_s, until_s, free)
    limits = () if going_on else time_problems(whole, max_time_s)
    found = (*duplicates(numbered), *limits, disk_problem(whole))
    return replace(whole, problems=tuple(problem for problem in found if problem))


def previewed(
    outlook: Outlook, index: int, item: Item, forecast: Forecaster, *, now_s: float, turn_s: float
) -> Generator[Msg, Any, Preview]:
    """One item, in the lab as it will be when its turn comes at `turn_s`."""
    problems = yield from rehearsed(outlook, item)
    begins_s = max(turn_s, item.not_before or turn_s)
    if problems:
        return Preview(index, item, tuple(problems), begins_s, begins_s)
    bench = yield from bench_of(outlook, turn_s)
    try:
        expected = forecast(bench, item.plan, item.arguments)
    except (TypeError, ValueError, LookupError, AttributeError) as why:
        return Preview(index, item, (f"its duration cannot be reckoned: {why}",), begins_s, begins_s)
    found = tuple(budget_problems(item, expected, now_s))
    left_out = late(item.until, begins_s + expected.duration_s, now_s)
    ends_s = begins_s if left_out else begins_s + expected.duration_s
    return Preview(index, item, found, begins_s, ends_s, expected, left_out)


def late(until_s: float | None, ends_s: float, now_s: float) -> str:
    """Why an item is left out, or nothing."""
    if until_s is None or ends_s <= until_s:
        return ""
    return f"it would end at {clock_of(ends_s, now_s)}, after its until of {clock_of(until_s, now_s)}"


def budget_problems(item: Item, expected: Forecast, now_s: float) -> Iterator[str]:
    """What an item needs more of than it may."""
    if item.max_time_s is not None and expected.duration_s > item.max_time_s:
        yield f"it is expected to take {expected.duration_s:.0f} s, max_time_s={item.max_time_s:g}: less, or allow more"
    if item.max_dose_kj_cm2 is not None and expected.dose_kj_cm2 > item.max_dose_kj_cm2:
        yield (
            f"it may give {expected.dose_kj_cm2:.3g} kJ/cm2 to one place, max_dose_kj_cm2={item.max_dose_kj_cm2:g}: "
            f"less light or time, or allow more"
        )
    soonest_s = max(now_s, item.not_before or now_s) + expected.duration_s
    if item.until is not None and item.until <= now_s:
        yield f"its until, {clock_of(item.until, now_s)}, is over: give a later one"
    elif item.until is not None and soonest_s > item.until:
        yield f"even if it came first: {late(item.until, soonest_s, now_s)}"


def duplicates(items: Mapping[int, Item]) -> Iterator[str]:
    """The same work twice is a mistake, unless the items have names."""
    first: dict[str, int] = {}
    for index, item in items.items():
        told = repr((item.plan, sorted(item.arguments.items()), item.name))
        if told in first:
            yield (
                f"item {index + 1} ({item.title}) is the same work as item {first[told] + 1}: leave one out, or give "
                f"it a name of its own, name='...'"
            )
        first.setdefault(told, index)


def time_problems(whole: Review, max_time_s: float | None) -> Iterator[str]:
    """Whether the night is too short."""
    needed_s, now_s = whole.ends_s - whole.now_s, whole.now_s
    if max_time_s is not None and needed_s > max_time_s:
        yield f"the night is expected to take {span_of(needed_s)}, max_time_s={max_time_s:g}: fewer items, or more time"
    if whole.until_s is not None and whole.until_s <= now_s:
        yield f"until={clock_of(whole.until_s, now_s)} is over: give a later one, or a date as well"
    elif whole.until_s is not None and whole.ends_s > whole.until_s:
        yield (
            f"the night is expected to end at {clock_of(whole.ends_s, now_s)}, after {span_of(needed_s)}, but there is "
            f"time until {clock_of(whole.until_s, now_s)}: fewer items, or a later until"
        )


def disk_problem(whole: Review) -> str | None:
    """Whether all items together may outgrow the disk."""
    needed = whole.disk_bytes + DISK_RESERVE_BYTES
    if needed <= whole.free_bytes or not whole.taken:
        return None
    return (
        f"all items may need {needed / 1e9:.1f} GB on the disk, {whole.free_bytes / 1e9:.1f} GB are free: fewer items, "
        f"or make room"
    )
