"""The cells of a notebook, by the plan of its run: text, and code that reads as one would type it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """A cell: code, or text if it is `told`."""

    source: str
    told: bool = False


def text(source: str) -> Cell:
    return Cell(source, told=True)


OPEN = """\
from lab.past import opened

DATA = {data!r}  # the data folder; change it if the folder was moved
past = opened(DATA)
run = past.db[{uid!r}]
run"""

RESULT = """\
result = run.fit()
result"""

PROVENANCE = """\
analysis = run.db.analysis_of(run)
print("run       ", run.uid)
print("analysis  ", "none stored" if analysis is None else analysis.uid)
print("measured  ", run.start.get("code_version"))
print("analysed  ", "" if analysis is None else analysis.start["code_version"])
print("parameters", {} if analysis is None else analysis.start["parameters"])
print("simulated ", run.start.get("twin"))"""

CLOSE = "past.close()"

PLAY_FLIM = """\
from analysis.decay import fit_decays

decays = run.decays()
sums = decays.total
for n in (1, 2, 3):
    fit = fit_decays(
        sums, decays.irf, bin_width_ns=decays.bin_width_ns, period_ns=decays.period_ns, n_components=n
    )
    print(n, "lifetimes")
    print(fit)
decays"""

PLAY_DOT = """\
from analysis.decay import fit_decays

decays = run.decays()
for n in (1, 2):
    fit = fit_decays(
        decays.counts, decays.irf, bin_width_ns=decays.bin_width_ns, period_ns=decays.period_ns, n_components=n
    )
    print(n, "lifetimes")
    print(fit)
decays"""

PLAY_PAIRS = """\
import numpy as np

from analysis.correlation import fit_antibunching

window_ns = 100  # only lags up to here; the fit should not mind
curve = run.g2()
near = np.abs(curve.delay_ns) < window_ns
fit = fit_antibunching(curve.delay_ns[near], curve.counts[near])
print(f"tau {fit.tau_ns:.2f} +- {fit.tau_err_ns:.2f} ns, g2(0) {fit.g2_zero:.3f} +- {fit.g2_zero_err:.3f}")
print(f"all lags: tau {result.tau_ns:.2f} +- {result.tau_err_ns:.2f} ns")"""

PLAY_TRACE = """\
from analysis.blinking import on_fraction

for together in (1, 5, 20):
    counts = result.counts.sum(axis=1) if result.counts.ndim > 1 else result.counts
    whole = len(counts) // together * together
    found = on_fraction(counts[:whole].reshape(-1, together).sum(axis=1), bin_s=together * result.bin_s)
    print(f"bins of {1e3 * together * result.bin_s:g} ms: ON {found.value:.4f} +- {found.err:.4f}")"""

PLAY_FIELD = """\
from analysis.emitters import find

image = run.image("qd")
counts, dwell_s = result.field.qd_counts, result.field.dwell_s
for false_alarm in (0.1, 0.01, 0.001):
    found = find(
        counts, pixel_um=image.pixel_um, dwell_s=dwell_s, origin_um=image.origin_um, false_alarm=false_alarm
    )
    print(f"false alarms in {false_alarm:g} of the images: {len(found)} emitters")"""

PLAY_BANDS = """\
from analysis.spectra.bands import fit_curve

curve = result.curve
for n in (1, 2, 3):
    fit = fit_curve(curve, n_bands=n)
    print(f"{n} bands: maximum {fit.peak_nm:.2f} +- {fit.peak_err_nm:.2f} nm, deviance {fit.deviance:.2f}")"""

PLAY_SPECTRUM = """\
import numpy as np

low_nm, high_nm = run.spectrum().wavelength_nm[[0, -1]]  # choose another range
curve = run.spectrum()
inside = (curve.wavelength_nm >= low_nm) & (curve.wavelength_nm <= high_nm) & np.isfinite(curve.value)
highest_nm = curve.wavelength_nm[inside][np.argmax(curve.value[inside])]
print(f"mean {np.mean(curve.value[inside]):.5g}, highest at {highest_nm:.1f} nm")"""

IMAGES = """\
from IPython.display import display

