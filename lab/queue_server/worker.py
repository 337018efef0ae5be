"""The session as the worker of the queue server: plans as forms, results as text."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bluesky.utils import MsgGenerator, is_plan, plan
from bluesky_queueserver import parameter_annotation_decorator

from plans.annotations import annotation


def forms(plans: Iterable[Callable], devices: Mapping[str, Any], samples: Iterable[str]) -> dict[str, Callable]:
    """The plans by name, with what their arguments may be: the queue server refuses anything else when it is asked for.

    devices : by name, as operators write them
    samples : names of the samples that have a record
    """
    names = sorted(samples)
    return {
        each.__name__: parameter_annotation_decorator(annotation(each, devices, names))(each)
        for each in plans
        if is_plan(each)
    }


def night_of(carry_out: Callable[..., MsgGenerator]) -> Callable[..., MsgGenerator]:
    """The night as an item: its own items are dictionaries, as in a queue file.

    carry_out : `session.night`
    """

    @plan
    def night(
        items: list[dict],
        *,
        name: str | None = None,
        until: str | None = None,
        max_time_s: float | None = None,
        md: dict | None = None,
    ) -> MsgGenerator:
        """Carry out a queue of plans through the night, each with its own policy, conditions and budget."""
        return (yield from carry_out(items, name=name, until=until, max_time_s=max_time_s, md=md))

    return night


def in_words(present: Callable[..., Any]) -> Callable[..., str]:
    """What RE(...) returns, as text: it goes to another process, which knows none of the lab's classes."""

    def told(*outcome: Any) -> str:
        return str(present(*outcome))

    return told
