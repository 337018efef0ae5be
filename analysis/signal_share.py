"""What share of the photons, and of their pairs, comes from an emitter that may blink in a steady background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class SignalShare:
    """value : rho, such that rho^2 is the share of the pairs of photons that are of the emitter; err : its error."""

    value: float
    err: float


def signal_share(
    rates_cps: ArrayLike,
    time_s: ArrayLike,
    *,
    background_cps: float,
    background_err_cps: float,
    first_share: float = 0.5,
    first_share_err: float = 0.0,
) -> SignalShare:
    """Return rho of a pair of detectors.

    Parameters
    ----------
    rates_cps : (n, 2) of both detectors in parts of the measurement, background included, dead time corrected
    time_s : (n,) how long each part lasted
    background_cps, background_err_cps : steady light and dark counts of both detectors together
    first_share, first_share_err : of the first detector in them

    Notes
    -----
    Pairs within nanoseconds come in proportion to the product of the rates of that moment, so that

        rho^2 = sum (R_a - B_a) (R_b - B_b) dt / sum R_a R_b dt,

    which for a steady emitter is the square of its share of the photons, and more if it blinks: an emitter that is
    dark for half of the time makes half of its pairs, not a quarter. The noise of the two detectors is independent, so
    their product has no bias. Switching faster than the parts is averaged.
    """
    rate, time = np.asarray(rates_cps, float), np.asarray(time_s, float)
    part = np.array([first_share, 1 - first_share])
    if rate.ndim != 2 or rate.shape[1] != 2 or rate.shape[0] != time.size:
        raise ValueError(f"rates_cps has shape {rate.shape}, time_s {time.shape}: give (n, 2) and (n,)")
    pairs = float(time @ (rate[:, 0] * rate[:, 1]))
    if not pairs > 0:
        return SignalShare(0.0, float("nan"))
    excess = rate - background_cps * part
    share = float(time @ (excess[:, 0] * excess[:, 1])) / pairs
    by_rate = -float(time @ (excess[:, ::-1] @ part)) / pairs
    by_part = background_cps * float(time @ (excess[:, 0] - excess[:, 1])) / pairs
    product = excess[:, 1] ** 2 * rate[:, 0] + excess[:, 0] ** 2 * rate[:, 1]
    counted = float(time @ product) / pairs**2 * (1 - share) ** 2  # noise that both sums have in common cancels
    variance = (by_rate * background_err_cps) ** 2 + (by_part * first_share_err) ** 2 + counted
    value = float(np.sqrt(np.clip(share, 0.0, 1.0)))
    return SignalShare(value, float(np.sqrt(variance) / (2 * value)) if value else float("nan"))
