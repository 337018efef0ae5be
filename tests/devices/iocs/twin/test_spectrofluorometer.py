"""The simulated spectrofluorometer: statistics, corrections, faults, and refusals."""

import threading
from dataclasses import astuple

import numpy as np
import pytest

from devices.iocs.backends import Scan
from devices.iocs.twin.truth import read

PL = Scan("emission", 420, 750, 1, 405, 1, 1, 0.3)
PLE = Scan("excitation", 400, 600, 1, 650, 1, 1, 1.0)
ABSORPTION = Scan("transmission", 400, 700, 1, 0, 1, 1, 0.2)
STEADY = "[instrument.fs5.lamp]\nflicker = 0\ndrift_per_h = 0\n[instrument.fs5.reference]\nnoise = 0\nfloor_ua = 0\n"
COLUMNS = ("wavelength_nm", "counts", "reference", "transmitted", "correction", "corrected", "time_s")


def flight(fs5, scan, acquisition=1, **options):
    """Columns of the points of a scan."""
    points = {}
    done = fs5.scan(scan, acquisition=acquisition, on_point=points.__setitem__, **options)
    rows = np.array([astuple(points[index]) for index in sorted(points)]).reshape(-1, len(COLUMNS))
    return {**dict(zip(COLUMNS, rows.T, strict=True)), "done": done, "index": sorted(points)}


@pytest.fixture
def fs5(make_bench):
    return make_bench("B").spectrofluorometer


@pytest.fixture(scope="module")
def changed(make_bench, preset_file):
    """A spectrofluorometer that differs from the built-in one."""

    def make(text, base="B", **options):
        return make_bench(preset_file(f'base = "{base}"\n{text}', name=f"{base}_changed"), **options).spectrofluorometer

    return make


def same(a, b, *columns):
    return all(np.array_equal(a[key], b[key], equal_nan=True) for key in (columns or COLUMNS))


def test_counts_are_poisson_about_the_truth(changed, tmp_path):
    fs5 = changed(STEADY, truth=tmp_path / "truth.json")
    counts = np.array([flight(fs5, PL, acquisition)["counts"] for acquisition in range(1, 31)])
    for acquisition in range(1, 31):
        fs5.finish_acquisition(acquisition)
    true = [entry["arrays"] for entry in read(tmp_path / "truth.json")["acquisitions"]]
    rates = np.array([one["luminescence_cps"] + one["scatter_cps"] for one in true]) + 50
    expected = 0.3 * rates / (1 + rates * 25e-9)
    pulls = (counts - expected) / np.sqrt(expected)
    assert abs(pulls.mean()) < 0.03
    assert pulls.std() == pytest.approx(1, abs=0.03)
    assert counts.max() == pytest.approx(6e4, rel=0.1)


@pytest.mark.parametrize("scan", [PL, PLE, ABSORPTION], ids=lambda scan: scan.kind)
def test_speed_does_not_change_the_data(make_bench, scan):
    fast, paced = (make_bench("A", speed=speed).spectrofluorometer for speed in (np.inf, 3000.0))
    assert same(flight(fast, scan), flight(paced, scan))


def test_a_scan_that_was_stopped_goes_on_as_if_it_had_not_been(make_bench):
    whole, broken = (make_bench("A").spectrofluorometer for _ in range(2))
    stop, points = threading.Event(), {}

    def until_the_tenth(index, point):
        points[index] = point
        if index == 9:
            stop.set()

    assert not broken.scan(PLE, acquisition=1, stop=stop, on_point=until_the_tenth)
    assert not broken.shutter_is_open()
    assert sorted(points) == list(range(10))
    rest, uninterrupted = flight(broken, PLE, first=10), flight(whole, PLE)
    assert rest["index"] == list(range(10, 201))
    assert same(rest, {key: uninterrupted[key][10:] for key in COLUMNS})
    assert astuple(points[9]) == pytest.approx([uninterrupted[key][9] for key in COLUMNS], nan_ok=True, abs=0)


