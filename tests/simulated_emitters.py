"""Single emitters, simulated for tests: a field of spots, an antibunching dip, a blinking trace, a cohort."""

import numpy as np

from analysis import cohorts
from analysis.blink_trace import blink_facts
from analysis.blinking import on_fraction
from analysis.blinks import BlinkEstimate
from analysis.cohorts import Cohort
from analysis.correlation import corrected_contrast, decide, fit_antibunching
from analysis.emitters import find
from analysis.field import Field, field_facts
from analysis.hbt import HbtEstimate
from analysis.hbt_facts import hbt_facts

INTENSITY_W_CM2 = 2500.0
DELAY_NS = 120.0
DWELL_S = 0.01
DARK_S = 0.08  # how long an emitter stays dark, on average
SEARCH = {"psf_fwhm_um": 0.24, "false_alarm": 0.01, "largest_fwhm_um": 0.32, "least_distance_um": 0.6}
DELAY = {"declared_ns": 120.0, "t0_ns": 120.0, "t0_err_ns": 0.01, "sigma_ns": 0.35, "uid": "zerozero-0"}
LIGHT = {"laser": "CW 561", "wavelength_nm": 561.0, "intensity_w_cm2": INTENSITY_W_CM2}


def start_of(uid: str, plan_name: str, **more) -> dict:
    """The start document of a run under the continuous laser."""
    about = {"uid": uid, "plan_name": plan_name, "sample_name": "single", "dead_time_ns": [45.0, 45.0]}
    return {**about, "excitation": LIGHT, "at_um": [1.0, 2.0], **more}


