import numpy as np
import pytest

SPOT_UM, NOW_S, LIT = np.array([[50.0, 50.0]]), np.zeros(1), np.ones(1)


def view(bench, *, lit=LIT, w_cm2=50.0):
    return bench._train.view(SPOT_UM, NOW_S, lit, np.array([w_cm2]))


@pytest.fixture(scope="module")
def bench(make_bench):
    return make_bench()


@pytest.fixture(autouse=True)
def _usual(bench):
    bench.filters.set("perovskite", "532/10+OD1")
    bench.filters.set("qd", "FBH650-40+655/15")


def test_background_is_dark_counts_and_a_share_of_the_signal(bench):
    seen = view(bench)
    signal_cps = (seen.signal_cps + seen.crosstalk_cps)[0]
    np.testing.assert_allclose(seen.background_cps[0], [8 + 0.028 * signal_cps[0], 40 + 0.028 * signal_cps[1]])
    np.testing.assert_allclose(view(bench, lit=0 * LIT).total_cps[0], [8, 40])


def test_light_for_half_the_time_is_half_the_signal(bench):
    np.testing.assert_allclose(view(bench, lit=0.5 * LIT).signal_cps, 0.5 * view(bench).signal_cps)
    np.testing.assert_allclose(view(bench, w_cm2=25.0).signal_cps, 0.5 * view(bench).signal_cps)


def test_luminescence_comes_later_than_scattered_light(bench):
    luminescence = view(bench).expected[1]
    bench.filters.set("qd", "scatter")
    scatter = view(bench).expected[1]
    assert luminescence.shift_ns - scatter.shift_ns == pytest.approx(0.03)
    assert scatter.cps.sum() == pytest.approx(30_000)
    assert not scatter.tau_ns.any()
    assert scatter.sigma_ns * 2.3548 == pytest.approx(np.hypot(0.1, 0.38), rel=1e-4)


def test_open_attenuator_leaves_crosstalk_into_the_other_route(bench):
    before = view(bench)
    bench.filters.set("perovskite", "532/10")
    after = view(bench)
    np.testing.assert_allclose(after.signal_cps[0, 0], 10 * before.signal_cps[0, 0])
    np.testing.assert_allclose(after.crosstalk_cps[0, 1], before.crosstalk_cps[0, 1])
