"""Inner loops of the antibunching fit: expected coincidences with their slopes, and damped Fisher scoring.

Parameters of every model, in this order: log of the baseline A (coincidences per ns), contrast C, log tau, t0, and the
stop rate R per ns.

The dip exp(-|t| / tau) behind a Gaussian response is c(z) + c(-z), z = t - t0, with
c(z) = exp(h^2 - z / tau) erfc(h - z / (sigma sqrt 2)) / 2 and h = sigma / (tau sqrt 2); its integral from 0 to z is
tau [erf(z / (sigma sqrt 2)) - c(z) + c(-z)].

With s_k the integral of g2 over bin k, a time-tagger expects A s_k. A start-stop card loses the starts that were
stopped before; of S = A / R armed starts,

    S exp(-R (s_0 + ... + s_{k-1})) (1 - exp(-R s_k))

are stopped in bin k, which is A s_k where R is small.

What is known of R beforehand counts as one more measurement: `prior` holds its value and 1 / error^2, per ns.
"""

import math

import numpy as np
from numba import njit

FAST = {"error_model": "numpy", "cache": True, "nogil": True}
# Helpers are inlined into the few entry points, so that compiled and cached code round alike.
INLINE = {**FAST, "forceinline": True}
N_PARAMETERS = 5
LOG_A, CONTRAST, LOG_TAU, T0, STOP = range(N_PARAMETERS)
SQRT_2 = math.sqrt(2.0)
FAR = 6.0  # widths sigma sqrt 2 from the centre; beyond, the response only rescales the dip
LEAST_EXPECTED = 1e-9  # counts per bin: a photon where none can be is unlikely, not impossible
MOST_STEPS = 60
LARGEST_DAMPING = 1e8
TOLERANCE = 1e-5  # gain in log likelihood that a step must still promise
LARGEST_LOG_STEP = 0.7  # of A and tau


@njit(**INLINE)
def _dip(z, tau, sigma, out):
    """The dip at delay z from its centre, its integral from 0 to z, and the slope of that by log tau."""
    x = abs(z)
    sign = 1.0 if z > 0 else -1.0
    h = sigma / (tau * SQRT_2)
    if x < sigma * SQRT_2 * (h + FAR):
        y = x / (sigma * SQRT_2)
        near = 0.5 * math.exp(h * (h - 2 * y)) * math.erfc(h - y)
        far = 0.5 * math.exp(h * (h + 2 * y)) * math.erfc(h + y)
        integral = tau * (math.erf(y) - near + far)
        slope = integral - near * (x - 2 * h * h * tau) - far * (x + 2 * h * h * tau)
    else:
        near, far = math.exp(h * h - x / tau), 0.0
        integral = tau * (1.0 - near)
        slope = integral - near * (x - 2 * h * h * tau)
    out[0], out[1], out[2] = near + far, sign * integral, sign * slope


@njit(**INLINE)
def _stopped(a, stop, light, before, out):
    """Fill `out`: coincidences of a bin; their slopes by its own light, by the light before it, by the stop rate."""
    load = stop * light
    armed = a * math.exp(-stop * before)
    if load > 1e-5:
        found = -math.expm1(-load)
        out[0] = armed * found / stop
        out[3] = armed * (load * (1.0 - found) - found) / stop**2
    else:
        out[0] = armed * light * (1.0 - load / 2)
        out[3] = -armed * light * light * (0.5 - load / 3)
    out[1] = armed * math.exp(-load)
    out[2] = -stop * out[0]
    out[3] -= before * out[0]


@njit(**INLINE)
def _expected(edges, x, sigma, n_starts, mu, jacobian):
    """Fill the expected counts (n,) and their slopes (5, n); n is one more than the bins if n_starts > 0."""
    a, contrast, tau = math.exp(x[LOG_A]), x[CONTRAST], math.exp(x[LOG_TAU])
    stop = a / n_starts if n_starts > 0 else x[STOP]
    left, right, bin_ = np.empty(3), np.empty(3), np.empty(4)
    sums = np.zeros(N_PARAMETERS)  # of the light in earlier bins, and of its slopes
    slope = np.zeros(N_PARAMETERS)
    _dip(edges[0] - x[T0], tau, sigma, left)
    n_bins = edges.size - 1
    for k in range(n_bins):
        _dip(edges[k + 1] - x[T0], tau, sigma, right)
        light = edges[k + 1] - edges[k] - contrast * (right[1] - left[1])
        slope[CONTRAST] = left[1] - right[1]
        slope[LOG_TAU] = contrast * (left[2] - right[2])
        slope[T0] = contrast * (right[0] - left[0])
        if light <= 0.0:  # C > 1 drives g2 below zero
            light = 0.0
            slope[:] = 0.0
        _stopped(a, stop, light, sums[LOG_A], bin_)
        mu[k] = max(bin_[0], LEAST_EXPECTED)
        jacobian[LOG_A, k] = bin_[0]
        jacobian[STOP, k] = bin_[3]
        for p in range(CONTRAST, STOP):
            jacobian[p, k] = bin_[1] * slope[p] + bin_[2] * sums[p]
            sums[p] += slope[p]
        sums[LOG_A] += light
        left[0], left[1], left[2] = right[0], right[1], right[2]
    if n_starts > 0:
        _tie_stop_rate_to_starts(stop, n_starts, n_bins, mu, jacobian)


