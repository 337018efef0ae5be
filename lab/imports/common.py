"""What the runs of all imported files say alike, in the words of the plans."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from devices.iocs.writer import RowKind
from lab.imports.draft import Draft, Row
from lab.imports.told import Told

CARD = "timeharp"
LIT = "not told by the file: taken as lit all the time"


def optics(told: Told, repetition_hz: float = math.nan) -> dict[str, Any]:
    """Light and detection, as far as they were told; `repetition_hz` of the laser, NaN if it has none."""
    excitation: dict[str, Any] = {"laser": told.laser, "intensity_w_cm2": told.intensity_w_cm2}
    excitation |= {} if math.isnan(told.wavelength_nm) else {"wavelength_nm": told.wavelength_nm}
    excitation |= {} if math.isnan(repetition_hz) else {"repetition_hz": repetition_hz}
    detection = {"filters": told.filters} if told.filters else {}
    words = {name: value for name in ("wiring", "splitter") if (value := getattr(told, name))}
    return {"excitation": excitation, "detection": detection, **words, "detectors": [CARD], "lit": LIT}


def repetition(told: Told, sync_hz: float) -> tuple[float, str]:
    """Rate of the laser, and who says so: the user, else the rate meter in the file; NaN if nobody does."""
    if math.isfinite(told.repetition_hz):
        return told.repetition_hz, "told"
    return (sync_hz, "rate meter in the file") if sync_hz > 0 else (math.nan, "")


def histograms(shape: Sequence[int]) -> RowKind:
    """A file of histograms."""
    return RowKind("histograms", "<u4", tuple(shape), tuple(shape))


def taken(started_s: float, elapsed_s: float, *, overflow: bool = False, **more: Any) -> dict[str, Any]:
    """What every row of the card says of itself."""
    facts = {"lit": 1.0, "started": float(started_s), "elapsed": float(elapsed_s), "overflow": int(overflow), **more}
    return {f"{CARD}_{name}": value for name, value in facts.items()}


def decay_draft(
    counts: np.ndarray,
    told: Told,
    *,
    kind: str,
    bin_width_ns: float,
    sync_hz: float,
    seconds: float,
    routes: tuple[int, ...],
    overflow: bool = False,
    **where: Any,
) -> Draft:
    """A run of one histogram (n_routes, n_channels): a decay, plan "lifetime_at", or an instrument response, "irf".

    routes : rows of the histogram that see the emitter; where : `part` and `time_s` of the draft
    """
    rate_hz, source = repetition(told, sync_hz)
    period_ns = 1e9 / rate_hz
    tcspc = {"bin_width_ns": bin_width_ns, "n_bins": counts.shape[1], "period_ns": period_ns}
    about = optics(told, rate_hz) | {"tcspc": tcspc, "repetition_from": source}
    about |= {"routes": [f"route {number}" for number in range(len(counts))], "emitter_routes": list(routes)}
    missing = "" if math.isfinite(rate_hz) else "the rate of the laser is not told: repetition_hz=..."
    row = Row(taken(0.0, seconds, overflow=overflow, counts=counts.sum(axis=1)), counts.astype(np.uint32))
    return Draft(
        "irf" if kind == "irf" else "lifetime_at",
        about,
        (row,),
        CARD,
        seconds=seconds,
        kind=histograms(counts.shape),
        missing=missing,
        analysed=kind != "irf" and not missing,
        **where,
    )


def pairs_draft(
    rows: Sequence[np.ndarray], seconds: Sequence[float], told: Told, *, bin_width_ns: float, blind_ns: float,
    offset_ns: float, overflow: Sequence[bool], **where: Any,
) -> Draft:  # fmt: skip
    """A run of start-stop histograms (n_channels,), plan "hbt"; channel i holds raw times from i bins on."""
    started = np.concatenate([[0.0], np.cumsum(seconds)])
    n_bins = rows[0].size
    tcspc = {"bin_width_ns": bin_width_ns, "n_bins": n_bins, "offset_ns": offset_ns}
    known_ns = blind_ns if math.isnan(told.blind_ns) else told.blind_ns
    delay = {"declared_ns": none_if_nan(told.delay_ns), "t0_ns": None, "t0_err_ns": None, "sigma_ns": None, "uid": ""}
    about = optics(told) | {"estimator": "start-stop", "tcspc": tcspc, "delay": delay, "blind_ns": known_ns}
    about |= {"dead_time_ns": list(told.dead_time_ns or (0.0, 0.0))}
    filed = tuple(
        Row(
            taken(at, elapsed, overflow=full, coincidences=int(row.sum())),
            row.astype(np.uint32),
            float(at),
        )
        for row, at, elapsed, full in zip(rows, started, seconds, overflow, strict=False)
    )
    missing = "" if min(seconds) > 0 else "the file does not tell how long was measured: export it again"
    told_all = {"missing": missing, "analysed": not missing}
    return Draft("hbt", about, filed, CARD, seconds=float(started[-1]), kind=histograms((n_bins,)), **told_all, **where)


def none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
