"""A film, its dots and the spectrofluorometer of the tests: simple physics, nothing shared with the twin."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from analysis.spectra import coupling, film_absorption
from analysis.spectrometry import SpectralRun

KNOTS_NM = np.array([400, 405, 445, 470, 485, 490, 500, 512, 521, 526, 530, 534, 538, 544, 550, 600.0])
KNOTS = {
    "A": [-0.83, -0.82, -0.80, -0.75, -0.70, -0.68, -0.62, -0.53, -0.42, -0.33, -0.28, -0.30, -0.30, -0.17, 0, 0],
    "B": [-0.60, -0.58, -0.27, -0.16, -0.05, 0, 0.55, 1.15, 1.50, 0.85, 0, -0.20, -0.25, -0.13, 0, 0],
    "null": [0.0] * 16,
}
PLE_NM = np.arange(400.0, 601.0)
ABSORPTION_NM = np.arange(400.0, 701.0)
OFFSET = 0.02 + 0.005 * (600 / ABSORPTION_NM) ** 4


def true_ds(sample, wavelength_nm, *, shift_nm=0.0, stretch=1.0):
    """Knots through a PCHIP; boundaries of the regions shifted, what is positive stretched."""
    knots = np.array(KNOTS[sample])
    knots = np.where(knots > 0, stretch * knots, knots)
    moved = np.interp(KNOTS_NM, [400, 470, 530, 550], [0, shift_nm, shift_nm, 0])
    return PchipInterpolator(KNOTS_NM + moved, knots)(wavelength_nm)


def true_reference(wavelength_nm):
    """PLE of bare dots, arbitrary units: a core with two features, a shell."""
    w = np.asarray(wavelength_nm, float)

    def edge(c, width):
        return 1 / (1 + np.exp((w - c) / width))

    def band(c, fwhm):
        return np.exp(-4 * np.log(2) * ((w - c) / fwhm) ** 2)

    core = edge(630, 6) + 0.35 * band(612, 28) + 0.25 * band(565, 40)
    return core + 1.1 * edge(520, 28) + 11 * edge(455, 20)


def true_alpha_d(wavelength_nm, *, shift_nm=0.0, scale=1.0):
    """An exciton on a continuum, about as strong as 88 nm of MAPbBr3: 0.58 at 520 nm, 0.90 at 405 nm."""
    w = np.asarray(wavelength_nm, float) - shift_nm
    exciton = 0.37 * np.exp(-0.5 * ((w - 521.5) / 6.2) ** 2)
    continuum = (0.42 + 0.5 / (1 + np.exp((w - 465) / 20))) / (1 + np.exp((w - 520) / 6))
    return scale * (exciton + continuum)


def documents_start(plan_name, kind, wavelength_nm, *, dwell_s, uid, fixed_nm=650.0, **more):
    """The start document of one spectral run."""
    start, stop, step = wavelength_nm[0], wavelength_nm[-1], wavelength_nm[1] - wavelength_nm[0]
    scan = {"kind": kind, "start_nm": start, "stop_nm": stop, "step_nm": step, "fixed_nm": fixed_nm, "dwell_s": dwell_s}
    known = {"excitation_offset_nm": 0.0, "excitation_offset_err_nm": 0.0, "emission_offset_nm": 0.0}
    known |= {"emission_offset_err_nm": 0.0, "uid": "calibrated"}
    document = {"uid": uid, "plan_name": plan_name, "sample_name": "film", "scan": scan, "regions": [1], "repeats": 1}
    return document | {"num_points": len(wavelength_nm), "dead_time_ns": 25.0, "calibration": known} | more


def point(index, wavelength_nm, *, region=1, repeat=1, **values):
    """The data of one point of a flight; what is not given was not told."""
    names = ("counts", "reference", "transmitted", "correction", "corrected", "elapsed")
    data = {f"fs5_{name}": values.get(name, float("nan")) for name in names}
    place = {"fs5_wavelength": wavelength_nm, "fs5_region": region, "fs5_repeat": repeat, "fs5_point": index}
    return data | place


def lamp(wavelength_nm, dead_nm=(0, 0)):
    """Reading of the reference diode, uA: broad xenon with its line, dark in one sector."""
    w = np.asarray(wavelength_nm, float)
    alive = np.where((w > dead_nm[0]) & (w < dead_nm[1]), 1e-5, 1.0)
    return alive * (np.exp(-0.5 * ((w - 470) / 120) ** 2) + 0.4 * np.exp(-0.5 * ((w - 467.1) / 0.64) ** 2))


def transmission_run(od, rng, *, uid, noise=1e-3, dead_nm=(0, 0)):
    """A transmission scan of a given optical density, with Gaussian noise of it."""
    run = SpectralRun(documents_start("absorption", "transmission", ABSORPTION_NM, dwell_s=0.2, uid=uid))
    noisy = od + noise * rng.standard_normal(len(od))
    light = lamp(ABSORPTION_NM, dead_nm)
    for i, (w, ref, density) in enumerate(zip(ABSORPTION_NM, light, noisy, strict=True)):
        run.add_point("primary", point(i, w, reference=ref, transmitted=ref * 10**-density))
    return run


def measured_absorption(rng, *, noise=1e-3, dead_nm=(0, 0), **film):
    """What the analysis makes of film and blank: the film reflects and scatters."""
    od = true_alpha_d(ABSORPTION_NM, **film) / np.log(10) + OFFSET
    sample = transmission_run(od, rng, uid="film", noise=noise, dead_nm=dead_nm).curve()
    blank = transmission_run(np.zeros_like(od), rng, uid="blank", noise=noise, dead_nm=dead_nm).curve()
    return film_absorption(sample, blank)


def ple_curve(spectrum, rng, *, uid, peak_cps, dwell_s=1.0, dark_cps=50.0, dark_s=10.0, dead_nm=(0, 0)):
    """An excitation scan of a given spectrum, counted; its brightest point would give peak_cps in a flat lamp."""
    light = lamp(PLE_NM, dead_nm)
    run = SpectralRun(documents_start("ple", "excitation", PLE_NM, dwell_s=dwell_s, uid=uid))
    run.add_dark(rng.poisson(dark_cps * dark_s), dark_s)
    rate_cps = peak_cps * spectrum / spectrum.max() * light + dark_cps
    counts = rng.poisson(rate_cps * dwell_s / (1 + rate_cps * 25e-9))
    readings = light * (1 + 1e-3 * rng.standard_normal(len(light)))
    for i, (w, n, ref) in enumerate(zip(PLE_NM, counts, readings, strict=True)):
        run.add_point("primary", point(i, w, counts=n, reference=ref, correction=1 / ref))
    return run.curve()


def film_spectrum(ds, **film):
    """PLE of dots in a film, arbitrary units: eqn (1), and what the coupling makes of it."""
    alpha_d = true_alpha_d(PLE_NM, **film)
    return true_reference(PLE_NM) * (1 - np.exp(-alpha_d)) / alpha_d * (1 + ds)


def measured_coupling(
    sample, seed, *, shift_nm=0.0, stretch=1.0, dead_nm=(0, 0), peak_cps=None, leak=0.0, leak_err=0.0, **film
):
    """What the analysis makes of a whole experiment: absorption, reference and PLE of the film."""
    rng = np.random.default_rng(seed)
    ds = true_ds(sample, PLE_NM, shift_nm=shift_nm, stretch=stretch)
    bright = peak_cps or {"A": 5e3, "B": 2e4, "null": 2e4}[sample]
    spectrum = film_spectrum(ds, **film)
    spectrum += leak * spectrum[150:].mean() * (1 - np.exp(-true_alpha_d(PLE_NM, **film)))
    ple = ple_curve(spectrum, rng, uid="ple", peak_cps=bright, dead_nm=dead_nm)
    reference = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=2e4, dead_nm=dead_nm)
    return coupling(ple, reference, measured_absorption(rng, dead_nm=dead_nm, **film), leak_err=leak_err)
