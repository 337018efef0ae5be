"""Inner loops of the decay fit: Fisher scoring of each pixel, and its profile intervals.

Compiled by numba and free of the interpreter lock, so that threads run them side by side. Every pixel is computed
alone and in a fixed order: its result depends neither on its neighbours nor on the number of threads.
"""

import math

import numpy as np
from numba import njit

# Sums may be re-associated (SIMD); NaN and infinity keep their meaning.
FAST = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "error_model": "numpy",
    "cache": True,
    "nogil": True,
}
# Helpers are inlined into the few entry points: a helper compiled twice may round differently in each, and which of
# the two is called would depend on whether the code came from the compiler or from its cache.
INLINE = {**FAST, "forceinline": True}
FLOOR = 1e-12  # least expected photons per bin
LN2 = 0.6931471805599453
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
LARGEST_LOG_TAU_STEP = 0.7
LARGEST_DAMPING = 1e8
MOST_STEPS = 100
MOST_STARTS = 4
BINS_PER_COARSE_BIN = 4  # to compare starts
SAME_MAXIMUM = 0.5**2  # squared distance in standard deviations
UNSURE_LOG_TAU_VARIANCE = 0.15**2
RESTART_LONGER, RESTART_SHORTER = 1.8, 2.5  # in log tau


@njit(**INLINE)
def _copy(source, out):
    """Elementwise, because slice assignment takes numba seconds to compile."""
    for i in range(out.size):
        out[i] = source[i]


@njit(**INLINE)
def _between(log_tau, bank):
    """Where a lifetime lies in the bank: row, and cubic Hermite weights of its neighbours for value and derivative."""
    log_tau_0, step, value, _ = bank
    s = (log_tau - log_tau_0) / step
    g = min(max(int(s), 0), value.shape[0] - 2)
    u = s - g
    rise, slope = u * u * (3.0 - 2.0 * u), 6.0 * u * (1.0 - u) / step
    near, far = u * (1.0 - u) * (1.0 - u) * step, u * u * (u - 1.0) * step
    return g, (1.0 - rise, rise, near, far), (-slope, slope, (1.0 - u) * (1.0 - 3.0 * u), u * (3.0 * u - 2.0))


@njit(**INLINE)
def _add_decay(log_tau, photons, bank, shape, slope, expected):
    """Add photons of one lifetime to expected; derivatives of it by photons (shape) and by log tau (slope)."""
    g, (a, b, c, d), (da, db, dc, dd) = _between(log_tau, bank)
    p, q, dp, dq = bank[2][g], bank[2][g + 1], bank[3][g], bank[3][g + 1]
    for j in range(expected.size):
        shape[j] = a * p[j] + b * q[j] + c * dp[j] + d * dq[j]
        slope[j] = photons * (da * p[j] + db * q[j] + dc * dp[j] + dd * dq[j])
        expected[j] += photons * shape[j]


@njit(**INLINE)
def _model(x, bank, width, jacobian, expected):
    """Expected counts per bin and their derivatives by x = (log tau..., photons..., background)."""
    n_components = x.size // 2
    background = x[2 * n_components]
    for j in range(width.size):
        expected[j] = background * width[j]
        jacobian[2 * n_components, j] = width[j]
    for k in range(n_components):
        _add_decay(x[k], x[n_components + k], bank, jacobian[n_components + k], jacobian[k], expected)
    for j in range(width.size):
        expected[j] = max(expected[j], FLOOR)  # interpolation may dip below zero where a decay has long died


@njit(**INLINE)
def _log_likelihood(counts, expected, scratch):
    """Poisson log-likelihood without its constant; the logarithm is an atanh series (1e-14) that vectorises."""
    bits = expected.view(np.int64)
    mantissa_bits = scratch.view(np.int64)
    total = 0.0
    for j in range(counts.size):
        mantissa_bits[j] = bits[j] - (((bits[j] - SQRT_HALF_BITS) >> 52) << 52)
    for j in range(counts.size):
        exponent = (bits[j] - SQRT_HALF_BITS) >> 52
        z = (scratch[j] - 1.0) / (scratch[j] + 1.0)
        y = z * z
        s = y * (1 / 9 + y * (1 / 11 + y * (1 / 13 + y / 15)))
        s = 1.0 + y * (1 / 3 + y * (1 / 5 + y * (1 / 7 + s)))
        total += counts[j] * (2.0 * z * s + exponent * LN2) - expected[j]
    return total


