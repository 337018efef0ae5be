"""Histogram files as streams of documents: the arrays stay in the IOC's HDF5 file, the documents point into it."""

import logging
import uuid
from urllib.parse import quote

from ophyd import EpicsSignalRO
from ophyd import FormattedComponent as FCpt

from devices.signals import CommandError, Instrument, Reading, Setting, put_and_wait

log = logging.getLogger(__name__)

MIMETYPE = "application/x-hdf5"
ARM_TIMEOUT_S = 10.0


class HistogramStream(Instrument):
    """A device whose readings come with one row of a histogram file each.

    The row index of a reading is set by `mark(index)`; a row that is taken again after a pause keeps its index, so
    the documents never count it twice.
    """

    arm = FCpt(Setting, "{self.parent.prefix}timeharp:Arm", kind="omitted", string=True)
    arm_error = FCpt(EpicsSignalRO, "{self.parent.prefix}timeharp:Error", kind="omitted", string=True)
    path = FCpt(Reading, "{self.parent.prefix}timeharp:Path", kind="omitted", string=True)
    n_channels = FCpt(Reading, "{self.parent.prefix}timeharp:NChannels", kind="omitted")

    file_kind = "point"
    streaming = False

    def row_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def chunk_shape(self) -> tuple[int, ...]:
        return self.row_shape()

    @property
    def histogram_key(self) -> str:
        return f"{self.name}_histograms"

    def open_file(self):
        """Have the IOC open a new file; its resource document goes out with the first row."""
        self.put_arm(self.file_kind)
        self.streaming = True
        self._resource_uid, self._announced, self._rows, self._index = str(uuid.uuid4()), False, 0, 0

    def close_file(self):
        self.streaming = False
        self.put_arm("closed")

    def put_arm(self, kind: str):
        put_and_wait(self.arm, kind, ARM_TIMEOUT_S)
        if self.arm.get() != kind:
            raise CommandError(f"{self.name}: no histogram file: {self.arm_error.get()}")

    def unstage(self) -> list[object]:
        """Close the file; an IOC that is gone has closed it already, and the next one starts with a new file."""
        unstaged = super().unstage()
        try:
            self.close_file()
        except CommandError as why:
            log.warning("%s", why)
        return unstaged

    def mark(self, index: int):
        self._index = index

    def describe(self) -> dict:
        return super().describe() | (self.describe_histograms() if self.streaming else {})

    def describe_histograms(self) -> dict:
        entry = {
            "source": f"file:{self.path.pvname}",
            "dtype": "array",
            "shape": list(self.row_shape()),
            "dtype_numpy": "<u2",
            "external": "STREAM:",
            "units": "counts",
            "dims": ["pixel", "route", "channel"][-len(self.row_shape()) :],
        }
        return {self.histogram_key: entry}

    def collect_asset_docs(self, index: int | None = None):
        """One resource for the file, then one datum for each new row; nothing while no file is open."""
        if not self.streaming:
            return
        if not self._announced:
            self._announced = True
            parameters = {
                "dataset": "histograms",
                "chunk_shape": (1, *self.chunk_shape()),
                "swmr": True,
                "locking": False,
            }
            yield (
                "stream_resource",
                {
                    "uid": self._resource_uid,
                    "data_key": self.histogram_key,
                    "mimetype": MIMETYPE,
                    "uri": f"file://localhost{quote(str(self.path.get()))}",
                    "parameters": parameters,
                },
            )
        if self._index >= self._rows:
            indices = {"start": self._rows, "stop": self._index + 1}
            self._rows = self._index + 1
            yield (
                "stream_datum",
                {
                    "uid": f"{self._resource_uid}/{indices['start']}",
                    "stream_resource": self._resource_uid,
                    "descriptor": "",
                    "indices": indices,
                    "seq_nums": {"start": 0, "stop": 0},
                },
            )
