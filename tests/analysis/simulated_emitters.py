"""A start-stop card behind a simulated emitter, blinking traces and spots: simulators that know nothing of the fits."""

import numpy as np

BIN_NS, N_BINS, BLIND_NS, T0_NS, SIGMA_NS = 0.144, 4096, 20.0, 120.3, 0.45
BIN_S = 1e-3


def g2_per_bin(*, tau_ns, contrast, sigma_ns=SIGMA_NS, t0_ns=T0_NS):
    """Mean g2 of each channel of the card, response by brute force."""
    fine = (np.arange(4 * N_BINS) + 0.5) * BIN_NS / 4 - t0_ns
    late = np.linspace(-5, 5, 41)
    weight = np.exp(-(late**2) / 2)
    dip = sum(
        w * np.exp(-np.abs(fine - z * sigma_ns) / tau_ns) for z, w in zip(late, weight / weight.sum(), strict=True)
    )
    return (1 - contrast * dip).reshape(N_BINS, 4).mean(axis=1)


def first_stops(rng, per_ns, *, tau_ns, contrast, stop_cps=50e3):
    """Histogram (N_BINS,): of per_ns / R armed starts, each is stopped by the first stop at the rate R g2."""
    rate = g2_per_bin(tau_ns=tau_ns, contrast=contrast) * BIN_NS * (np.arange(N_BINS) * BIN_NS >= BLIND_NS)
    load = stop_cps * 1e-9 * rate
    survived = np.exp(-np.concatenate([[0], np.cumsum(load)[:-1]]))
    return rng.poisson(per_ns / (stop_cps * 1e-9) * survived * -np.expm1(-load))


def hbt_start(*, calibrated=True, **more):
    known = {"t0_ns": T0_NS, "t0_err_ns": 0.01, "sigma_ns": SIGMA_NS, "uid": "time-zero"}
    unknown = dict.fromkeys(("t0_ns", "t0_err_ns", "sigma_ns")) | {"uid": ""}
    return {
        "uid": "hbt-run",
        "sample_name": "film",
        "emitter": "film-001",
        "at_um": [3.2, 4.1],
        "excitation": {"laser": "CW 561", "intensity_w_cm2": 2500.0},
        "tcspc": {"bin_width_ns": BIN_NS, "n_bins": N_BINS, "offset_ns": 0.0, "range_code": 2},
        "delay": {"declared_ns": 120.0, **(known if calibrated else unknown)},
        "blind_ns": BLIND_NS,
        "dead_time_ns": [0.0, 0.0],
    } | more


def hbt_event(rng, signal_cps, background_cps, seconds, *, on=1.0, share=0.5, lit=1.0, overflow=0):
    """Event of an integration; on: (100,) how bright the emitter was in each part of it."""
    light = signal_cps * np.broadcast_to(on, 100)[:, None] + background_cps
    trace = rng.poisson(light * seconds / 100 * np.array([share, 1 - share]))
    return {
        "timeharp_counts": trace.sum(axis=0),
        "timeharp_trace": trace.ravel(),
        "timeharp_lit": lit,
        "timeharp_started": 0.0,
        "timeharp_elapsed": seconds,
        "timeharp_overflow": overflow,
    }


def refocus_event(rng, background_cps, err_cps=200.0, *, share=0.5, found=1):
    """Event of a re-centring: an emitter at 0, and pixels 1 um away."""
    far = rng.poisson(20 * np.array([share, 1 - share]), (60, 2))
    return {
        "target_found": found,
        "target_background_cps": background_cps + err_cps * rng.normal(),
        "target_background_err_cps": err_cps,
        "target_x_um": 0.0,
        "target_y_um": 0.0,
        "target_fwhm_um": 0.24,
        "scanner_x": np.ones(60),
        "scanner_y": np.zeros(60),
        "scanner_perovskite_counts": far[:, 0],
        "scanner_qd_counts": far[:, 1],
    }


def switching(rng, seconds, on_fraction, *, grey=0.3, low_s=2e-3, high_s=2.0, m=1.6):
    """Edges and levels: bright for exponential times, dark for t^-m; some dark periods have a fifth of the light."""
    if on_fraction >= 1:
        return np.array([0.0, seconds]), np.ones(1)
    mean_s = (high_s ** (2 - m) - low_s ** (2 - m)) / (2 - m) * (1 - m) / (high_s ** (1 - m) - low_s ** (1 - m))
    edges, levels, on = [0.0], [], bool(rng.random() < on_fraction)
    while edges[-1] < seconds:
        if on:
            lasts, level = rng.exponential(mean_s * on_fraction / (1 - on_fraction)), 1.0
        else:
            lasts = (low_s ** (1 - m) + rng.random() * (high_s ** (1 - m) - low_s ** (1 - m))) ** (1 / (1 - m))
            level = 0.2 if rng.random() < grey else 0.02
        edges.append(edges[-1] + lasts)
        levels.append(level)
        on = not on
    return np.array([*edges[:-1], seconds]), np.array(levels)


def mean_level(edges, levels, grid):
    """Mean of a piecewise constant level between the points of a grid."""
    total = np.concatenate([[0], np.cumsum(np.diff(edges) * levels)])
    return np.diff(np.interp(grid, edges, total)) / np.diff(grid)


def on_share(edges, levels, until_s):
    """Share of the time before until_s in the bright level."""
    return float(np.sum(np.diff(np.minimum(edges, until_s))[levels == 1]) / until_s)


def spot(n, pixel_um, x_um, y_um, peak, level, fwhm_um=0.24):
    """Expected counts (n, n) of a Gaussian spot on a background, sampled at the centres of the pixels."""
    y, x = np.mgrid[:n, :n] * pixel_um
    return peak * np.exp(-4 * np.log(2) * ((x - x_um) ** 2 + (y - y_um) ** 2) / fwhm_um**2) + level
