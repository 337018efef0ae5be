"""The generated pages are those of the code, every message tells what to do, and figures show what the text says."""

import ast
import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from lab.handbook.__main__ import pages
from lab.handbook.docstrings import markdown
from lab.handbook.figures import FIGURES, NUMBERS, dead_time, drift, lifetimes, medium, numbers, pile_up, start_stop
from lab.handbook.messages import messages, of_module
from lab.handbook.reference import PAGES, offered_by
from lab.handbook.remedies import BY_KIND, BY_TEXT, remedy, tells_what_to_do
from tests.conftest import HOUSE

EXPLANATION = HOUSE / "docs/explanation"


@pytest.fixture(scope="module")
def every_message():
    return messages(HOUSE)


@pytest.fixture(scope="module")
def written():
    return pages()


@pytest.fixture(scope="module")
def drawn():
    """The numbers that the figures in the documentation show."""
    return json.loads((EXPLANATION / NUMBERS).read_text())


def test_generated_pages_are_those_of_the_code(written):
    stale = [name for name, text in written.items() if (HOUSE / name).read_text(encoding="utf-8") != text]
    assert not stale, f"{stale} are not what the code says now; type: python -m lab.handbook"


def test_no_page_is_left_over(written):
    there = {path.relative_to(HOUSE).as_posix() for path in (HOUSE / "docs/reference/api").iterdir()}
    assert there <= set(written), "delete what no room has any more"


def test_every_message_tells_what_to_do(every_message):
    mute = [
        f"{each.file}, {each.function}: {each.text}"
        for each in every_message
        if not (tells_what_to_do(each) or remedy(each))
    ]
    assert not mute, "name the limit or the next step there, or what to do in lab/handbook/remedies.py:\n" + "\n".join(
        mute
    )


def test_every_remedy_is_for_a_message(every_message):
    helped = {remedy(each) for each in every_message}
    assert not [pattern for pattern, told in BY_TEXT.items() if told not in helped]
    assert set(BY_KIND) <= {each.kind for each in every_message}


def test_messages_are_found_however_they_are_made(tmp_path):
    (tmp_path / "bench.py").write_text(SOURCE)
    found = {(each.kind, each.text) for each in of_module(tmp_path / "bench.py", "bench.py")}
    assert found == {
        ("ValueError", "power = {power} mW: must be {low}..{high}"),
        ("Refused", "{pvname}: no light: open the key"),
        ("problem", "dwell_ms={dwell_ms}: must be a number"),
        ("problem", "n_scans={n_scans}: at most 7"),
        ("latch", "over-rate: more than {most} cps"),
    }


SOURCE = """
MOST = "at most 7"

def refusal(why):
    return Refused(f"{light.pvname}: {why}")

def set_power(power):
    allowed = f"must be {low:g}..{high:g}"
    if not low <= power <= high:
        raise ValueError(f"power = {power!r} mW: {allowed}")
    if not light.key:
        raise refusal("no light: open the key")
    raise StopIteration

def dwell_problem(dwell_ms):
    return None if dwell_ms else f"dwell_ms={dwell_ms!r}: must be a number"

def checked(n_scans):
    problems = []
    problems.append(f"n_scans={n_scans}: {MOST}")
    return problems

async def watch(self, rate):
    await self.latch_closed(f"over-rate: more than {self.most:g} cps")
"""


def test_docstrings_become_markdown():
    text = "Add.\n\nParameters\n----------\na, b : terms,\n    in ns\nc : other\n\n    code()\n\n>>> 1 + 1\n2"
    assert markdown(text).split("\n\n") == [
        "Add.",
        "**Parameters**",
        "- `a, b`: terms, in ns\n- `c`: other",
        "```python\ncode()\n```",
        "```python\n>>> 1 + 1\n2\n```",
    ]


@pytest.mark.parametrize("room", [room for _, rooms in PAGES.values() for room in rooms])
def test_every_public_name_is_described(room):
    names = offered_by(HOUSE, room)
    assert names
    assert not [each.name for each in names if not ast.get_docstring(each.node)]


