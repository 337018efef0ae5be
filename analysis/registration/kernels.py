"""Inner loops of the registration: what K scans of one scene say together, wavenumber by wavenumber.

At a wavenumber k of the pixel grid, scan i of a scene moved by d_i shows F_i = noise + sum over m of a_i S_m
exp(-i q_m d_i), with q_m = k + 2 pi m: sampling folds every alias m onto k. With Gaussian S_m of power P_m the
covariance of F is C = 1 + V P V*, V_im = a_i exp(-i q_m d_i), and log L = -F* C^-1 F - log |C|. All of it follows
from A = (P^-1 + V*V)^-1, a matrix of the size of the number of aliases, and V*V is the same for every k.

Arrays: spectra u (n_k, K), turned back by exp(i k d_i) and divided by the noise; comb c (M, K) = a_i exp(2 pi i m d_i);
overlap = c c* (M, M); power (n_k, M); wave k (n_k, 2); order m (M, 2); weight (n_k,), how often k counts.
Derivatives are by row, column and log of the amplitude: factors -i q_row, -i q_column and 1.
"""

import math

import numpy as np
from numba import njit

FAST = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "error_model": "numpy",
    "cache": True,
    "nogil": True,
}
INLINE = {**FAST, "forceinline": True}
FEW_PHOTONS = 16  # more are split by binomial numbers, not one by one


@njit(**INLINE)
def _active(power, faint, active):
    """List the aliases worth the effort; the first is always."""
    n = 1
    active[0] = 0
    for m in range(1, power.size):
        if power[m] > faint:
            active[n] = m
            n += 1
    return n


@njit(**INLINE)
def _cholesky(power, overlap, active, n, out):
    """Fill the lower triangle of out[:n, :n] with the factor of P^-1 + V*V."""
    for i in range(n):
        for j in range(i + 1):
            s = overlap[active[i], active[j]]
            for k in range(j):
                s -= out[i, k] * np.conj(out[j, k])
            out[i, j] = math.sqrt(s.real + 1 / power[active[i]]) if i == j else s / out[j, j].real


@njit(**INLINE)
def _covariance(power, overlap, active, n, out, work):
    """Fill out[:n, :n] with A; `work` is of the same size."""
    _cholesky(power, overlap, active, n, work)
    for j in range(n):
        out[j, j] = 1 / work[j, j].real
        for i in range(j + 1, n):
            s = 0j
            for k in range(j, i):
                s -= work[i, k] * out[k, j]
            out[i, j] = s / work[i, i].real
    for i in range(n):
        for j in range(i + 1):
            s = 0j
            for k in range(i, n):
                s += np.conj(out[k, i]) * out[k, j]
            work[i, j] = s
    for i in range(n):
        for j in range(i + 1):
            out[i, j], out[j, i] = work[i, j], np.conj(work[i, j])


@njit(**INLINE)
def _factors(k, order, active, n, out):
    """Fill out[:n] with the factors of the three derivatives."""
    for a in range(n):
        out[a, 0] = -1j * (k[0] + 2 * math.pi * order[active[a], 0])
        out[a, 1] = -1j * (k[1] + 2 * math.pi * order[active[a], 1])
        out[a, 2] = 1.0


@njit(**INLINE)
def _gather(spectra, comb, active, n, out):
    """Fill out[:n] with V* F."""
    for a in range(n):
        out[a] = 0
        for i in range(comb.shape[1]):
            out[a] += comb[active[a], i] * spectra[i]


@njit(**INLINE)
def _less_expected(score, traces, comb):
    """Subtract what the score would be on average if the scene were anything of that power."""
    for i in range(comb.shape[1]):
        for e in range(3):
            for a in range(comb.shape[0]):
                for b in range(comb.shape[0]):
                    score[i, e] -= 2 * (traces[e, a, b] * np.conj(comb[a, i]) * comb[b, i]).real


