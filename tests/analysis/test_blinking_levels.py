"""Change points and levels: published critical values, traces of known levels, and what no trace should be."""

import numpy as np
import pytest

from analysis.blinking import change_points
from analysis.blinking.critical import critical_values, false_alarm_probability
from analysis.blinking.excursions import dip_limit, flash_limit, likeliest_excursion
from analysis.blinking.grouping import group, partitions
from analysis.blinking.segments import first_out_of_order
from analysis.blinking.statistic import likeliest_change, statistic

WATKINS_YANG_5_PERCENT = {10: 4.07, 20: 4.63, 50: 5.18, 100: 5.49, 200: 5.74, 500: 6.00, 990: 6.14}


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def photons(edges_s, rates_cps, rng):
    """Poisson arrivals at the given rate between edges."""
    pieces = zip(edges_s[:-1], edges_s[1:], rates_cps, strict=True)
    return np.concatenate([np.sort(rng.uniform(a, b, rng.poisson(rate * (b - a)))) for a, b, rate in pieces])


def power_law_blinking(on_cps, off_cps, *, shortest_s, duration_s, rng):
    """Arrivals, edges and rates of alternate ON and OFF times distributed as t^-1.5 from `shortest_s` to the end."""
    edges, root = [0.0], np.sqrt(shortest_s / duration_s)
    while edges[-1] < duration_s:
        edges.append(min(edges[-1] + shortest_s / (1 - rng.random() * (1 - root)) ** 2, duration_s))
    rates = np.resize(rng.permutation([on_cps, off_cps]), len(edges) - 1)
    return photons(edges, rates, rng), np.array(edges), rates


def random_walk(rates_cps, n_dwells, rng):
    """A trace that jumps between the rates after 100 photons and more."""
    rate = [rng.choice(rates_cps)]
    while len(rate) < n_dwells:
        rate.append(rng.choice(rates_cps[rates_cps != rate[-1]]))
    edges = np.concatenate([[0], np.cumsum((100 + rng.exponential(200, n_dwells)) / rate)])
    return photons(edges, rate, rng), edges, np.array(rate)


def after_dead_time(arrival_s, dead_time_s):
    """Photons that a non-paralysable detector records."""
    kept, last = [], -np.inf
    for i, time in enumerate(arrival_s):
        if time - last >= dead_time_s:
            kept.append(i)
            last = time
    return arrival_s[kept]


def n_matched(found_s, true_s, within_s):
    """Largest number of pairs of a found and a true edge that are that close."""
    i = j = n = 0
    while i < len(found_s) and j < len(true_s):
        if abs(found_s[i] - true_s[j]) <= within_s:
            i, j, n = i + 1, j + 1, n + 1
        elif found_s[i] < true_s[j]:
            i += 1
        else:
            j += 1
    return n


@pytest.mark.parametrize(("n", "published"), WATKINS_YANG_5_PERCENT.items())
def test_critical_values_are_those_of_watkins_and_yang(n, published):
    at_n = np.interp(np.log2(n), np.arange(1, 40, 0.25), critical_values(0.05))
    assert at_n == pytest.approx(published, abs=0.011)
    assert false_alarm_probability(published, n) == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("alarm", [0.3, 0.0425, 0.008, 2e-5])
@pytest.mark.parametrize("n", [2, 3, 17, 300, 3000])
def test_interpolated_critical_values_are_exact_to_half_a_percent(alarm, n):
    threshold = np.interp(np.log2(n), np.arange(1, 40, 0.25), critical_values(alarm))
    assert false_alarm_probability(threshold, n) == pytest.approx(alarm, rel=0.005)


def test_critical_values_grow_to_a_limit_and_with_rarity():
    values = critical_values(0.05)
    assert (np.diff(values) > 0).all() and values[-1] - values[4 * 24] < 0.1
    assert (critical_values(1e-9) > critical_values(1e-6) + 7).all()


