import numpy as np
import pytest
from scipy.spatial import cKDTree

from devices.iocs.twin import preset as presets
from devices.iocs.twin.medium import bruggeman_index, lifetime_ratio
from devices.iocs.twin.sample import Sample

FRAME_UM = np.meshgrid(np.arange(25, 75, 0.25) + 0.125, np.arange(25, 75, 0.25) + 0.125)


def emission(sample, w_cm2):
    return sample.emission(*FRAME_UM, w_cm2)


def weighted_median(values, weights):
    order = np.argsort(values, axis=None)
    total = np.cumsum(weights.ravel()[order])
    return values.ravel()[order][np.searchsorted(total, total[-1] / 2)]


def radial_excess(sample):
    """Perovskite rate against distance to the nearest cluster, above the rate far away, first bin 1."""
    clusters = sample.nuclei.xy_um[sample.nuclei.n_dots >= 5]
    distance_um, _ = cKDTree(clusters).query(np.stack(FRAME_UM, axis=-1))
    rate = emission(sample, 50).perovskite_cps
    excess = np.array([rate[(r <= distance_um) & (distance_um < r + 0.5)].mean() for r in np.arange(0, 3, 0.5)])
    excess -= rate[distance_um > 3].mean()
    return excess


@pytest.fixture(scope="module")
def sample_a():
    return Sample(presets.load("A").sample, 3, name="A")


@pytest.fixture(scope="module")
def sample_b():
    return Sample(presets.load("B").sample, 3, name="B")


def test_published_ratios_of_the_two_samples(sample_a, sample_b):
    a, b = emission(sample_a, 50), emission(sample_b, 150)
    assert a.perovskite_cps.mean() == pytest.approx(800, rel=0.01)
    assert b.perovskite_cps.mean() / a.perovskite_cps.mean() == pytest.approx(6.7, rel=0.01)
    assert a.qd_cps.mean() == pytest.approx(130, rel=0.04)
    assert b.qd_cps.mean() / a.qd_cps.mean() == pytest.approx(44, rel=0.05)


def test_lifetimes_are_skewed_in_a_and_narrow_in_b(sample_a, sample_b):
    a, b = emission(sample_a, 50), emission(sample_b, 150)
    weight = a.perovskite_cps / a.perovskite_cps.sum()
    assert 0.001 < weight[a.tau2_ns > 20].sum() < 0.01
    assert 8.7 < weighted_median(a.tau2_ns, a.perovskite_cps) < 10.2
    assert 12.5 < np.median(a.tau2_ns[a.qd_cps > 250]) < 16
    assert weighted_median(b.tau2_ns, b.perovskite_cps) == pytest.approx(12.5, abs=0.2)
    assert b.tau2_ns.std() < 1.0
    relative = [one.perovskite_cps.std() / one.perovskite_cps.mean() for one in (a, b)]
    assert relative[0] > 2.5 * relative[1]


def test_crystallinity_field(sample_a, sample_b):
    for sample, mean in ((sample_a, 0.21), (sample_b, 0.445)):
        c = sample.crystallinity(*FRAME_UM)
        assert c.mean() == pytest.approx(mean, abs=0.03)
        assert c.min() >= 0
        assert c.max() <= 1


def test_clusters_brighten_the_perovskite_up_to_two_micrometres(sample_a):
    excess = radial_excess(sample_a)
    profile = excess / excess[0]
    assert np.all(np.diff(profile) < 0.02)
    np.testing.assert_allclose(profile[:5], [1, 0.64, 0.34, 0.17, 0.07], atol=0.1)


@pytest.mark.parametrize(("influence", "sign"), [(-1, -1), (0, 0)])
def test_influence_can_be_inverted_or_absent(preset_file, influence, sign):
    changed = preset_file(f'base = "A"\n[sample.qd]\ninfluence = {influence}')
    excess = radial_excess_of_dots(Sample(changed.sample, 3, name="A"))
    assert np.sign(round(excess, 1)) == sign


def radial_excess_of_dots(sample):
    """Relative perovskite rate on the dots against that everywhere."""
    inside = (abs(sample.emitters["x_um"] - 50) < 45) & (abs(sample.emitters["y_um"] - 50) < 45)
    dots = sample.emitters[inside]
    on = sample.emission(dots["x_um"], dots["y_um"], 50).perovskite_cps
    return on.mean() / emission(sample, 50).perovskite_cps.mean() - 1


