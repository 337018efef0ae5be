"""What a look at a real instrument found: one line of the bench checklist."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "unverified", "failed"]


@dataclass(frozen=True)
class Finding:
    """One line of the checklist.

    what : the thing looked at ("identity", "travel of axis 1")
    state : "ok", "unverified" (the instrument cannot tell; `to_do` says how to find out) or "failed"
    found : what the instrument said, with unit
    to_do : what the reader should do now; empty if nothing
    """

    what: str
    state: State
    found: str
    to_do: str = ""
