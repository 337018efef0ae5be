"""A run put together from its documents, as they were emitted or as storage gives them."""

from typing import Any

import numpy as np

from lab.export.errors import ExportError
from lab.export.stored import PRIMARY, Derived, Filed, Stored, Stream
from lab.export.table import unit_of
from lab.stored import streams
from lab.stored.analyses import analysis_of, belongs_to


def stored(run: Any) -> Stored:
    """A run of the catalog with its newest analysis; an analysis is its own.

    run : anything with `documents()` and `derived()`, such as `db[-1]`

    ExportError if it is none.
    """
    if not (hasattr(run, "documents") and hasattr(run, "derived")):
        raise ExportError(f'{run!r:.60} is no run: give one of the catalog, such as db[-1] or db["9f2c"]')
    found = gathered(run.documents())
    if found.is_analysis:
        return Stored(found.start, found.stop, found.streams, derived_of(found))
    analysis = own_analysis(run, str(found.start.get("plan_name")))
    derived = None if analysis is None else derived_of(gathered(analysis.documents()))
    return Stored(found.start, found.stop, found.streams, derived)


def own_analysis(run: Any, plan: str) -> Any:
    """The newest analysis of a run alone; one of several runs, such as a series, may be newer and is passed over."""
    newest, name = run.derived(), analysis_of(plan)
    if newest is None or newest.start.get("plan_name") == name:
        return newest
    others = run.db(plan_name=name) if hasattr(run, "db") else ()
    own = [one for one in others if belongs_to(one.start, run.start["uid"])]
    return own[-1] if own else None


def derived_of(found: Stored) -> Derived | None:
    """The arrays of a derived run, whose one Event holds them all."""
    stream = found.streams.get(PRIMARY)
    if stream is None:
        return None
    return Derived(found.start, {key: (values[0], unit) for key, (values, unit) in stream.columns.items()})


def gathered(documents: streams.Documents) -> Stored:
    """The documents of one run put together."""
    told = list(documents)
    start, stop = (next((dict(doc) for name, doc in told if name == kind), {}) for kind in ("start", "stop"))
    return Stored(start, stop, {name: columned(one) for name, one in streams.streams_of(told).items()}, None)


def columned(stream: streams.Stream) -> Stream:
    """A stream with a unit for everything in it."""
    times = np.array([stream.time_s[number] for number in sorted(stream.data)])
    columns = {key: (stream.column(key), unit(stream, key)) for key in stream.whole()}
    return Stream(columns, times, {key: Filed(stream, key, unit(stream, key)) for key in stream.places})


def unit(stream: streams.Stream, key: str) -> str:
    return str(stream.keys.get(key, {}).get("units") or unit_of(key))
