"""The window of each protocol: which picture is drawn of what is measured, and how far that is."""

import math
from collections.abc import Callable
from typing import Any

from analysis import figures
from analysis.callbacks import LiveBlinking, LiveField, LiveFlim, LiveHbt, LiveSpectrum, LiveSum
from analysis.hbt import HbtEstimate
from lab.live.campaigns import LiveCampaign

Live = LiveFlim | LiveSpectrum | LiveField | LiveHbt | LiveBlinking | LiveSum | LiveCampaign


WINDOWS: dict[type, Callable[[Any], Any]] = {
    LiveFlim: lambda live: figures.LiveImage(live.raster.facts),
    LiveSpectrum: lambda live: figures.LiveSpectrumImage(live.start_doc),
    LiveField: lambda live: figures.LiveFieldImage(),
    LiveHbt: lambda live: figures.LiveHbtImage(live.start_doc),
    LiveBlinking: lambda live: figures.LiveBlinkingImage(),
    LiveSum: lambda live: figures.LiveSumImage(live.start_doc),
    LiveCampaign: lambda live: figures.LiveCampaignImage(),
}


def window_of(live: Live) -> Any:
    """An empty window for what is being measured: `figure`, `head`, and `update(shown)`."""
    return WINDOWS[type(live)](live)


def shown_in(live: Live) -> Any:
    """What its window is given: the analysis itself; of a campaign, how it stands now."""
    return live.shown() if isinstance(live, LiveCampaign) else live


def key_of(live: Live) -> tuple[str, str]:
    """What has one window: a run; a campaign with all its runs."""
    return ("campaign", live.name) if isinstance(live, LiveCampaign) else ("run", live.start_doc.get("uid", ""))


def plan_of(live: Live) -> str:
    """The name of the protocol, as files and windows are called."""
    return str(live.start_doc.get("plan_name", "run"))


def done_share(live: Live) -> float:
    """How much of it is done, 0 to 1; NaN if nobody knows."""
    start: dict[str, Any] = live.start_doc
    match live:
        case LiveFlim() if live.started is not None:
            return float(live.raster.taken.sum()) / live.raster.facts.n_lines
        case LiveField() if live.run is not None:
            return float(live.run.usable.mean())
        case LiveHbt() if live.estimate is not None:
            return known_share(live.estimate, start.get("stop_rule", {}))
    return share(*amount(live))


def amount(live: Live) -> tuple[float, float | None]:
    """How much there is of what a run counts, and how much there will be; None if nobody knows."""
    start: dict[str, Any] = live.start_doc
    match live:
        case LiveBlinking() if live.estimate is not None:
            return live.estimate.live_s, start.get("duration_s")
        case LiveSpectrum() if live.started is not None:
            return live.run.n_points, start.get("num_points")
        case LiveSum():
            return live.n_rows, start.get("num_points")
        case LiveCampaign():
            dots = [dot for dot in live.shown().dots if dot.state != "rejected" or dot.facts]  # worth measuring
            return sum(dot.state in ("done", "rejected") for dot in dots), len(dots)
    return 0.0, None


def share(part: float, whole: float | None) -> float:
    """Part of a whole that may not be known."""
    return part / whole if whole else math.nan


def known_share(estimate: HbtEstimate, stop_rule: dict[str, Any]) -> float:
    """How much of the light that the stop rule asks for was seen: errors shrink as the root of the time."""
    fit = estimate.fit
    asked = [("target_err_ns", fit.tau_err_ns), ("target_contrast_err", fit.contrast_err)]
    shares = [
        (float(stop_rule[key]) / err) ** 2
        for key, err in asked
        if stop_rule.get(key) and fit.identified and math.isfinite(err) and err > 0
    ]
    known = [min(shares)] if shares else []
    if longest_s := stop_rule.get("max_time_s"):
        known.append(estimate.live_s / float(longest_s))
    return float(max(known, default=math.nan))
