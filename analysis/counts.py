"""Photon counts as whole numbers."""

import numpy as np


def check_counts(block: np.ndarray) -> np.ndarray:
    """The block as native integers; ValueError unless it holds whole, non-negative numbers."""
    if block.dtype.kind == "f":
        if not np.isfinite(block).all():
            raise ValueError("counts hold NaN or infinity: give whole numbers of photons")
        if (block != np.rint(block)).any():
            raise ValueError("counts are not whole numbers: give photons, not rates or normalised decays")
        if block.size and np.abs(block).max() >= 2**63:
            raise ValueError(f"counts go up to {block.max():.3g}: give photons, at most 2^63 of them")
        block = block.astype(np.int64)
    elif block.dtype.kind not in "iub":
        raise ValueError(f"counts are of type {block.dtype}: give whole numbers of photons")
    if block.dtype.kind == "i" and block.size and block.min() < 0:
        raise ValueError(f"counts go down to {block.min()}: give whole, non-negative numbers of photons")
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("="))