@njit(**INLINE)
def _products_with_itself(p, d, flat, weight, excess):
    """Sums over bins of one component, its derivatives being p and d: by the excess counts, by the background."""
    pr = dr = pf = df = pp = pd = dd = 0.0
    for j in range(weight.size):
        wp, wd = weight[j] * p[j], weight[j] * d[j]
        pr += p[j] * excess[j]
        dr += d[j] * excess[j]
        pf += wp * flat[j]
        df += wd * flat[j]
        pp += wp * p[j]
        pd += wp * d[j]
        dd += wd * d[j]
    return pr, dr, pf, df, pp, pd, dd


@njit(**INLINE)
def _products(p, d, q, e, weight):
    """Sums over bins of one component (p, d) by another (q, e)."""
    pq = pe = dq = de = 0.0
    for j in range(weight.size):
        wp, wd = weight[j] * p[j], weight[j] * d[j]
        pq += wp * q[j]
        pe += wp * e[j]
        dq += wd * q[j]
        de += wd * e[j]
    return pq, pe, dq, de


@njit(**INLINE)
def _dot(a, b):
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@njit(**INLINE)
def _score(counts, expected, jacobian, weight, excess, gradient, fisher):
    """Gradient of the log-likelihood and expected Fisher information (its lower triangle)."""
    n = gradient.size // 2
    flat = jacobian[2 * n]
    fr = ff = 0.0
    for j in range(counts.size):
        weight[j] = 1.0 / expected[j]
        excess[j] = counts[j] * weight[j] - 1.0
        fr += flat[j] * excess[j]
        ff += flat[j] * flat[j] * weight[j]
    gradient[2 * n], fisher[2 * n, 2 * n] = fr, ff
    for k in range(n):
        p, d = jacobian[n + k], jacobian[k]
        gradient[n + k], gradient[k], fisher[2 * n, n + k], fisher[2 * n, k], pp, pd, dd = _products_with_itself(
            p, d, flat, weight, excess
        )
        fisher[n + k, n + k], fisher[n + k, k], fisher[k, k] = pp, pd, dd
        for m in range(k):
            fisher[n + k, n + m], fisher[n + k, m], fisher[n + m, k], fisher[k, m] = _products(
                p, d, jacobian[n + m], jacobian[m], weight
            )


@njit(**INLINE)
def _factorise(matrix, damping, free, lower):
    """Cholesky factor, its diagonal inverted, of matrix + damping * diagonal (free parameters); False if singular."""
    n = free.size
    for i in range(n):
        for k in range(i + 1):
            total = matrix[i, k] if free[i] and free[k] else 0.0
            if i == k:
                total = total * (1.0 + damping) if free[i] else 1.0
            largest = total
            for m in range(k):
                total -= lower[i, m] * lower[k, m]
            if i == k:
                if not total > 1e-13 * largest:
                    return False
                lower[i, i] = 1.0 / math.sqrt(total)
            else:
                lower[i, k] = total * lower[k, k]
    return True


@njit(**INLINE)
def _substitute(lower, free, right, out):
    """Solve lower @ lower.T @ out = right; zero where a parameter is not free."""
    n = free.size
    for i in range(n):
        total = right[i] if free[i] else 0.0
        for m in range(i):
            total -= lower[i, m] * out[m]
        out[i] = total * lower[i, i]
    for i in range(n - 1, -1, -1):
        total = out[i]
        for m in range(i + 1, n):
            total -= lower[m, i] * out[m]
        out[i] = total * lower[i, i]


@njit(**INLINE)
def _set_free(x, gradient, low, high, free):
    """A parameter pushed against its bound, and the lifetime of an empty component, stay where they are."""
    n_components = x.size // 2
    for i in range(x.size):
        free[i] = not ((x[i] <= low[i] and gradient[i] <= 0.0) or (x[i] >= high[i] and gradient[i] >= 0.0))
    for k in range(n_components):
        if x[n_components + k] <= 0.0:
            free[k] = False


