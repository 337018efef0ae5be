"""How long an antibunching measurement will take, before it has begun."""

import math

TAU_FACTOR = 1.9  # relative error of tau, times contrast and the root of the coincidences in one rise time
CONTRAST_FACTOR = 0.9  # error of the contrast, times the same root


def live_time_s(
    rate_cps: float,
    background_cps: float,
    *,
    target_err_ns: float | None = None,
    target_contrast_err: float | None = None,
    tau_ns: float = 12.0,
) -> float:
    """Seconds of light until the errors of a single emitter are as small as wished; inf if it does not shine.

    Parameters
    ----------
    rate_cps, background_cps : detected on both arms together; the arms are taken as equal
    tau_ns : rise time to reckon with; the time grows in proportion to it

    Notes
    -----
    A start-stop histogram collects rate^2 / 4 coincidences per second and lag, n in one rise time; the errors are
    1.9 tau / (C sqrt(n)) and 0.9 / sqrt(n), as in the fits of measurements of 60 to 700 coincidences per ns.

    >>> round(live_time_s(87_700, 12_300, target_err_ns=0.4, tau_ns=17.7))
    270
    """
    total = rate_cps + background_cps
    if not (rate_cps > 0 and total > 0):
        return math.inf
    contrast = (rate_cps / total) ** 2
    needed = [0.0]
    if target_err_ns is not None:
        needed.append((TAU_FACTOR * tau_ns / (contrast * target_err_ns)) ** 2)
    if target_contrast_err is not None:
        needed.append((CONTRAST_FACTOR / target_contrast_err) ** 2)
    return max(needed) / (tau_ns * 1e-9 * total**2 / 4)
