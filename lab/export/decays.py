"""Tables from what the instruments wrote: decays summed over a run, and binned counts."""

from collections.abc import Callable

import numpy as np

from lab.export.stored import Filed, Stored, Stream
from lab.export.table import Columns, Table, table

RASTERS = ("flim_raster", "irf", "lifetime_at")
BINS = "counters_bins"


def decay_tables(run: Stored) -> dict[str, Callable[[], Table]]:
    """Decay of all histograms of a run added, and the bins of a trace, where there are any."""
    found: dict[str, Callable[[], Table]] = {}
    for stream in run.streams.values():
        for key, filed in stream.filed.items():
            if key.endswith("histograms") and run.plan in RASTERS and len(filed):
                found["decay"] = lambda filed=filed: decay(run, filed)
            elif key == BINS and len(filed):
                found["bins"] = lambda stream=stream, filed=filed: bins(run, stream, filed)
    return found


def decay(run: Stored, filed: Filed) -> Table:
    """All histograms of a run added, a column for each route."""
    counts = histogram(filed)
    tcspc, routes = run.start["tcspc"], routes_of(run, len(counts))
    time_ns = np.arange(counts.shape[1]) * float(tcspc["bin_width_ns"])
    columns: Columns = {"time_ns": (time_ns, "ns")}
    columns |= {f"{route}_counts": (row, "counts") for route, row in zip(routes, counts, strict=True)}
    period = {"pulse_period_ns": f"{tcspc['period_ns']:.6g}"} if "period_ns" in tcspc else {}
    return table("decay", columns, summed_over="all histograms of the run", **period)


def histogram(filed: Filed) -> np.ndarray:
    """(n_routes, n_channels) int64 sum of all rows, whatever pixels they have."""
    total: np.ndarray | None = None
    for row in filed.rows():
        added = row.reshape(-1, *row.shape[-2:]).sum(axis=0, dtype=np.int64)
        total = added if total is None else total + added
    assert total is not None
    return total


def routes_of(run: Stored, n: int) -> list[str]:
    """Names of the routes, fit for columns."""
    told = [str(route).replace(" ", "_") for route in run.start.get("routes", ())]
    return told if len(told) == n else [f"route_{index}" for index in range(n)]


def bins(run: Stored, stream: Stream, filed: Filed) -> Table:
    """Counts of each route in all bins of all segments, at their times since the first."""
    bin_s = float(run.start["record"]["bin_s"])
    started_s, elapsed_s = (stream.column(f"counters_{name}") for name in ("started", "elapsed"))
    times, counts = [], []
    for begun_s, took_s, row in zip(started_s - started_s[0], elapsed_s, filed.rows(), strict=False):
        n = min(len(row), int(took_s / bin_s + 1e-6))
        times.append(begun_s + bin_s * np.arange(n))
        counts.append(row[:n].astype(np.int64))
    columns: Columns = {"time_s": (np.concatenate(times), "s")}
    routes = routes_of(run, counts[0].shape[1])
    both = np.concatenate(counts)
    columns |= {f"{route}_counts": (both[:, index], "counts") for index, route in enumerate(routes)}
    return table("bins", columns, bin_s=f"{bin_s:g}")
