"""Files of rows as streams of documents: the arrays stay in the IOC's HDF5 file, the documents point into it."""

import logging
import uuid
from dataclasses import dataclass
from typing import Any

from ophyd import Component as Cpt
from ophyd import EpicsSignal
from ophyd import FormattedComponent as FCpt
from ophyd.status import Status

from devices.portable import file_uri
from devices.signals import CommandError, Fact, Instrument, Reading, Setting, Stoppable, in_background, put_and_wait

log = logging.getLogger(__name__)

MIMETYPE = "application/x-hdf5"
ARM_TIMEOUT_S = 30.0  # a card that was re-cabled is calibrated first


@dataclass(frozen=True)
class Layout:
    """What a row of the file is: its data key (behind the device's name), dataset, type, shape, chunk, axes."""

    key: str
    dataset: str
    dtype: str
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dims: tuple[str, ...]
    units: str = "counts"


class RowStream(Stoppable, Instrument):
    """A device whose readings come with one row of a file each.

    The row index of a reading is set by `mark(index)`; a row that is taken again after a pause keeps its index, so
    the documents never count it twice.
    """

    arm = FCpt(Setting, "{self.parent.prefix}{self.file_group}Arm", kind="omitted", string=True)
    arm_error = FCpt(Fact, "{self.parent.prefix}{self.file_group}Error", kind="omitted", string=True)
    path = FCpt(Reading, "{self.parent.prefix}{self.file_group}Path", kind="omitted", string=True)
    acquire = Cpt(Setting, "Acquire", kind="omitted")
    halt = Cpt(EpicsSignal, "Stop", kind="omitted")

    file_group = "timeharp:"
    file_kind = "closed"
    streaming = False

    def layout(self) -> Layout:
        """Of the rows that the next file will hold."""
        raise NotImplementedError

    @property
    def row_key(self) -> str:
        return f"{self.name}_{self.rows.key}"

    def stage(self) -> list[object]:
        self.open_file()
        return super().stage()

    def open_file(self):
        """Have the IOC open a new file; its resource document goes out with the first row."""
        self.rows = self.layout()
        self.put_arm(self.file_kind)
        self.streaming = True
        self._resource_uid, self._n_rows, self._index = str(uuid.uuid4()), 0, 0
        self._resource: dict[str, Any] = {}
        self._datum: dict[str, Any] = {}

    def close_file(self):
        self.streaming = False
        self.put_arm("closed")

    def put_arm(self, kind: str):
        put_and_wait(self.arm, kind, ARM_TIMEOUT_S)
        if self.arm.get() != kind:
            raise CommandError(f"{self.name}: no file: {self.arm_error.get()}")

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

    def begin_row(self, index: int, timeout_s: float) -> Status:
        """Measure; the Status finishes with the row."""
        return in_background(self, lambda: self.unless_paused(lambda: self.acquire.prove(index, timeout_s)))

    def stop(self, *, success: bool = False):
        self.stop_by(self.halt, success=success)

    def describe(self) -> dict:
        return super().describe() | (self.describe_rows() if self.streaming else {})

    def describe_rows(self) -> dict:
        entry = {
            "source": f"file:{self.path.pvname}",
            "dtype": "array",
            "shape": list(self.rows.shape),
            "dtype_numpy": self.rows.dtype,
            "external": "STREAM:",
            "units": self.rows.units,
            "dims": list(self.rows.dims),
        }
        return {self.row_key: entry}

    def collect_asset_docs(self, index: int | None = None):
        """One resource for the file, then one datum for each new row; nothing while no file is open.

        What was handed out but never emitted, because a pause came between, is handed out again: the RunEngine writes
        the run and the descriptor into the documents it emits.
        """
        if not self.streaming:
            return
        if not self._resource.get("run_start"):
            self._resource = self.resource_document()
            yield "stream_resource", self._resource
        if self._datum.get("descriptor"):
            self._n_rows, self._datum = self._datum["indices"]["stop"], {}
        if self._index >= self._n_rows:
            self._datum = self.datum_document(self._n_rows, self._index + 1)
            yield "stream_datum", self._datum

    def resource_document(self) -> dict[str, Any]:
        parameters = {
            "dataset": self.rows.dataset,
            "chunk_shape": (1, *self.rows.chunk),
            "swmr": True,
            "locking": False,
        }
        return {
            "uid": self._resource_uid,
            "data_key": self.row_key,
            "mimetype": MIMETYPE,
            "uri": file_uri(str(self.path.get())),
            "parameters": parameters,
        }

    def datum_document(self, start: int, stop: int) -> dict[str, Any]:
        return {
            "uid": f"{self._resource_uid}/{start}",
            "stream_resource": self._resource_uid,
            "descriptor": "",
            "indices": {"start": start, "stop": stop},
            "seq_nums": {"start": 0, "stop": 0},
        }
