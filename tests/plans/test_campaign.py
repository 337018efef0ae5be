"""A campaign with instruments that need no lab: which dots it measures, in which order, and on after interruptions."""

import inspect
import itertools
import logging
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.utils import FailedStatus, RequestAbort
from ophyd import Signal

import plans.campaign
import plans.job
from analysis.correlation import fit_antibunching
from analysis.correlation.forecast import live_time_s
from analysis.emitters import Emitters
from devices.signals import CommandError
from lab.emitters.registry import EmitterRegistry
from plans.antibunching import hbt as real_hbt
from plans.campaign import qd_campaign
from plans.finding import find_emitters as real_search
from plans.intermittency import blinking as real_blinking
from plans.outcomes import BlinkingOutcome, HbtOutcome
from plans.stubs import MeasurementError, PlanError, require

NAN = float("nan")
FIELD = ((45.0, 55.0), (45.0, 55.0))
ASKED = {"sample": "single", "hbt": {"target_err_ns": 1.0}}


class Bench:
    """Dots that drift, and plans that measure them by the statistics of counting; time passes only with light.

    dots : place, rate and background, rise time, number of emitters in the spot, and what happens to each
    """

    def __init__(self, seed=1, n=9, spread=0.15, drift_um_per_s=(4e-4, -3e-4)):
        self.rng = np.random.default_rng(seed)
        self.at_um = self.places(n)
        self.rate_cps = 88e3 * np.exp(spread * self.rng.normal(size=n))
        self.background_cps = np.full(n, 12e3)
        self.tau_ns = np.clip(11.4 * np.exp(0.38 * self.rng.normal(size=n)), 4, 45)
        self.n_emitters = np.ones(n, dtype=int)
        self.isolated = np.ones(n, dtype=bool)
        self.trouble: dict[int, object] = {}
        self.drift_um_per_s, self.time_s = np.array(drift_um_per_s), 0.0
        self.log: list[tuple] = []
        self.registry = EmitterRegistry(clock=lambda: 1e9 + self.time_s)
        self.microscope = self.table()

    def places(self, n):
        places = np.empty((0, 2))
        while len(places) < n:
            place = self.rng.uniform(46, 54, 2)
            if not len(places) or np.hypot(*(places - place).T).min() > 0.8:
                places = np.vstack([places, place])
        return places

    def table(self):
        def device(**values):
            return SimpleNamespace(**{key: Signal(name=key, value=value) for key, value in values.items()})

        timed = {"started": 0.0, "elapsed": 1.0, "boot_id": "one"}
        parts = {name: device(**timed) for name in ("scanner", "timeharp", "counters")}
        piezo = device(x_rbv=50.0, y_rbv=50.0, boot_id="one")
        piezo.x = piezo.y = SimpleNamespace(limits=(0.0, 100.0))
        cw = SimpleNamespace(intensity=SimpleNamespace(limits=(0.0, 5e4)))
        sample = device(mounted="single", available="single\nfilm2", step="", again=0)
        known = {"samples": {"single": {}, "film2": {}}, "emitters": self.registry}
        return SimpleNamespace(**parts, piezo=piezo, cw=cw, sample=sample, **known)

    @property
    def now_um(self):
        return self.at_um + self.time_s * self.drift_um_per_s

    def measured(self, what):
        return [dot for step, dot in self.log if step == what]

    def pass_time(self, seconds):
        self.time_s += seconds
        yield from bps.mv(self.microscope.counters.started, self.time_s)

    def search(self, microscope, *, sample, extent_um, centre_um, intensity_w_cm2, md, **options):
        require([None if extent_um > 0 else f"extent_um={extent_um}: must be positive"])
        yield from bps.mv(microscope.sample.mounted, sample)
        yield from self.pass_time(115.0)
        shining = [k for k in range(len(self.at_um)) if self.trouble.get(k) != "gone"]
        at_um, uid = self.now_um[shining], f"search-{self.time_s:.0f}-{len(self.log)}"
        known = {field.name: np.full(len(shining), 0.02) for field in fields(Emitters)}
        known |= {"x_um": at_um[:, 0], "y_um": at_um[:, 1], "isolated": self.isolated[shining]}
        known |= {"rate_cps": self.rate_cps[shining], "background_cps": self.background_cps[shining]}
        self.registry.place(sample, Emitters(**known), uid=uid, extent_um=FIELD)
        self.log.append(("search", md["campaign"]))
        return uid

    def dot_of(self, emitter):
        """The dot that the registry's place leads to; the stage follows it as a re-centring does."""
        place = np.array(self.registry.where(emitter))
        apart = np.hypot(*(self.now_um - place).T)
        assert apart.min() < 0.35, "the registry has lost the dot"
        k = int(np.argmin(apart))
        self.registry.seen(emitter, *self.now_um[k], 0.01)
        return k

    def hbt(self, microscope, *, at_um=None, emitter=None, sample=None, max_time_s, decide, md, run_s=1.0, **options):
        assert decide is True
        require([None if options.get("target_err_ns", 1) > 0 else "target_err_ns: must be positive"])
        yield from bps.mv(microscope.piezo.x_rbv, 50.0)
        k = self.dot_of(emitter)
        self.log.append(("hbt", k))
        if isinstance(self.trouble.get(k), Exception):
            raise self.trouble[k]
        live_s, numbers = self.until(k, options.get("target_err_ns", 1.0), max_time_s)
        yield from self.pass_time(live_s + 1.0)
        yield from bps.mv(microscope.piezo.x_rbv, self.now_um[k, 0], microscope.piezo.y_rbv, self.now_um[k, 1])
        known = dict.fromkeys([field.name for field in fields(HbtOutcome)], NAN) | {"uid": f"hbt-{len(self.log)}"}
        known |= {"emitter": emitter, "live_s": live_s, "bleached": numbers["stopped_by"] == "bleached", "jumps": 0}
        known |= {"x_um": self.now_um[k, 0], "y_um": self.now_um[k, 1], **numbers}
        return HbtOutcome(**known)

    def until(self, k, target_ns, max_time_s):
        """Seconds and numbers at the look that ends a measurement: rows grow as those of the plan do."""
        total = self.rate_cps[k] + self.background_cps[k]
        contrast = (self.rate_cps[k] / total) ** 2 / self.n_emitters[k]
        live_s, pairs, why = 0.0, 0.0, {"lost": "lost", "bleached": "bleached"}.get(self.trouble.get(k), "")
        while True:
            row_s = min(max(0.1 * live_s, 1.0), 10.0)
            live_s, pairs = live_s + row_s, pairs + self.rng.poisson(1e-9 * total**2 / 4 * row_s * self.tau_ns[k])
            tau_err_ns = 1.9 * self.tau_ns[k] / (contrast * np.sqrt(max(pairs, 1)))
            alone, sigmas = (self.rate_cps[k] / total) ** 2, np.sqrt(pairs) / 0.9
            single = 1 if (contrast - 0.5 * alone) * sigmas > 4 else 0 if (0.75 * alone - contrast) * sigmas > 4 else -1
            why = why or ("not single" if single == 0 else "target" if tau_err_ns <= target_ns else "")
            why = why or ("max_time_s" if live_s >= max_time_s else "")
            if why:
                return live_s, {"stopped_by": why, "single": single, "tau_err_ns": tau_err_ns, "contrast": contrast}

    def blinking(self, microscope, *, emitter=None, at_um=None, sample=None, duration_s=300.0, md, **options):
        require([None if options.get("bin_ms", 1) > 0 else "bin_ms: must be positive"])
        yield from bps.mv(microscope.piezo.x_rbv, 50.0)
        k = self.dot_of(emitter)
        self.log.append(("blinking", k))
        yield from self.pass_time(duration_s + 1.0)
        yield from bps.mv(microscope.piezo.x_rbv, self.now_um[k, 0], microscope.piezo.y_rbv, self.now_um[k, 1])
        return BlinkingOutcome("b", "duration_s", emitter, 0.0, 0.0, duration_s, 0.98, 0.01, False, 0)


