"""Nights as they may be: statuses and facts, made up."""

import math
from dataclasses import replace

from lab.night.entry import DONE, FAILED, SKIPPED, Entry, Night
from lab.night.numbers import Number
from lab.night.runs import RunFacts
from lab.night.status import ItemStatus, NightStatus
from plans.item import Item

BEGAN_S = 1_800_000_000.0
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>'
REVERSED = "\u202egnp.exe\u2066 \u05e9\u05dc\u05d5\u05dd"


def status(**changes) -> NightStatus:
    """A night in the middle of its second item."""
    items = (
        ItemStatus(0, "irf", "done", began_s=BEGAN_S, ended_s=BEGAN_S + 60, results=("FWHM 0.62 ns",), attempts=1),
        ItemStatus(1, "flim_raster A", "running", began_s=BEGAN_S + 60, expected_s=3600.0, attempts=1, interruptions=1),
        ItemStatus(2, "flim_raster B", "failed", reason="a SPAD was tripped (overload)", attempts=2),
        ItemStatus(3, "pl D", "waiting", expected_s=240.0),
    )
    times = [BEGAN_S + 10.0 * i for i in range(120)]
    night = NightStatus(
        name="2027-01-15",
        state="running",
        written_s=BEGAN_S + 1200,
        began_s=BEGAN_S,
        items=items,
        now="flim_raster A: line 31 of 100",
        progress=0.31,
        item_end_s=BEGAN_S + 3660,
        night_end_s=BEGAN_S + 4000,
        rates_cps={
            "perovskite": tuple((t, 21_000 + 900 * math.sin(t / 70)) for t in times),
            "qd": tuple((t, 3_100 + 80 * math.cos(t / 40)) for t in times),
        },
        drift_um=tuple((t, 1e-4 * i, -2e-4 * i) for i, t in enumerate(times[::10])),
        image="last.png",
        services=("storage up", "light up, shutter open"),
        failures=("flim_raster B: a SPAD was tripped (overload)",),
        free_gb=212.0,
    )
    return replace(night, **changes)


def run(uid: str, plan_name: str, item: int, after_s: float, **more) -> RunFacts:
    """A run of ten minutes that went well."""
    began_s = BEGAN_S + after_s
    start = {
        "uid": uid,
        "plan_name": plan_name,
        "time": began_s,
        "sample_name": "A",
        "code_version": "0.1.0+abc",
        "twin": {"preset": "A", "seed": 7},
        **more.pop("start", {}),
    }
    rates = {route: tuple((began_s + 60.0 * i, 2e4 + i) for i in range(10)) for route in ("perovskite", "qd")}
    facts = RunFacts(uid, start, item, began_s + 600, "success", rates_cps=rates, dark=True, stored=True)
    return replace(facts, **more)


def night(**changes) -> tuple[Night, list[RunFacts]]:
    """A night with a raster that was cut off and went on, an item that failed, and one that was left out."""
    cut = run(
        "11111111-aaaa", "flim_raster", 1, 700, exit_status="interrupted", reason="interrupted: killed", n_events=31
    )
    onward = run(
        "22222222-bbbb",
        "flim_raster",
        1,
        1400,
        start={"continues": cut.uid, "first_line": 31, "irf_uid": "00000000-irf"},
        derived_uid="33333333-cccc",
        numbers=(Number("tau2, median", "9.69 +- 0.03 ns"),),
        moves_um=((BEGAN_S + 1500, 0.1, -0.2), (BEGAN_S + 1900, 0.3, 0.1)),
        text="lifetime image of A\n  WARNING     pile-up: 3 pixels above 1% photons per pulse",
    )
    runs = [run("00000000-irf", "irf", 0, 0), cut, onward]
    when = {"began_s": BEGAN_S + 700, "ended_s": BEGAN_S + 2000}
    entries = (
        Entry(0, Item("irf"), DONE, attempts=1, runs=(runs[0].uid,), began_s=BEGAN_S, ended_s=BEGAN_S + 600),
        Entry(1, Item("flim_raster", {"sample": "A"}), DONE, "", 1, 1, (cut.uid, onward.uid), **when),
        Entry(
            2,
            Item("flim_raster", {"sample": "B", "n_scans": 2}),
            FAILED,
            "a SPAD was tripped (overload: 2.1 Mcps)",
            attempts=2,
            began_s=BEGAN_S + 2010,
            ended_s=BEGAN_S + 2020,
        ),
        Entry(3, Item("pl", {"sample": "D"}), SKIPPED, "it could not end until 06:00"),
    )
    told = Night("2027-01-15", entries, BEGAN_S, BEGAN_S + 2030, stopped_by="finished")
    return replace(told, **changes), runs
