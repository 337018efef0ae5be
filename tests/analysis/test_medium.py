"""Effective medium: the numbers of the paper and of its references, limits, and refusals."""

import numpy as np
import pytest

from analysis.medium import effective_index, effective_lifetime

PAPER = {"film_index": 2.10, "substrate_index": 1.515, "thickness_nm": 88}  # MAPbBr3 on BK7
MIXINGS = ("linear_index", "linear_permittivity", "lorentz_lorenz", "bruggeman")


def test_the_film_of_the_paper_shortens_39_ns_to_about_11():
    assert effective_lifetime(39, **PAPER) == pytest.approx(11, abs=1)
    assert effective_lifetime(39, **PAPER, local_field="virtual_cavity", height_nm=44) == pytest.approx(11, abs=1)


@pytest.mark.parametrize(
    ("local_field", "middle", "average"),
    [
        ("none", [26.1, 26.0, 26.6, 25.9], [27.1, 26.9, 27.7, 27.0]),
        ("microscopic", [16.8, 16.7, 17.7, 16.7], [18.3, 18.0, 19.3, 18.2]),
        ("virtual_cavity", [10.9, 10.7, 11.8, 10.8], [12.3, 11.9, 13.3, 12.2]),
        ("empty_cavity", [19.6, 19.7, 20.1, 19.4], [20.8, 20.8, 21.4, 20.7]),
        ("nanocrystal", [10.4, 10.6, 10.9, 10.2], [11.6, 11.6, 12.2, 11.5]),
    ],
)
def test_every_mixing_rule_and_local_field_has_its_tabulated_lifetime(local_field, middle, average):
    for mixing, at_middle, over_depth in zip(MIXINGS, middle, average, strict=True):
        rule = {"local_field": local_field, "mixing": mixing}
        assert effective_lifetime(39, **PAPER, height_nm=44, **rule) == pytest.approx(at_middle, abs=0.06)
        on_crown_glass = PAPER | {"substrate_index": 1.52}
        assert effective_lifetime(39, **on_crown_glass, **rule) == pytest.approx(over_depth, abs=0.07)


@pytest.mark.parametrize(
    ("radius_nm", "emitter_index", "tau_ns"), [(50, 2.5, 7.7), (100, 2.5, 12.2), (80, 2.3, 10.9), (80, 2.7, 9.7)]
)
def test_the_sensitivity_to_radius_and_emitter_is_as_tabulated(radius_nm, emitter_index, tau_ns):
    tau = effective_lifetime(39, **PAPER, height_nm=44, radius_nm=radius_nm, emitter_index=emitter_index)
    assert tau == pytest.approx(tau_ns, abs=0.06)


@pytest.mark.parametrize(("local_field", "tau_ns"), [("none", 23.2), ("virtual_cavity", 7.2), ("nanocrystal", 7.5)])
def test_far_from_all_surfaces_only_the_film_counts(local_field, tau_ns):
    thick = PAPER | {"thickness_nm": 10_000}
    assert effective_index(5000, **thick) == pytest.approx(2.10)
    assert effective_lifetime(39, **thick, height_nm=5000, local_field=local_field) == pytest.approx(tau_ns, abs=0.05)


def test_the_index_in_mid_film_is_that_of_the_prototype():
    assert effective_index(44, **PAPER) == pytest.approx(1.877, abs=5e-4)


def test_two_media_in_equal_shares_mix_as_the_closed_forms_say():
    on_glass = {"film_index": 1.0, "substrate_index": 1.515, "thickness_nm": 200}
    by_hand = {
        "linear_index": (1 + 1.515) / 2,
        "linear_permittivity": np.sqrt((1 + 1.515**2) / 2),
        "bruggeman": np.sqrt((b := (1 + 1.515**2) / 4) / 2 + np.sqrt(b**2 / 4 + 1.515**2 / 2)),
    }
    for mixing, n in by_hand.items():
        assert effective_index(0, **on_glass, mixing=mixing) == pytest.approx(n, rel=1e-12)
    assert by_hand["bruggeman"] == pytest.approx(1.249, abs=1e-3)


@pytest.mark.parametrize("mixing", MIXINGS)
def test_a_film_as_the_surroundings_is_no_film(mixing):
    index = {"film_index": 1.5, "substrate_index": 1.5, "ambient_index": 1.5, "mixing": mixing}
    assert effective_index([0, 10, 88], thickness_nm=88, **index) == pytest.approx([1.5] * 3, rel=1e-12)
    assert effective_lifetime(39, thickness_nm=88, reference=1.5, **index) == pytest.approx(39, rel=1e-12)


def test_the_average_over_depth_is_that_of_many_heights():
    height = (np.arange(20_000) + 0.5) * 88 / 20_000
    for radius_nm in (30, 80, 200):
        tau = effective_lifetime(39, **PAPER, radius_nm=radius_nm, height_nm=height)
        mean = effective_lifetime(39, **PAPER, radius_nm=radius_nm, average="lifetime")
        assert mean == pytest.approx(np.mean(tau), rel=1e-7)
        assert effective_lifetime(39, **PAPER, radius_nm=radius_nm) == pytest.approx(1 / np.mean(1 / tau), rel=1e-7)


def test_lifetimes_have_the_shape_of_the_heights():
    assert isinstance(effective_lifetime(39, **PAPER, height_nm=20), float)
    assert np.shape(effective_lifetime(39, **PAPER, height_nm=np.full((2, 3), 20.0))) == (2, 3)


def test_many_lifetimes_shorten_by_one_factor():
    factor = effective_lifetime(1, **PAPER)
    assert effective_lifetime([[39, 20, 11.5]], **PAPER) == pytest.approx(factor * np.array([[39, 20, 11.5]]))
    each = effective_lifetime([39, 20], **PAPER, height_nm=[10, 44])
    assert each == pytest.approx(
        [effective_lifetime(39, **PAPER, height_nm=10), effective_lifetime(20, **PAPER, height_nm=44)]
    )
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        effective_lifetime([39, 20, 10], **PAPER, height_nm=[10, 44])
    with pytest.raises(ValueError, match="tau_ref_ns"):
        effective_lifetime([39, np.nan], **PAPER)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"film_index": 0}, "film_index is 0"),
        ({"thickness_nm": -1}, "thickness_nm"),
        ({"thickness_nm": np.nan}, "thickness_nm"),
        ({"radius_nm": np.inf}, "radius_nm"),
        ({"emitter_index": -2.5}, "emitter_index"),
        ({"film_index": [2.1, 2.2]}, r"film_index has shape \(2,\)"),
        ({"thickness_nm": np.array([88.0])}, "thickness_nm has shape"),
        ({"reference": [1.2, 1.3]}, "reference has shape"),
        ({"height_nm": 100}, "not inside the film"),
        ({"height_nm": np.nan}, "not inside the film"),
        ({"mixing": "average"}, "mixing is 'average'"),
        ({"local_field": "magic"}, "local_field is 'magic'"),
        ({"reference": "water"}, "reference is 'water'"),
        ({"reference": 0.0}, "reference is 0.0"),
        ({"average": "median"}, "average is 'median'"),
    ],
)
def test_what_is_no_film_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        effective_lifetime(39, **(PAPER | wrong))
    with pytest.raises(ValueError, match="tau_ref_ns"):
        effective_lifetime(0, **PAPER)