@pytest.fixture
def use(monkeypatch):
    """Let the campaign use the plans of a bench; options are judged by those of the real ones."""

    def used(bench):
        made = {"find_emitters": bench.search, "measure_hbt": bench.hbt, "watch_blinking": bench.blinking}
        real = {"find_emitters": real_search, "measure_hbt": real_hbt, "watch_blinking": real_blinking}
        for name, plan in made.items():
            monkeypatch.setattr(plans.job, name, plan)
            monkeypatch.setattr(plans.campaign, name, real[name])
        return bench

    return used


@pytest.fixture
def RE():  # noqa: N802
    return RunEngine({}, context_managers=[])


def run(RE, bench, **options):
    """The outcome of a campaign; None if it was stopped by the user."""
    results = []

    def plan():
        results.append((yield from qd_campaign(bench.microscope, **{**ASKED, **options})))

    RE(plan())
    return results[0] if results else None


def test_every_dot_is_measured_once_and_the_nearest_comes_first(RE, use):
    bench = use(Bench())
    outcome = run(RE, bench, blinking={"duration_s": 20})
    order = bench.measured("hbt")
    assert sorted(order) == list(range(9)) and order == bench.measured("blinking")
    assert order[0] == int(np.argmin(np.hypot(*(bench.at_um - 50).T)))
    path = np.hypot(*np.diff(bench.at_um[order], axis=0).T).sum()
    shuffled = [np.hypot(*np.diff(bench.at_um[bench.rng.permutation(9)], axis=0).T).sum() for _ in range(50)]
    assert path < np.median(shuffled)
    assert outcome.name == "single-1" and len(outcome.done) == 9 and outcome.stopped_by == "finished"
    assert bench.registry.campaign("single-1").finished and bench.measured("search") == ["single-1"]
    assert outcome.spent_s == pytest.approx(bench.time_s)  # and none of it is spent twice