def field(
    n_spots: int = 12,
    *,
    n: int = 50,
    pixel_um: float = 0.1,
    rate_cps: float = 60_000,
    centre_um: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
    uid: str = "fieldfie-0",
    missing_rows: int = 0,
) -> Field:
    """Spots of 0.24 um on a weak background, and a perovskite image of noise; the last rows may be missing."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.3, n * pixel_um - 0.4, (n_spots, 2))
    rates = rate_cps * rng.lognormal(0, 0.3, n_spots)
    y, x = np.mgrid[:n, :n] * pixel_um
    expected = np.full((n, n), 6000.0)
    for (x0, y0), rate in zip(places, rates, strict=True):
        expected += rate * np.exp(-4 * np.log(2) * ((x - x0) ** 2 + (y - y0) ** 2) / 0.24**2)
    lit_s = np.where(np.arange(n) < n - missing_rows, DWELL_S, 0.0)
    qd = rng.poisson(expected * lit_s[:, None])
    perovskite = rng.poisson(np.full((n, n), 28.0) * lit_s[:, None])
    start = start_of(
        uid, "find_emitters", search=SEARCH,
        raster={"n_pixels": n, "extent_um": n * pixel_um, "centre_um": centre_um, "dwell_ms": 1e3 * DWELL_S},
    )  # fmt: skip
    facts = field_facts(start)
    found = find(qd[: n - missing_rows], pixel_um=pixel_um, dwell_s=DWELL_S, origin_um=facts.origin_um)
    return Field(
        facts=facts, qd_counts=qd, perovskite_counts=perovskite, exposure_s=lit_s, emitters=found, correlation=0.012,
        correlation_err=1 / n, perovskite_dispersion=1.01, perovskite_dispersion_err=np.sqrt(2) / n,
        dose_kj_cm2=0.025, warnings=(),
    )  # fmt: skip


def hbt(
    *,
    tau_ns: float = 17.7,
    contrast: float = 0.77,
    per_ns: float = 775.0,
    rate_cps: float = 100_000,
    signal_fraction: float = 0.877,
    live_s: float = 285.0,
    bleached_at_s: float = np.nan,
    seed: int = 0,
    uid: str = "hbthbthb-0",
    emitter: str = "single-003",
) -> HbtEstimate:
    """A dip in first stops, in bins of 0.576 ns; the rates of both arms in tenths of a second."""
    tcspc = {"range_code": 2, "bin_width_ns": 0.144, "n_bins": 4096, "offset_ns": 0.0}
    start = start_of(uid, "hbt", emitter=emitter, delay=DELAY, tcspc=tcspc, blind_ns=20.0)
    rng = np.random.default_rng(seed)
    width_ns = 0.576
    lag_ns = (np.arange(1022) + 0.5) * width_ns - DELAY_NS
    g2 = 1 - contrast * np.exp(-np.abs(lag_ns) / tau_ns)
    stops = rate_cps / 2 * 1e-9 * width_ns
    live = lag_ns > 20 - DELAY_NS
    expected = np.where(live, per_ns * width_ns * g2 * np.exp(-stops * np.cumsum(g2 * live)), 0)
    counts = rng.poisson(expected)
    fit = fit_antibunching(lag_ns, counts, irf_sigma_ns=0.35, blind_ns=20.0, t0_ns=0.0)
    corrected = corrected_contrast(fit.contrast, fit.contrast_err, signal_fraction, 0.005)
    time_s = np.arange(0.05, live_s, 0.1)
    bright = ~(time_s > bleached_at_s)
    share = signal_fraction * bright[:, None] + 1 - signal_fraction
    trace = rng.poisson(rate_cps / 2 * share * np.ones(2) * 0.1) / 0.1
    model = fit.model(lag_ns) / fit.baseline
    return HbtEstimate(
        facts=hbt_facts(start),
        fit=fit, decision=decide(fit, signal_fraction=signal_fraction, signal_fraction_err=0.005),
        delay_ns=lag_ns, counts=counts, g2=counts / fit.baseline,
        g2_err=np.sqrt(np.maximum(counts, 1)) / fit.baseline, g2_model=model,
        corrected_contrast=corrected[0], corrected_contrast_err=corrected[1],
        signal_fraction=signal_fraction, signal_fraction_err=0.005,
        rate_cps=rate_cps, rate_err_cps=20.0, route_rate_cps=np.full(2, rate_cps / 2),
        background_cps=rate_cps * (1 - signal_fraction), background_err_cps=500.0,
        live_s=live_s, dose_kj_cm2=live_s * INTENSITY_W_CM2 / 1e3, n_runs=30, n_left_out=0,
        bleached=bool(np.isfinite(bleached_at_s)), bleached_at_s=bleached_at_s, time_s=time_s, trace_cps=trace,
        coincidences_per_ns=per_ns, n_photons=int(rate_cps * live_s), warnings=(),
    )  # fmt: skip


def blinking(
    *,
    on: float = 0.95,
    rate_cps: float = 60_000,
    off_cps: float = 6_000,
    duration_s: float = 60.0,
    bin_s: float = 0.01,
    bleached_at_s: float = np.nan,
    gap_every_s: float = 30.0,
    seed: int = 0,
    uid: str = "blinking-0",
    emitter: str = "single-003",
) -> BlinkEstimate:
    """Exponential bright and dark periods, gaps of half a second for re-centring."""
    record = {"kind": "bins", "bin_s": 0.001, "segment_s": 5.0}
    start = start_of(uid, "blinking", emitter=emitter, record=record, duration_s=duration_s)
    rng = np.random.default_rng(seed)
    n = round(duration_s / bin_s)
    on_s = DARK_S * on / (1 - on) if on < 1 else np.inf
    dark = np.zeros(n, bool)
    ends, now_s = [], 0.0
    while now_s < duration_s:
        start_s = now_s + rng.exponential(on_s) if np.isfinite(on_s) else duration_s
        now_s = start_s + rng.exponential(DARK_S)
        dark[int(start_s / bin_s) : int(now_s / bin_s)] = True
        ends.append((start_s, now_s))
    light_s = np.arange(n) * bin_s
    dark |= light_s >= bleached_at_s
    counts = rng.poisson(np.where(dark, off_cps, rate_cps) * bin_s)
    starts_s = np.arange(gap_every_s, duration_s, gap_every_s)
    time_s = light_s + 0.5 * np.searchsorted(starts_s, light_s, side="right")
    gaps_s = np.array([(t + 0.5 * i, t + 0.5 * (i + 1)) for i, t in enumerate(starts_s)]).reshape(-1, 2)
    found = on_fraction(counts, bin_s=bin_s)
    edges_s = np.array(ends[:-1]).reshape(-1, 2)
    bright_s = np.diff(np.append(0.0, edges_s.ravel()))[::2]
    observed = bool(np.isfinite(found.bleached_at_s))
    return BlinkEstimate(
        facts=blink_facts(start),
        on=found, levels=None, time_s=time_s, counts=counts, bin_s=bin_s, gaps_s=gaps_s,
        rate_on_cps=float(rate_cps), rate_on_err_cps=0.001 * rate_cps, rate_off_cps=float(off_cps),
        rate_cps=float(counts.mean() / bin_s), max_rate_cps=1.02 * rate_cps, background_cps=float(off_cps),
        background_err_cps=100.0, survival_s=found.bleached_at_s if observed else duration_s, observed=observed,
        on_times_s=bright_s, on_complete=np.ones(bright_s.size, bool),
        off_times_s=np.diff(edges_s, axis=1).ravel(), off_complete=np.ones(len(edges_s), bool),
        live_s=duration_s, dose_kj_cm2=duration_s * INTENSITY_W_CM2 / 1e3, n_photons=int(counts.sum()),
        n_segments=12, n_overrun=0, warnings=(),
    )  # fmt: skip


def cohort(values, error: float = 0.0) -> Cohort:
    """A cohort of given numbers with one error each."""
    values = np.asarray(values, float)
    return cohorts.cohort(values, np.full(values.size, error))
