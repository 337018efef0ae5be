"""Drafts of runs from files of histograms: decays, an instrument response, or start-stop pairs."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.formats.photons import Decays, Spectrum
from lab.imports.common import CARD, decay_draft, histograms, optics, pairs_draft
from lab.imports.draft import Draft, Row
from lab.imports.provenance import EARLIEST_S
from lab.imports.told import Told
from plans.tcspc import BLIND_START_NS

FULL = 65535  # counts of a channel of the card
STOPPED_FULL = 1  # the measurement ended when a channel was full
WIRED = {"raster": "lifetime", "hbt": "hbt"}


def decay_drafts(decays: Decays, told: Told) -> list[Draft]:
    """The runs that a file of histograms makes: a decay for each curve, one of all pairs, or one that is not analysed.

    ValueError if it cannot be what was told.
    """
    kind = told.kind or WIRED.get(told.wiring, "unknown")
    match kind:
        case "lifetime":
            return lifetimes(decays, told)
        case "irf":
            return [response(decays, told, chosen(decays, told))]
        case "hbt":
            return [pairs(decays, told, chosen(decays, told))]
        case "unknown":
            return [unknown(decays, told)]
    raise ValueError(f"kind={kind!r}: the file holds histograms, these are lifetime, irf or hbt")


def chosen(decays: Decays, told: Told) -> list[int]:
    """Indices of the curves that were asked for, by default of all."""
    numbers = told.curves or tuple(range(1, len(decays) + 1))
    if not numbers or max(numbers) > len(decays):
        raise ValueError(f"curves={list(told.curves)}: the file has {len(decays)}, the first is 1")
    return [number - 1 for number in numbers]


def lifetimes(decays: Decays, told: Told) -> list[Draft]:
    """A run for each decay; before them that of their instrument response, if it is a curve of the same file."""
    if not isinstance(told.irf, int):
        return [one_decay(decays, told, index, "lifetime") for index in chosen(decays, told)]
    if told.irf > len(decays):
        raise ValueError(f"irf={told.irf}: the file has {len(decays)} curves, the first is 1")
    irf = one_decay(decays, told, told.irf - 1, "irf")
    others = [index for index in chosen(decays, told) if index != told.irf - 1]
    return [irf, *(with_irf(one_decay(decays, told, index, "lifetime"), told, irf.uid, irf.about) for index in others)]


def with_irf(draft: Draft, told: Told, irf_uid: str, irf_start: dict[str, Any]) -> Draft:
    """A decay with the response it is fitted with; of another time axis it is not, and the draft says why."""
    own, other = (about["tcspc"] for about in (draft.about, irf_start))
    same = math.isclose(own["bin_width_ns"], other["bin_width_ns"], rel_tol=1e-3) and own["n_bins"] == other["n_bins"]
    if not same:
        axes = [f"{one['n_bins']} channels of {one['bin_width_ns']:.4g} ns" for one in (other, own)]
        missing = f"the instrument response has {axes[0]}, the decay {axes[1]}: irf=... names one with the same"
        return replace(draft, missing=missing, analysed=False)
    routes = routes_of_response(draft.about["emitter_routes"], told, irf_start)
    if not routes:
        missing = f"the instrument response has routes {irf_start.get('routes')}: irf_routes=[0] names its first"
        return replace(draft, missing=missing, analysed=False)
    return replace(draft, about=draft.about | {"irf_uid": irf_uid, "irf_routes": routes})


def routes_of_response(own: list[int], told: Told, irf_start: dict[str, Any]) -> list[int]:
    """Rows of a response that belong to a decay: as told, else the same routes, else all of an imported one."""
    theirs = irf_start.get("emitter_routes", [])
    return list(told.irf_routes) or (own if set(own) <= set(theirs) else list(theirs))


def response(decays: Decays, told: Told, indices: list[int]) -> Draft:
    if len(indices) > 1:
        raise ValueError(f"kind='irf': the file has {len(decays)} curves; curves=... names the instrument response")
    return one_decay(decays, told, indices[0], "irf")


def one_decay(decays: Decays, told: Told, index: int, kind: str) -> Draft:
    """The run of one curve."""
    about = about_curve(decays, index)
    sync_hz = float(decays.sync_hz[index]) if decays.sync_hz.size else math.nan
    return decay_draft(
        decays.counts[index][None].astype(np.int64),
        told,
        kind=kind,
        bin_width_ns=float(decays.bin_width_ns[index]),
        sync_hz=sync_hz,
        seconds=seconds_of(about),
        routes=(0,),
        overflow=is_full(decays.counts[index], about) and is_timeharp(decays),
        part=f"curve {index + 1}" if len(decays) > 1 else "",
        time_s=recorded_at(about),
    )


def pairs(decays: Decays, told: Told, indices: list[int]) -> Draft:
    """All chosen curves as integrations of one measurement; the software of the card shows times backwards."""
    if not is_timeharp(decays):
        raise ValueError("wiring='hbt': only histograms of a TimeHarp 200 are read as start-stop times")
    about = [about_curve(decays, index) for index in indices]
    axes = {(float(decays.bin_width_ns[index]), curve.get("Offset", 0)) for index, curve in zip(indices, about)}  # noqa: B905
    if len(axes) > 1:
        raise ValueError("the curves have different time axes: curves=... names those that belong together")
    width_ns, offset_ns = next(iter(axes))
    return pairs_draft(
        [decays.counts[index][::-1] for index in indices],
        [seconds_of(curve) for curve in about],
        told,
        bin_width_ns=width_ns,
        blind_ns=BLIND_START_NS,
        offset_ns=float(offset_ns),
        overflow=[is_full(decays.counts[index], curve) for index, curve in zip(indices, about, strict=True)],
        time_s=recorded_at(about[0]),
    )


def unknown(decays: Decays, told: Told) -> Draft:
    """All curves as they are."""
    rows, started_s = [], 0.0
    for index in range(len(decays)):
        curve = about_curve(decays, index)
        rate = {"sync_hz": float(decays.sync_hz[index])} if decays.sync_hz.size else {}
        facts = {"bin_width_ns": float(decays.bin_width_ns[index]), "elapsed": seconds_of(curve), **rate}
        facts = {f"{CARD}_{name}": value for name, value in facts.items()}
        rows.append(Row(facts, decays.counts[index].astype(np.uint32), started_s))
        started_s += seconds_of(curve)
    missing = 'the wiring is not told: wiring="raster" or "hbt", or kind="irf"'
    common: dict[str, Any] = {"seconds": started_s, "kind": histograms(decays.counts.shape[1:])}
    about = optics(told) | {"num_points": len(rows)}
    return Draft("import_decays", about, tuple(rows), CARD, missing=missing, analysed=False, **common)


def from_text(curves: Spectrum) -> Decays:
    """Exported decays over time; ValueError if their axis is not one of equal steps in ns."""
    steps = np.diff(curves.x)
    if curves.x_unit != "ns" or not steps.size or not np.allclose(steps, steps[0], rtol=0.02):
        raise ValueError(f"the axis is in {curves.x_unit or 'no known unit'}: decays need equal steps in ns")
    counts = np.rint(np.nan_to_num(curves.counts)).astype(np.int64)
    width_ns = float((curves.x[-1] - curves.x[0]) / steps.size)
    return Decays(counts, np.full(len(counts), width_ns), dict(curves.header))


def about_curve(decays: Decays, index: int) -> dict[str, Any]:
    """What the file says of one curve."""
    curves = decays.header.get("Curves", [])
    return curves[index] if index < len(curves) else {}


def seconds_of(curve: dict[str, Any]) -> float:
    """How long a curve was measured; 0 if the file does not tell."""
    return max(float(curve.get("StopAfter", 0) or curve.get("AcquisitionTime", 0)), 0.0) / 1e3


def recorded_at(curve: dict[str, Any]) -> float | None:
    """Unix time of a curve, if the file has it."""
    time_s = float(curve.get("TimeOfRecording", 0))
    return time_s if time_s > EARLIEST_S else None


def is_full(counts: np.ndarray, curve: dict[str, Any]) -> bool:
    """Whether a channel was full while the others went on counting."""
    return bool(counts.max(initial=0) >= FULL) and curve.get("StopReason") != STOPPED_FULL


def is_timeharp(decays: Decays) -> bool:
    return str(decays.header.get("Ident", "")).startswith("TimeHarp 200")