def test_dots_that_are_not_worth_their_light_are_left_with_the_reason(RE, use):
    bench = use(Bench())
    bench.n_emitters[0], bench.isolated[1], bench.rate_cps[2], bench.trouble[3] = 2, False, 800.0, "bleached"
    bench.rate_cps[4] = 20e3
    outcome = run(RE, bench, blinking={"duration_s": 20})
    reasons = {int(name[-3:]) - 1: reason for name, reason in outcome.rejected.items()}
    assert reasons[0] == "not single" and reasons[1] == "not isolated" and reasons[3] == "bleached"
    assert "would take" in reasons[2] and reasons[4].startswith("dim: +-")
    assert not {1, 2} & set(bench.measured("hbt")) and sorted(bench.measured("blinking")) == [5, 6, 7, 8]
    assert len(outcome.done) == 4


@pytest.mark.parametrize("after", range(1, 8, 2))
def test_after_an_interruption_the_same_command_goes_on_and_repeats_nothing(RE, use, after):
    bench = use(Bench(n=4))
    stop_at = itertools.count(1)

    def interrupted(plan):
        def steps(*args, **kwargs):
            result = yield from plan(*args, **kwargs)
            if kwargs.get("emitter") and next(stop_at) == after:
                raise RequestAbort
            return result

        return steps

    for name in ("measure_hbt", "watch_blinking"):
        setattr(plans.job, name, interrupted(getattr(plans.job, name)))
    assert run(RE, bench, blinking={"duration_s": 20}) is None
    assert not bench.registry.campaign("single-1").finished
    outcome = run(RE, bench, blinking={"duration_s": 20})
    assert outcome.name == "single-1" and len(outcome.done) == 4
    assert outcome.spent_s == pytest.approx(bench.time_s)  # what was broken off took its time as well
    assert bench.measured("search") == ["single-1"]  # fresh enough
    for step in ("hbt", "blinking"):
        measured = bench.measured(step)
        assert sorted(set(measured)) == list(range(4))
        assert len(measured) <= 5  # the step whose outcome was lost