def test_seed_acquisition_and_sample_change_the_noise(make_bench):
    first = flight(make_bench("A").spectrofluorometer, PLE)
    assert same(first, flight(make_bench("A").spectrofluorometer, PLE))
    others = (
        flight(make_bench("A", seed=2).spectrofluorometer, PLE),
        flight(make_bench("A").spectrofluorometer, PLE, 2),
    )
    for other in others:
        assert np.mean(other["counts"] == first["counts"]) < 0.1


def test_corrected_signal_is_that_of_the_sample(changed):
    steady = "excitation_offset_nm = 0\nemission_offset_nm = 0\n[instrument.fs5.photomultiplier]\nstray = 0\n"
    fs5 = changed(f"[instrument.fs5]\n{steady}")
    sample = fs5._made[fs5.mounted]
    points = flight(fs5, Scan("emission", 480, 700, 1, 467, 1, 1, 30))
    nm = points["wavelength_nm"]
    dots = sample.qd_excitation(467.0) * sample.qd_cps(nm)
    expected = sample.perovskite_excitation(467.0) * sample.perovskite_cps(nm, 1) + dots
    error = np.hypot(np.sqrt(points["counts"]) * points["correction"] / 30, 1e-3 * expected)
    pulls = ((points["corrected"] - expected) / error)[nm > 500]
    assert abs(pulls.mean()) < 0.5
    assert pulls.std() == pytest.approx(1, abs=0.2)


def test_reference_takes_the_lamp_out_of_an_excitation_spectrum(make_bench):
    fs5 = make_bench("bare_qds").spectrofluorometer
    line = flight(fs5, Scan("excitation", 460, 474, 0.5, 650, 1, 1, 20))
    assert line["counts"].max() > 2 * np.median(line["counts"])
    slope = np.polyfit(line["wavelength_nm"], line["corrected"], 2)
    assert np.std(line["corrected"] / np.polyval(slope, line["wavelength_nm"])) < 0.004


def test_rates_go_as_both_slits(fs5):
    narrow, wide = (Scan("emission", 538, 542, 1, 405, *slits, 10) for slits in ((1, 1), (2, 3)))
    ratio = flight(fs5, wide, 2)["counts"].mean() / flight(fs5, narrow)["counts"].mean()
    assert ratio == pytest.approx(6, rel=0.05)  # dead time takes a little


def test_regions_have_other_spectra(make_bench):
    fs5 = make_bench("undoped").spectrofluorometer
    there = [Scan("emission", 500, 600, 1, 405, 1, 1, 3, region) for region in (1, 2)]
    first, second = (flight(fs5, scan, scan.region)["corrected"] for scan in there)
    assert np.abs(first / second - 1).max() > 0.03


def test_absorbance_of_the_film_against_the_blank(make_bench):
    fs5 = make_bench("undoped").spectrofluorometer
    slow = Scan("transmission", 400, 700, 1, 0, 1, 1, 20)
    film = flight(fs5, slow, 1)
    fs5.mount("glass")
    blank = flight(fs5, slow, 2)
    absorbance = -np.log10(film["corrected"] / blank["corrected"])
    nm = film["wavelength_nm"] + 0.2
    expected = fs5._made["undoped"].alpha_d(nm) / np.log(10) + 0.02 + 0.005 * (600 / nm) ** 4
    assert np.abs(absorbance - expected).max() < 6e-3
    assert np.abs((absorbance - expected)[nm > 570]).std() < 1e-3
    assert np.isnan(film["counts"]).all() and np.isnan(film["correction"]).all()


@pytest.mark.parametrize("dwell_s", [0.2, 0.8])
def test_noise_of_the_absorbance_falls_with_the_square_root_of_time(fs5, dwell_s):
    fs5.mount("glass")
    points = flight(fs5, Scan("transmission", 400, 700, 0.2, 0, 1, 1, dwell_s))
    noise_od = np.std(np.log10(points["corrected"]))
    assert noise_od == pytest.approx(np.hypot(1e-3 * np.sqrt(0.2 / dwell_s), 1e-3 / np.log(10)), rel=0.06)