@njit(**INLINE)
def _take_step(x, fisher, gradient, damping, stride, low, high, work, trial):
    """Damped scoring step from x to trial, kept inside the bounds; (promised gain, damping that made it possible)."""
    _, _, _, _, step, lower, free = work
    _set_free(x, gradient, low, high, free)
    while not _factorise(fisher, damping, free, lower):
        damping = max(10.0 * damping, 1e-3)
        if damping > LARGEST_DAMPING:
            return 0.0, damping
    _substitute(lower, free, gradient, step)
    gain = 0.0
    for i in range(x.size):
        move = stride * step[i]
        if i < x.size // 2:
            move = min(max(move, -LARGEST_LOG_TAU_STEP), LARGEST_LOG_TAU_STEP)
        trial[i] = min(max(x[i] + move, low[i]), high[i])
        gain += (trial[i] - x[i]) * gradient[i]
    return gain, damping


@njit(**INLINE)
def _next_stride(stride, step, gradient, gain):
    """Secant rule: where the curvature differs from the expected information, plain scoring oscillates or crawls."""
    slope = 0.0
    for i in range(step.size):
        slope += step[i] * gradient[i]
    return min(max(stride / max(1.0 - slope / gain, 0.5), 0.3), 1.5)


@njit(**INLINE)
def _near(x, known_x, known_fisher):
    """Whether x is within half a standard deviation of a known maximum; False if that is NaN."""
    distance = 0.0
    for i in range(x.size):
        half = 0.5 * known_fisher[i, i] * (x[i] - known_x[i])
        for k in range(i):
            half += known_fisher[i, k] * (x[k] - known_x[k])
        distance += 2.0 * half * (x[i] - known_x[i])
    return distance < SAME_MAXIMUM


@njit(**INLINE)
def _maximise(counts, x, bank, width, bounds, tolerance, known, work, gradient, fisher, trial):
    """Projected Fisher scoring with Levenberg-Marquardt damping from x, in place.

    A step that promises less than `tolerance` is the last, and its end is not looked at. A search that comes upon
    the known maximum (log-likelihood, x, fisher) gives up. Returns (log-likelihood, converged); `fisher` is the
    information before the last step.
    """
    jacobian, expected, weight, scratch, step = work[0], work[1], work[2], work[3], work[4]
    best = -np.inf
    damping, stride, gain = 1e-2 / 0.15, 1.0, 0.0
    _copy(x, trial)
    for _ in range(MOST_STEPS):
        _model(trial, bank, width, jacobian, expected)
        reached = _log_likelihood(counts, expected, scratch)
        if reached >= best - 1e-9:
            best = reached
            for i in range(x.size):
                step[i] = trial[i] - x[i]
                x[i] = trial[i]
            damping = max(0.15 * damping, 1e-7)
            if reached <= known[0] + 1e-6 and _near(x, known[1], known[2]):
                return -np.inf, False
            _score(counts, expected, jacobian, weight, scratch, gradient, fisher)
            if gain > 0.0:
                stride = _next_stride(stride, step, gradient, gain)
        else:
            damping = max(8.0 * damping, 1e-3)
        gain, damping = _take_step(x, fisher, gradient, damping, stride, bounds[0], bounds[1], work, trial)
        if damping > LARGEST_DAMPING:
            return best, abs(gain) < 1e-3
        if abs(gain) < tolerance * stride and damping <= 1.0:
            _copy(trial, x)
            return best + 0.5 * gain, True
    return best, False


@njit(**INLINE)
def _likeliest_start(counts, n_photons, starts, log_starts, likelihoods, x):
    """Set x to the row of `starts` that explains the counts best (its amplitudes scaled to the photons).

    log_starts (n_coarse, n_starts) : logarithm of what each expects in every BINS_PER_COARSE_BIN time bins
    """
    likelihoods[:] = 0.0
    for c in range(log_starts.shape[0]):
        photons = 0.0
        for j in range(c * BINS_PER_COARSE_BIN, min((c + 1) * BINS_PER_COARSE_BIN, counts.size)):
            photons += counts[j]
        if photons > 0.0:
            row = log_starts[c]
            for t in range(likelihoods.size):
                likelihoods[t] += photons * row[t]
    best = np.argmax(likelihoods)
    n_components = x.size // 2
    for i in range(x.size):
        x[i] = starts[best, i] * (1.0 if i < n_components else n_photons)