def test_one_photon_by_hand():
    """Two waiting times, V uniform: twice the log likelihood ratio is -2 ln(4 V (1 - V)), with mean 4 - 4 ln 2."""
    mean, variance = 4 - 4 * np.log(2), 8 * (2 - np.pi**2 / 6)
    by_hand = (-2 * np.log(4 * 0.1 * 0.9) - mean) / np.sqrt(variance)
    assert statistic(1, 2, 0.1, 0.9) == pytest.approx(by_hand, rel=1e-9)


def test_the_statistic_has_mean_zero_and_unit_variance_at_a_steady_rate(rng):
    for k, n in ((1, 5), (4, 9), (8, 30), (200, 1000)):
        v = rng.beta(k, n - k, 20000)
        weight = 0.5 * np.log(4 * k * (n - k) / n**2)
        values = np.array([statistic(k, n, x, 1 - x) for x in v]) - weight
        assert abs(values.mean()) < 0.03
        assert values.std() == pytest.approx(1, abs=0.05)


def everywhere(x):
    """Statistic at every event of x, by brute force."""
    n, span = len(x) - 1, x[-1] - x[0]
    before, after = (x - x[0]) / span, (x[-1] - x) / span
    good = [k for k in range(1, n) if before[k] > 0 and after[k] > 0]
    return {k: statistic(k, n, before[k], after[k]) for k in good}