def test_no_light_in_a_dead_sector(changed):
    fs5 = changed("[instrument.fs5.lamp]\ndead_nm = [[498, 511], [560, 565]]")
    ple, film = flight(fs5, PLE), flight(fs5, ABSORPTION, 2)
    true_nm = PLE.wavelength_nm + 0.2
    dead = ((true_nm > 499) & (true_nm < 510)) | ((true_nm > 561) & (true_nm < 564))
    lit = (true_nm < 497) | ((true_nm > 512) & (true_nm < 559)) | (true_nm > 566)
    assert np.abs(ple["reference"][dead]).max() < 1e-3
    assert ple["reference"][lit].min() > 0.4
    assert ple["counts"][dead].mean() == pytest.approx(50, abs=6)
    assert np.abs(film["transmitted"][:201][dead]).max() < 1e-3


@pytest.mark.parametrize("offsets_nm", [(0.2, -0.15), (0.7, -0.7), (-0.7, 0.0)])
def test_lines_show_where_the_monochromators_stand(changed, offsets_nm):
    excitation_nm, emission_nm = offsets_nm
    text = f"[instrument.fs5]\nexcitation_offset_nm = {excitation_nm}\nemission_offset_nm = {emission_nm}\n"
    fs5 = changed(text, base="glass")
    lamp = flight(fs5, Scan("excitation", 464, 470, 0.05, 650, 0.5, 0.5, 0.2))
    assert middle_nm(lamp, "reference") == pytest.approx(467.12 - excitation_nm, abs=0.03)
    elastic = flight(fs5, Scan("emission", 547, 553, 0.05, 550, 1, 1, 1), 2)
    assert middle_nm(elastic, "counts") == pytest.approx(550 + excitation_nm - emission_nm, abs=0.03)


def middle_nm(points, column):
    """Centre of gravity of what stands above the ends of a scan."""
    height = points[column] - np.linspace(points[column][:5].mean(), points[column][-5:].mean(), len(points[column]))
    height[height < 0.3 * height.max()] = 0
    return (height * points["wavelength_nm"]).sum() / height.sum()


def test_second_order_stands_at_twice_the_excitation(make_bench):
    fs5 = make_bench("glass").spectrofluorometer
    points = flight(fs5, Scan("emission", 650, 690, 0.5, 335, 3, 3, 10))
    peak_nm = points["wavelength_nm"][points["counts"].argmax()]
    assert peak_nm == pytest.approx(2 * (335 + 0.2) + 0.15, abs=1)
    assert points["counts"].max() > np.median(points["counts"]) + 10 * np.sqrt(np.median(points["counts"]))


def test_synchronous_scans_follow_the_elastic_line(make_bench):
    fs5 = make_bench("glass").spectrofluorometer
    on, off = (flight(fs5, Scan("synchronous", 400, 600, 5, gap, 1, 1, 1), gap + 1) for gap in (0, 20))
    assert on["counts"].min() > 100 * off["counts"].max() / 2
    assert on["wavelength_nm"][[0, -1]].tolist() == [400, 600]


def test_dead_time_is_taken_and_put_right(changed):
    fs5 = changed("[sample.spectra.perovskite]\npeak_cps = 1e7\nratio_ln_sd = 0\n")
    points = flight(fs5, Scan("emission", 535, 545, 1, 405, 1, 1, 1))
    rate_cps = points["counts"].max()
    assert 0.75e7 < rate_cps < 0.9e7
    assert points["corrected"].max() == pytest.approx(1e7, rel=0.01)