@njit(**FAST)
def sweep(spectra, comb, overlap, power, wave, order, weight, faint, found, expected, rest, slope):
    """Return the score (K, 3) of shifts and log amplitudes.

    Fills found (n_k, M), what v_m* C^-1 F is in power, expected (n_k, M), its mean; rest (n_k, K), C^-1 F, and
    slope (3, n_k, K), the derivatives of the scene as the other scans tell it; both turned back as the spectra are.
    """
    n_scans, n_orders = spectra.shape[1], order.shape[0]
    score = np.zeros((n_scans, 3))
    traces = np.zeros((3, n_orders, n_orders), np.complex128)
    active = np.zeros(n_orders, np.int64)
    cov, work = np.zeros((n_orders, n_orders), np.complex128), np.zeros((n_orders, n_orders), np.complex128)
    seen, scene = np.zeros(n_orders, np.complex128), np.zeros(n_orders, np.complex128)
    factor = np.zeros((n_orders, 3), np.complex128)
    for p in range(spectra.shape[0]):
        n = _active(power[p], faint, active)
        _covariance(power[p], overlap, active, n, cov, work)
        _factors(wave[p], order, active, n, factor)
        _gather(spectra[p], comb, active, n, seen)
        for m in range(n_orders):
            found[p, m] = expected[p, m] = 0
        for a in range(n):
            scene[a] = 0
            for b in range(n):
                scene[a] += cov[a, b] * seen[b]
                for e in range(3):
                    traces[e, active[a], active[b]] += weight[p] * factor[a, e] * cov[a, b]
            inverse = 1 / power[p, active[a]]
            found[p, active[a]] = (scene[a].real ** 2 + scene[a].imag ** 2) * inverse**2
            expected[p, active[a]] = (1 - cov[a, a].real * inverse) * inverse
        for i in range(n_scans):
            left, by_row, by_column, by_gain = spectra[p, i], 0j, 0j, 0j
            for a in range(n):
                part = np.conj(comb[active[a], i]) * scene[a]
                left -= part
                by_row += factor[a, 0] * part
                by_column += factor[a, 1] * part
                by_gain += part
            rest[p, i] = left
            slope[0, p, i], slope[1, p, i], slope[2, p, i] = by_row, by_column, by_gain
            for e in range(3):
                score[i, e] += 2 * weight[p] * (np.conj(left) * slope[e, p, i]).real
    _less_expected(score, traces, comb)
    return score


@njit(**FAST)
def information(comb, overlap, power, wave, order, weight, faint, stride):
    """Return Fisher's information (K, 3, 3) of the shift and log amplitude of each scan, from every stride-th k.

    With dC = e_i h* + h e_i*: tr(C^-1 dC C^-1 dC') = 2 Re(w w' + g c), w = h* C^-1 e_i, g = h* C^-1 h', c = (C^-1)_ii.
    """
    n_scans, n_orders = comb.shape[1], order.shape[0]
    out = np.zeros((n_scans, 3, 3))
    active = np.zeros(n_orders, np.int64)
    cov, work = np.zeros((n_orders, n_orders), np.complex128), np.zeros((n_orders, n_orders), np.complex128)
    factor, pull = np.zeros((n_orders, 3), np.complex128), np.zeros(n_orders, np.complex128)
    psi, chi = np.zeros((3, n_orders), np.complex128), np.zeros((3, n_orders), np.complex128)
    for p in range(0, wave.shape[0], stride):
        n = _active(power[p], faint, active)
        _covariance(power[p], overlap, active, n, cov, work)
        _factors(wave[p], order, active, n, factor)
        for i in range(n_scans):
            inverse = 1.0
            for a in range(n):
                pull[a] = 0
                for b in range(n):
                    pull[a] += cov[a, b] * comb[active[b], i]
                inverse -= (np.conj(comb[active[a], i]) * pull[a]).real
            for e in range(3):
                for a in range(n):
                    psi[e, a] = factor[a, e] * np.conj(comb[active[a], i])
                for a in range(n):
                    chi[e, a] = power[p, active[a]] * np.conj(psi[e, a])
                    for b in range(n):
                        chi[e, a] -= cov[a, b] * np.conj(psi[e, b])
            for e in range(3):
                for f in range(3):
                    w_e, w_f, g = 0j, 0j, 0j
                    for a in range(n):
                        w_e += psi[e, a] * pull[a]
                        w_f += psi[f, a] * pull[a]
                        g += psi[e, a] * chi[f, a]
                    out[i, e, f] += 2 * weight[p] * stride * ((w_e * w_f).real + g.real * inverse)
    return out


@njit(**FAST)
def scatter_row(counts, down, right, rng, out):
    """Send the photons of one row of pixels (nx, m) to out (2, nx + 1, m): `down` and `right` are probabilities."""
    for x in range(counts.shape[0]):
        for j in range(counts.shape[1]):
            n = counts[x, j]
            if n > FEW_PHOTONS:
                lower = rng.binomial(n, down)
                lower_right, upper_right = rng.binomial(lower, right), rng.binomial(n - lower, right)
                out[0, x, j] += n - lower - upper_right
                out[0, x + 1, j] += upper_right
                out[1, x, j] += lower - lower_right
                out[1, x + 1, j] += lower_right
            else:
                for _ in range(n):
                    out[int(rng.random() < down), x + int(rng.random() < right), j] += 1
