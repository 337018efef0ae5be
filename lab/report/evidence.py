"""Where each number comes from: the results behind it by role, with their runs, photons and quality of fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lab.report.rows import Row

DOPED = ("pl A", "pl B", "pl C", "pl D")
ROLES: dict[str, tuple[str, ...]] = {
    "ABS-01 ABS-04 ABS-05": ("absorption undoped",),
    "ABS-02": ("absorption B",),
    "ABS-03": ("absorption A", "absorption B"),
    "PL-01 PL-02 PL-03 PL-04 PL-05": ("pl undoped",),
    "PL-06 PL-07 PL-08": ("pl undoped", *DOPED, "pl bare"),
    "PL-09 PL-11 DOP-R QD-01 QD-02 QD-06 QD-07 QD-08 QD-09": DOPED,
    "DOP-A": ("pl A",),
    "DOP-B": ("pl B",),
    "DOP-C": ("pl C",),
    "DOP-D": ("pl D",),
    "DOP-S": ("pl A", "search image"),
    "QD-03": (*DOPED, "pl bare"),
    "QD-04": ("pl bare",),
    "QD-05": ("pl B", "pl C", "pl D"),
    "PLE-01 PLE-02 PLE-03 PLE-04": ("ple A", "ple B", "ple bare"),
    "PLE-05 PLE-15 PLE-16 PLE-17 PLE-18": ("ple A", "ple B"),
    "PLE-08 PLE-09 PLE-10 PLE-12 PLE-13 PLE-14": ("ple B",),
    "PLE-11": ("ple A",),
    "DRF-01 DRF-02 FLIM-11 FLIM-12 FLIM-13 FLIM-17": ("image A", "image B"),
    "FLIM-10 FLIM-14": ("image A", "image B", "image undoped"),
    "FLIM-02 FLIM-15 FLIM-16": ("image A",),
    "FIT-01 FIT-02 FIT-03 FIT-04 FIT-05 FIT-11": ("image pixel1", "instrument response"),
    "FIT-06 FIT-07 FIT-08 FIT-09 FIT-10 FIT-12": ("image pixel2", "instrument response"),
    "DIS-01 DIS-02 DIS-03 DIS-07 DIS-08": ("image A", "instrument response"),
    "DIS-04 DIS-05 DIS-06": ("image B", "instrument response"),
    "DIS-09": ("image A", "image B", "instrument response"),
    "SQ-01 SQ-03 SQ-06 SQ-07 EMI-01": ("search image",),
    "SQ-02": ("search image", "traces"),
    "SQ-05": ("image A", "search image"),
    "G2-01 G2-02 G2-03": ("example", "time zero"),
    "G2-04 G2-05": ("rise film", "time zero"),
    "G2-06 G2-07": ("rise glass", "time zero"),
    "G2-08 G2-09": ("rise film", "rise glass", "time zero"),
    "G2-11": ("power", "search image", "time zero"),
    "BLK-01": ("bright",),
    "BLK-02 BLK-04": ("on film",),
    "BLK-03 BLK-07": ("on glass",),
    "BLK-05": ("on film2",),
    "BLK-06": ("on film3",),
    "BLK-08 BLK-09": ("on film", "on film2", "on film3", "on glass"),
}
BEHIND = {number: roles for numbers, roles in ROLES.items() for number in numbers.split()}
"""The results behind each number, by its id; a number that is not here is a choice of the analysis, without a run."""

FITTED = ("PL-01", "PL-02", "PL-03", "PL-04", "PL-05", "PL-11", "QD-", "FIT-", "DIS-", "G2-")
"""Numbers that a fit gave: of the others no quality is told."""

FROM_RECORDS = ("DOP-R", "FLIM-11", "SQ-05", "EMI-01")
"""Numbers that follow from the records of samples and runs: no photon was needed for them."""


@dataclass(frozen=True)
class Evidence:
    """What stands behind a result.

    uids : of its runs; n_photons : counted in them, None if unknown
    quality : deviance or chi-squared of its fits per degree of freedom, that farthest from 1; None without a fit
    """

    uids: tuple[str, ...]
    n_photons: float | None = None
    quality: float | None = None


def together(parts: Iterable[Evidence]) -> Evidence:
    """What stands behind a number made of several results; a run counts once, its photons with the first part."""
    parts = list(parts)
    known = [one.n_photons for one in parts if one.n_photons is not None and math.isfinite(one.n_photons)]
    fits = [one.quality for one in parts if one.quality is not None and math.isfinite(one.quality)]
    uids = tuple(dict.fromkeys(uid for one in parts for uid in one.uids))
    return Evidence(uids, sum(known) if known else None, max(fits, key=lambda one: abs(one - 1), default=None))


def evidenced(rows: Iterable[Row], found: Mapping[str, Evidence]) -> list[Row]:
    """Rows with what stands behind them; one that was not measured tells which results are missing.

    found : by role, as in `ROLES`
    """
    return [backed(one, found) for one in rows]


def backed(one: Row, found: Mapping[str, Evidence]) -> Row:
    """One row with its runs."""
    roles = BEHIND.get(one.id, ())
    missing = [role for role in roles if role not in found]
    if one.verdict == "not measured" and missing:
        told = f"there is no result of {', '.join(missing)}"
        one = replace(one, note="; ".join(filter(None, [told, one.note])))
    if one.measured is None and one.verdict == "not measured":
        return one
    about = together(found[role] for role in roles if role in found)
    if one.verdict == "setting" or one.id in FROM_RECORDS:
        return replace(one, uids=about.uids)
    quality = about.quality if one.id.startswith(FITTED) else None
    return replace(one, uids=about.uids, n_photons=about.n_photons, quality=quality)
