"""The keys of the queue server."""

from dataclasses import dataclass
from pathlib import Path

import zmq

from lab.private import write_private


@dataclass(frozen=True)
class Keys:
    """A pair of keys (CURVE), each in a file of its owner.

    Clients encrypt with the public one and know the server by it. Whoever has it may use the queue, so it is kept like
    the other; neither stands in a command line or a log.
    """

    private: Path
    public: Path


def keys(folder: Path) -> Keys:
    """The keys of this lab, made once."""
    pair = Keys(folder / "private_key", folder / "public_key")
    if not pair.private.exists():
        private = zmq.curve_keypair()[1]
        pair.public.unlink(missing_ok=True)
        write_private(pair.private, private.decode("ascii"))
    if not pair.public.exists():
        write_private(pair.public, zmq.curve_public(pair.private.read_bytes()).decode("ascii"))
    return pair
