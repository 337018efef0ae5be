"""What a look at a counting card finds, and which way its blocks run."""

from collections.abc import Callable
from typing import Any

import numpy as np

from devices.iocs.drivers.finding import Finding, State
from devices.iocs.drivers.timeharp.client import CardError

LOOK_S = 1.0
FEWEST_COUNTS = 1000
CLEARLY = 2.0  # how much better one direction must fit than the other
DARKEST_CPS = 20_000.0


def check(card: Any) -> list[Finding]:
    """Who the card is and what its meters show; nothing shines or moves."""
    try:
        found, width_ns = card.link.identity(), card.bin_width_ns
    except (CardError, OSError, ValueError) as why:
        return [Finding("card", "failed", str(why), "read the message; the other checks of the card were left out")]
    return [
        Finding("library", "ok", f"version {found['library']}, in a process of its own"),
        board(found, card.options.serial),
        Finding("time axis", "ok", f"{card.base_resolution_ps:.3f} ps; range {card.range_code}: {width_ns:.6f} ns"),
        router(found, card.wiring),
        *meters(card),
        Finding(
            "levels", "unverified", f"{card.options.levels()}", "compare them with the pulses on an oscilloscope",
        ),
        warm_up(card.options.warm_up_s),
        *orientations(card),
        pair_trace(card),
    ]  # fmt: skip


def orientations(card: Any) -> list[Finding]:
    """What is known of the direction of blocks, of a card whose blocks may run either way."""
    if not hasattr(card.options, "block_is"):
        return []
    return [
        Finding(
            "orientation", "unverified", f"block_is = {card.options.block_is!r}, as lab.toml says",
            "let light pulses reach a SPAD, then run check_orientation with a cable of known delay",
        )
    ]  # fmt: skip


def board(found: dict[str, Any], wanted: str) -> Finding:
    told = f"serial {found['serial']}, hardware {found['hardware']}"
    if wanted:
        return Finding("board", "ok", told)
    return Finding("board", "unverified", told, f'write serial = "{found["serial"]}" into lab.toml')


def router(found: dict[str, Any], wiring: str) -> Finding:
    if found["routing_channels"] > 1:
        return Finding("router", "ok", f"{found['router']}, {found['routing_channels']} channels")
    state: State = "unverified" if wiring == "hbt" else "failed"
    return Finding("router", state, "none", "the wirings raster and clock need one: plug it in, switch it on")


def meters(card: Any) -> list[Finding]:
    """Sync rate, and the counts of the detector input with the shutter closed."""
    results = []
    try:
        sync_hz = card.sync_rate_hz()
        to_do = "" if sync_hz else "nothing arrives at SYNC: switch its source on, look at the level sync_level_mv"
        results.append(Finding("sync rate", "ok" if sync_hz else "unverified", f"{sync_hz:.0f} Hz", to_do))
        dark_cps = card.count_rate_cps()
        to_do = "" if dark_cps < DARKEST_CPS else "too many for darkness: shutter, room light, or cfd_mv in the noise"
        told = f"{dark_cps:.0f} cps at the detector input, of all SPADs cabled to it"
        results.append(Finding("dark counts", "ok" if dark_cps < DARKEST_CPS else "failed", told, to_do))
    except (CardError, OSError) as why:
        results.append(Finding("meters", "failed", str(why), "read the message, then check again"))
    return results


def warm_up(warm_up_s: float) -> Finding:
    return Finding(
        "warm-up", "unverified", f"the card is calibrated anew {warm_up_s / 60:g} min after its first use",
        "let the PC run for 10 min before the first measurement",
    )  # fmt: skip


def pair_trace(card: Any) -> Finding:
    if card.counters is not None:
        return Finding("clicks beside pairs", "ok", "counted by pulse counters")
    return Finding(
        "clicks beside pairs", "unverified", "estimated from the rate meter: SPAD 1 meanwhile, SPAD 2 just before",
        "pulse counters beside the card count both; without them blinking of SPAD 2 stays unseen",
    )  # fmt: skip


