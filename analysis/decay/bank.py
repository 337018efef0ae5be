"""Inner loop of the bank of exponentials: what each lifetime leaves in each time bin."""

import math

import numpy as np
from numba import njit

from analysis.decay.kernels import FAST, INLINE


@njit(**INLINE)
def _through(width, tau, out):
    """One step of width `width` of exponential decays tau (n_tau,); fills the rows of out (4, n_tau).

    What survives of the population, what survives of an excitation spread evenly over the step, and the derivatives
    of both by log tau.
    """
    for g in range(tau.size):
        x = width / tau[g]
        out[0, g] = math.exp(-x)
        out[1, g] = -math.expm1(-x) / x
        out[2, g] = out[0, g] * x
        out[3, g] = out[1, g] - out[0, g]


@njit(**INLINE)
def _walk(excitation, step, population, value):
    """One step of every decay: emission is added to value (2, n_tau), population (2, n_tau) moves on."""
    for g in range(population.shape[1]):
        kept, late, dkept, dlate = step[0, g], step[1, g], step[2, g], step[3, g]
        n, dn = population[0, g], population[1, g]
        value[0, g] += (1.0 - kept) * n + (1.0 - late) * excitation
        value[1, g] += (1.0 - kept) * dn - dkept * n - dlate * excitation
        population[0, g] = kept * n + late * excitation
        population[1, g] = kept * dn + dkept * n + dlate * excitation


@njit(**FAST)
def exponential_bank(excitation, width_ns, target, n_bins, tau_ns):
    """Photons per time bin after an excitation, once per laser period, of each exponential decay.

    excitation, width_ns, target : of the steps of one period, in order: what is excited (sum 1), how long the step
        lasts, and the time bin that records it (-1: none)

    Returns (n_bins, 2, n_tau): photons and their derivative by log tau. The integrals over the steps are exact for an
    excitation that is even within a step. The population left by all earlier pulses is a geometric series.
    """
    step, population = np.empty((4, tau_ns.size)), np.zeros((2, tau_ns.size))
    sums = np.zeros((n_bins + 1, 2, tau_ns.size))  # the last row takes what is not recorded
    for turn in range(2):
        for j in range(excitation.size):
            if j == 0 or width_ns[j] != width_ns[j - 1]:
                _through(width_ns[j], tau_ns, step)
            _walk(excitation[j], step, population, sums[target[j] if turn == 1 and target[j] >= 0 else n_bins])
        if turn == 0:
            period_ns = width_ns.sum()
            for g in range(tau_ns.size):
                x = period_ns / tau_ns[g]
                gone = -math.expm1(-x)
                population[1, g] = (population[1, g] + population[0, g] * math.exp(-x) * x / gone) / gone
                population[0, g] /= gone
    return sums[:n_bins]
