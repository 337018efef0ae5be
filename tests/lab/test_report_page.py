"""The report as a reader sees it, in a real browser: misses first, every number with its runs, nothing from outside."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from lab import report
from lab.figures.keep import keep
from lab.figures.recipe import Recipe
from lab.report.page import Sheet, render, write
from lab.report.page.graphic import axis, picture
from lab.report.rows import Measured, row
from tests import browser

ALL = {**report.published(report.SPECTRA), **report.published(report.FLIM), **report.published(report.EMITTERS)}
UID = "95026bf3-ce7b-4e76-aa73-7cdbf77b96bf"


def measured(name: str, value: float, error: float = 0.1, **more):
    return replace(row(ALL[name], Measured(value, error)), uids=(UID,), n_photons=2.5e6, **more)


def rows():
    return [
        measured("ABS-01", 520.1),
        measured("PLE-08", 470.0),
        measured("FLIM-10", 44.2, quality=None),
        measured("DRF-01", 0.7),
        replace(row(ALL["G2-03"], None), note="there is no result of example"),
        replace(row(ALL["SQ-01"], Measured(561.0)), uids=(UID,)),
        row(ALL["PLE-06"], None),
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report of a few numbers and one figure."""
    folder = tmp_path_factory.mktemp("report")
    figure = Figure(figsize=(6.7, 3.0))
    figure.add_subplot().plot([1, 2, 3])
    keep(figure, folder / "figure4.png", Recipe("figure4", {"A": UID}), uids=(UID,))
    starts = {UID: {"uid": UID, "plan_name": "flim_raster", "sample_name": "<A>", "time": 1.7e9}}
    missing = {"antibunching of the example": "the dot <bleached>"}
    sheet = Sheet(rows(), folder, starts, n_photons=1.2e8, n_runs=3, missing=missing, code_version="1.0")
    return write(sheet, folder / "report.html")


def test_a_browser_shows_it_whole(page, tmp_path):
    found, console = browser.dom(page, tmp_path)
    assert console == ""
    assert "3 of 4 numbers agree with the paper; 1 missed the tolerance, 1 could not be measured." in found
    assert found.count('class="interval"') == 5, "four numbers, the miss twice"
    assert found.count("<img") == 1 and "data:image/png;base64," in found
    assert "the dot &lt;bleached&gt;" in found and "&lt;A&gt;" in found
    order = [found.index(text) for text in (">Misses<", "PLE-08", "Not measured", "At a glance", 'id="section-3.1"')]
    assert order == sorted(order), "misses are told first"


def test_it_asks_nothing_of_any_other_place(page):
    text = page.read_text(encoding="utf-8")
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|<link[^>]* href)="([^"]*)', text))
    assert re.findall(r'href="(https?:[^"]*)', text) == ["https://doi.org/10.1039/d1nr08473a"]
    assert "<script" not in text and "@import" not in text and "url(" not in text


def test_every_link_of_a_number_leads_to_its_run_in_full(page):
    text = page.read_text(encoding="utf-8")
    for anchor in set(re.findall(r'href="#([^"]*)', text)):
        assert text.count(f'id="{anchor}"') == 1, anchor
    assert f'id="run-{UID[:8]}">{UID}<' in text
    assert f'db["{UID[:8]}"]' in text and "rebuild(&quot;figure4.png&quot;)" in text


def test_it_prints_on_pages_of_its_sections(page, tmp_path):
    pdf = tmp_path / "report.pdf"
    browser.run(page, tmp_path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes()))
    assert pages in (6, 7), "title, four sections, runs; what is seen at a glance fits on the title page, or not"


def test_it_fits_a_phone(page, tmp_path):
    assert browser.widths_needed([page], tmp_path, 390) == [390]


def test_nothing_but_settings_is_told_so(tmp_path):
    page = render(Sheet([row(ALL["SQ-01"], None)], tmp_path))
    assert "Nothing could be measured." in page and "was not drawn" in page


# --- the picture of a number -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [515.0, 519.0, 520.4, 521.0, 528.0])
def test_a_point_lies_in_the_bar_just_when_the_number_is_accepted(value):
    one = measured("ABS-01", value)
    drawing = ElementTree.fromstring(picture(one))
    bar = drawing.find("rect").attrib
    left, right = float(bar["x"]), float(bar["x"]) + float(bar["width"])
    point = drawing.find("circle")
    assert (point is not None) == (one.verdict == "ok")
    if point is not None:
        assert left - 0.1 <= float(point.attrib["cx"]) <= right + 0.1
    else:
        x = float(drawing.find("path[@class='miss']").attrib["d"][1:].split()[0])
        assert not left <= x <= right


@pytest.mark.parametrize(("name", "good", "bad"), [("DRF-01", 0.2, 7.0), ("PL-05", 37.0, -2.0), ("PLE-16", 0.1, -0.1)])
def test_a_limit_on_one_side_leaves_the_other_open_and_shows_both(name, good, bad):
    for value in (good, bad):
        one = measured(name, value, 0.01)
        low, high = axis(one)
        limit = one.high if one.low is None else one.low
        assert low < min(value, limit) and max(value, limit) < high
        assert picture(one).count('class="end"') == 1


def test_choices_and_exact_numbers_have_no_picture():
    assert picture(rows()[-2]) == picture(rows()[-1]) == picture(measured("FLIM-11", 12.0)) == ""
