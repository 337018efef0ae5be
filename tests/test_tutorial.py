"""What the tutorial and the page on new plans let one type is typed into one lab, and prints what they show."""

import re
import shutil
import subprocess

import pytest

from lab.night import report
from tests.conftest import HOUSE, house
from tests.transcript import Cell, cells, differences, is_alike, numbers_of_prompts, typed_into

TUTORIAL, OWN_PLAN = HOUSE / "docs/tutorial/first-hour.md", HOUSE / "docs/how-to/add-a-plan.md"
LONGEST_S = 500.0
pytestmark = pytest.mark.timeout(LONGEST_S + 60)
TESTED = Cell(
    """from plans.stubs import PlanError
import numpy as np, pytest
documents = []
token = RE.subscribe(lambda name, doc: documents.append((name, doc)))
test_counts_grow_in_proportion_to_the_light(session, documents)
documents.clear()
test_bad_input_moves_nothing(session, documents)
RE.unsubscribe(token)
"both passed"
""",
    ("Out[1]: 'both passed'",),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A house with the prompt of `make lab`; its live pictures, which the pages only mention, are off."""
    folder = tmp_path_factory.mktemp("tutorial")
    config = house(folder, prefix="tutorial:")
    config.write_text(config.read_text().replace('display = "auto"', 'display = "none"'))
    shutil.copytree(HOUSE / "profile/startup", config.parent / "startup")
    return config


@pytest.fixture(scope="module")
def printed(lab):
    """What every cell of the pages printed, in the order in which they are read."""
    pages = {TUTORIAL: cells(TUTORIAL), OWN_PLAN: [*cells(OWN_PLAN), TESTED]}
    answers = iter(typed_into(lab, [cell for page in pages.values() for cell in page], lab.parents[1], LONGEST_S))
    return {page: [(cell, next(answers)) for cell in typed] for page, typed in pages.items()}


@pytest.mark.parametrize("page", [TUTORIAL, OWN_PLAN], ids=lambda page: page.stem)
def test_what_is_shown_is_what_is_printed(printed, page):
    wrong = [
        f">>> {cell.typed}\n{line}\n--- was not printed:\n{text}"
        for cell, text in printed[page]
        for line in differences(cell, text)
    ]
    assert not wrong, "\n\n".join(wrong)


def test_nothing_fails_that_is_not_shown_to_fail(printed):
    failed = [cell.typed for page in printed.values() for cell, text in page if "Traceback" in text]
    assert not failed


def test_what_the_page_promises_is_in_the_folder(printed, lab):
    data = lab.parents[1] / "data"
    assert report.main(["first", "--config", str(lab)]) == 0
    assert (data / "nights/first.html").stat().st_size > 10_000
    assert (lab.parents[1] / "dip.csv").read_text().startswith("#")
    assert len(list((data / "figures").glob("*-overview.png"))) >= 6


@pytest.mark.parametrize("page", [TUTORIAL, OWN_PLAN], ids=lambda page: page.stem)
def test_prompts_are_numbered_as_ipython_does(page):
    told = numbers_of_prompts(page)
    typed = [number for kind, number in told if kind == "In"]
    assert typed == [str(number) for number in range(1, len(typed) + 1)]
    last = ""
    for kind, number in told:
        assert kind == "In" or number == last
        last = number


def test_make_knows_every_word_that_the_page_types():
    words = set(re.findall(r"(?:^|`)make ([a-z]+)\b", TUTORIAL.read_text(), re.MULTILINE))
    assert {"lab", "demo", "night", "past", "view", "panic"} <= words
    known = subprocess.run(["make", "-n", *sorted(words)], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert known.returncode == 0, known.stderr


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("tau 10.91 +- 0.10 ns", "tau 11.20 +- 0.12 ns", True),
        ("tau 10.91 +- 0.10 ns", "tau 11.91 +- 0.10 ns", False),
        ("tau 10.91 +- 0.10 ns", "tau 10.91 +- 1.00 ns", False),
        ("tau 10.91 +- 0.10 ns", "tau 10.91 +- 0.10 us", False),
        ("427,061 perovskite", "427,000 perovskite", True),
        ("427,061 perovskite", "327,061 perovskite", False),
        ("run 8b67ff66, success", "run 40283985, success", True),
        ("run 8b67ff66, success", "run 40283985, fail", False),
        ('stored      db["8b67ff66"] (run)', 'stored      db["a7"] (run)', False),
        ("figure      .../data/figures/x.png", "figure      /home/ann/data/figures/x.png", True),
        ("2026-11-23 14:31, success", "2027-01-02 03:04, success", True),
        ("there are A, ... Did you mean 'A'?", "there are A, B, C. Did you mean 'A'?", True),
        ("there are A, ... Did you mean 'A'?", "there are A, B, C. Did you mean 'B'?", False),
        ("Out[5]: True", "Out[7]: True", True),
        ("Out[5]: True", "Out[5]: False", False),
    ],
)
def test_lines_are_compared_as_a_reader_would(shown, printed, alike):
    assert is_alike(shown, printed) is alike


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        (("a", "b"), "a\nb\n", []),
        (("a", "..."), "a\nb\n", []),
        (("...", "c"), "a\nb\nc\n", []),
        (("a", "c"), "a\nb\nc\n", ["c"]),
        (("a",), "a\nb\n", ["nothing is shown of 'b'"]),
        (("a", "...", "d"), "a\nb\nc\n", ["d"]),
        ((), "anything", []),
    ],
)
def test_lines_are_compared_in_order(shown, printed, missing):
    assert differences(Cell("", shown), printed) == missing
