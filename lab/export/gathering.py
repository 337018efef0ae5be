"""A run put together from its documents, as they were emitted or as storage gives them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lab.export.stored import PRIMARY, Derived, Filed, Stored, Stream
from lab.export.table import unit_of

Documents = Iterable[tuple[str, dict[str, Any]]]


def stored(run: Any) -> Stored:
    """A run of the catalog with its newest analysis; an analysis is its own.

    run : anything with `documents()` and `derived()`, such as `db[-1]`
    """
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
    own = [
        one for one in others if run.start["uid"] in (*one.start["analysis_of"][:1], *one.start.get("earlier_runs", ()))
    ]
    return own[-1] if own else None


def analysis_of(plan: str) -> str:
    """The plan_name of the analysis that belongs to a plan.

    >>> analysis_of("flim_raster"), analysis_of("hbt")
    ('flim_analysis', 'hbt_analysis')
    """
    return {"flim_raster": "flim_analysis", "find_emitters": "emitters_analysis"}.get(plan, f"{plan}_analysis")


def derived_of(found: Stored) -> Derived | None:
    """The arrays of a derived run, whose one Event holds them all."""
    stream = found.streams.get(PRIMARY)
    if stream is None:
        return None
    return Derived(found.start, {key: (values[0], unit) for key, (values, unit) in stream.columns.items()})


@dataclass
class _Gathering:
    """Documents of one stream as they come; an Event that is told again replaces the first."""

    keys: dict[str, Any]
    data: dict[int, dict[str, Any]] = field(default_factory=dict)
    time_s: dict[int, float] = field(default_factory=dict)
    places: dict[str, dict[int, tuple[dict[str, Any], int]]] = field(default_factory=dict)

    def event(self, number: int, data: Mapping[str, Any], time_s: float) -> None:
        self.data[number], self.time_s[number] = dict(data), time_s

    def datum(self, resource: dict[str, Any], doc: Mapping[str, Any]) -> None:
        places = self.places.setdefault(resource["data_key"], {})
        first = doc["seq_nums"]["start"]
        for n, index in enumerate(range(doc["indices"]["start"], doc["indices"]["stop"])):
            places[first + n] = (resource, index)

    def stream(self) -> Stream:
        numbers = sorted(self.data)
        keys = [key for key in self.keys if numbers and all(key in self.data[n] for n in numbers)]
        columns = {key: (stacked([self.data[n][key] for n in numbers], self.keys[key]), self.unit(key)) for key in keys}
        filed = {}
        for key, places in self.places.items():
            told = [n for n in sorted(places) if not numbers or n in self.data]
            filed[key] = Filed(tuple(places[n] for n in told), self.unit(key))
        return Stream(columns, np.array([self.time_s[n] for n in numbers]), filed)

    def unit(self, key: str) -> str:
        return str(self.keys.get(key, {}).get("units") or unit_of(key))


def gathered(documents: Documents) -> Stored:
    """The documents of one run put together."""
    start: dict[str, Any] = {}
    stop: dict[str, Any] = {}
    streams: dict[str, _Gathering] = {}
    of_descriptor: dict[str, _Gathering] = {}
    resources: dict[str, dict[str, Any]] = {}
    for name, doc in documents:
        match name:
            case "start":
                start = dict(doc)
            case "stop":
                stop = dict(doc)
            case "descriptor":
                known = streams.setdefault(doc.get("name", PRIMARY), _Gathering(doc["data_keys"]))
                of_descriptor[doc["uid"]] = known
            case "stream_resource":
                resources[doc["uid"]] = dict(doc)
            case "stream_datum":
                of_descriptor[doc["descriptor"]].datum(resources[doc["stream_resource"]], doc)
            case "event" | "event_page":
                for number, data, time_s in events(name, doc):
                    of_descriptor[doc["descriptor"]].event(number, data, time_s)
    return Stored(start, stop, {name: one.stream() for name, one in streams.items()}, None)


def events(name: str, doc: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any], float]]:
    """Number, data and time of each Event of a document."""
    if name == "event":
        yield doc["seq_num"], doc["data"], doc["time"]
        return
    for row, number in enumerate(doc["seq_num"]):
        yield number, {key: values[row] for key, values in doc["data"].items()}, doc["time"][row]


def stacked(values: list[Any], key: Mapping[str, Any]) -> np.ndarray:
    """One array of the values of all Events, (n_events, ...); lists of unequal length are padded with NaN."""
    arrays = [np.asarray(value) for value in values]
    if len({array.shape for array in arrays}) > 1:
        longest = max(array.size for array in arrays)
        padded = np.full((len(arrays), longest), np.nan)
        for row, array in zip(padded, arrays, strict=True):
            row[: array.size] = array.ravel()
        return padded
    told = key.get("dtype_numpy")
    found = np.stack(arrays)
    is_number = isinstance(told, str) and found.dtype.kind in "iufb"
    return found.astype(np.dtype(told), copy=False) if is_number else found