@njit(**INLINE)
def _tie_stop_rate_to_starts(stop, n_starts, n_bins, mu, jacobian):
    """R = A / S; the starts that found no stop are the last bin."""
    mu[n_bins] = n_starts
    jacobian[:, n_bins] = 0.0
    for k in range(n_bins):
        jacobian[LOG_A, k] += stop * jacobian[STOP, k]
        jacobian[STOP, k] = 0.0
        mu[n_bins] -= mu[k]
        for p in range(STOP):
            jacobian[p, n_bins] -= jacobian[p, k]
    mu[n_bins] = max(mu[n_bins], LEAST_EXPECTED)


@njit(**INLINE)
def _score(counts, mu, jacobian, gradient, fisher):
    """Fill gradient and Fisher information of the Poisson likelihood; return the deviance."""
    gradient[:], fisher[:] = 0.0, 0.0
    deviance = 0.0
    for k in range(mu.size):
        n, share = counts[k], 1.0 / mu[k]
        deviance += mu[k] - n
        if n > 0:
            deviance += n * math.log(n * share)
        for p in range(N_PARAMETERS):
            weighted = jacobian[p, k] * share
            gradient[p] += weighted * (n - mu[k])
            for q in range(p + 1):
                fisher[p, q] += weighted * jacobian[q, k]
    for p in range(N_PARAMETERS):
        for q in range(p):
            fisher[q, p] = fisher[p, q]
    return 2 * deviance


@njit(**INLINE)
def _solve(matrix, vector, n):
    """Cholesky solution of the leading n x n block, in place in `vector`; False if it is not positive definite."""
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            if i == j and rest <= 0:
                return False
            matrix[i, j] = math.sqrt(rest) if i == j else rest / matrix[j, j]
    for i in range(n):
        for k in range(i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            vector[i] -= matrix[k, i] * vector[k]
        vector[i] /= matrix[i, i]
    return True


@njit(**INLINE)
def _propose(x, gradient, fisher, free, damping, low, high, matrix, step, trial):
    """Fill `trial` with a damped step inside the bounds; return the gain in log likelihood it promises."""
    n = 0
    moves = np.empty(N_PARAMETERS, np.int64)
    for p in range(N_PARAMETERS):
        blocked = (x[p] <= low[p] and gradient[p] <= 0) or (x[p] >= high[p] and gradient[p] >= 0)
        trial[p] = x[p]
        if free[p] and not blocked and fisher[p, p] > 0:
            moves[n] = p
            n += 1
    for i in range(n):
        scale = math.sqrt(fisher[moves[i], moves[i]])
        step[i] = gradient[moves[i]] / scale
        for j in range(i + 1):
            matrix[i, j] = fisher[moves[i], moves[j]] / (scale * math.sqrt(fisher[moves[j], moves[j]]))
        matrix[i, i] = 1.0 + damping + 1e-10
    reaches = (LARGEST_LOG_STEP, 1.0, LARGEST_LOG_STEP, 2 * math.exp(x[LOG_TAU]), 1.0)
    promise = 0.0
    if _solve(matrix, step, n):
        for i in range(n):
            p = moves[i]
            d = step[i] / math.sqrt(fisher[p, p])
            reach = reaches[p]
            trial[p] = min(max(x[p] + min(max(d, -reach), reach), low[p]), high[p])
            promise += (trial[p] - x[p]) * gradient[p]
    return promise


@njit(**FAST)
def maximise(edges, counts, sigma, n_starts, prior, low, high, free, x):
    """Climb from x along the free parameters, in place; return the deviance, and whether the top was reached."""
    jacobian, mu = np.zeros((N_PARAMETERS, counts.size)), np.empty(counts.size)
    gradient, fisher = np.zeros(N_PARAMETERS), np.zeros((N_PARAMETERS, N_PARAMETERS))
    matrix, step, trial = np.zeros_like(fisher), np.zeros(N_PARAMETERS), np.zeros(N_PARAMETERS)
    reached, damping, current = np.inf, 1e-3, x.copy()
    for _ in range(MOST_STEPS):
        _expected(edges, current, sigma, n_starts, mu, jacobian)
        new_gradient, new_fisher = np.zeros_like(gradient), np.zeros_like(fisher)
        deviance = _score(counts, mu, jacobian, new_gradient, new_fisher)
        away = current[STOP] - prior[0]
        deviance += prior[1] * away**2
        new_gradient[STOP] -= prior[1] * away
        new_fisher[STOP, STOP] += prior[1]
        if deviance < reached:
            damping = max(damping * 0.1, 1e-12)
            reached, gradient, fisher = deviance, new_gradient, new_fisher
            x[:] = current
        else:
            damping = max(damping * 8, 1e-6)
        promise = _propose(x, gradient, fisher, free, damping, low, high, matrix, step, trial)
        if promise < TOLERANCE or damping > LARGEST_DAMPING:
            return reached, promise < TOLERANCE and damping <= 1
        current[:] = trial
    return reached, False


@njit(**FAST)
def expected(edges, sigma, n_starts, x):
    """Expected counts (n,) and the Fisher information (5, 5); if n_starts > 0 the last count is that of no stop."""
    n = edges.size - 1 + (n_starts > 0)
    mu, jacobian = np.empty(n), np.zeros((N_PARAMETERS, n))
    gradient, fisher = np.zeros(N_PARAMETERS), np.zeros((N_PARAMETERS, N_PARAMETERS))
    _expected(edges, x, sigma, n_starts, mu, jacobian)
    _score(mu, mu, jacobian, gradient, fisher)
    return mu, fisher