for name in {names!r}:
    display(run.image(name))"""


def printed(**numbers: str) -> str:
    """Code that prints numbers under their names, to the last digit.

    >>> printed(tau_ns="float(result.tau_ns)")
    'print(f"tau_ns = {float(result.tau_ns)!r}")'
    """
    return "\n".join(f'print(f"{name} = {{{source}!r}}")' for name, source in numbers.items())


NUMBERS: dict[str, str] = {
    "flim_raster": "import numpy as np\n\n"
    + printed(
        tau2_median_ns="float(np.nanmedian(run.image('tau2').values))", qd_counts="int(result.map.qd_counts.sum())"
    ),
    "hbt": printed(tau_ns="float(result.tau_ns)", g2_zero="float(result.g2_zero)"),
    "blinking": printed(on_fraction="float(result.on_fraction)", rate_on_cps="float(result.rate_on_cps)"),
    "find_emitters": f"{printed(n_found='result.n_found')}\nresult.table",
    "lifetime_at": printed(tau_ns="float(result.tau_ns)"),
    "time_zero": printed(t0_ns="float(result.t0_ns)"),
    "irf": printed(counts="int(result.response.counts.sum())"),
    "pl": printed(peak_nm="float(result.fit.peak_nm)"),
    "power_series_analysis": printed(tau_ns="float(result.tau_ns)"),
}
SPECTRA = ("absorption", "blank", "pl", "ple", "calibrate")
SHOWS: dict[str, list[tuple[str, str]]] = {
    "flim_raster": [
        ("Images, with the pixels whose fit is trusted", IMAGES.format(names=("qd", "perovskite", "tau1", "tau2"))),
        ("Play: how many lifetimes describe all photons together?", PLAY_FLIM),
    ],
    "find_emitters": [
        ("The images", IMAGES.format(names=("qd", "perovskite"))),
        ("Play: how sure must an emitter be?", PLAY_FIELD),
    ],
    "hbt": [
        ("Coincidences", "run.g2()"),
        ("Rates of both SPADs", "run.trace()"),
        ("Play: does the dip depend on the lags that are fitted?", PLAY_PAIRS),
    ],
    "blinking": [("The trace", "run.trace()"), ("Play: does ON depend on the bins?", PLAY_TRACE)],
    "lifetime_at": [("The decay", "run.decays()"), ("Play: one lifetime, or two?", PLAY_DOT)],
    "irf": [("The response", "run.decays()")],
    "pl": [("The spectrum", "run.spectrum()"), ("Play: how many bands?", PLAY_BANDS)],
    **{plan: [("The spectrum", "run.spectrum()"), ("Play: another range", PLAY_SPECTRUM)]
       for plan in SPECTRA if plan != "pl"},
}  # fmt: skip


def cells_of(plan: str, uid: str, title: str, data: str) -> list[Cell]:
    """All cells, in order: the run, its result, its numbers, what it shows, a cell to play with, where it is from."""
    parts = SHOWS.get(plan, [])
    made = [
        text(f"# {title}\n\nMade from stored data; no instrument is needed. Run the cells from the top."),
        Cell(OPEN.format(data=data, uid=uid)),
    ]
    if plan in NUMBERS or parts:
        made += [text("## Result"), Cell(RESULT)]
    if plan in NUMBERS:
        made.append(Cell(NUMBERS[plan]))
    for heading, code in parts:
        made += [text(f"## {heading}"), Cell(code)]
    table: list[Any] = [text("## Events"), Cell("run.table()")] if not parts else []
    return [*made, *table, text("## Where these numbers come from"), Cell(PROVENANCE), Cell(CLOSE)]
