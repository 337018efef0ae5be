"""Documents <-> JSON without loss: numpy arrays, numpy scalars, NaN and infinity come back as they were."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_TAG = "__is__"
_ALLOWED = "text, numbers, true, false, None, lists, dictionaries with text keys and numpy arrays of numbers"


def encode(value: Any, name: str) -> Any:
    """Return what strict JSON can hold; `decode` gives the value back (tuples come back as lists).

    `name` says where the value stands, for the TypeError of what cannot be recorded.

    >>> encode({"rate_cps": np.float32(2), "tau_ns": float("nan")}, "doc")["tau_ns"]
    {'__is__': 'float', 'value': 'nan'}
    >>> encode({"lens": object()}, "start")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    TypeError: start['lens'] is object (<object ...>), which cannot be recorded; use text, numbers, ...
    """
    if isinstance(value, np.generic | np.ndarray) and not isinstance(value, str):
        return _encode_array(value, name)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_TAG: "float", "value": repr(float(value))}
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        return [encode(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        items = {str(key): encode(item, f"{name}[{key!r}]") for key, item in value.items()}
        return {_TAG: "dict", "value": items} if _TAG in items else items
    raise _refusal(value, name)


def decode(value: Any) -> Any:
    """Undo `encode`.

    >>> decode(encode([np.arange(3, dtype="u2"), float("inf"), {"__is__": 1}], "doc"))
    [array([0, 1, 2], dtype=uint16), inf, {'__is__': 1}]
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_TAG)
    if kind is None:
        return {key: decode(item) for key, item in value.items()}
    if kind == "float":
        return float(value["value"])
    if kind == "dict":
        return {key: decode(item) for key, item in value["value"].items()}
    data = base64.b64decode(value["base64"])
    array = np.frombuffer(data, dtype=np.dtype(value["dtype"])).reshape(value["shape"]).copy()
    return array if kind == "array" else array[()]


def _encode_array(value: np.generic | np.ndarray, name: str) -> dict[str, Any]:
    dtype = value.dtype
    if dtype.hasobject or dtype.names or dtype.itemsize == 0 or isinstance(value, np.ma.MaskedArray):
        raise _refusal(value, name)
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    data = base64.b64encode(value.tobytes()).decode("ascii")
    return {_TAG: kind, "dtype": dtype.str, "shape": list(value.shape), "base64": data}


def _refusal(value: Any, name: str) -> TypeError:
    text = repr(value)
    text = text if len(text) < 80 else f"{text[:77]}..."
    kind = type(value).__name__
    return TypeError(f"{name} is {kind} ({text}), which cannot be recorded; use {_ALLOWED}")
