"""What stands in `db[...]`: a uid or its beginning, the number of a scan."""

import re
from numbers import Integral
from typing import Any

from tiled.queries import Key, Like

UID = re.compile(r"[0-9a-f][0-9a-f-]{0,35}")
SHOWN = 6


def looked_up(runs: Any, key: Any) -> Any:
    """The one run of a catalog that is meant; KeyError if there is none, ValueError if it is no key or not clear.

    key : a uid, as many of its first characters as make it unique, or the positive number of a scan
    """
    if isinstance(key, bool) or not isinstance(key, (str, Integral)):
        raise ValueError(f'db[{key!r}]: give a uid, its first characters, or a number: db["9f2c"], db[-1], db[12]')
    if isinstance(key, Integral):
        found = runs.search(Key("scan_id") == int(key)).values()
        if not len(found):
            raise KeyError(f"db[{key}]: no run has the scan number {key}; db[-1] is the newest, find() lists them")
        return found.last()
    if not UID.fullmatch(key):
        raise ValueError(
            f'db[{key!r}]: expected the beginning of a uid, of digits, a to f and "-"; find({key!r}) searches for words'
        )
    if len(key) == 36 and key in runs:
        return runs[key]
    found = runs.search(Like("start.uid", f"{key}%")).values().head(SHOWN + 1)
    if not found:
        raise KeyError(f"db[{key!r}]: no run begins so; db[-1] is the newest, find() lists them")
    if len(found) > 1:
        alike = ", ".join(one.metadata["start"]["uid"][: len(key) + 4] for one in found[:SHOWN])
        raise ValueError(
            f"db[{key!r}]: several runs begin so: {alike}{' ...' if len(found) > SHOWN else ''}; type more"
        )
    return found[0]