def test_dots_are_summed_exactly(sample_a):
    x, y = sample_a.emitters["x_um"][:20], sample_a.emitters["y_um"][:20]
    distance_um = np.hypot(x[:, None] - sample_a.emitters["x_um"], y[:, None] - sample_a.emitters["y_um"])
    spot = np.exp(-4 * np.log(2) * (distance_um / 0.20) ** 2) * sample_a.emitters["brightness"]
    seen = sample_a.emission(x, y, 100)
    np.testing.assert_allclose(seen.qd_cps, 2 * spot.sum(axis=1), rtol=2e-3)
    np.testing.assert_allclose(seen.qd_tau_ns, spot @ sample_a.emitters["tau_ns"] / spot.sum(axis=1), rtol=2e-3)


def test_lifetimes_of_dots_in_the_film(sample_b):
    """39 +- 14 ns on glass becomes about 11.4 +- 4.5 ns; 9 % live longer than 17.7 ns."""
    tau_ns, reference_ns = sample_b.emitters["tau_ns"], sample_b.emitters["tau_ref_ns"]
    assert reference_ns.mean() == pytest.approx(39, abs=0.3)
    assert reference_ns.std() == pytest.approx(14, abs=0.3)
    assert tau_ns.mean() == pytest.approx(11.4, abs=0.3)
    assert tau_ns.std() == pytest.approx(4.5, abs=0.3)
    assert (tau_ns > 17.7).mean() == pytest.approx(0.09, abs=0.01)


def test_effective_medium_in_simple_cases():
    assert bruggeman_index(np.array([1.0, 0.0]), np.array([1.5, 2.0])) == pytest.approx(1.5)
    same = {
        "film_index": 1.5,
        "substrate_index": 1.5,
        "dot_index": 1.5,
        "radius_nm": 80,
        "thickness_nm": 1000,
    }
    half_in_air = bruggeman_index(np.array([0.5, 0.5, 0.0]), np.array([1.5, 1.0, 1.5]))
    local = 3 * half_in_air**2 / (2 * half_in_air**2 + 1.5**2)
    ratio = lifetime_ratio(np.array([500.0]), **same)
    assert ratio[0] == pytest.approx(half_in_air * local**2 / 1.5, rel=1e-9)


def test_a_single_dot_film_has_isolated_dots():
    dots = Sample(presets.load("single").sample, 1, name="single").emitters
    places = np.unique(np.column_stack([dots["x_um"], dots["y_um"]]), axis=0)
    nearest_um = cKDTree(places).query(places, k=2)[0][:, 1]
    assert nearest_um.min() >= 0.45
    assert np.mean(nearest_um >= 0.6) >= 0.75
    assert len(places) / 116**2 == pytest.approx(0.5, rel=0.05)


def test_glass_is_dark_and_the_undoped_film_has_no_dots():
    glass = Sample(presets.load("glass").sample, 1, name="glass").emission(50.0, 50.0, 50.0)
    assert glass.perovskite_cps == glass.qd_cps == 0
    film = Sample(presets.load("undoped").sample, 1, name="undoped").emission(50.0, 50.0, 50.0)
    assert film.qd_cps == 0
    assert film.perovskite_cps > 500


def test_intensity_exponents(preset_file):
    text = 'base = "A"\n[sample.perovskite]\nintensity_exponent = 2\ntau_intensity_exponent = 0.5\n'
    sample = Sample(preset_file(text).sample, 3, name="A")
    low, high = sample.emission(50.0, 50.0, 50.0), sample.emission(50.0, 50.0, 200.0)
    assert high.perovskite_cps / low.perovskite_cps == pytest.approx(16)
    assert high.tau1_ns / low.tau1_ns == pytest.approx(0.5)
    assert high.qd_cps == pytest.approx(4 * low.qd_cps)


def test_seed_and_name_decide_the_sample(sample_a):
    again, other = (Sample(presets.load("A").sample, seed, name="A") for seed in (3, 4))
    assert np.array_equal(again.emitters, sample_a.emitters)
    assert np.array_equal(again.crystallinity.values, sample_a.crystallinity.values)
    assert not np.array_equal(other.emitters[:10], sample_a.emitters[:10])
