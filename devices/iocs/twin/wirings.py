"""What can be cabled to the card, and what it then can measure."""

from __future__ import annotations

WIRINGS = {
    "raster": "both SPADs on the router, laser pulses stop",
    "hbt": "SPAD 1 starts, SPAD 2 stops behind the cable delay",
    "clock": "both SPADs on the router, a free-running clock stops",
}


def known(name: str) -> str:
    """The name; ValueError if there is no such wiring."""
    if name not in WIRINGS:
        raise ValueError(f"wiring = {name!r}: there are {', '.join(WIRINGS)}")
    return name


def require(now: str, needed: str) -> None:
    """ValueError unless the card is wired as needed."""
    if now != needed:
        raise ValueError(
            f"the card is wired for {now!r} ({WIRINGS[now]}): this needs {needed!r} ({WIRINGS[needed]}); recable it"
        )
