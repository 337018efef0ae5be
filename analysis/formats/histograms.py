"""Histogram files named by stream documents: rows of a growing HDF5 dataset, read while it is being written."""

import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import h5py
import numpy as np


class OpenFile:
    """A growing file as all readers of this process share it, each of its datasets opened once.

    HDF5 lets go of what it knows of a dataset when that is refreshed; a second handle on it would then know it twice,
    and reading fails.
    """

    def __init__(self, path: Path):
        self.path, self.readers, self.turn = path, 0, threading.Lock()
        self.file = h5py.File(path, "r", swmr=True, libver="latest", locking=False)
        self.datasets: dict[str, Any] = {}

    def dataset(self, name: str) -> h5py.Dataset:
        """As it is in the file now; LookupError if there is no dataset of that name."""
        if name not in self.datasets:
            found = self.file.get(name)
            if not isinstance(found, h5py.Dataset):
                raise LookupError(f"{self.path}: {name} is no dataset")
            self.datasets[name] = found
        self.datasets[name].refresh()  # it has grown, or a row was taken again after a pause
        return self.datasets[name]


class OpenFiles:
    """The files that are open in this process, by path."""

    def __init__(self):
        self.by_path: dict[Path, OpenFile] = {}
        self.turn = threading.Lock()

    def open(self, path: Path) -> OpenFile:
        with self.turn:
            shared = self.by_path.get(path) or self.by_path.setdefault(path, OpenFile(path))
            shared.readers += 1
            return shared

    def close(self, shared: OpenFile):
        """One reader less; the last one closes the file."""
        with self.turn:
            shared.readers -= 1
            if not shared.readers:
                del self.by_path[shared.path]
                with shared.turn:
                    shared.datasets.clear()
                    shared.file.close()


FILES = OpenFiles()


class HistogramRows:
    """Rows of the dataset that a StreamResource document points to.

    `resource["uri"]` is a file URI on this machine, `resource["parameters"]["dataset"]` the name in the file. The file
    is opened in SWMR mode: it can be read while it grows, and after its writer died.
    """

    def __init__(self, resource: dict):
        address = urlparse(resource["uri"])
        if address.scheme != "file":
            raise ValueError(f"{resource['uri']}: only file URIs of this machine can be read")
        self.path, self.name = Path(url2pathname(address.path)), resource["parameters"]["dataset"]
        self.shared: OpenFile | None = FILES.open(self.path)
        try:
            with self.shared.turn:
                self.shared.dataset(self.name)
        except LookupError as why:
            self.close()
            raise ValueError(why.args[0]) from why

    @property
    def opened(self) -> OpenFile:
        if self.shared is None:
            raise ValueError(f"{self.path} was closed: open it again")
        return self.shared

    @property
    def dataset(self) -> h5py.Dataset:
        """All rows, as they are in the file now."""
        with self.opened.turn:
            return self.opened.dataset(self.name)

    def row(self, index: int) -> np.ndarray:
        """Row `index` as it is in the file now; IndexError if it is not there (yet)."""
        with self.opened.turn:
            dataset = self.opened.dataset(self.name)
            if not 0 <= index < len(dataset):
                raise IndexError(f"{self.path}: row {index} of {len(dataset)}: the file ends before it")
            return dataset[index]

    def is_written(self, index: int) -> bool:
        """Whether row `index` stands in the file, whole; files that do not say so hold what they hold."""
        with self.opened.turn:
            if "written" not in self.opened.file:
                return 0 <= index < len(self.opened.dataset(self.name))
            written = self.opened.dataset("written")
            return 0 <= index < len(written) and bool(written[index])

    def close(self):
        if self.shared is not None:
            shared, self.shared = self.shared, None
            FILES.close(shared)
