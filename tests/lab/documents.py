"""Documents of a run as the RunEngine would emit them, without a RunEngine."""

import math

import event_model
import numpy as np


def documents(n_events, **metadata):
    """Yield the documents of one run with an array and a NaN in every event."""
    run = event_model.compose_run(metadata=metadata)
    keys = {"x_um": {"source": "x", "dtype": "number", "shape": []}}
    keys["decay"] = {"source": "x", "dtype": "array", "shape": [64]}
    stream = run.compose_descriptor(name="primary", data_keys=keys)
    yield "start", run.start_doc
    yield "descriptor", stream.descriptor_doc
    for i in range(n_events):
        data = {"x_um": math.nan, "decay": np.arange(64, dtype="u2") + i}
        yield "event", stream.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0))
    yield "stop", run.compose_stop()
