"""A scan that was measured elsewhere, as a flyer: it lands at once, with all its points."""

import time
from collections.abc import Iterator, Sequence

from ophyd.status import Status

WHOLE = ("region", "repeat", "point")


class RecordedScan:
    """Rows of a scan, handed over like those of the spectrofluorometer.

    Parameters
    ----------
    rows : one a point, with the keys of the documents
    source : where they come from
    """

    parent = None

    def __init__(self, rows: Sequence[dict[str, float]], *, source: str, name: str = "fs5"):
        self.rows, self.source, self.name = rows, source, name

    def kickoff(self) -> Status:
        return landed(self)

    def complete(self) -> Status:
        return landed(self)

    def describe_collect(self) -> dict[str, dict]:
        """One number each per point."""
        whole = [f"{self.name}_{key}" for key in WHOLE]
        described = {}
        for key in self.rows[0]:
            kind = (
                {"dtype": "integer", "dtype_numpy": "<i8"}
                if key in whole
                else {"dtype": "number", "dtype_numpy": "<f8"}
            )
            described[key] = {"source": self.source, "shape": [], **kind}
        return described

    def collect(self) -> Iterator[dict]:
        now_s = time.time()
        for row in self.rows:
            yield {"data": dict(row), "timestamps": dict.fromkeys(row, now_s), "time": now_s}


def landed(scan: RecordedScan) -> Status:
    status = Status(scan)
    status.set_finished()
    return status