def check_orientation(card: Any, known_delay_ns: float, wait: Callable[[str], Any] | None = None) -> Finding:
    """Find which way the blocks run, with light pulses on a SPAD in the wiring "raster".

    known_delay_ns : positive, and not near half the period of the pulses
    wait : asks the operator for something, and returns when it is done. The operator then makes the cable before SYNC
        longer by the known delay: stops come later, so start-stop times become longer. Without `wait` the offset is
        moved by so much instead: the window begins later, so start-stop times seem shorter. That the offset acts this
        way is not documented, so it remains to be confirmed with a cable.
    """
    if not hasattr(card.options, "block_is"):
        return Finding("orientation", "ok", "blocks of this card always run forward")
    period_ns = 1e9 / max(card.sync_rate_hz(), 1.0)
    before, width_ns, offset_ns = look(card), card.bin_width_ns, card.link.offset_ns
    if wait is not None:
        wait(f"make the cable before SYNC longer by {known_delay_ns:g} ns, and leave everything else")
        after, longer_ns = look(card), known_delay_ns
    else:
        took_ns = card.link.window()["offset_ns"]
        try:
            longer_ns = took_ns - card.configure(card.range_code, offset_ns + known_delay_ns)
            after = look(card)
        finally:
            card.configure(card.range_code, offset_ns)
    return judged(orientation(before, after, width_ns, longer_ns, period_ns), card.options.block_is, wait is not None)


def look(card: Any) -> np.ndarray:
    """Counts of both routes, the channels as the library delivers them."""
    block = card.acquire(LOOK_S, acquisition=card.link.acquisition, index=0)
    counts = block.histograms.sum(axis=0, dtype=np.int64)
    return counts if card.options.block_is == "forward" else counts[::-1]


def orientation(
    before: np.ndarray, after: np.ndarray, width_ns: float, longer_ns: float, period_ns: float
) -> str | None:
    """Which way channels run if start-stop times became longer by so much; None if the counts do not tell.

    A start-stop time beyond the period becomes one period shorter.
    """
    if min(before.sum(), after.sum()) < FEWEST_COUNTS:
        return None
    wrapped_ns = longer_ns - np.sign(longer_ns) * period_ns
    shifts = [round(ns / width_ns) for ns in (longer_ns, wrapped_ns)]
    width = max(min(map(abs, shifts)) // 4, 3)  # a delay is not known to the channel
    before, after = (np.convolve(counts, np.ones(width) / width, "same") for counts in (before, after))
    as_raw = max(likeness(before, after, shift) for shift in shifts)
    turned = max(likeness(before, after, -shift) for shift in shifts)
    if max(as_raw, turned) < CLEARLY * min(as_raw, turned) or max(as_raw, turned) <= 0:
        return None
    return "reversed" if as_raw > turned else "forward"


def likeness(before: np.ndarray, after: np.ndarray, shift: int) -> float:
    """How well counts moved by so many channels are found again; flat counts are like nothing."""
    n = len(before) - abs(shift)
    if n <= 0:
        return 0.0
    first, second = (before[:n], after[shift:]) if shift >= 0 else (before[-shift:], after[:n])
    return max(float(np.dot(first - before.mean(), second - after.mean())), 0.0)


def judged(found: str | None, declared: str, by_cable: bool) -> Finding:
    if found is None:
        to_do = "more pulsed light, a sharp peak, and a delay of a few ns to a quarter of the period; then again"
        return Finding("orientation", "unverified", "the counts do not tell", to_do)
    told = f"blocks run {found}, lab.toml says {declared!r}"
    if found != declared:
        return Finding("orientation", "failed", told, f'write block_is = "{found}" into lab.toml')
    if by_cable:
        return Finding("orientation", "ok", told)
    return Finding("orientation", "unverified", f"{told}; by the offset", "confirm it once with a longer SYNC cable")
