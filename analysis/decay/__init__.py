"""Lifetimes from photon histograms: Poisson maximum-likelihood fits of IRF-reconvolved decays, many pixels at once.

The model is eqn (3) of the paper, I(t) = y0 + sum_i A_i exp(-t / tau_i), excited by the measured IRF once per laser
period and integrated over the channels of the card. Three steps, each usable alone while an image grows:

1. `DecayModel.from_irf` describes the instrument, `.fit_t0` finds the delay between IRF and decay on a bright sum;
2. `.compress` sums the channels of each pixel into about a hundred time bins, which lose 0.2 % of the precision;
3. `.fit` fits every pixel by Fisher scoring. A pixel's result depends on its own counts and the model alone.
"""

from analysis.decay.fit import fit_decays
from analysis.decay.model import DecayModel
from analysis.decay.result import DecayFit, DecayWarning

__all__ = ["DecayFit", "DecayModel", "DecayWarning", "fit_decays"]
