"""What the documents of one run hold: numbers of its streams, rows of its files, arrays of an analysis."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.formats.histograms import HistogramRows

Documents = Iterable[tuple[str, dict[str, Any]]]
Arrays = dict[str, tuple[Any, str]]
PRIMARY = "primary"


@dataclass(eq=False)
class Stream:
    """One stream: its data keys; data and time of each Event by number, one that is told again counting once.

    places : data key -> number of the Event -> (resource, row in its file)
    """

    keys: dict[str, Any]
    data: dict[int, dict[str, Any]] = field(default_factory=dict)
    time_s: dict[int, float] = field(default_factory=dict)
    places: dict[str, dict[int, tuple[dict[str, Any], int]]] = field(default_factory=dict)

    def filed(self, key: str) -> list[int]:
        """Numbers of the Events that have a row in a file; of a stream without any Event, of all rows."""
        return sorted(number for number in self.places.get(key, {}) if not self.data or number in self.data)

    def column(self, key: str) -> np.ndarray:
        """The values of all Events, (n_events, ...), of the type they were stored with."""
        return joined([self.data[number][key] for number in sorted(self.data)], self.keys[key])

    def whole(self) -> list[str]:
        """Keys that every Event has in itself, not in a file."""
        return [key for key in self.keys if self.data and all(key in data for data in self.data.values())]

    def rows(self, key: str) -> Iterator[tuple[int, np.ndarray]]:
        """Number of the Event and row of the file, in order; LookupError that names a file that cannot be read."""
        opened: dict[str, HistogramRows] = {}
        try:
            for number in self.filed(key):
                yield number, read_row(opened, *self.places[key][number])
        finally:
            for file in opened.values():
                file.close()


def read_row(opened: dict[str, HistogramRows], resource: dict[str, Any], index: int) -> np.ndarray:
    """A row of a file, which stays open for the next ones."""
    try:
        if resource["uid"] not in opened:
            opened[resource["uid"]] = HistogramRows(resource)
        return opened[resource["uid"]].row(index)
    except (OSError, ValueError, IndexError) as why:
        raise LookupError(
            f"run {resource.get('run_start', '')[:8]}: the raw data of {resource.get('data_key', 'its rows')} "
            f"cannot be read from {resource['uri']} ({why}); put that file back into the data folder"
        ) from why


def streams_of(documents: Documents) -> dict[str, Stream]:
    """The streams of a run by name."""
    streams: dict[str, Stream] = {}
    of_descriptor: dict[str, Stream] = {}
    resources: dict[str, dict[str, Any]] = {}
    for name, doc in documents:
        match name:
            case "descriptor":
                of_descriptor[doc["uid"]] = streams.setdefault(doc.get("name", PRIMARY), Stream(doc["data_keys"]))
            case "stream_resource":
                resources[doc["uid"]] = doc
            case "stream_datum":
                note_rows(of_descriptor[doc["descriptor"]], resources[doc["stream_resource"]], doc)
            case "event" | "event_page":
                stream = of_descriptor[doc["descriptor"]]
                for number, data, time_s in events(name, doc):
                    stream.data[number], stream.time_s[number] = data, time_s
    return streams


def note_rows(stream: Stream, resource: dict[str, Any], datum: dict[str, Any]) -> None:
    """Where the rows of some Events lie."""
    places = stream.places.setdefault(resource["data_key"], {})
    first = datum["seq_nums"]["start"]
    for n, index in enumerate(range(datum["indices"]["start"], datum["indices"]["stop"])):
        places[first + n] = resource, index


def events(name: str, doc: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], float]]:
    """Number, data and time of each Event of a document."""
    if name == "event":
        yield doc["seq_num"], doc["data"], doc["time"]
        return
    for row, number in enumerate(doc["seq_num"]):
        yield number, {key: values[row] for key, values in doc["data"].items()}, doc["time"][row]


def frame(stream: Stream, fields: Iterable[str] | None = None) -> pd.DataFrame:
    """A stream as a table, a row for each Event; what lies in files is left out."""
    numbers = sorted(stream.data)
    wanted = stream.whole() if numbers else list(stream.keys)
    chosen = wanted if fields is None else [key for key in fields if key in wanted]
    table = pd.DataFrame({key: [stream.data[n][key] for n in numbers] for key in chosen})
    times = pd.to_datetime([stream.time_s[n] for n in numbers], unit="s")
    table.insert(0, "time", times)
    return table.set_axis(pd.RangeIndex(1, len(numbers) + 1, name="seq_num"), axis=0)


def arrays_of(documents: Documents) -> Arrays:
    """The arrays and numbers of an analysis, each with its unit: its one Event holds them all."""
    stream = streams_of(documents).get(PRIMARY)
    if stream is None or not stream.data:
        return {}
    data = stream.data[max(stream.data)]
    return {key: (value_of(data[key], stream.keys[key]), stream.keys[key].get("units") or "") for key in data}


def value_of(value: Any, key: dict[str, Any]) -> Any:
    """A number, or an array of the type it was stored with."""
    return typed(np.asarray(value), key) if isinstance(value, (list, np.ndarray)) else value


def typed(values: np.ndarray, key: dict[str, Any]) -> np.ndarray:
    """Numbers in the type that their descriptor tells."""
    told = key.get("dtype_numpy")
    return values.astype(told, copy=False) if isinstance(told, str) and values.dtype.kind in "iufb" else values


def joined(values: list[Any], key: dict[str, Any]) -> np.ndarray:
    """One array of the values of all Events, (n_events, ...); lists of unequal length are padded with NaN."""
    arrays = [np.asarray(value) for value in values]
    if len({array.shape for array in arrays}) < 2:
        return typed(np.stack(arrays), key)
    padded = np.full((len(arrays), max(array.size for array in arrays)), np.nan)
    for row, array in zip(padded, arrays, strict=True):
        row[: array.size] = array.ravel()
    return padded


def stacked(stream: Stream, key: str) -> np.ndarray:
    """All rows of a file, (n_events, ...)."""
    with closing(stream.rows(key)) as rows:  # type: ignore[type-var]
        return np.stack([row for _, row in rows])
