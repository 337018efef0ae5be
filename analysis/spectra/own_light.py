"""What a film itself emits where its dots are detected: the tail of its luminescence, under their band."""

from dataclasses import dataclass

import numpy as np

from analysis.spectra.absorption import Absorption
from analysis.spectra.band_fit import BandFit

ASSUMED_ERR = 0.1  # relative: that the tail follows what the film absorbs, and is no foot of the band of the dots


@dataclass(frozen=True)
class OwnLight:
    """Luminescence of a film at the detection wavelength, in units of its corrected spectra, with its error (one
    standard deviation), and the excitation."""

    level: float
    err: float
    excitation_nm: float
    uids: tuple[str, ...] = ()


def own_light(
    fit: BandFit, *, excitation_nm: float, detection_nm: float, uids: tuple[str, ...] = ()
) -> OwnLight | None:
    """What is left of a luminescence spectrum at the detection wavelength without the band of the dots; None if the
    fit does not tell.

    fit : of the spectrum of the film with its dots, excited at excitation_nm
    """
    if not (fit.converged and np.isfinite(fit.background_err) and "qd" in fit.labels):
        return None
    share = 0.0 if fit.step is None else float(fit.step.at(np.array([detection_nm]))[0])
    of_film = [fit.band(i, np.array([detection_nm]))[0] for i, label in enumerate(fit.labels) if label == "perovskite"]
    level = fit.background + share * fit.tail + float(sum(of_film))
    weights = np.array([1.0, share])
    err = float(np.sqrt(weights @ fit.covariance[:2, :2] @ weights))
    return OwnLight(level, float(np.hypot(err, ASSUMED_ERR * level)), excitation_nm, uids)


def fully_absorbed(own: OwnLight, absorption: Absorption) -> tuple[float, float] | None:
    """Own light if the film absorbed everything, and its error; None if its absorption at the excitation is unknown."""
    absorbed = -np.expm1(-absorption.at(own.excitation_nm)[0])
    return (float(own.level / absorbed), float(own.err / absorbed)) if absorbed > 0 else None
