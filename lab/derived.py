"""Derived runs of the session: what was found, put where all documents go."""

from collections.abc import Callable, Iterable
from typing import Any

from analysis.derived import derived_run
from lab.version import code_version

Record = Callable[[str, dict], None]


def derive(record: Record, name: str, uids: Iterable[str], arrays: dict, **about: Any) -> str:
    """Record a derived run of some runs, with this version of the code; returns its uid.

    about : `parameters`, and `metadata` for its start document
    """
    derived_uid = ""
    for kind, doc in derived_run(name, list(uids), arrays, code_version=code_version(), **about):
        derived_uid = doc["uid"] if kind == "start" else derived_uid
        record(kind, doc)
    return derived_uid
