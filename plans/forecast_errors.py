"""Numbers with the errors they will have, for forecasts: Fisher information at the light that is expected."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from analysis.correlation.forecast import SIGMA_NS
from analysis.correlation.forecast import expected_errors as expected_dip
from analysis.decay.forecast import decay_model, expected_errors, gaussian_irf, pile_up
from analysis.emitters.forecast import expected_place
from plans.facts import Expected, Peak, rounded
from plans.forecast import Bench
from plans.rates import DotRate
from plans.tcspc import BLIND_START_NS, N_CHANNELS, range_code_for

RESPONSE_NS = 0.5  # FWHM to reckon with; half or twice as much changes no error of a lifetime above 1 ns by 5 %
PILE_UP = 0.05  # photons a pulse, from which on a decay is bent by 1 %
DEAD = 0.05  # share of the clicks
NEAR_TRIP = 0.5


@lru_cache(maxsize=16)
def reckoned_model(bin_width_ns: float, period_ns: float, n_components: int) -> Any:
    """The model of a decay on this axis, with a Gaussian response."""
    irf = gaussian_irf(RESPONSE_NS, bin_width_ns=bin_width_ns, n_bins=N_CHANNELS, at_ns=BLIND_START_NS + 10)
    return decay_model(irf, bin_width_ns=bin_width_ns, period_ns=period_ns, n_components=n_components)


def of_decay(
    bench: Bench,
    n_photons: float,
    tau_ns: Sequence[float],
    fraction: Sequence[float],
    background: float,
    *,
    of: str,
    range_code: int | None = None,
) -> tuple[Expected, ...]:
    """Lifetimes and the share of the longest one, from so many photons."""
    period_ns = 1e9 / bench.repetition_hz
    code = range_code_for(period_ns, bench.base_ps) if range_code is None else range_code
    width_ns = min(bench.base_ps * 1e-3 * 2**code, period_ns / 8)
    model = reckoned_model(width_ns, period_ns, len(tau_ns))
    share = {"tau_ns": tau_ns, "fraction": fraction, "background_fraction": background}
    found = expected_errors(model, n_photons=n_photons, **share)
    one = len(found.tau_ns) == 1
    pairs = zip(found.tau_ns, found.tau_err_ns, strict=True)
    told = [Expected("tau" if one else f"tau{i + 1}", *pair, "ns", of) for i, pair in enumerate(pairs)]
    if not one:
        name = f"fraction{len(found.fraction)}"
        told.append(Expected(name, found.fraction[-1], found.fraction_err[-1], "", of))
    return tuple(told)


def of_dip(bench: Bench, rate: DotRate, live_s: float, *, of: str = "the emitter") -> tuple[Expected, ...]:
    """Rise time and contrast of the emitter after so much light."""
    sigma_ns = bench.sigma_ns if bench.sigma_ns > 0 else SIGMA_NS
    light = (rate.rate_cps, rate.background_cps)
    found = expected_dip(live_s, *light, tau_ns=rate.tau_ns, sigma_ns=sigma_ns)
    return (
        Expected("tau", found.tau_ns, found.tau_err_ns, "ns", of),
        Expected("contrast", found.contrast, found.contrast_err, "", of),
    )


def of_place(rate: DotRate, dwell_s: float, pixel_um: float, fwhm_um: float = 0.24) -> tuple[Expected, ...]:
    """Where the emitter is seen, along each axis, and how bright."""
    found = expected_place(rate.rate_cps, rate.background_cps, dwell_s=dwell_s, pixel_um=pixel_um, fwhm_um=fwhm_um)
    return (
        Expected("x, y", math.nan, 1e3 * found.x_err_um, "nm", "the emitter"),
        Expected("rate", found.rate_cps, found.rate_err_cps, "cps", "the emitter"),
    )


def peak_of(bench: Bench, rate_cps: float, *, pulsed: bool) -> Peak:
    """The brighter counter at its brightest."""
    dead = rate_cps * bench.dead_time_ns * 1e-9
    loss = dead / (1 + dead)
    if not pulsed:
        return Peak(rate_cps, math.nan, math.nan, loss, bench.trip_cps)
    bent = pile_up(rate_cps, bench.repetition_hz)
    return Peak(rate_cps, bent.photons_per_pulse, bent.tau_bias, loss, bench.trip_cps)


def peak_warnings(peak: Peak, w_cm2: float) -> tuple[str, ...]:
    """What goes wrong at this rate, and what to do."""
    found = []
    if peak.rate_cps > NEAR_TRIP * peak.trip_cps:
        less = 0.5 * NEAR_TRIP * peak.trip_cps / peak.rate_cps * w_cm2
        does = "will" if peak.trips else "may"
        found.append(
            f"{rounded(peak.rate_cps)} cps on a SPAD are expected, the shutter {does} close and latch at "
            f"{rounded(peak.trip_cps)} cps: intensity_w_cm2={less:.2g} or less"
        )
    if peak.photons_per_pulse > PILE_UP:
        less = PILE_UP / peak.photons_per_pulse * w_cm2
        found.append(
            f"pile-up: {peak.photons_per_pulse:.2g} photons a pulse in the brightest place bend its lifetimes by "
            f"{100 * peak.tau_bias:+.1f} % before correction: intensity_w_cm2={less:.2g}, or a lower repetition rate"
        )
    elif not peak.photons_per_pulse >= 0 and peak.dead_loss > DEAD:
        found.append(f"the dead time swallows {100 * peak.dead_loss:.0f} % of the clicks: less intensity_w_cm2")
    return tuple(found)
