"""The rows on single emitters are the numbers of the results, and say missed where the paper is missed."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.blinking import survival
from lab import report
from lab.emitters.groups import CohortResult, PowerResult
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult
from lab.figures.paper import of_emitters
from lab.report.blinking import cohort_row
from lab.report.paper import FILMS, GLASS, SingleEmitters, rows_of
from tests.simulated_emitters import LIGHT, blinking, cohort, field, hbt, start_of

DOPING = {"A": 0.025, "single": 0.01}


def searched(image, **light):
    told = start_of(image.uid, "find_emitters", search=image.facts.search)
    return EmittersResult(start={**told, "excitation": {**LIGHT, **light}}, field=image)


def dip(estimate):
    return HbtResult(start=start_of(estimate.facts.uid, "hbt"), estimate=estimate)


def trace(estimate, **light):
    told = start_of(estimate.facts.uid, "blinking")
    return BlinkingResult(start={**told, "excitation": {**LIGHT, **light}}, estimate=estimate)


def line_to_zero(pump_per_w_cm2=1.6e-5, tau_ns=17.7):
    def rise(intensity_w_cm2):
        return tau_ns / (1 + pump_per_w_cm2 * intensity_w_cm2)

    return SimpleNamespace(
        tau_ns=tau_ns, tau_err_ns=0.3, rise=rise, pump_times_tau=lambda w_cm2: (pump_per_w_cm2 * w_cm2, 0.004)
    )


def alive(median_s: float, n: int, seed: int):
    """Exponential lives, watched for as long as a median."""
    life_s = np.random.default_rng(seed).exponential(median_s / np.log(2), n)
    return survival(np.minimum(life_s, 1.5 * median_s), life_s < 1.5 * median_s)


def normal(mean: float, sd: float, n: int) -> np.ndarray:
    """Numbers spread like a normal distribution, without chance."""
    return mean + sd * norm.ppf((np.arange(n) + 0.5) / n)


def on_cohort(median: float, n: int = 11):
    """ON fractions whose median is that number."""
    return cohort(1 - (1 - median) * np.exp(0.7 * np.linspace(-1.5, 1.5, n)))


@pytest.fixture(scope="module")
def results():
    """Everything the demo measures, as the paper has it."""
    lattice = field(16, n=100, seed=2)
    spots = lattice.emitters
    emitters = replace(spots, nearest_um=np.where(np.arange(len(spots)) < 0.8 * len(spots), 1.0, 0.4))
    return {
        "field": searched(replace(lattice, emitters=emitters)),
        "example": dip(hbt(seed=3)),
        "zero_power": line_to_zero(),
        "rise": {"film": cohort(normal(11.6, 4.2, 47), 1.0), "glass": cohort(normal(39, 14, 14), 2.0)},
        "on": {role: on_cohort(median) for role, median in (("film", 0.99), ("film2", 0.94), ("film3", 0.96))}
        | {"glass": on_cohort(0.90, 12)},
        "traces": [trace(blinking(duration_s=20.0))] * 3,
        "bright": trace(blinking(rate_cps=800_000, duration_s=5.0, bin_s=0.001), intensity_w_cm2=28_000.0),
        "survival": {"film": alive(150.0, 11, 1), "glass": alive(60.0, 12, 2)},
        "doping_percent": DOPING,
        "thickness_nm": 88.0,
    }


def by_id(results, **others) -> dict[str, report.Row]:
    return {row.id: row for row in report.measure_emitters(**{**results, **others})}


# --- the published side ------------------------------------------------------------------------------------


def test_every_number_on_single_emitters_is_there():
    groups = {"SQ": 7, "G2": 11, "EMI": 3, "BLK": 9}
    ids = [f"{group}-{i:02}" for group, n in groups.items() for i in range(1, n + 1)]
    assert list(report.published(report.EMITTERS)) == ids


def test_printed_values_lie_within_their_own_tolerances():
    for entry in report.published(report.EMITTERS).values():
        if "value" in entry:
            assert report.within(entry["value"], entry), entry["id"]


# --- the measured side -------------------------------------------------------------------------------------


def test_a_lab_like_the_paper_s_misses_nothing(results):
    found = by_id(results)
    assert {name: row.note for name, row in found.items() if row.verdict not in ("ok", "setting")} == {}
    settings = {name for name, row in found.items() if row.verdict == "setting"}
    assert settings == {
        "SQ-01", "SQ-02", "SQ-03", "SQ-04", "G2-04", "G2-06", "G2-10", "EMI-02", "EMI-03", "BLK-02", "BLK-03",
    }  # fmt: skip


def test_numbers_are_those_of_the_results_with_their_errors(results):
    found, fit = by_id(results), results["example"].estimate.fit
    film, glass = results["rise"]["film"], results["rise"]["glass"]
    for name, value, error in [
        ("G2-01", fit.tau_ns, fit.tau_err_ns),
        ("G2-02", fit.contrast, fit.contrast_err),
        ("G2-03", 1 - fit.contrast, fit.contrast_err),
        ("G2-05", film.mean, film.mean_err),
        ("G2-07", glass.mean, glass.mean_err),
        ("BLK-01", 800_000, results["bright"].estimate.rate_on_err_cps),
        ("BLK-07", 100 * results["on"]["glass"].median, 100 * results["on"]["glass"].median_err),
        ("SQ-07", results["field"].field.correlation, results["field"].field.correlation_err),
    ]:
        assert (found[name].measured, found[name].error) == pytest.approx((value, error)), name
    ratio, parts = film.mean / glass.mean, [film.mean_err / film.mean, glass.mean_err / glass.mean]
    assert found["G2-08"].measured == pytest.approx(ratio)
    assert found["G2-08"].error == pytest.approx(ratio * np.hypot(*parts))
    assert "775 coincidences per ns, start-stop" in found["G2-01"].note


def test_an_emitter_unlike_the_example_misses(results):
    found = by_id(results, example=dip(hbt(tau_ns=14.0, contrast=0.4)))
    assert [found[name].verdict for name in ("G2-01", "G2-02", "G2-03")] == ["missed"] * 3
    vague = by_id(results, example=dip(hbt(per_ns=100)))["G2-01"]
    assert vague.verdict == "missed" and "its error, ns 1" in vague.note, "the value alone is not enough"


def test_no_dip_at_all_misses_without_a_number(results):
    found = by_id(results, example=dip(hbt(contrast=0.0, per_ns=50)))
    for name in ("G2-01", "G2-02", "G2-03"):
        assert (found[name].measured, found[name].verdict) == (None, "missed")


def test_too_few_emitters_are_a_setting_that_was_not_followed(results):
    few = {"film": cohort(np.linspace(8, 15, 46), 1.0), "glass": results["rise"]["glass"]}
    assert by_id(results, rise=few)["G2-04"].verdict == "missed"
    assert by_id(results)["G2-04"].measured == 47


def test_spots_that_crowd_or_are_wide_miss(results):
    image = results["field"].field
    crowded = replace(image.emitters, nearest_um=np.full(len(image.emitters), 0.5))
    assert by_id(results, field=searched(replace(image, emitters=crowded)))["SQ-06"].verdict == "missed"
    wide = replace(image.emitters, fwhm_um=np.full(len(image.emitters), 0.35))
    assert by_id(results, field=searched(replace(image, emitters=wide)))["SQ-06"].verdict == "missed"


def test_a_perovskite_image_with_structure_misses(results):
    image = results["field"].field
    for change in ({"correlation": 0.2}, {"perovskite_dispersion": 1.2}):
        assert by_id(results, field=searched(replace(image, **change)))["SQ-07"].verdict == "missed"


def test_settings_are_those_of_the_runs(results):
    other = by_id(results, field=searched(results["field"].field, intensity_w_cm2=5000.0))
    assert other["SQ-02"].measured == 5 and other["SQ-02"].verdict == "missed"
    mixed = [*results["traces"], trace(blinking(duration_s=20.0), intensity_w_cm2=1000.0)]
    assert by_id(results, traces=mixed)["SQ-02"].verdict == "missed"
    assert by_id(results, field=searched(field(8, n=50)))["SQ-03"].measured == pytest.approx(5)
    assert by_id(results, doping_percent={"A": 0.025, "single": 0.02})["SQ-05"].verdict == "missed"


def test_a_measurement_near_saturation_misses(results):
    found = by_id(results, zero_power=line_to_zero(pump_per_w_cm2=2e-4))["G2-11"]
    assert found.measured == pytest.approx(0.5) and found.verdict == "missed"
    assert "rise time over that at zero power 0.667" in found.note


def test_the_medium_is_computed_not_looked_up(results):
    found = by_id(results)
    assert found["EMI-01"].measured == pytest.approx(11.46, abs=0.1), "39 ns in 88 nm of index 2.10 on glass"
    assert f"from our glass {results['rise']['glass'].mean * 11.46 / 39:.1f}" in found["EMI-01"].note
    thin = by_id(results, thickness_nm=30.0)["EMI-01"]
    assert thin.measured > 14 and thin.verdict == "missed"
    assert by_id(results, thickness_nm=float("nan"))["EMI-01"].verdict == "not measured"


# --- cohorts that cannot decide ----------------------------------------------------------------------------


def test_small_cohorts_say_that_they_cannot_decide(results):
    found = by_id(results)
    for name in ("BLK-08", "BLK-09"):
        assert "95 % interval" in found[name].note and "cannot decide" in found[name].note
    assert found["BLK-08"].note.startswith("45 QDs") and found["BLK-09"].note.startswith("23 QDs")


def test_a_small_cohort_misses_what_its_interval_does_not_reach(results):
    bad = results["on"] | {"glass": on_cohort(0.998, 12)}
    assert by_id(results, on=bad)["BLK-08"].verdict == "missed"
    same = {"film": alive(60.0, 60, 1), "glass": alive(60.0, 60, 2)}
    assert by_id(results, survival=same)["BLK-09"].verdict == "missed"


def test_large_cohorts_decide_by_their_value(results):
    on = {role: on_cohort(median, 30) for role, median in (("film", 0.96), ("glass", 0.962))}
    assert by_id(results, on=on)["BLK-08"].verdict == "open", "60 emitters: below, but the interval holds zero"
    many = {role: on_cohort(median, 60) for role, median in (("film", 0.96), ("glass", 0.962))}
    decided = by_id(results, on=many)["BLK-08"]
    assert decided.verdict == "missed" and "cannot decide" not in decided.note
    for gain, verdict in ((2.8, "ok"), (1.5, "missed")):
        lives = {"film": alive(60.0 * gain, 400, 1), "glass": alive(60.0, 400, 2)}
        assert by_id(results, survival=lives)["BLK-09"].verdict == verdict


def test_the_interval_of_a_cohort_holds_the_truth():
    entry, covered = {**report.published(report.EMITTERS)["BLK-09"], "low": 0.0, "high": 0.0}, 0
    rng = np.random.default_rng(1)
    for _ in range(200):
        values = rng.normal(0, 1, 40)
        drawn = rng.choice(values, (400, 40)).mean(axis=1)
        covered += cohort_row(entry, float(values.mean()), drawn, 40).verdict != "missed"
    assert 0.90 <= covered / 200 <= 0.99


def test_a_film_that_outlives_its_recordings_gives_a_lower_bound(results):
    lives = {"film": survival([100.0] * 11, [False] * 11), "glass": survival([20.0] * 12, [True] * 12)}
    found = by_id(results, survival=lives)["BLK-09"]
    assert found.measured == pytest.approx(400) and "a lower bound" in found.note and found.verdict == "ok"
    unknown = lives | {"glass": survival([50.0] * 12, [False] * 12)}
    assert by_id(results, survival=unknown)["BLK-09"].verdict == "not measured"


# --- what can be missing -----------------------------------------------------------------------------------


def test_without_results_nothing_is_measured_but_the_settings():
    found = {row.id: row for row in report.measure_emitters()}
    assert {row.verdict for row in found.values()} == {"setting", "not measured"}
    assert found["G2-10"].verdict == "setting" and found["G2-04"].verdict == "not measured"


@pytest.mark.parametrize("left", ["field", "example", "rise", "on", "bright", "survival", "zero_power"])
def test_each_result_may_be_left_out(results, left):
    rows = report.measure_emitters(**{name: value for name, value in results.items() if name != left})
    assert len(rows) == 30 and "not measured" in {row.verdict for row in rows}
    json.loads(report.to_json(rows))


def test_the_table_is_aligned_and_no_text_is_cut(results):
    rows = list(by_id(results).values())
    text = report.table(rows)
    assert max(map(len, text.splitlines())) <= 120
    assert all(row.quantity in text and row.published in text for row in rows)


def test_an_empty_field_gives_a_report(results):
    found = by_id(results, field=searched(field(0)))
    assert found["SQ-06"].verdict == "not measured"


# --- what the demo makes of it -----------------------------------------------------------------------------

SAMPLES = {"A": {"doping_percent": 0.025}, "single": {"doping_percent": 0.01, "thickness_nm": 88}}
NOTHING = SingleEmitters(None, {}, [], None, None, None, None, None)


def grouped(results):
    """A cohort as the session returns it, ON fractions by sample."""
    names = {**FILMS, "glass": GLASS}
    return CohortResult(
        uids=("cohortco-1",), derived_uid="derivedd-1", film=results["rise"]["film"], glass=results["rise"]["glass"],
        on={names[role]: one for role, one in results["on"].items()}, survival=results["survival"],
        emitters={"film": ("single-001",), "glass": ()},
    )  # fmt: skip


def test_the_demo_compares_what_it_measured(results):
    made = {key: results[key] for key in ("field", "traces", "example", "bright")}
    power = PowerResult(uids=(), runs=(), zero=results["zero_power"])
    rows = rows_of(replace(NOTHING, **made, power=power, cohort=grouped(results), films=grouped(results)), SAMPLES)
    assert rows == report.measure_emitters(**results)


def test_the_demo_draws_what_is_there(results):
    assert of_emitters(NOTHING) == []
    made = {key: results[key] for key in ("field", "example", "bright")}
    figure6, cohort = of_emitters(replace(NOTHING, **made, cohort=grouped(results), films=grouped(results)))
    assert (figure6.recipe.kind, cohort.recipe.kind) == ("figure6", "single-emitters")
    assert figure6.uids == ("fieldfie-0", "hbthbthb-0", "blinking-0") and len(figure6.draw().axes) > 4
    assert cohort.uids == ("cohortco-1",) and cohort.derived == ("derivedd-1",) and len(cohort.draw().axes) == 3


def test_the_demo_goes_on_without_what_could_not_be_measured():
    rows = rows_of(NOTHING, SAMPLES)
    assert len(rows) == 30 and {row.verdict for row in rows} == {"ok", "setting", "not measured"}