@njit(**INLINE)
def _most_wanted(counts, bank, expected, scratch):
    """(gain, log tau): the lifetime of which a little more would raise the likelihood most."""
    log_tau_0, log_tau_step, value, _ = bank
    for j in range(counts.size):
        scratch[j] = counts[j] / expected[j] - 1.0
    most = -np.inf
    wanted = 0
    for g in range(value.shape[0]):
        row = value[g]
        total = 0.0
        for j in range(counts.size):
            total += row[j] * scratch[j]
        if total > most:
            most = total
            wanted = g
    return most, log_tau_0 + wanted * log_tau_step


@njit(**INLINE)
def _next_start(attempt, counts, n_photons, best_x, fisher, bank, width, work, gradient, x):
    """Propose another start in x where the first answer may be a local one; False if that is not needed.

    An empty component is offered the lifetime the data want most. Otherwise, if the longest lifetime is badly
    determined, a faint much longer and a faint much shorter one are tried beside the main one (of two lifetimes:
    their mean).
    """
    jacobian, expected, _, scratch, step, lower, free = work
    n_components = best_x.size // 2
    _copy(best_x, x)
    for k in range(n_components):
        if best_x[n_components + k] <= 0.0:
            _model(best_x, bank, width, jacobian, expected)
            gain, log_tau = _most_wanted(counts, bank, expected, scratch)
            x[k] = log_tau
            x[n_components + k] = 0.02 * n_photons
            return gain > 1e-3
    if n_components == 1 or attempt >= 2:
        return False
    longest, shortest = 0, 0
    for k in range(n_components):
        longest = k if x[k] > x[longest] else longest
        shortest = k if x[k] < x[shortest] else shortest
    free[:] = True
    gradient[:] = 0.0
    gradient[longest] = 1.0
    if _factorise(fisher, 1e-12, free, lower):
        _substitute(lower, free, gradient, step)
        if step[longest] < UNSURE_LOG_TAU_VARIANCE:
            return False
    log_tau_0, log_tau_step, value, _ = bank
    log_tau_end = log_tau_0 + (value.shape[0] - 1) * log_tau_step
    major, minor = (shortest, longest) if attempt == 0 else (longest, shortest)
    if n_components == 2:
        x[major] = (x[2] * x[0] + x[3] * x[1]) / (x[2] + x[3])
        x[minor] = x[major]
    x[minor] = min(max(x[minor] + (RESTART_LONGER if attempt == 0 else -RESTART_SHORTER), log_tau_0), log_tau_end)
    for k in range(n_components):
        x[n_components + k] = 0.05 * n_photons
    x[n_components + major] = 0.8 * n_photons
    x[n_components + minor] = 0.15 * n_photons
    return True


@njit(**INLINE)
def _sort_by_lifetime(x):
    """Order the components by lifetime, empty ones last."""
    n_components = x.size // 2
    for i in range(1, n_components):
        for k in range(i, 0, -1):
            empty = x[n_components + k - 1] <= 0.0
            shorter = x[k] < x[k - 1]
            if x[n_components + k] > 0.0 and (empty or shorter):
                x[k], x[k - 1] = x[k - 1], x[k]
                a, b = n_components + k, n_components + k - 1
                x[a], x[b] = x[b], x[a]


@njit(**INLINE)
def _deviance(counts, log_likelihood, certain, scratch):
    """Twice the log-likelihood ratio of the counts themselves to the model."""
    for j in range(counts.size):
        certain[j] = max(counts[j], FLOOR)
    return max(2.0 * (_log_likelihood(counts, certain, scratch) - log_likelihood), 0.0)


