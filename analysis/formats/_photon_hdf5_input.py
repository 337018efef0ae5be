"""Numbers of an HDF5 file that nobody vouches for."""

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

BROKEN = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError)
MOST_INFLATED = 1100  # deflate packs no better than 1032 to 1


class Fields(NamedTuple):
    """The datasets of a file, distrusted: every error is a ValueError that names file and field."""

    path: Path
    file: h5py.File

    def error(self, name: str, message: str) -> ValueError:
        return ValueError(f"{self.path}: /{name}: {message}")

    def find(self, name: str) -> h5py.Dataset | None:
        """A dataset stored in this very file, None if there is none."""
        try:
            node = self.file.get(name)
            if node is None or isinstance(node, h5py.Group):
                return None
            if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
                raise self.error(name, "expected data stored in this file, found a link to other files")
            stored = min(node.id.get_storage_size(), self.path.stat().st_size) * (MOST_INFLATED if node.chunks else 1)
            if (node.size or 0) > 0 and node.nbytes > stored + 4096:
                raise self.error(name, f"expected {node.nbytes} bytes, the file stores {stored} at most")
        except BROKEN as error:
            raise self.damaged(name, error) from error
        return node

    def damaged(self, name: str, error: Exception) -> ValueError:
        """`error` if it tells where it happened, else one that does."""
        if isinstance(error, ValueError) and str(error).startswith(f"{self.path}: /"):
            return error
        return self.error(name, f"cannot be read: {error}")

    def numbers(self, name: str, low: float, high: float, length: int | None = None) -> np.ndarray | None:
        """(n,) integers from `low` to `high`, None if there is no such dataset."""
        node = self.find(name)
        if node is None:
            return None
        try:
            if node.dtype.kind not in "iu" or node.ndim != 1 or (length is not None and node.size != length):
                wanted = "integers in a row" if length is None else f"{length} integers in a row"
                raise self.error(name, f"expected {wanted}, found {node.dtype} {node.shape}")
            values = node[:]
        except BROKEN as error:
            raise self.damaged(name, error) from error
        if values.size and not (low <= int(values.min()) and int(values.max()) <= high):
            raise self.error(name, f"expected {low:.0f} to {high:.0f}, found {values.min()} to {values.max()}")
        return values

    def number(self, name: str, low: float, high: float) -> float | None:
        """One number from `low` to `high` (also where all of several are equal), None if there is no such dataset."""
        node = self.find(name)
        if node is None:
            return None
        try:
            values = (
                np.unique(np.atleast_1d(node[()])) if node.dtype.kind in "iufb" and 0 < (node.size or 0) <= 1024 else []
            )
        except BROKEN as error:
            raise self.damaged(name, error) from error
        if len(values) != 1 or not low <= values[0] <= high:
            found = values[:4] if len(values) else f"{node.dtype} {node.shape}"
            raise self.error(name, f"expected one number from {low:g} to {high:g}, found {found}")
        return values[0].item()

    def required(self, name: str, value: Any) -> Any:
        """`value`, unless it is None."""
        if value is None:
            raise self.error(name, "expected, but not there")
        return value