def test_dark_counts(fs5):
    counts, seconds = fs5.dark(1000, acquisition=1)
    assert seconds == 1000
    assert counts == pytest.approx(50_000, abs=5 * np.sqrt(50_000))
    assert fs5.dark(1000, acquisition=1) == (counts, seconds)
    stop = threading.Event()
    stop.set()
    assert fs5.dark(10, acquisition=2, stop=stop) == (0, 0)
    for seconds in (0, -1, np.nan, np.inf, 1e6):
        with pytest.raises(ValueError, match="more than 0 and at most 3600 s"):
            fs5.dark(seconds, acquisition=3)


def test_lamp_must_be_lit_and_may_be_warming(fs5):
    assert (fs5.lamp_state, fs5.warm_up_s) == ("ready", 0)
    cold = Scan("transmission", 500, 500.5, 1, 0, 1, 1, 0.2)
    warm = flight(fs5, cold)["reference"][0]
    fs5.switch_lamp(False)
    assert fs5.lamp_state == "off"
    with pytest.raises(ValueError, match="lamp is off: switch it on"):
        fs5.check(PL)
    with pytest.raises(ValueError, match="lamp is off"):
        fs5.warm_up()
    fs5.switch_lamp(True)
    assert (fs5.lamp_state, fs5.warm_up_s) == ("warming", 1200)
    assert flight(fs5, cold, 2)["reference"][0] == pytest.approx(0.85 * warm, rel=0.03)
    assert fs5.warm_up()
    assert (fs5.lamp_state, fs5.warm_up_s) == ("ready", 0)
    fs5.switch_lamp(True)
    assert fs5.lamp_state == "ready"


def test_warming_up_can_be_stopped(fs5):
    fs5.switch_lamp(False)
    fs5.switch_lamp(True)
    stop = threading.Event()
    stop.set()
    assert not fs5.warm_up(stop)
    assert fs5.lamp_state == "warming"


def test_a_lamp_that_goes_out_leaves_dark_counts(fs5):
    counts = []

    def count(index, point):
        counts.append(point.counts)
        fs5.switch_lamp(False)

    fs5.scan(Scan("emission", 530, 580, 1, 405, 1, 1, 1), acquisition=1, on_point=count)
    assert counts[0] > 1e5
    assert np.mean(counts[1:]) == pytest.approx(50, abs=5)


def test_the_shutter_is_open_only_while_it_scans(fs5):
    seen = []
    assert fs5.scan(PLE, acquisition=1, on_point=lambda *_: seen.append(fs5.shutter_is_open()))
    assert all(seen) and not fs5.shutter_is_open()
    with pytest.raises(RuntimeError):
        fs5.scan(PLE, acquisition=2, on_point=_fail)
    assert not fs5.shutter_is_open()
    taken = []

    def shut(index, point):
        taken.append(index)
        fs5.close_shutter()

    assert not fs5.scan(PLE, acquisition=3, on_point=shut)
    assert taken == [0]


