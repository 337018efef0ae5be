"""What the twin remembers: small files in shared memory, so that a killed process loses nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray


def remembered_clocks(memory: Path | None, count: int) -> NDArray[np.float64]:
    """Clocks (count, 2) of the dots as the file holds them; zeros where there is none. What is written, it holds.

    ValueError if the file belongs to other dots.
    """
    return _remembered(memory, np.dtype(np.float64), (count, 2))


def remembered_count(memory: Path | None) -> NDArray[np.int64]:
    """One number (1,), likewise."""
    return _remembered(memory, np.dtype(np.int64), (1,))


def remembered_numbers(memory: Path | None, initial: ArrayLike) -> NDArray[np.float64]:
    """Some numbers (n,), `initial` where there is no file yet."""
    first = np.atleast_1d(np.asarray(initial, np.float64))
    if memory is not None and not memory.exists():
        memory.parent.mkdir(parents=True, exist_ok=True)
        new = memory.with_suffix(".new")
        new.write_bytes(first.tobytes())
        new.replace(memory)
    held = _remembered(memory, np.dtype(np.float64), first.shape)
    if memory is None:
        held[:] = first
    return held


def inside(folder: Path | None, name: str) -> Path | None:
    """A file of the memory, if there is one."""
    return None if folder is None else folder / name


def _remembered(memory: Path | None, kind: np.dtype, shape: tuple[int, ...]) -> NDArray:
    size = int(np.prod(shape)) * kind.itemsize
    if memory is None or size == 0:
        return np.zeros(shape, kind)
    memory.parent.mkdir(parents=True, exist_ok=True)
    with memory.open("a+b") as file:
        if file.seek(0, 2) == 0:
            file.truncate(size)
        if (held := file.seek(0, 2)) != size:
            raise ValueError(f"{memory} holds {held} bytes, not {size}: delete it to begin with a fresh bench")
    return np.memmap(memory, dtype=kind, mode="r+", shape=shape)