@pytest.mark.parametrize("kind", ["steady", "step", "dip", "ticks"])
def test_branch_and_bound_finds_the_maximum_of_the_full_scan(kind, rng):
    for trial in range(60):
        n = int(np.exp(rng.uniform(np.log(2), np.log(2500))))
        rate = np.ones(n)
        if kind == "step":
            rate[n // 3 :] = rng.uniform(0.2, 5)
        if kind == "dip":
            rate[n // 2 : n // 2 + n // 20 + 1] = rng.uniform(0.1, 10)
        wait = rng.exponential(1, n) / rate
        x = np.concatenate([[0], np.cumsum(np.round(2 * wait) / 2 + (kind != "ticks") * wait)])
        full = everywhere(x) if x[-1] > 0 else {}
        floor = -np.inf if trial % 2 else 3.0
        event, value = likeliest_change(x, 0, n, floor, int(rng.integers(-1, n)))
        if not full or max(full.values()) < floor:
            assert event == -1
        else:
            assert value == max(full.values())
            assert event == min(k for k, v in full.items() if v == value)


@pytest.mark.parametrize(("k", "n"), [(1, 300), (4, 3000), (16, 30000), (64, 30000)])
def test_windows_beyond_their_limits_are_as_rare_as_computed(k, n, rng):
    runs = np.zeros(2)
    slow, fast = dip_limit(k, n, 0.3), flash_limit(k, n, 0.3)
    for _ in range(300):
        x = np.concatenate([[0], np.cumsum(rng.exponential(1, n))])
        share = (x[k:] - x[:-k]) / x[-1]
        for sign, beyond in enumerate((share > slow, share < fast)):
            runs[sign] += np.count_nonzero(np.diff(beyond, prepend=False) & beyond)
    assert (runs > 0.5 * 90).all() and (runs < 2 * 90).all()


def test_an_excursion_is_the_one_of_brute_force(rng):
    for sign in (1, -1):
        wait = rng.exponential(1, 5000)
        wait[3000:3016] *= 10.0**sign
        x = np.concatenate([[0], np.cumsum(wait)])
        begin, end = likeliest_excursion(x, 0, 5000, 0.01)
        assert abs(begin - 3000) < 10 and abs(end - 3016) < 10
        windows = (x[end - begin :] - x[: begin - end]) * sign
        assert windows[begin] == windows.max()


@pytest.mark.parametrize(("alarm", "n_photons", "n_traces"), [(0.05, 40, 1200), (0.05, 2000, 1200), (0.01, 200, 2500)])
def test_a_steady_trace_shows_changes_as_often_as_asked(alarm, n_photons, n_traces, rng):
    shown = levels = 0
    for _ in range(n_traces):
        found = change_points(np.sort(rng.random(rng.poisson(n_photons))), duration_s=1.0, false_alarm=alarm)
        shown += found.state.size > 1
        levels += found.n_states > 1
    chance = 3 * np.sqrt(alarm * n_traces)
    assert abs(shown - alarm * n_traces) < chance
    assert levels < 0.6 * shown


def test_a_long_steady_trace_has_one_level(rng):
    found = change_points(np.sort(rng.uniform(0, 10, 300_000)), duration_s=10.0, false_alarm=0.001)
    assert found.n_states == found.state.size == 1
    assert found.rate_cps[0] == pytest.approx(30_000) and found.rate_err_cps[0] == pytest.approx(np.sqrt(3e5) / 10)


@pytest.mark.parametrize(
    ("on_cps", "off_cps", "shortest_s", "within_s", "recall", "precision"),
    [(30e3, 3e3, 0.01, 1e-3, 0.99, 0.98), (10e3, 2e3, 0.005, 2e-3, 0.97, 0.98)],
)
def test_power_law_blinking_is_recovered(on_cps, off_cps, shortest_s, within_s, recall, precision):
    n_true = n_found = n_both = 0
    errors, states = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        arrival_s, edges, rates = power_law_blinking(on_cps, off_cps, shortest_s=shortest_s, duration_s=30.0, rng=rng)
        found = change_points(arrival_s, duration_s=30.0)
        n_true, n_found = n_true + edges.size - 2, n_found + found.edges_s.size - 2
        n_both += n_matched(found.edges_s[1:-1], edges[1:-1], within_s)
        errors.append((found.time_in_state_s[-1] - np.diff(edges)[rates == on_cps].sum()) / 30)
        states.append(found.n_states)
        assert found.counts.sum() == arrival_s.size == found.n_photons
    assert n_both >= recall * n_true and n_both >= precision * n_found
    assert np.sqrt(np.mean(np.square(errors))) < 3e-4
    assert states == [2] * 8


@pytest.mark.parametrize("rates_cps", [(2e3, 10e3), (2e3, 10e3, 20e3), (2e3, 5e3, 10e3, 20e3), (5e3, 10e3, 20e3, 40e3)])
def test_the_right_number_of_levels_is_found(rates_cps):
    right, pulls = 0, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        arrival_s, edges, _ = random_walk(np.array(rates_cps), 80, rng)
        found = change_points(arrival_s, duration_s=edges[-1])
        right += found.n_states == len(rates_cps)
        if found.n_states == len(rates_cps):
            pulls.append((found.state_rate_cps - rates_cps) / found.state_rate_err_cps)
    assert right >= 19
    assert np.abs(np.mean(pulls, axis=0)).max() < 1.0
    assert np.sqrt(np.mean(np.square(pulls))) < 1.5


def test_edges_and_rates_have_honest_errors():
    edge_pulls, rate_pulls = [], []
    for seed in range(500):
        rng = np.random.default_rng(seed)
        truth = np.array([0.0, 0.1, 0.13, 0.3]) + np.array([0, *rng.uniform(-0.01, 0.01, 2), 0])
        rates = np.array([10e3, 2e3, 10e3])
        found = change_points(photons(truth, rates, rng), duration_s=0.3)
        if found.edges_s.size == 4:
            edge_pulls.append((found.edges_s - truth)[1:-1] / found.edge_err_s[1:-1])
            rate_pulls.append((found.rate_cps - rates) / found.rate_err_cps)
    assert len(edge_pulls) > 460  # the others hold a false alarm
    for pulls in (np.array(edge_pulls), np.array(rate_pulls)):
        assert np.abs(pulls.mean(axis=0)).max() < 0.2
        assert 0.85 < pulls.std() < 1.15


@pytest.mark.parametrize("n_detectors", [1, 2])
def test_dead_time_neither_hides_nor_makes_changes(n_detectors):
    shown, pulls, dead_s = 0, [], 45e-9
    for seed in range(300):
        rng = np.random.default_rng(seed)
        light = np.sort(rng.uniform(0, 0.005, rng.poisson(4000)))
        detector = rng.integers(n_detectors, size=light.size)
        seen = np.sort(np.concatenate([after_dead_time(light[detector == d], dead_s) for d in range(n_detectors)]))
        found = change_points(seen, duration_s=0.005, dead_time_s=dead_s, n_detectors=n_detectors)
        shown += found.state.size > 1
        pulls.append((found.state_rate_cps[-1] - 8e5) / found.state_rate_err_cps[-1])
    assert 3 < shown < 28
    assert abs(np.mean(pulls)) < 0.2 and 0.9 < np.std(pulls) < 1.15


def test_a_detector_that_is_dead_most_of_the_time_is_corrected(rng):
    light = photons([0, 0.01, 0.02], [6e6, 2e6], rng)
    found = change_points(after_dead_time(light, 200e-9), duration_s=0.02, dead_time_s=200e-9)
    assert found.edges_s[1] == pytest.approx(0.01, abs=3e-5) and found.n_states == 2
    assert (np.abs(found.rate_cps - [6e6, 2e6]) < 4 * found.rate_err_cps).all()
    assert found.counts[0] / 0.01 < 3e6


def test_a_bleached_end_without_photons_is_a_level(rng):
    found = change_points(np.sort(rng.uniform(0, 5, 5000)), duration_s=60)
    assert found.edges_s[1] == pytest.approx(5, abs=5 * found.edge_err_s[1]) and found.edge_err_s[1] < 0.01
    assert found.counts.tolist() == [5000, 0] and found.state.tolist() == [1, 0]
    assert found.rate_cps[1] < found.rate_err_cps[1] < 0.05


def test_dwells_join_segments_and_mark_the_cut_ends(rng):
    edges = np.array([0, 0.3, 0.4, 0.9, 1.0, 1.5])
    found = change_points(photons(edges, [20e3, 2e3, 10e3, 20e3, 2e3], rng), duration_s=1.5)
    assert found.state.tolist() == [2, 0, 1, 2, 0]
    dwells = found.dwells()
    np.testing.assert_allclose(dwells.duration_s, [0.3, 0.1, 0.6, 0.5], atol=0.005)
    assert dwells.bright.tolist() == [True, False, True, False]
    assert dwells.observed.tolist() == [False, True, True, False]
    durations_s, observed = dwells.on_times_s, dwells.on_observed
    np.testing.assert_allclose(durations_s, [0.3, 0.6], atol=0.005)
    assert observed.tolist() == [False, True]
    assert found.dwells(first_bright=2).duration_s.size == 4 and found.changes_state.all()
    np.testing.assert_allclose(found.time_in_state_s, [0.6, 0.5, 0.4], atol=0.01)
    assert found.time_in_state_s.sum() == pytest.approx(1.5)
    assert "state 2" in str(found) and 0 <= found.deviance < 4
    with pytest.raises(ValueError, match="from 0 to 3"):
        found.dwells(first_bright=4)


def test_sorted_pieces_are_partitioned_as_well_as_by_trying_everything(rng):
    for _ in range(20):
        count, time = rng.poisson(30, 9).astype(float), rng.uniform(0.5, 2, 9)
        order = np.argsort(count / time)
        c, t = (np.concatenate([[0], np.cumsum(v[order])]) for v in (count, time))

        def likelihood(*ends, c=c, t=t):
            n, s = np.diff(c[[0, *ends, 9]]), np.diff(t[[0, *ends, 9]])
            return np.sum(n * np.log(n / s))

        best = max(likelihood(i, j) for i in range(1, 8) for j in range(i + 1, 9))
        origin = partitions(c, t, 3)
        second = origin[3, 9]
        assert likelihood(origin[2, second], second) == pytest.approx(best)


def test_a_short_piece_between_two_levels_makes_no_level(rng):
    counts, live_s = rng.poisson(np.tile([1000, 100], 20)).astype(float), np.full(40, 0.1)
    counts[7], live_s[7] = 4, 0.001  # neither 10 nor 1 expected
    state = group(counts, live_s)
    assert state.max() == 1 and np.array_equal(np.delete(state, 7), np.delete(np.tile([1, 0], 20), 7))
    assert group(counts, live_s, n_states=1).max() == 0
    assert group(counts, live_s, n_states=3).max() <= 2


@pytest.mark.parametrize("arrival_s", [[], [0.5], [0.2, 0.7], [0.0, 1.0], [0.0] * 5, [1.0] * 3])
def test_hardly_any_photons_are_one_level(arrival_s):
    found = change_points(arrival_s, duration_s=1.0)
    n = len(arrival_s)
    assert found.n_states == 1 and found.edges_s.tolist() == [0, 1] and found.counts.tolist() == [n]
    assert found.rate_cps[0] == n and found.rate_err_cps[0] == np.sqrt(max(n, 1))
    assert found.dwells().observed.tolist() == [False] and np.isnan(found.deviance)


def test_equal_times_are_no_accident_and_no_crash():
    found = change_points([0.5] * 100, duration_s=1.0)
    assert found.counts.sum() == 100 and np.isfinite(found.rate_cps).all() and (np.diff(found.edges_s) > 0).all()


def test_huge_rates_and_ticks_are_as_good_as_seconds(rng):
    ticks = np.concatenate([np.sort(rng.integers(0, 10**7, 20000)), 10**7 + np.sort(rng.integers(0, 10**7, 80000))])
    in_ticks = change_points(ticks, duration_s=2e-5, unit_s=1e-12)
    in_seconds = change_points(ticks * 1e-12, duration_s=2e-5)
    np.testing.assert_allclose(in_ticks.edges_s, in_seconds.edges_s, rtol=1e-12)
    assert in_ticks.edges_s[1] == pytest.approx(1e-5, abs=5e-9)
    np.testing.assert_allclose(in_ticks.rate_cps, [2e9, 8e9], rtol=0.05)


def test_the_callers_photons_are_left_alone(rng):
    arrival_s = np.sort(rng.uniform(0, 1, 1000))
    before = arrival_s.copy()
    change_points(arrival_s, duration_s=1.0, dead_time_s=1e-9)
    np.testing.assert_array_equal(arrival_s, before)


def test_disorder_is_found_where_it_is():
    assert first_out_of_order(np.array([0.0, 1.0, 1.0])) == -1
    assert first_out_of_order(np.array([-1.0])) == 0
    assert first_out_of_order(np.array([0.0, np.nan, 1.0])) == 1


@pytest.mark.parametrize(
    ("arrival_s", "settings", "message"),
    [
        ([0.1, 0.3, 0.2], {}, "photon 2 at 0.2 s comes after 0.3 s: sort"),
        ([-0.1, 0.3], {}, "photon 0 at -0.1 s"),
        ([0.1, np.nan, 0.3], {}, "photon 1 at nan"),
        ([0.1, 0.9, 1.5, 1.6], {}, "photon 2 at 1.5 s is beyond the end at 1.0 s"),
        ([[0.1]], {}, r"shape \(1, 1\)"),
        (["a"], {}, "give numbers"),
        ([0.1], {"duration_s": 0.0}, "duration_s is 0.0"),
        ([0.1], {"duration_s": np.nan}, "duration_s is nan"),
        ([0.1], {"false_alarm": 0.0}, "false_alarm is 0.0"),
        ([0.1], {"n_states": 0}, "n_states is 0"),
        ([0.1], {"dead_time_s": -1e-9}, "dead_time_s is -1e-09"),
        ([0.1], {"n_detectors": 0}, "n_detectors is 0"),
        ([0.1], {"unit_s": -1.0}, "unit_s is -1.0"),
        (np.arange(1000) * 1e-6, {"dead_time_s": 1e-5}, "closer than the dead time"),
    ],
)
def test_nonsense_is_refused_with_advice(arrival_s, settings, message):
    with pytest.raises(ValueError, match=message):
        change_points(arrival_s, **{"duration_s": 1.0, **settings})
