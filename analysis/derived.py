"""Results as runs: what was computed from which runs, with which parameters and code, in Bluesky documents."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from event_model import compose_run


def derived_run(
    name: str,
    analysis_of: list[str],
    arrays: Mapping[str, tuple[np.ndarray, str]],
    *,
    parameters: dict[str, Any],
    code_version: str,
    metadata: dict[str, Any] | None = None,
) -> Iterator[tuple[str, Any]]:
    """Yield the documents of one derived run: a start, one Event holding every array, a stop.

    Parameters
    ----------
    name : plan_name of the derived run, e.g. "flim_analysis"
    analysis_of : uids of the runs it was computed from
    arrays : key -> (array or number, unit)
    """
    about = {"purpose": "analysis", "plan_name": name, "analysis_of": list(analysis_of)}
    run = compose_run(
        metadata={**(metadata or {}), **about, "parameters": parameters, "code_version": code_version},
        validate=False,
    )
    yield "start", run.start_doc
    values = {key: np.asarray(value) for key, (value, _) in arrays.items()}
    descriptor = run.compose_descriptor(
        name="primary",
        data_keys={key: data_key(values[key], unit, name) for key, (_, unit) in arrays.items()},
        validate=False,
    )
    yield "descriptor", descriptor.descriptor_doc
    now = time.time()
    data = {key: value if value.ndim else value.item() for key, value in values.items()}
    yield (
        "event",
        descriptor.compose_event(data=data, timestamps=dict.fromkeys(data, now), time=now, validate=False),
    )
    yield "stop", run.compose_stop(exit_status="success", validate=False)


def data_key(value: np.ndarray, unit: str, source: str) -> dict[str, Any]:
    """Describe one array or number."""
    key: dict[str, Any] = {"source": source, "shape": list(value.shape), "units": unit}
    if value.ndim == 0:
        kind = "boolean" if value.dtype == bool else "integer" if value.dtype.kind in "iu" else "number"
        return key | {"dtype": kind}
    return key | {"dtype": "array", "dtype_numpy": value.dtype.str}
