"""T3R records of a TimeHarp 200 as whole arrays: photons of the declared routes, and how far the records reach."""

from collections.abc import Sequence

import numpy as np

GLOBAL_CLOCK_S = 1e-7
TURN = 65536
PHOTON_BIT, ROUTE_SHIFT, TAG_MASK = np.uint32(1 << 30), np.uint32(28), np.uint32(0xFFFF)
ROUTE_BITS, OVERFLOW_BIT = np.uint32(3 << 28), np.uint32(1 << 27)
N_INPUTS = 4


def routed(words: np.ndarray, inputs: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Records with the number of the detection route in place of the router input, and photons of each route.

    words : (n,) uint32 as the card writes them; photons of inputs that no route is plugged into are left out
    inputs : the router input of each route
    """
    route_of = np.full(N_INPUTS, len(inputs), np.uint32)
    route_of[list(inputs)] = np.arange(len(inputs), dtype=np.uint32)
    photon = (words & PHOTON_BIT) != 0
    route = route_of[(words >> ROUTE_SHIFT) & np.uint32(3)]
    changed = np.where(photon, (words & ~ROUTE_BITS) | (route << ROUTE_SHIFT), words)
    counts = np.bincount(route[photon], minlength=len(inputs) + 1)[: len(inputs)]
    return changed[~photon | (route < len(inputs))].astype(np.uint32), counts.astype(np.int64)


def reach_s(words: np.ndarray) -> float:
    """Time of the last record, from the start of the measurement."""
    if not len(words):
        return 0.0
    turned = ((words & PHOTON_BIT) == 0) & ((words & OVERFLOW_BIT) != 0)
    last = words[-1]
    turns = int(turned[:-1].sum())  # a turn counts after its own record
    return (turns * TURN + int(last & TAG_MASK)) * GLOBAL_CLOCK_S