def _fail(index, point):
    raise RuntimeError("the receiver failed")


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (Scan("time", 420, 750, 1, 405, 1, 1, 0.3), r"kind = 'time': it must be one of emission"),
        (Scan("emission", 420, 750, 0, 405, 1, 1, 0.3), r"step_nm = 0: it must lie within 0.01..100"),
        (Scan("emission", 420, 750, -1, 405, 1, 1, 0.3), r"step_nm = -1"),
        (Scan("emission", 420, 750, 1, 405, 1, 1, float("nan")), r"dwell_s = nan: it must be a finite number"),
        (Scan("emission", 420, float("inf"), 1, 405, 1, 1, 1), r"stop_nm = inf"),
        (Scan("emission", 420, 750, 1, 405, 1, 1, 201), r"dwell_s = 201: it must lie within 0.001..200"),
        (Scan("emission", 420, 750, 1, 405, 0, 1, 1), r"excitation_slit_nm = 0: it must lie within 0.1..30"),
        (Scan("emission", 420, 750, 1, 405, 1, 31, 1), r"emission_slit_nm = 31"),
        (Scan("emission", 750, 420, 1, 405, 1, 1, 1), r"the scan runs upwards"),
        (Scan("emission", 420, 900, 1, 405, 1, 1, 1), r"emission_nm = 420..900: the instrument reaches 200..870"),
        (Scan("emission", 420, 750, 1, 200, 1, 1, 1), r"excitation_nm = 200: the instrument reaches 230..1000"),
        (Scan("excitation", 400, 600, 1, 900, 1, 1, 1), r"emission_nm = 900"),
        (Scan("synchronous", 400, 800, 1, 100, 1, 1, 1), r"emission_nm = 500..900"),
        (Scan("transmission", 200, 600, 1, 0, 1, 1, 1), r"excitation_nm = 200..600"),
        (Scan("emission", 220, 860, 0.01, 405, 1, 1, 1), r"64001 points: at most 20000"),
        (Scan("emission", 420, 750, 1, 405, 1, 1, 1, 0), r"region = 0: regions are numbered from 1"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_moves(fs5, scan, message):
    for ask in (fs5.check, lambda one: flight(fs5, one)):
        with pytest.raises(ValueError, match=message):
            ask(scan)
    assert fs5._clock.now_s == 0


def test_points_and_samples_that_are_not_there(fs5):
    with pytest.raises(ValueError, match=r"first = 331: the scan has the points 0\.\.330"):
        flight(fs5, PL, first=331)
    with pytest.raises(ValueError, match="sample = 'Z': there are A, B"):
        fs5.mount("Z")
    assert fs5.mounted == "B"


def test_a_single_point_is_a_scan(fs5):
    assert flight(fs5, Scan("emission", 540, 540, 1, 405, 1, 1, 0.3))["wavelength_nm"].tolist() == [540]


def test_truth_of_spectra_and_scans(make_bench, tmp_path):
    bench = make_bench("B", truth=tmp_path / "truth.json")
    fs5 = bench.spectrofluorometer
    taken = flight(fs5, PLE, 5)
    fs5.mount("bare_qds")
    bench.close()
    truth = read(tmp_path / "truth.json")
    true = truth["spectra"]["B"]["arrays"]
    assert (true["wavelength_nm"][0], true["wavelength_nm"][-1]) == (380, 800)
    assert true["delta_s"].max() == pytest.approx(1.5, abs=0.01)
    assert true["perovskite_cps"].shape == (8, 3, len(true["wavelength_nm"]))
    assert truth["spectra"]["bare_qds"]["arrays"]["alpha_d"].max() == 0
    (entry,) = truth["acquisitions"]
    about = [entry[key] for key in ("acquisition", "kind", "sample", "fixed_nm", "dwell_s", "n_points")]
    assert about == [5, "excitation", "B", 650, 1, 201]
    assert (entry["excitation_offset_nm"], entry["emission_offset_nm"]) == (0.2, -0.15)
    assert entry["arrays"]["excitation_nm"] == pytest.approx(taken["wavelength_nm"] + 0.2)
    assert entry["arrays"]["t_s"] == pytest.approx(taken["time_s"])
    assert taken["reference"] == pytest.approx(entry["arrays"]["reference_ua"], rel=0.02)


def test_a_null_coupling_measures_as_zero(changed):
    null = changed("[sample.spectra.coupling]\nstrength = 0")
    film = flight(null, PLE, 1)
    null.mount("bare_qds")
    reference = flight(null, PLE, 2)
    dose = null._made["B"].alpha_d(PLE.wavelength_nm + 0.2)
    window = PLE.wavelength_nm >= 550
    s, s_ref = (one["corrected"] / one["corrected"][window].mean() for one in (film, reference))
    expected = s_ref * -np.expm1(-dose) / dose
    relative_error = np.sqrt(1 / film["counts"] + 1 / reference["counts"] + 2e-6)
    difference = (s / expected - 1)[~window] / relative_error[~window]
    assert np.abs(difference).max() < 5
    assert difference.std() == pytest.approx(1, abs=0.15)
