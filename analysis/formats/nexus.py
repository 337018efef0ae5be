"""NeXus: groups with classes, fields with units, written as HDF5 (.nxs).

Source: M. Koennecke et al., J. Appl. Cryst. 48, 301 (2015); https://manual.nexusformat.org.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

COMPRESSED_FROM = 1000  # numbers


@dataclass(frozen=True, eq=False)
class Field:
    """Numbers or text with a unit and further attributes."""

    value: Any
    unit: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Rows:
    """A large array, (n, *shape), that is written row by row; each row is a chunk."""

    rows: Iterable[np.ndarray]
    n: int
    unit: str = ""


@dataclass(frozen=True)
class Link:
    """A field that stands elsewhere in the file, at an absolute path."""

    target: str


@dataclass(frozen=True, eq=False)
class Group:
    """A group of a NeXus class with what is in it, in order."""

    nx_class: str
    members: Mapping[str, "Member"] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


Member = Group | Field | Rows | Link


def write_nexus(path: str | Path, entry: Group, *, creator: str = "Luminescope", compression: int = 4) -> None:
    """Write one entry, an NXentry, which becomes the default; links are hard links, so they cost nothing.

    compression : of deflate, 0 (none) to 9
    """
    path = Path(path)
    with h5py.File(path, "w", locking=False) as file:
        file.attrs.update({"NX_class": "NXroot", "default": "entry", "creator": creator, "file_name": path.name})
        links = list(_fill(file.create_group("entry"), entry, compression))
        for group, name, target in links:
            group[name] = file[target]
            file[target].attrs["target"] = target


def _fill(node: h5py.Group, group: Group, compression: int) -> Iterator[tuple[h5py.Group, str, str]]:
    """Write a group; yields the links that can be made when everything is there."""
    node.attrs["NX_class"] = group.nx_class
    for key, value in group.attributes.items():
        node.attrs[key] = value
    for name, member in group.members.items():
        match member:
            case Group():
                yield from _fill(node.create_group(name), member, compression)
            case Link():
                yield node, name, member.target
            case Rows():
                _store_rows(node, name, member, compression)
            case Field():
                _store(node, name, member, compression)


def _store(node: h5py.Group, name: str, what: Field, compression: int) -> None:
    value = what.value
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        value = value.astype(h5py.string_dtype())
    large = isinstance(value, np.ndarray) and value.size > COMPRESSED_FROM and value.dtype.kind in "iufb"
    packing = {"compression": "gzip", "compression_opts": compression, "shuffle": True} if large and compression else {}
    dataset = node.create_dataset(name, data=value, **packing)
    if what.unit:
        dataset.attrs["units"] = what.unit
    for key, text in what.attributes.items():
        dataset.attrs[key] = text


def _store_rows(node: h5py.Group, name: str, what: Rows, compression: int) -> None:
    """Write rows as they come, in chunks of one row, packed."""
    dataset = None
    for index, row in enumerate(what.rows):
        if dataset is None:
            shape, packing = (what.n, *row.shape), {"compression": "gzip", "compression_opts": compression}
            chunks = (1, *row.shape) if row.size else None
            dataset = node.create_dataset(
                name, shape, row.dtype, chunks=chunks, shuffle=True, **(packing if compression else {})
            )
        dataset[index] = row
    if dataset is not None and what.unit:
        dataset.attrs["units"] = what.unit


def read_nexus(path: str | Path) -> dict[str, np.ndarray | str]:
    """All fields of a NeXus file by their path without the leading slash; ValueError if it is none."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs.get("NX_class") != "NXroot" and not any("NX_class" in node.attrs for node in file.values()):
                raise ValueError(f"{path}: an HDF5 file, but none of NeXus: no group has an NX_class")
            return {name: _plain(file[name]) for name in fields(file)}
    except OSError as why:
        raise ValueError(f"{path}: cannot be read as NeXus: {why}") from why


def fields(file: h5py.File) -> list[str]:
    """Paths of all datasets."""
    found: list[str] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found.append(name)

    file.visititems(visit)
    return found


def _plain(dataset: Any) -> Any:
    if h5py.check_string_dtype(dataset.dtype) is None:
        return dataset[()]
    text = dataset.asstr()[()]
    return np.asarray(text, str) if isinstance(text, np.ndarray) else text