def test_a_short_blinking_trace_is_recorded_if_that_is_what_is_wished(RE, use):
    bench = use(Bench(n=2))
    assert len(run(RE, bench, blinking={"duration_s": 2}).done) == 2 and len(bench.measured("blinking")) == 2


def test_the_light_of_what_was_broken_off_counts_as_dose(RE, use):
    bench = use(Bench(n=2))
    bench.trouble = {0: RequestAbort(), 1: RequestAbort()}
    assert run(RE, bench, max_dose_kj_cm2=100.0) is None
    (dot,) = bench.registry.campaign("single-1").dots
    bench.registry.record("broken off", dot.emitter, "hbt", {"dose_kj_cm2": 95.0}, campaign="single-1")
    bench.trouble = {}
    outcome = run(RE, bench, max_dose_kj_cm2=100.0)
    assert outcome.rejected == {dot.emitter: "max_dose_kj_cm2=100 was spent on what was broken off"}
    assert len(outcome.done) == 1 and bench.measured("hbt").count(int(dot.emitter[-3:]) - 1) == 1


def test_a_stale_image_is_taken_again_before_the_campaign_goes_on(RE, use):
    bench = use(Bench())
    assert run(RE, bench, max_emitters=3).stopped_by == "max_emitters"
    bench.time_s += 1500.0
    outcome = run(RE, bench)
    assert bench.measured("search") == ["single-1"] * 2
    assert sorted(bench.measured("hbt")) == list(range(9)) and len(outcome.done) == 9
    bench.microscope.timeharp.boot_id.put("two")
    again = run(RE, bench)
    assert again.name == "single-2" and sorted(bench.measured("hbt")) == list(range(9)) and again.done == ()


def test_another_field_under_the_name_of_a_campaign_is_refused_not_mixed_in(RE, use):
    bench = use(Bench())
    run(RE, bench, max_emitters=3)
    bench.at_um, bench.time_s = bench.places(9), bench.time_s + 1500.0
    with pytest.raises(MeasurementError, match="not recognised"):
        run(RE, bench)
    assert len(bench.measured("hbt")) == 3


def test_a_dot_that_fails_is_noted_and_the_next_is_measured(RE, use):
    bench = use(Bench())
    bench.trouble = {0: FailedStatus("the stage is stuck"), 5: ValueError("no idea")}
    outcome = run(RE, bench)
    assert {"FailedStatus: the stage is stuck", "ValueError: no idea"} == set(outcome.failed.values())
    assert len(outcome.done) == 7


def test_three_failures_in_a_row_stop_the_campaign_and_it_can_go_on(RE, use):
    bench = use(Bench())
    bench.trouble = {k: FailedStatus("the card is dead") for k in range(9)}
    with pytest.raises(MeasurementError, match=r"3 dots in a row failed.*the card is dead"):
        run(RE, bench)
    bench.trouble = {}
    assert len(run(RE, bench).done) == 9


def test_a_jump_of_the_sample_costs_a_new_image_and_no_dot(RE, use):
    bench = use(Bench())
    gone = bench.hbt

    def jumped(microscope, **options):
        if len(bench.measured("hbt")) == 4:
            bench.trouble = dict.fromkeys(range(9), "lost")
        yield from ()
        return (yield from gone(microscope, **options))

    def imaged(microscope, **options):
        bench.trouble = {}
        return (yield from bench.search(microscope, **options))

    plans.job.measure_hbt, plans.job.find_emitters = jumped, imaged
    outcome = run(RE, bench)
    assert bench.measured("search") == ["single-1"] * 2 and len(outcome.done) == 9 and not outcome.failed


def test_budgets_of_time_and_dose_hold(RE, use):
    bench = use(Bench())
    first = run(RE, bench, max_time_s=250.0)
    assert first.stopped_by == "max_time_s" and 115 < first.spent_s < 275 and first.left
    assert run(RE, bench, max_time_s=250.0).done == first.done
    bench = use(Bench())
    outcome = run(RE, bench, max_dose_kj_cm2=100.0, blinking={"duration_s": 300})
    facts = [bench.registry.campaign(outcome.name).dot(name).facts for name in outcome.done]
    light_s = [sum(step["live_s"] for key, step in each.items() if key != "verdict") for each in facts]
    assert light_s and max(light_s) <= 40.0 + 4.0  # a row more


