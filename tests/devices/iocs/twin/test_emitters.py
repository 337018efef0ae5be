import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.emitters import pump_hz
from devices.iocs.twin.sample import Sample


def dots_of(preset, seed=1):
    preset = presets.load(preset) if isinstance(preset, str) else preset
    return Sample(preset.sample, seed, name=preset.name).emitters


def test_a_dot_is_pumped_far_below_saturation_at_the_reference():
    """At 2.5 kW/cm2 there are 7.1e21 photons per second and cm2, so k = 3.5e6 per second."""
    single = presets.load("single").sample
    assert pump_hz(single, 2500) == pytest.approx(3.53e6, rel=1e-3)
    dots = dots_of("single")
    assert np.median(dots["tau_ns"]) * 1e-9 * pump_hz(single, 2500) == pytest.approx(0.04, abs=0.004)
    np.testing.assert_allclose(1e9 / dots["rise_ns"], 1e9 / dots["tau_ns"] + pump_hz(single, 2500))


def test_dots_of_a_film_are_as_bright_fast_and_steady_as_published():
    dots = dots_of("single")
    assert dots["cw_cps"].mean() == pytest.approx(102e3, rel=0.02)
    assert np.log(dots["cw_cps"]).std() == pytest.approx(0.4, abs=0.015)
    assert dots["rise_ns"].mean() == pytest.approx(12, abs=0.5)
    assert dots["rise_ns"].std() == pytest.approx(4.5, abs=0.5)


@pytest.mark.parametrize(
    ("name", "on_fraction", "survival_s"),
    [("single", 0.99, 150), ("film2", 0.94, 150), ("film3", 0.96, 150), ("halide_qds", 0.90, 60)],
)
def test_medians_of_on_fraction_and_survival(name, on_fraction, survival_s):
    dots = dots_of(name)
    assert np.median(dots["on_fraction"]) == pytest.approx(on_fraction, abs=0.04 * (1 - on_fraction) + 1e-3)
    assert np.median(dots["survival_s"]) == pytest.approx(survival_s, rel=0.06)
    assert dots["survival_s"].mean() == pytest.approx(survival_s / np.log(2), rel=0.06)
    assert np.log(1 - dots["on_fraction"]).std() == pytest.approx(0.7, abs=0.05)


def test_halide_dots_lie_apart_on_glass():
    dots = dots_of("halide_qds")
    assert len(dots) / 116**2 == pytest.approx(0.23, abs=0.03)
    assert dots["rise_ns"].mean() == pytest.approx(38, abs=1.0)
    assert dots["rise_ns"].std() == pytest.approx(12.5, abs=1.5)
    assert np.array_equal(dots["tau_ns"], dots["tau_ref_ns"])


def test_the_example_dot_is_that_of_the_figure():
    dots = dots_of("example_qd")
    np.testing.assert_allclose(dots["rise_ns"], 17.7, atol=0.01)
    np.testing.assert_allclose((dots["cw_cps"] / 1e5) ** 2, 0.77, atol=1e-3)
    assert np.all(dots["on_fraction"] == 1)
    assert np.all(np.isinf(dots["survival_s"]))


def test_pairs_are_two_dots_at_one_place(preset_file):
    base = dots_of(preset_file('base = "single"\n[sample.qd]\npair_share = 0', name="alone"))
    dots = dots_of(preset_file('base = "single"\n[sample.qd]\npair_share = 0.2', name="pairs"))
    paired = dots[dots["pair"] >= 0]
    assert len(paired) / 2 / len(base) == pytest.approx(0.2, abs=0.03)
    partners = dots[paired["pair"]]
    assert np.array_equal(partners["pair"], paired["id"])
    for axis in ("x_um", "y_um"):
        assert np.array_equal(paired[axis], partners[axis])
    assert not np.any(paired["tau_ns"] == partners["tau_ns"])
    assert np.array_equal(dots["x_um"][: len(base)], base["x_um"])


def test_clusters_know_their_members():
    dots = dots_of("A")
    cluster = dots[dots["cluster"] >= 0]
    numbers, sizes = np.unique(cluster["cluster"], return_counts=True)
    assert sizes.min() >= 2
    widest = [np.hypot(*(one - one.mean(axis=0)).T).max() for one in _members(cluster, numbers[:50])]
    assert max(widest) < 0.18 * 6
    assert np.all(dots_of("single")["cluster"] == -1)


def _members(dots, numbers):
    for number in numbers:
        mine = dots[dots["cluster"] == number]
        yield np.column_stack([mine["x_um"], mine["y_um"]])


def test_heights_can_be_bounded(preset_file):
    dots = dots_of(preset_file('base = "single"\n[sample.qd]\nheights = [0, 0.25]', name="low"))
    assert dots["z_nm"].min() >= 5.5
    assert dots["z_nm"].max() <= 5.5 + 0.25 * 77
