"""How much light is to be expected: from earlier runs, from the registry, from the record of the sample, or a guess."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plans.facts import EXACT, GUESS, KNOWN, Earlier, rounded
from plans.forecast import Bench

FILM_CPS, FILM_TAU_NS, FILM_SHARE, FILM_BACKGROUND = 1000.0, (2.0, 10.0), (0.5, 0.5), 0.04
DOT_CPS, DOT_BACKGROUND_CPS, DOT_TAU_NS = 80_000.0, 12_000.0, 18.0  # at 2500 W/cm2
DOT_W_CM2 = 2500.0
SCATTER_CPS, PAIRS_CPS, SCATTER_W_CM2 = 20_000.0, 300.0, 50.0  # of attenuated laser light


@dataclass(frozen=True)
class FilmRate:
    """Light of a film under pulses; basis : in words where it comes from; certainty : "known" or "guess"."""

    rate_cps: tuple[float, ...]
    peak_cps: tuple[float, ...]
    tau_ns: tuple[float, ...]
    fraction: tuple[float, ...]
    background_fraction: float
    basis: str
    certainty: str


@dataclass(frozen=True)
class DotRate:
    """Light of one emitter, without and beside it, of both SPADs.

    tau_ns : its rise time; tau_is_known : whether it was measured on this emitter
    """

    rate_cps: float
    background_cps: float
    tau_ns: float
    basis: str
    certainty: str
    emitter: str = ""
    tau_is_known: bool = False

    @property
    def total_cps(self) -> float:
        return self.rate_cps + self.background_cps


def film_rate(bench: Bench, sample: str, w_cm2: float) -> FilmRate:
    """What the newest raster on the sample counted, in proportion to the light; else the record; else a guess."""
    run = bench.earlier("flim_raster", sample)
    if run is not None:
        factor = w_cm2 / run.w_cm2 if run.w_cm2 > 0 else 1.0
        scaled = "" if math.isclose(factor, 1, rel_tol=1e-3) else f", times {factor:.3g} for the intensity"
        rates = {key: tuple(factor * each for each in run.facts[key]) for key in ("rate_cps", "peak_cps")}
        decay = {key: run.facts[key] for key in ("tau_ns", "fraction", "background_fraction")}
        return FilmRate(**rates, **decay, basis=f"rates and lifetimes of {bench.told(run)}{scaled}", certainty=KNOWN)
    noted = bench.microscope.samples.get(sample, {}).get("rate_cps")
    cps = float(noted) if noted else FILM_CPS
    why = (
        f"rate_cps noted for {sample}"
        if noted
        else f"a guess of {rounded(cps)} cps: nothing was measured on {sample!r}"
    )
    basis = f"{why}; lifetimes {FILM_TAU_NS[0]:g} and {FILM_TAU_NS[1]:g} ns are a guess"
    return FilmRate(
        (cps, cps / 10),
        (10 * cps, 10 * cps),
        FILM_TAU_NS,
        FILM_SHARE,
        FILM_BACKGROUND,
        basis,
        KNOWN if noted else GUESS,
    )


def emitter_of(bench: Bench, given: Mapping[str, Any]) -> str:
    """Which emitter is meant: the one that is named, or the one the registry knows at that place."""
    registry, named = bench.microscope.emitters, given.get("emitter")
    if isinstance(named, str) and named:
        return named
    sample, at_um = given.get("sample") or bench.mounted, given.get("at_um")
    if registry is None or at_um is None or not isinstance(sample, str):
        return ""
    return registry.near(sample, tuple(map(float, at_um))) or ""


def dot_rate(bench: Bench, given: Mapping[str, Any], w_cm2: float) -> DotRate:
    """Light of the emitter: its last pairs, its image, the median of the last image, or a guess."""
    emitter, sample = emitter_of(bench, given), given.get("sample") or bench.mounted
    pairs = bench.earlier("hbt", sample, emitter) if emitter else None
    tau_ns, of_tau = rise_of(bench, sample, pairs)
    if pairs is not None and pairs.number("rate_cps") > pairs.number("background_cps", 0.0):
        factor = w_cm2 / pairs.w_cm2 if pairs.w_cm2 > 0 else 1.0
        low = pairs.number("background_cps", 0.0)
        light = (factor * (pairs.number("rate_cps") - low), factor * low)
        known = pairs.number("tau_ns") > 0
        return DotRate(*light, tau_ns, f"{emitter}: {bench.told(pairs)}", KNOWN, emitter, known)
    factor = w_cm2 / DOT_W_CM2
    if (row := imaged(bench, emitter)) is not None:
        seen = (factor * float(row["rate_cps"]), factor * float(row.get("background_cps") or 0.0))
        return DotRate(*seen, tau_ns, f"{emitter}: its image; {of_tau}", KNOWN, emitter)
    image = bench.earlier("find_emitters", sample)
    if image is not None and image.number("rate_cps") > 0:
        factor = w_cm2 / image.w_cm2 if image.w_cm2 > 0 else factor
        light = (factor * image.number("rate_cps"), factor * image.number("background_cps", 0.0))
        return DotRate(*light, tau_ns, f"the median emitter of {bench.told(image)}; {of_tau}", GUESS, emitter)
    light = (factor * DOT_CPS, factor * DOT_BACKGROUND_CPS)
    why = f"a guess of {rounded(light[0])} cps over {rounded(light[1])} cps: no image of {sample!r}"
    return DotRate(*light, tau_ns, f"{why}; {of_tau}", GUESS, emitter)


def imaged(bench: Bench, emitter: str) -> Mapping[str, Any] | None:
    """The row of an emitter whose brightness the registry knows."""
    registry = bench.microscope.emitters
    if registry is None or not emitter or emitter not in registry:
        return None
    row = registry[emitter].row
    rate = row.get("rate_cps")
    return row if rate and math.isfinite(rate) and rate > 0 else None


def rise_of(bench: Bench, sample: str, pairs: Earlier | None) -> tuple[float, str]:
    """Rise time of the emitter, or of the last one on this sample that was measured, or a guess; ns, and whose."""
    for run, whose in ((pairs, "its own"), (bench.earlier("hbt", sample), "that of the last emitter here")):
        if run is not None and run.number("tau_ns") > 0:
            return run.number("tau_ns"), f"rise time {run.number('tau_ns'):.3g} ns, {whose}"
    return DOT_TAU_NS, f"rise time {DOT_TAU_NS:g} ns, a guess"


def scatter_rate(bench: Bench, plan_name: str, w_cm2: float) -> tuple[float, str, str]:
    """Counts of the dimmer SPAD, or pairs, per second of scattered pulses; where that comes from, and how sure."""
    run, pairs = bench.earlier(plan_name), plan_name == "time_zero"
    guess = PAIRS_CPS if pairs else SCATTER_CPS
    found = math.nan if run is None else (run.number("pairs_cps") if pairs else min(run.facts["rate_cps"]))
    of_w_cm2 = SCATTER_W_CM2 if run is None or not run.w_cm2 > 0 else run.w_cm2
    factor = (w_cm2 / of_w_cm2) ** (2 if pairs else 1)
    if run is not None and found > 0:
        return factor * found, f"{rounded(found)} a second in {bench.told(run)}", KNOWN
    return factor * guess, f"a guess of {rounded(factor * guess)} a second: none was recorded here", GUESS


def sureness(*certainties: str) -> str:
    """The least sure of them.

    >>> sureness(EXACT, GUESS, KNOWN)
    'guess'
    """
    return max(certainties, key=(EXACT, KNOWN, GUESS).index)
