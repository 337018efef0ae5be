"""Drafts of runs from files of single photons: a trace, a decay, an instrument response, or start-stop pairs."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from analysis.formats import _timeharp_records as records
from analysis.formats.photons import Photons
from devices.iocs.writer import RowKind
from lab.imports.common import CARD, decay_draft, optics, pairs_draft, taken
from lab.imports.draft import Draft, Row
from lab.imports.told import Told
from plans.tcspc import BLIND_START_NS

CLOCK_S = 1e-7
SEGMENT_S = 5.0
N_ROUTES = 2
LONGEST_CHUNK = 65536
CARD_DEAD_NS = 350.0
NANOTIMES = 4096
ENDS_MS = ("StopAfter", "TTResult_StopAfter")
WIRED = {"clock": ("blinking",), "raster": ("blinking", "lifetime"), "hbt": ("hbt",)}


def photon_drafts(photons: Photons, told: Told) -> list[Draft]:
    """The runs that a file of photons makes; ValueError if it cannot be what was told."""
    kinds = (told.kind,) if told.kind else WIRED.get(told.wiring, ("unknown",))
    return [draft_of(photons, told, kind) for kind in kinds]


def draft_of(photons: Photons, told: Told, kind: str) -> Draft:
    """One run."""
    match kind:
        case "blinking":
            return trace(photons, told)
        case "lifetime" | "irf":
            return decay(photons, told, kind)
        case "hbt":
            return pairs(photons, told)
        case "unknown":
            missing = 'the wiring is not told: wiring="clock", "raster" or "hbt"'
            return trace(photons, told, plan_name="import_photons", missing=missing)
    raise ValueError(f"kind={kind!r}: the file holds photons, these are blinking, lifetime, irf or hbt")


def duration_s(photons: Photons) -> float:
    """How long was measured: as the header says if the photons agree, else up to the last one."""
    last_s = float(photons.arrival_s[-1]) if len(photons) else 0.0
    told = [float(value) / 1e3 for name in ENDS_MS if isinstance(value := photons.header.get(name), int | float)]
    told += [float(value) for value in [photons.header.get("acquisition_duration")] if isinstance(value, int | float)]
    return next((seconds for seconds in told if seconds >= last_s), last_s)


def routes_of(photons: Photons, told: Told) -> tuple[int, ...]:
    """The detectors that count: those that were told, else all that saw light."""
    seen = tuple(int(route) for route in np.unique(photons.route))
    if told.routes and not set(told.routes) <= set(seen):
        raise ValueError(f"routes={list(told.routes)}: the file has photons on {list(seen) or 'none'}")
    return told.routes or seen


def trace(photons: Photons, told: Told, *, plan_name: str = "blinking", missing: str = "") -> Draft:
    """The photons in segments of 5 s, as records of a T3R file with its clock of 100 ns."""
    routes, seconds = routes_of(photons, told), duration_s(photons)
    if not missing and len(routes) > N_ROUTES:
        plan_name, missing = "import_photons", f"photons on routes {list(routes)}: routes=... names one or two of them"
    rows = tuple(segments(photons, routes, seconds)) or (Row(segment_facts(0.0, 0.0, 0), np.zeros(0, np.uint32)),)
    most = max(1, *(row.filed.size for row in rows if row.filed is not None))
    card_ns = CARD_DEAD_NS if is_timeharp(photons) else 0.0
    record = {"kind": "photons", "bin_s": told.bin_ms / 1e3, "segment_s": SEGMENT_S, "n_segments": len(rows)}
    record |= {"macrotime_unit_s": CLOCK_S, "card_dead_time_ns": card_ns}
    record |= {"nanotime_unit_s": photons.nanotime_unit_s * together(photons)} if photons.n_channels else {}
    about: dict[str, Any] = optics(told, photons.sync_hz if told.wiring == "raster" else math.nan)
    about |= {"record": record, "duration_s": seconds, "num_points": len(rows), "campaign": ""}
    about |= {"dead_time_ns": list(told.dead_time_ns or (0.0, 0.0)), "routes": [f"route {one}" for one in routes]}
    kind = RowKind("records", "<u4", (most,), (min(most, LONGEST_CHUNK),), "")
    common: dict[str, Any] = {"seconds": seconds, "kind": kind, "ragged": True, "missing": missing}
    return Draft(plan_name, about, rows, CARD, analysed=not missing, **common)


def segments(photons: Photons, routes: tuple[int, ...], seconds: float) -> Iterator[Row]:
    """Rows of records, each on a clock of its own; the routes are numbered in their order, from 0."""
    ticks = np.floor(photons.macrotime * (photons.macrotime_unit_s / CLOCK_S) + 1e-6).astype(np.int64)
    number = np.searchsorted(np.sort(routes), photons.route) % (records.ROUTE + 1)
    counted = np.isin(photons.route, routes)
    ticks, number, raw = ticks[counted], number[counted].astype(np.uint8), nanotimes(photons)[counted]
    length = round(SEGMENT_S / CLOCK_S)
    for first in range(0, math.ceil(max(seconds, CLOCK_S) / CLOCK_S - 1e-6), length):
        inside = slice(*np.searchsorted(ticks, [first, first + length]))
        words = encoded(ticks[inside] - first, raw[inside], number[inside])
        elapsed_s = min(seconds - first * CLOCK_S, SEGMENT_S)
        yield Row(segment_facts(first * CLOCK_S, elapsed_s, words.size), words, first * CLOCK_S)


def segment_facts(started_s: float, elapsed_s: float, n_records: int) -> dict[str, Any]:
    return taken(started_s, elapsed_s, n_records=n_records, overrun=0)


def nanotimes(photons: Photons) -> np.ndarray:
    """(n,) as a T3R file has them: backwards, 12 bits; channels of other cards are put together."""
    if not photons.n_channels:
        return np.zeros(len(photons), np.uint16)
    return (NANOTIMES - 1 - photons.delay.astype(np.int64) // together(photons)).astype(np.uint16)


def together(photons: Photons) -> int:
    """How many channels of the file make one of a record, which has 12 bits for them."""
    return max(1, -(-photons.n_channels // NANOTIMES))


def encoded(ticks: np.ndarray, raw: np.ndarray, number: np.ndarray) -> np.ndarray:
    """32-bit records of photons, with the turns of the clock between them."""
    n_turns = int(ticks[-1]) // records.TURN if ticks.size else 0
    words = np.empty(ticks.size + n_turns, np.uint32)
    none = np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int64)
    tags = np.ascontiguousarray(ticks), np.ascontiguousarray(raw), np.ascontiguousarray(number)
    records.encode(tags, none, words)
    return words


def decay(photons: Photons, told: Told, kind: str) -> Draft:
    """The histogram of the nanotimes, a row for each route."""
    if not photons.n_channels:
        raise ValueError(f"kind={kind!r}: the card timed no pulses (T2), there is no decay in the file")
    routes = routes_of(photons, told)
    counts = np.stack([photons.decay(route) for route in range(max((*routes, N_ROUTES - 1)) + 1)])
    draft = decay_draft(
        counts,
        told,
        kind=kind,
        bin_width_ns=photons.bin_width_ns,
        sync_hz=photons.sync_hz,
        seconds=duration_s(photons),
        routes=routes,
    )
    return draft


def pairs(photons: Photons, told: Told) -> Draft:
    """The times from a click of the first SPAD to the next one of the second, as the card counted them."""
    if not photons.n_channels:
        raise ValueError("wiring='hbt': the card timed no stops (T2), there are no start-stop pairs in the file")
    raw = np.bincount(photons.nanotime, minlength=photons.n_channels)
    blind_ns = BLIND_START_NS if is_timeharp(photons) else 0.0
    return pairs_draft(
        [raw],
        [duration_s(photons)],
        told,
        bin_width_ns=photons.bin_width_ns,
        blind_ns=blind_ns,
        offset_ns=float(photons.header.get("Offset", 0) if is_timeharp(photons) else 0),
        overflow=[False],
    )


def is_timeharp(photons: Photons) -> bool:
    """Whether a TimeHarp 200 counted, whose dead time and blind start are known."""
    return str(photons.header.get("Ident", "")).startswith("TimeHarp 200")
