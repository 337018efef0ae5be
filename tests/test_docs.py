"""The code in the documentation runs as it stands, on small files like those it speaks of."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from analysis import blinking, correlation, registration
from analysis.decay import fit_decays
from analysis.formats import Decays, Photons, read
from analysis.formats.ptu import write_ptu
from analysis.formats.timeharp import write_t3r, write_thd
from lab.samples import Samples
from tests.conftest import HOUSE
from tests.plans.single_bench import Bench, OneEmitter, microscope_without_hardware
from tests.simulated_spectra import BOOSTED, QUENCHED, blank, excitation, luminescence, transmission

TAU_NS, CONTRAST = 18.0, 0.9
DRIFT_PX = (-0.4, 0.6)  # row, column, from scan to scan
CARD = {"macrotime_unit_s": 1e-7, "nanotime_unit_s": 0.144e-9, "n_channels": 4096, "reversed": True, "sync_hz": 2e6}


def run(page, names):
    """Execute the Python blocks of a page in order, with these names to begin with; returns all names."""
    for block in re.findall(r"^```python\n(.*?)^```", (HOUSE / "docs" / page).read_text(), re.DOTALL | re.MULTILINE):
        exec(block, names)
    return names


def emitter(rng, n, rate_per_ns):
    """Arrival times (ns) of a single emitter, C = 1: two exponential steps from photon to photon."""
    root = np.sqrt(1 - 4 * rate_per_ns * TAU_NS)
    return np.cumsum(rng.exponential(2 * TAU_NS / (1 + root), n) + rng.exponential(2 * TAU_NS / (1 - root), n))


def time_tags(rng):
    """Two detectors behind a beam splitter, 5 % background, in ticks of 10 ps."""
    signal = emitter(rng, 250_000, 2e-3)
    times_ns = np.sort(np.append(signal, rng.uniform(0, signal[-1], 13_000))) + rng.normal(0, 0.25, 263_000)
    order = np.argsort(times_ns)
    route = rng.integers(1, 3, times_ns.size)[order].astype(np.uint8)
    ticks = np.rint((times_ns[order] - times_ns.min()) * 100).astype(np.int64)
    return Photons(ticks, 1e-11, np.empty(0, np.uint16), 1e-11, route)


def first_stops(rng):
    """Start-stop pairs of a card with a cable of 120 ns, at a low rate of stops."""
    raw_ns = rng.uniform(20, 4096 * 0.144, 400_000)
    kept = rng.random(raw_ns.size) < 1 - CONTRAST * np.exp(-np.abs(raw_ns - 120) / TAU_NS)
    channel = (raw_ns[kept] / 0.144).astype(np.uint16)
    macrotime = np.cumsum(rng.integers(10, 200, channel.size))
    return Photons(macrotime, nanotime=channel, route=np.zeros(channel.size, np.uint8), **CARD)


def blinking_trace(rng):
    """30 kcps with dark periods of 3 kcps from 10 ms on, for 60 s, on a clock of 100 ns."""
    on_s, off_s = rng.exponential(0.5, 300), 0.01 / np.sqrt(rng.uniform(1e-4, 1, 300))
    edges = np.append(0, np.cumsum(np.stack([on_s, off_s], axis=1)))
    times = np.sort(rng.uniform(0, 60, rng.poisson(30_000 * 60)))
    bright = np.searchsorted(edges, times) % 2 == 1
    ticks = np.floor(times[bright | (rng.random(times.size) < 0.1)] * 1e7).astype(np.int64)
    ticks = ticks[np.append(True, np.diff(ticks) > 4)]
    n = ticks.size
    share = np.clip(np.diff(np.clip(edges, 0, 60))[::2], 0, None).sum() / 60
    photons = Photons(ticks, nanotime=rng.integers(0, 4096, n, np.uint16), route=np.zeros(n, np.uint8), **CARD)
    return photons, share


def spots(rng, places_px, peak, background, n_px, sigma_px=1.02):
    """Counts of round spots at places (x, y)."""
    y, x = np.mgrid[:n_px, :n_px]
    mean = np.full((n_px, n_px), float(background))
    for x0, y0 in places_px:
        mean += peak * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) / sigma_px**2)
    return rng.poisson(mean)


def drifting_scans(rng):
    """Five images of one scene that moves in between."""
    places = rng.uniform(-5, 53, (60, 2))
    return np.stack([spots(rng, places + i * np.array(DRIFT_PX[::-1]), 30, 1, 48) for i in range(5)])


def response_and_decay(rng, tau_ns, *, bin_ns, period_ns):
    """Curves (2, 4096) of one laser period: a response, and a decay of equal amplitudes."""
    edges_ns = np.arange(4097) * bin_ns
    recorded = edges_ns[:-1] < period_ns
    pulse = np.diff(norm.cdf(edges_ns, 10, 0.25)) * recorded
    shape = np.exp(-edges_ns[:-1] / np.array(tau_ns)[:, None]).sum(axis=0)
    decay = np.convolve(pulse, shape)[:4096] * recorded
    curves = np.stack(
        [rng.poisson(2e5 * pulse + 0.1 * recorded), rng.poisson(2e5 * decay / decay.sum() + 0.5 * recorded)]
    )
    return curves.astype(np.uint32)


def write_curve(name, curve):
    np.savetxt(name, np.stack([curve.wavelength_nm, curve.value, curve.err], axis=1))


def write_export(name, curve):
    """Counts as Fluoracle exports them."""
    axis = {"Start": curve.wavelength_nm[0], "Stop": curve.wavelength_nm[-1], "Step": 1.0, "Fixed/Offset": 405.0}
    header = {"Labels": "film", "Type": "Emission Scan", **{key: f"{value:.2f}" for key, value in axis.items()}}
    header |= {"Xaxis": "Wavelength", "Yaxis": "Counts", "Dwell Time": "0.30"}
    rows = zip(curve.wavelength_nm, curve.counts, strict=True)
    lines = [*(f"{key}\t{value}\t" for key, value in header.items()), "", *(f"{x:.2f}\t{y:.8E}\t" for x, y in rows)]
    Path(name).write_text("\n".join([*lines, ""]), encoding="ascii")


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_analyse_photons(rng, here, capsys):
    trace, share = blinking_trace(rng)
    write_ptu("hbt.ptu", time_tags(rng))
    write_t3r("hbt.t3r", first_stops(rng))
    write_t3r("blinking.t3r", trace)
    np.save("image.npy", spots(rng, [(10.2, 12.1), (30.7, 25.0), (20.0, 32.0), (23.5, 32.0)], 300, 40, 40))
    np.save("scans.npy", drifting_scans(rng))
    found = run("how-to/analyse-photons.md", {})
    assert capsys.readouterr().out == ""
    for dip, contrast in ((found["dip"], 0.95**2), (found["card_dip"], CONTRAST)):
        assert abs(dip.tau_ns - TAU_NS) < 4 * dip.tau_err_ns < 6
        assert abs(dip.contrast - contrast) < 4 * dip.contrast_err < 0.3
        assert abs(dip.t0_ns) < 4 * dip.t0_err_ns + 0.15
    assert found["decision"].single is True
    assert found["levels"].n_states == 2
    assert found["levels"].state_rate_cps == pytest.approx([3000, 30_000], rel=0.02)
    assert found["on"].value == pytest.approx(share, abs=0.002)
    assert found["binned"].value == pytest.approx(share, abs=0.01)
    power_law = next(law for law in found["laws"] if law.law == "power_law")
    assert abs(power_law.exponent - 3.0) < 5 * power_law.exponent_err < 1.5
    assert (found["glass"].median_s, found["film"].median_s) == (45, 200)
    assert found["comparison"].p_value == pytest.approx(0.0016, abs=1e-4)
    assert len(found["spots"]) == 4
    assert np.sort(found["alone"].x_um) == pytest.approx([1.02, 3.07], abs=0.02)
    assert found["drift"].shift_px == pytest.approx(np.outer(range(5), DRIFT_PX), abs=0.15)
    for total, coverage in (("total", "coverage"), ("by_rows", "coverage_by_rows")):
        assert found[total].shape == found[coverage].shape == (48, 48)
        assert found[coverage].max() >= 5
    assert found["tau_ns"] == pytest.approx(11.5, abs=0.05)


def test_open_old_files(rng, here, capsys):
    write_t3r("x.t3r", first_stops(rng))
    curves = response_and_decay(rng, [4.0], bin_ns=0.035, period_ns=100)
    write_thd("v60.thd", Decays(curves, np.full(2, 0.035), sync_hz=np.full(2, 1e7)), version="6.0")
    write_export("emission.txt", luminescence(0.2))
    found = run("how-to/open-old-files.md", {"spectrum": read("emission.txt")})
    assert capsys.readouterr().out == ""
    assert found["photons"].decay().sum() == len(found["photons"])
    curves = found["curves"]
    card = {"bin_width_ns": curves.bin_width_ns[1], "period_ns": curves.period_ns[1]}
    fit = fit_decays(curves.counts[1], curves.counts[0], n_components=1, **card)
    assert fit.tau_ns[0] == pytest.approx(4.0, abs=0.05)
    assert (here / "y.thd").read_bytes() == (here / "v60.thd").read_bytes()
    assert (here / "y.t3r").stat().st_size > 4 * len(found["photons"])
    assert np.array_equal(read("y.csv").counts, found["spectrum"].counts)


def test_photon_statistics(rng):
    tags, (trace, share) = time_tags(rng), blinking_trace(rng)
    early = trace.macrotime[trace.macrotime < 3e8]
    names = {name: getattr(room, name) for room in (correlation, blinking, registration) for name in room.__all__}
    names |= {"times_a": tags.macrotime[tags.route == 1] * 10, "times_b": tags.macrotime[tags.route == 2] * 10}
    names |= {"arrival_s": early * 1e-7, "counts": np.bincount((trace.macrotime // 100_000).astype(int))}
    names |= {"images": drifting_scans(rng)}
    found = run("explanation/photon-statistics.md", names)
    assert found["decision"].single is True
    assert found["levels"].n_states == 2
    assert found["on"].value == pytest.approx(share, abs=0.01)
    assert found["law"].n > 10
    assert found["alive"].median_s == 60
    assert found["lines"].reliable.all()
    assert found["coverage"].max() == 5


def test_lifetimes(rng):
    irf, counts = response_and_decay(rng, [4.0, 20.0], bin_ns=0.144, period_ns=500)
    fit = run("explanation/lifetimes.md", {"counts": counts, "irf": irf})["fit"]
    assert fit.tau_ns == pytest.approx([4, 20], rel=0.04)
    assert fit.fraction == pytest.approx([4 / 24, 20 / 24], abs=0.02)
    assert fit.deviance == pytest.approx(1, abs=0.5)


def test_measure_spectra(here, capsys):
    write_export("emission.txt", luminescence(0.2))
    write_curve("film.dat", transmission())
    write_curve("blank.dat", blank())
    write_curve("bare.dat", excitation(20_000, seed=3))
    write_curve("ple_a.dat", excitation(5_000, QUENCHED, seed=4))
    write_curve("ple_b.dat", excitation(20_000, BOOSTED, seed=5))
    found = run("how-to/spectra.md", {})
    assert capsys.readouterr().out == ""
    assert found["bands"].centre_nm == pytest.approx([533, 544, 638], abs=0.6)
    assert found["film"].peak_nm == pytest.approx(520, abs=0.6)
    assert [region.sign for region in found["delta_a"].regions] == [-1, -1, -1]
    assert [region.sign for region in found["delta_b"].regions] == [-1, 1, -1]
    assert (here / "figure3a.png").stat().st_size > 10_000


def test_spectra():
    emission = luminescence(0.2)
    names = {"sample": transmission(), "blank": blank(), "wavelength_nm": emission.wavelength_nm}
    names |= {"counts": emission.counts, "dark_counts": emission.background}
    names |= {"ple": excitation(20_000, BOOSTED), "reference": excitation(20_000, seed=3)}
    found = run("explanation/spectra.md", names)
    assert found["at_405"] == pytest.approx(0.5, abs=4 * found["error"]) and found["error"] < 0.02
    assert found["bands"].n_bands == 3
    assert [sign for *_, sign in found["means"]] == [-1, 1, -1]


def test_keep_samples(here, capsys):
    found = run("how-to/samples.md", {})
    assert capsys.readouterr().out == ""
    assert (found["film"]["blank"], found["film"]["reference"]) == ("glass", "bare_qds")
    assert (found["other"]["blank"], found["other"]["reference"]) == ("quartz", "bare_qds")
    assert list(Samples(here / "samples.toml")) == ["glass", "bare_qds", "E", "quartz", "F"]


def test_adaptive_plans():
    found = run("how-to/adaptive-plans.md", {})
    bench = Bench(microscope_without_hardware(), estimate={"single": 1, "tau_ns": 20.0, "contrast_err": 0.01})
    bench.microscope.emitters = OneEmitter()
    assert bench.run(found["to_five_percent"](bench.microscope, ["single-003"])) == {"single-003": 20.0}
    assert 16 <= bench.lit_s <= 20  # 4 ns / sqrt(16) are 5 % of 20 ns
    assert bench.run(found["ask"](bench.microscope.g2)) <= 1.0
    numbers = bench.run(found["until_known"](bench.microscope, target_err_ns=0.5))
    assert numbers["tau_err_ns"] <= 0.5 and bench.lit_s >= 64


@pytest.mark.parametrize("page", [HOUSE / "README.md", *sorted((HOUSE / "docs").rglob("*.md"))], ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M))
    for path, anchor in links:
        if path.startswith("http"):
            continue
        target = (page.parent / path) if path else page
        assert target.exists(), path
        if anchor and target.suffix == ".md":
            text = target.read_text()
            assert f'id="{anchor}"' in text or anchor in anchors(text)


def anchors(text):
    """Those of the headings of a page, as GitHub makes them: the second of a name ends in -1."""
    slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall("^#+ (.*)", text, re.M)]
    seen = [slugs[:i].count(each) for i, each in enumerate(slugs)]
    return {f"{each}-{n}" if n else each for each, n in zip(slugs, seen, strict=True)}


def test_every_plan_at_the_prompt_is_in_the_reference():
    bound = re.search(r"^from plans import \((.*?)\)", (HOUSE / "profile/startup/00-lab.py").read_text(), re.M | re.S)
    assert bound is not None
    names = re.findall(r"\w+", bound[1])
    reference = (HOUSE / "docs/reference/plans.md").read_text()
    assert len(names) > 10 and [name for name in names if f"`{name}(" not in reference] == []