def test_simulated_numbers_are_those_that_were_drawn(drawn):
    for name in ("dead-time", "dim-decays", "effective-medium", "start-stop"):
        again = numbers(FIGURES[name].measure())
        assert again.keys() == drawn[name].keys()
        for key, values in again.items():
            assert np.allclose(values, drawn[name][key], rtol=2e-3, atol=1e-3), (name, key)


def test_pile_up_shortens_lifetimes_by_a_quarter_of_the_photons_per_pulse(drawn):
    found = pile_up.measure(n_photons=100_000, seed=3)
    noise = 100 * found.tau_err_ns / pile_up.TAU_NS
    assert (np.abs(found.bias_percent - drawn["pile-up"]["bias_percent"]) < 4.5 * noise).all()
    assert drawn["pile-up"]["bias_percent"][3:] == pytest.approx([-2.4, -7.3, -23.3], abs=0.2)
    assert np.allclose(drawn["pile-up"]["bias_percent"][:5], -25 * found.per_pulse[:5], atol=0.3)


def test_dead_time_says_what_the_page_says(drawn):
    counted = np.array(drawn["dead-time"]["counted_cps"]) / dead_time.RATES_CPS
    assert counted[[2, 4, 6]] == pytest.approx([0.996, 0.957, 0.69], abs=0.002)
    corrected = np.array(drawn["dead-time"]["corrected_cps"]) / dead_time.RATES_CPS
    assert (abs(corrected - 1) < 4 / np.sqrt(dead_time.N_PHOTONS)).all()
    assert dead_time.wrong_percent(np.array([1e6 / 1.045, 1e7 / 1.45]), 5.0) == pytest.approx([0.5, 5.3], abs=0.1)


def test_first_stops_say_what_the_page_says(drawn):
    right, wrong = np.array(drawn["start-stop"]["tau_ns"])
    assert wrong[1:4] == pytest.approx([17.1, 14.6, 10.1], abs=0.05)
    assert (abs(right - start_stop.TAU_NS) < 3 * np.array(drawn["start-stop"]["tau_err_ns"][0])).all()


def test_dim_decays_say_what_the_page_says(drawn):
    found = drawn["dim-decays"]
    assert np.array(found["bias_percent"])[1, [1, 3]] == pytest.approx([-10.3, -4.5], abs=0.1)
    likelihood, _, plain = np.array(found["scatter_percent"])
    ratio = plain / likelihood
    assert ratio.min() == pytest.approx(1.53, abs=0.05)
    assert ratio.max() == pytest.approx(1.83, abs=0.05)
    assert np.abs(found["bias_percent"][0]).max() < 3 * 11 / np.sqrt(lifetimes.N_PIXELS)
    assert (min(found["pull_widths"]), max(found["pull_widths"])) == pytest.approx((0.95, 1.06), abs=0.01)


def test_the_effective_medium_says_what_the_page_says():
    found = medium.measure()
    assert (min(found.of_the_paper_ns), max(found.of_the_paper_ns)) == pytest.approx((11.5, 12.2), abs=0.06)
    assert (found.tau_ns[0].min(), found.tau_ns[0].max()) == pytest.approx((10, 20), abs=0.5)


def test_drift_is_found_as_well_as_claimed(drawn):
    assert drawn["drift"]["error_px"] == pytest.approx([0.06, 0.028, 0.017, 0.009], rel=0.1)
    assert np.allclose(drawn["drift"]["error_px"], drawn["drift"]["claimed_px"], rtol=0.35)
    again = drift.measure(n_scenes=1, per_px=(30.0,))
    assert again.error_px == pytest.approx(drawn["drift"]["error_px"][2], rel=0.8)


def test_figures_stand_in_a_text_and_are_not_large():
    text = "\n".join(path.read_text(encoding="utf-8") for path in EXPLANATION.glob("*.md"))
    shown = set(re.findall(r"\]\(([\w-]+)\.png\)", text))
    assert shown == set(FIGURES)
    assert all((EXPLANATION / f"{name}.png").stat().st_size < 200_000 for name in FIGURES)


def test_a_measurement_becomes_a_figure():
    figure = dead_time.draw(dead_time.measure())
    assert isinstance(figure, Figure)
    left, right = figure.axes
    assert left.get_xlabel() == "light (counts/s)"
    assert right.get_ylabel() == "error of the rate (%)"