def test_dots_of_an_earlier_campaign_are_not_measured_again(RE, use):
    bench = use(Bench())
    run(RE, bench, max_emitters=4, campaign="morning")
    outcome = run(RE, bench, campaign="afternoon")
    assert sorted(bench.measured("hbt")) == list(range(9)) and len(outcome.done) == 5
    assert len(run(RE, bench, hbt={"target_err_ns": 0.8}).done) == 9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hbt": {"target_er_ns": 1.0}}, "hbt has the key 'target_er_ns': there are target_err_ns"),
        ({"hbt": {"emitter": "single-001", "target_err_ns": 1}}, "the campaign decides it"),
        ({"hbt": {}}, "give target_err_ns or target_contrast_err"),
        ({"hbt": [1]}, "must be a dictionary"),
        ({"hbt": {"target_err_ns": -1}}, "target_err_ns=-1: must be a number"),
        ({"hbt": {"target_err_ns": "1"}}, "target_err_ns='1': must be a number"),
        ({"hbt": {"target_err_ns": 1, "max_time_s": NAN}}, "max_time_s=nan: must be a number"),
        ({"blinking": {"bin_ms": -1}}, "blinking: bin_ms: must be positive"),
        ({"blinking": {"duration": 60}}, "blinking has the key 'duration'"),
        ({"search": {"extent_um": 5}}, "search has the key 'extent_um': the campaign decides it"),
        ({"extent_um": 0}, "extent_um=0: must be positive"),
        ({"sample": "nowhere"}, "no such sample"),
        ({"intensity_w_cm2": 0}, "intensity_w_cm2=0: must be a number"),
        ({"max_time_s": -1}, "max_time_s=-1: must be a number"),
        ({"max_emitters": "3"}, "max_emitters='3': must be a number"),
        ({"max_dose_kj_cm2": 0.01}, "0.004 s of light; allow 5 s"),
        ({"campaign": ""}, "campaign='': must be a name"),
        ({"campaign": "a" * 101}, "aaa'...: must be a name of 1..100 letters"),
        ({"campaign": "\x00"}, "must be a name"),
        ({"search": [], "hbt": 3}, "search=[]: must be a dictionary"),
        ({"sample": "nowhere", "hbt": {"target_er_ns": 1}}, "hbt has the key"),
        ({"md": {"uid": 1}}, "md has the key 'uid'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_first_photon(RE, use, options, said):
    bench = use(Bench(n=3))
    with pytest.raises(PlanError) as refused:
        run(RE, bench, **options)
    assert said in str(refused.value)
    assert not bench.log and bench.time_s == 0 and bench.registry.names() == []


def test_a_campaign_needs_a_registry_and_keeps_to_its_settings(RE, use):
    bench = use(Bench(n=3))
    run(RE, bench, campaign="mine", max_emitters=1, hbt={"target_err_ns": 0.7})
    with pytest.raises(PlanError, match="give the same settings, or choose another name"):
        run(RE, bench, campaign="mine", hbt={"target_err_ns": 2.0})
    assert len(run(RE, bench, campaign="mine", hbt=None).done) == 3
    with pytest.raises(PlanError, match="finished: choose another name"):
        run(RE, bench, campaign="mine")
    bench.microscope.emitters = None
    with pytest.raises(PlanError, match="needs the registry"):
        run(RE, bench)


def test_it_says_what_is_to_do_and_what_was_done(RE, use, caplog):
    bench = use(Bench(n=3))
    with caplog.at_level(logging.INFO, logger="plans"):
        run(RE, bench)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("campaign single-1 on single: 3 dots found, 3 left to measure, about")
    assert len([line for line in lines if line.startswith("single-1: single-00")]) == 3


@pytest.mark.parametrize("seed", range(4))
def test_it_needs_less_than_40_percent_of_the_time_of_a_survey_with_fixed_times(RE, use, seed):
    bench = use(Bench(seed=seed, n=30, spread=0.4))
    bench.n_emitters[:3] = 2
    outcome = run(RE, bench)
    facts = [bench.registry.campaign(outcome.name).dot(name).facts["hbt"] for name in outcome.done]
    worst_ns = max(fact["tau_err_ns"] for fact in facts)
    assert len(facts) >= 20 and worst_ns <= 1.0
    each_s = max(fact["live_s"] * (fact["tau_err_ns"] / worst_ns) ** 2 for fact in facts) + 1.0
    fixed_s = 115.0 + 30 * each_s
    assert outcome.spent_s < 0.4 * fixed_s


@pytest.mark.parametrize(("tau_ns", "rate_cps", "target_ns"), [(12.0, 88e3, 1.0), (17.7, 88e3, 1.0), (6.0, 150e3, 0.4)])
def test_the_forecast_is_that_of_the_fit(tau_ns, rate_cps, target_ns):
    rng = np.random.default_rng(3)
    live_s = live_time_s(rate_cps, 12e3, target_err_ns=target_ns, tau_ns=tau_ns)
    delay_ns = (np.arange(1000) + 0.5) * 0.576 - 100
    accidental = (rate_cps + 12e3) ** 2 / 4 * live_s * 0.576e-9
    expected = accidental * (1 - (rate_cps / (rate_cps + 12e3)) ** 2 * np.exp(-np.abs(delay_ns) / tau_ns))
    errors = [
        fit_antibunching(delay_ns, rng.poisson(expected), irf_sigma_ns=0.3, estimator="all_pairs").tau_err_ns
        for _ in range(4)
    ]
    assert np.mean(errors) == pytest.approx(target_ns, rel=0.2)


def test_the_forecast_of_a_dot_that_does_not_shine_is_endless():
    assert live_time_s(0.0, 100.0, target_err_ns=1.0) == float("inf") == live_time_s(-5.0, 1.0, target_err_ns=1.0)
    bright, dim = (live_time_s(rate, 0.0, target_contrast_err=0.02) for rate in (1e5, 1e4))
    assert dim == pytest.approx(100 * bright)


def test_the_plans_of_a_campaign_have_the_options_it_hands_on():
    handed = {"at_um", "emitter", "sample", "intensity_w_cm2", "md", "max_time_s", "decide"}
    assert handed <= set(inspect.signature(real_hbt).parameters)
    assert handed - {"max_time_s", "decide"} | {"duration_s"} <= set(inspect.signature(real_blinking).parameters)
    assert {"sample", "extent_um", "centre_um", "intensity_w_cm2", "md"} <= set(
        inspect.signature(real_search).parameters
    )


def test_parts_of_a_step_have_names_and_an_order_that_does_not_depend_on_the_stage(RE, use):
    whole, parts = Bench(n=4), Bench(n=4)
    orders = []
    for bench, cut_off_after in ((whole, None), (parts, 3)):
        use(bench)
        told = []
        bench.microscope.sample.step.subscribe(lambda value, told=told, **_: told.append(value), run=False)
        bench.microscope.sample.step.put("night/3")
        if cut_off_after is not None:
            run(RE, bench, blinking={"duration_s": 20}, max_emitters=cut_off_after)
            bench.microscope.piezo.x_rbv.put(99.0)
            bench.microscope.sample.step.put("night/3")
        run(RE, bench, blinking={"duration_s": 20})
        orders.append([name for name in dict.fromkeys(told) if name != "night/3"])
    assert orders[0][0] == "night/3/image-1" and len(orders[0]) == 9
    assert orders[0][2] == f"{orders[0][1]}/blinking"
    assert orders[1] == orders[0]


def going_back(bench):
    """Let the bench go back in time where a step is begun again, and on from the furthest moment where it is not."""
    moments, furthest_s = {}, 0.0
    bench.registry.clock = itertools.count(1e9, 0.01).__next__  # nobody's watch goes back

    def begun(value, **_):
        nonlocal furthest_s
        furthest_s = max(furthest_s, bench.time_s)
        bench.microscope.sample.again.put(int(value in moments))
        bench.time_s = moments.setdefault(value, furthest_s)
        bench.rng = np.random.default_rng([ord(letter) for letter in value])  # of this step alone

    bench.microscope.sample.step.subscribe(begun, run=False)
    return bench


def breaking(plan, n, error):
    """The plan, whose n-th call breaks off as soon as it has seen its dot."""
    calls = itertools.count(1)

    def steps(*args, **kwargs):
        inner = plan(*args, **kwargs)
        if not kwargs.get("emitter") or next(calls) != n:
            return (yield from inner)
        message = inner.send(None)
        while message.command != "set" or message.obj is args[0].piezo.x_rbv:
            message = inner.send((yield message))
        raise error

    return steps


def places_of(bench):
    """Where each part expected its dot at its beginning, the last time it was begun."""
    places, fresh, dot_of = {}, set(), bench.dot_of
    step = bench.microscope.sample.step
    step.subscribe(lambda value, **_: fresh.add(value), run=False)

    def noting(emitter):
        if step.get() in fresh:
            fresh.discard(step.get())
            places[step.get()] = bench.registry.where(emitter)
        return dot_of(emitter)

    bench.dot_of = noting
    return places


@pytest.mark.parametrize("boot_id", ["one", "two"])
@pytest.mark.parametrize("broken", ["hbt", "blinking", "between"])
def test_a_step_that_is_begun_again_expects_its_dots_where_it_did(RE, use, boot_id, broken):
    expected = []
    for cut in (False, True):
        bench = use(going_back(Bench(n=5, drift_um_per_s=np.array([8e-4, -5e-4]))))
        places, again = places_of(bench), {"blinking": {"duration_s": 20}}
        bench.microscope.sample.step.put("night/3")
        if cut and broken == "between":
            assert run(RE, bench, **again, max_emitters=2).stopped_by == "max_emitters"
        elif cut:
            name = {"hbt": "measure_hbt", "blinking": "watch_blinking"}[broken]
            lost = CommandError("scanner: its IOC restarted during the command; nothing it did counts")
            setattr(plans.job, name, breaking(getattr(plans.job, name), 3, lost))
            with pytest.raises(CommandError):
                run(RE, bench, **again)
        if cut:
            for part in (bench.microscope.piezo, bench.microscope.timeharp):
                part.boot_id.put(boot_id)
            bench.microscope.sample.step.put("night/3")
        outcome = run(RE, bench, **again)
        expected.append(places)
        assert len(outcome.done) == 5
    assert expected[0] == expected[1]


LOST = [
    TimeoutError("no answer"),
    CommandError("scanner: its IOC restarted during the command; nothing it did counts"),
    MeasurementError("the light went out in measurement 3 (lit for 20% of it): dead-man: no sign of life"),
]


@pytest.mark.parametrize("error", LOST)
def test_a_dot_whose_instruments_were_lost_has_not_failed(RE, use, error):
    bench = use(Bench(n=3))
    bench.trouble[1] = error
    with pytest.raises(type(error)):
        run(RE, bench)
    states = {dot.emitter: dot.state for dot in bench.registry.campaign("single-1").dots}
    assert "failed" not in states.values() and list(states.values())[-1] == "begun"
    begun = bench.measured("hbt")[-1]
    del bench.trouble[1]
    assert len(run(RE, bench).done) == 3
    assert bench.measured("hbt").count(begun) == 2 and bench.measured("hbt")[-3:].count(begun) >= 1


def test_the_dot_that_was_begun_comes_first_again(RE, use):
    bench = use(Bench(n=5))
    bench.trouble[2] = TimeoutError("no answer")
    with pytest.raises(TimeoutError):
        run(RE, bench)
    del bench.trouble[2]
    bench.microscope.piezo.x_rbv.put(1.0)
    before = len(bench.measured("hbt"))
    run(RE, bench)
    assert bench.measured("hbt")[before] == 2
