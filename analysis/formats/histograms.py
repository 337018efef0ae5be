"""Histogram files named by stream documents: rows of a growing HDF5 dataset, read while it is being written."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import numpy as np


class HistogramRows:
    """Rows of the dataset that a StreamResource document points to.

    `resource["uri"]` is a file URI on this machine, `resource["parameters"]["dataset"]` the name in the file. The file
    is opened in SWMR mode: it can be read while it grows, and after its writer died.
    """

    def __init__(self, resource: dict):
        address = urlparse(resource["uri"])
        if address.scheme != "file":
            raise ValueError(f"{resource['uri']}: only file URIs of this machine can be read")
        self.path = Path(unquote(address.path))
        self.file = h5py.File(self.path, "r", swmr=True, libver="latest", locking=False)
        name = resource["parameters"]["dataset"]
        dataset = self.file[name]
        if not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"{self.path}: {name} is no dataset")
        self.dataset = dataset

    def row(self, index: int) -> np.ndarray:
        """Row `index` as it is in the file now; IndexError if it is not there (yet)."""
        self.dataset.refresh()  # it has grown, or the row was taken again after a pause
        if not 0 <= index < len(self.dataset):
            raise IndexError(f"{self.path}: row {index} of {len(self.dataset)}")
        return self.dataset[index]

    def is_written(self, index: int) -> bool:
        """Whether row `index` stands in the file, whole; files that do not say so hold what they hold."""
        if "written" not in self.file:
            return 0 <= index < len(self.dataset)
        written: Any = self.file["written"]
        written.refresh()
        return 0 <= index < len(written) and bool(written[index])

    def close(self):
        self.file.close()
