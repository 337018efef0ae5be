"""Figures as files that say where they come from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.figures.arrays import digest_of, prints

DPI = 300


def save(
    figure: Figure,
    path: str | Path,
    *,
    uids: Sequence[str],
    selection: Mapping[str, Any],
    code_version: str,
    **more: Any,
) -> Path:
    """Write a figure (.png or .pdf) that says where it comes from, and the same in `<path>.json`; return the path.

    Parameters
    ----------
    uids : runs the figure was made from
    selection : what of them is shown: thresholds, pixels, limits; anything JSON can say, and numpy arrays
    code_version : of the code that drew it
    more : anything else that the figure should say of its origin, as JSON knows it

    It says, too, what is drawn: `digest`, and `prints` by which another figure is compared with it. ValueError for
    another type of file. Neither file contains the time: the same data give the same bytes.
    """
    path = Path(path)
    shown = prints(figure)
    origin = {"uids": list(uids), "selection": dict(selection), "code_version": code_version, **more}
    origin |= {"digest": digest_of(shown), "prints": shown}
    told = json.dumps(origin, default=plain, allow_nan=False, sort_keys=True)
    software = f"luminescope {code_version}"
    if path.suffix == ".png":
        metadata = {"Software": software, "Source": " ".join(uids), "Description": told}
    elif path.suffix == ".pdf":
        metadata = {"Creator": software, "Keywords": " ".join(uids), "Subject": told, "CreationDate": None}
    else:
        raise ValueError(f"{path.name}: figures are saved as .png or .pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(path, dpi=DPI, metadata=metadata)
    sidecar = {"figure": path.name, **json.loads(told)}
    sidecar_of(path).write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8")
    return path


def sidecar_of(path: Path) -> Path:
    """The file beside a figure that says the same of its origin."""
    return path.with_name(f"{path.name}.json")


def plain(value: Any) -> Any:
    """Numpy numbers and arrays as JSON knows them; TypeError for the rest."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"a selection cannot hold {type(value).__name__}: give numbers, text, lists")
