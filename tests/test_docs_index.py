"""docs/ as a whole: every page is found from its index, every link leads somewhere, every block of Python compiles."""

import re
import tempfile
from pathlib import Path

import pytest

from tests.conftest import HOUSE

DOCS = HOUSE / "docs"
PAGES = [HOUSE / "README.md", *sorted(path for path in DOCS.rglob("*.md")), *sorted(DOCS.rglob("*.html"))]
FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    """Relative targets of a page, code left out."""
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    found = LINK.findall(text) + re.findall(r'(?:href|src)="([^"]+)"', text)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def targets(page: Path) -> list[Path]:
    """The files that a page leads to."""
    return [
        (page.parent / link.partition("#")[0]).resolve() if link.partition("#")[0] else page for link in links(page)
    ]


def reachable(first: Path) -> set[Path]:
    """Pages that one comes to from a page by links."""
    seen, ahead = set(), [first]
    while ahead:
        page = ahead.pop()
        if page not in seen and page in PAGES:
            seen.add(page)
            ahead += targets(page)
    return seen


def test_every_page_is_reached_from_the_index():
    lost = [page.relative_to(HOUSE).as_posix() for page in PAGES if page not in reachable(DOCS / "README.md")]
    assert [page for page in lost if page != "README.md"] == []


def test_every_tutorial_how_to_and_explanation_stands_in_the_index_itself():
    listed = set(targets(DOCS / "README.md"))
    folders = ("tutorial", "how-to", "coming-from", "explanation")
    missing = [page.relative_to(DOCS).as_posix() for name in folders for page in (DOCS / name).glob("*.md")]
    assert len(missing) > 35
    assert [page for page in missing if DOCS / page not in listed] == []


def test_every_page_is_listed_once():
    listed = [path for path in targets(DOCS / "README.md") if path != DOCS / "README.md"]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HOUSE).as_posix())
def test_relative_links_lead_to_files_of_the_repository(page):
    assert [path for path in targets(page) if not path.exists() or not path.is_relative_to(HOUSE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HOUSE).as_posix())
def test_blocks_of_python_compile(page):
    for indent, language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        if language == "python" and page.parent.name != "api":  # signatures of the reference are no statements
            code = re.sub(f"^{indent}", "", block, flags=re.MULTILINE)
            compile(code, str(page), "exec")


def test_no_page_speaks_of_where_it_was_written():
    places = (str(HOUSE), str(Path.home()), tempfile.gettempdir())
    told = {page.name: [place for place in places if f"{place}/" in page.read_text("utf-8")] for page in PAGES}
    assert {name: found for name, found in told.items() if found} == {}
