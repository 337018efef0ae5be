"""How well the share of the time an emitter is bright will be known, before it is watched."""

import math
from dataclasses import dataclass

from scipy import special

BRIGHT_S, DARK_S = 3.0, 0.3  # periods to reckon with where none are known


@dataclass(frozen=True)
class OnFractionErrors:
    """What a trace will be sure of; `_err` is one standard deviation.

    value, err : of the ON fraction; err is that of how long the trace is beside the periods, not of photons
    n_bins, n_periods : bins of the trace, dark periods expected in it
    counts_on, counts_off : in a bright and in a dark bin
    false_on, false_off : shares of dark bins taken for bright, and of bright ones taken for dark, by photon noise
    shortest_s : dark periods below that are not seen
    """

    value: float
    err: float
    n_bins: int
    n_periods: float
    counts_on: float
    counts_off: float
    false_on: float
    false_off: float
    shortest_s: float


def expected_on_fraction(
    duration_s: float,
    *,
    bin_s: float,
    rate_on_cps: float,
    rate_off_cps: float,
    bright_s: float = BRIGHT_S,
    dark_s: float = DARK_S,
) -> OnFractionErrors:
    """Error of the ON fraction of a trace, and what its bins can tell apart.

    Parameters
    ----------
    duration_s, bin_s : of the trace
    rate_on_cps, rate_off_cps : detected while bright and while dark, background included
    bright_s, dark_s : mean length of the periods, taken as exponential: longer tails make the error larger

    Notes
    -----
    A telegraph signal with these means has the correlation time t_c = 1 / (1 / bright_s + 1 / dark_s), and its mean
    over T >> t_c the variance 2 p (1 - p) t_c / T. Where photons do not tell the levels apart, each wrong bin adds
    its own noise.

    >>> found = expected_on_fraction(300, bin_s=0.01, rate_on_cps=80_000, rate_off_cps=15_000)
    >>> f"{found.value:.2f} +- {found.err:.3f} from {found.n_periods:.0f} dark periods"
    '0.91 +- 0.012 from 91 dark periods'
    """
    if not (duration_s > 0 and bin_s > 0 and bright_s > 0 and dark_s > 0):
        raise ValueError(
            f"duration_s={duration_s:g}, bin_s={bin_s:g}, bright_s={bright_s:g}, dark_s={dark_s:g}: all > 0"
        )
    share = bright_s / (bright_s + dark_s)
    together_s = bright_s * dark_s / (bright_s + dark_s)
    on, off = rate_on_cps * bin_s, rate_off_cps * bin_s
    middle = math.floor((on + off) / 2)
    false_on, false_off = float(special.pdtrc(middle, off)), float(special.pdtr(middle, on))
    n_bins = max(1, round(duration_s / bin_s))
    switching = 2 * share * (1 - share) * mean_of_decay(duration_s / together_s)
    wrong = share * false_off * (1 - false_off) + (1 - share) * false_on * (1 - false_on)
    apart = max(1 - false_on - false_off, 1e-6)
    return OnFractionErrors(
        value=share,
        err=math.sqrt(switching + wrong / n_bins / apart**2),
        n_bins=n_bins,
        n_periods=duration_s / (bright_s + dark_s),
        counts_on=on,
        counts_off=off,
        false_on=false_on,
        false_off=false_off,
        shortest_s=bin_s / 2,
    )


def mean_of_decay(x: float) -> float:
    """Mean square of the average of a correlation exp(-t) over x of its times, divided by 2: 1 / x - (1 - e^-x) / x^2.

    >>> round(mean_of_decay(1e-6), 3), round(mean_of_decay(100.0), 4)
    (0.5, 0.0099)
    """
    return 0.5 - x / 6 if x < 1e-3 else 1 / x + math.expm1(-x) / x**2