@njit(**INLINE)
def _covariance(x, fisher, bank, delay_slope, t0_err_ns, work, gradient, trial, out):
    """Inverse Fisher information, widened by the error of the shared t0; False if it is singular."""
    jacobian, expected, weight, scratch, step, lower, free = work
    n = x.size
    free[:] = True
    if not _factorise(fisher, 0.0, free, lower):
        return False
    for i in range(n):
        gradient[:] = 0.0
        gradient[i] = 1.0
        _substitute(lower, free, gradient, step)
        _copy(step, out[i])
    if t0_err_ns > 0.0:
        scratch[:] = 0.0
        for k in range(n // 2):
            g, (a, b, c, d), _ = _between(x[k], bank)
            value, slope = delay_slope[0], delay_slope[1]
            for j in range(expected.size):
                moved = a * value[g, j] + b * value[g + 1, j] + c * slope[g, j] + d * slope[g + 1, j]
                scratch[j] += x[n // 2 + k] * weight[j] * moved
        for i in range(n):
            gradient[i] = _dot(jacobian[i], scratch)
        _substitute(lower, free, gradient, trial)
        for i in range(n):
            for k in range(n):
                out[i, k] += trial[i] * trial[k] * t0_err_ns * t0_err_ns
    return True


@njit(**FAST)
def fit_pixels(counts, bank, delay_slope, t0_err_ns, width, bounds, starts, log_starts, tolerance, out):
    """Maximum-likelihood fit of every row of `counts` (n_pixels, n_bins).

    bank : (first log tau, step, value, slope); bounds : low and high of the parameters
    out : parameters, covariance, detected (column sums of the Jacobian), deviance, log_likelihood, converged, regular
    """
    parameters, covariance, detected, deviance, likelihood, converged, regular = out
    n, m = parameters.shape[1], width.size
    pixel, x, trial, gradient = np.zeros(m), np.zeros(n), np.zeros(n), np.zeros(n)
    fisher, best_fisher = np.zeros((n, n)), np.zeros((n, n))
    free = np.ones(n, np.bool_)
    work = (np.zeros((n, m)), np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(n), np.zeros((n, n)), free)
    jacobian, expected, weight, scratch = work[0], work[1], work[2], work[3]
    likelihoods = np.zeros(len(starts))
    for p in range(counts.shape[0]):
        n_photons = 0.0
        for j in range(m):
            pixel[j] = counts[p, j]
            n_photons += pixel[j]
        if n_photons == 0.0:
            continue
        best_x = parameters[p]
        best = -np.inf
        _likeliest_start(pixel, n_photons, starts, log_starts, likelihoods, x)
        for attempt in range(MOST_STARTS):
            reached, done = _maximise(
                pixel, x, bank, width, bounds, tolerance, (best, best_x, best_fisher), work, gradient, fisher, trial
            )
            if reached > best + 1e-6:
                best = reached
                converged[p] = done
                _copy(x, best_x)
                for i in range(n):
                    _copy(fisher[i], best_fisher[i])
            if not _next_start(attempt, pixel, n_photons, best_x, best_fisher, bank, width, work, gradient, x):
                break
        _sort_by_lifetime(best_x)
        _model(best_x, bank, width, jacobian, expected)
        likelihood[p] = _log_likelihood(pixel, expected, scratch)
        deviance[p] = _deviance(pixel, likelihood[p], weight, scratch)
        for i in range(n):
            detected[p, i] = 0.0
            for j in range(m):
                detected[p, i] += jacobian[i, j]
        # Background near zero, where the information on it diverges: errors as at one standard deviation above zero.
        _copy(best_x, x)
        x[n - 1] = max(x[n - 1], 1.0)
        for _ in range(2):
            _model(x, bank, width, jacobian, expected)
            _score(pixel, expected, jacobian, weight, scratch, gradient, fisher)
            regular[p] = _covariance(x, fisher, bank, delay_slope, t0_err_ns, work, gradient, trial, covariance[p])
            spread = math.sqrt(max(covariance[p, n - 1, n - 1], 0.0))
            if not (regular[p] and x[n - 1] < spread):
                break
            x[n - 1] = spread


@njit(**INLINE)
def _fill_empty(x):
    """Give an empty component half of the largest one, which leaves the decay as it is."""
    n_components = x.size // 2
    largest = n_components
    for k in range(n_components, 2 * n_components):
        largest = k if x[k] > x[largest] else largest
    for k in range(n_components, 2 * n_components):
        if x[k] <= 0.0:
            x[largest] *= 0.5
            x[k] = x[largest]
            x[k - n_components] = x[largest - n_components]


@njit(**INLINE)
def _hold(x, component, log_tau, bounds, held):
    """Bounds `held` that fix one lifetime and keep the others on their side of it; x moved inside them."""
    n_components = x.size // 2
    _copy(bounds[0], held[0])
    _copy(bounds[1], held[1])
    for k in range(n_components):
        if k >= component:
            held[0, k] = log_tau
        if k <= component:
            held[1, k] = log_tau
        x[k] = min(max(x[k], held[0, k]), held[1, k])


@njit(**INLINE)
def _slope_of_profile(x, component, gradient):
    """Derivative of the profile likelihood by the lifetime held; lifetimes that it pushes move with it."""
    slope = 0.0
    for k in range(x.size // 2):
        if k == component or (x[k] == x[component] and (gradient[k] > 0.0) == (k < component)):
            slope += gradient[k]
    return slope


@njit(**INLINE)
def _spread_and_drop(component, variance, fisher, work, gradient):
    """(one standard deviation of log tau by the counts alone, drop of the likelihood that makes up for t0)."""
    _, _, _, _, step, lower, free = work
    free[:] = True
    gradient[:] = 0.0
    gradient[component] = 1.0
    if not _factorise(fisher, 0.0, free, lower):
        return LARGEST_LOG_TAU_STEP, 0.5
    _substitute(lower, free, gradient, step)
    own = step[component]
    if not 0.0 < own < LARGEST_LOG_TAU_STEP**2:
        return LARGEST_LOG_TAU_STEP, 0.5
    return math.sqrt(own), 0.5 * max(variance / own, 1.0)


@njit(**FAST)
def profile_pixels(counts, parameters, covariance, likelihood, bank, width, bounds, tolerance, out):
    """Where the profile likelihood of every lifetime has dropped as by one standard deviation, on both sides.

    bounds (2, n_parameters) : of the parameters; parameters, covariance, likelihood : at the maximum
    out (n_pixels, n_components, 2) : log tau; infinite where it does not drop so far inside the bounds

    Newton's method on the root of the drop, which is nearly linear in log tau, between brackets.
    """
    n, m = parameters.shape[1], width.size
    pixel, x, trial, gradient, fisher = np.zeros(m), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros((n, n))
    held, nothing = np.zeros((2, n)), (-np.inf, np.full(n, np.nan), np.zeros((n, n)))
    free = np.ones(n, np.bool_)
    work = (np.zeros((n, m)), np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(n), np.zeros((n, n)), free)
    jacobian, expected, weight, scratch = work[0], work[1], work[2], work[3]
    for p in range(counts.shape[0]):
        _copy(counts[p], pixel)
        for end in range(2 * (n // 2)):
            component, side = end // 2, end % 2
            _copy(parameters[p], x)
            _fill_empty(x)
            _model(x, bank, width, jacobian, expected)
            _score(pixel, expected, jacobian, weight, scratch, gradient, fisher)
            spread, drop = _spread_and_drop(component, covariance[p, component, component], fisher, work, gradient)
            wanted = math.sqrt(2.0 * drop)
            limit = bounds[side, component]
            within, beyond = x[component], limit
            at = x[component] + (2 * side - 1) * wanted * spread
            for _ in range(MOST_STEPS):
                at = min(max(at, bounds[0, component]), bounds[1, component])
                _hold(x, component, at, bounds, held)
                reached, _ = _maximise(pixel, x, bank, width, held, tolerance, nothing, work, gradient, fisher, trial)
                root = math.sqrt(2.0 * max(likelihood[p] - reached, 0.0))
                if abs(root - wanted) < 0.01 * wanted:
                    break
                if root < wanted:
                    within = at
                    if at == limit:
                        at = (2 * side - 1) * np.inf
                        break
                else:
                    beyond = at
                slope = abs(_slope_of_profile(x, component, gradient)) / max(root, 1e-3)
                move = min((wanted - root) / max(slope, 1e-9), LARGEST_LOG_TAU_STEP)
                at += (2 * side - 1) * max(move, -LARGEST_LOG_TAU_STEP)
                if not min(within, beyond) < at < max(within, beyond):
                    at = limit if beyond == limit else 0.5 * (within + beyond)
                if abs(beyond - within) < 1e-4:
                    break
            out[p, component, side] = at
