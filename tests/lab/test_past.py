"""Past data without instruments: a folder opened to be read, its emitters as a table, notebooks of its runs."""

import os
import sqlite3

import nbformat
import numpy as np
import pandas as pd
import pytest

from lab.emitters.known import table_of_emitters
from lab.emitters.registry import EmitterRegistry
from lab.past import PastError, main, opened
from tests.conftest import HOUSE


def test_what_is_opened_is_told_and_nothing_is_written_into_the_folder(past):
    files = {path.name for path in (past.data / "storage").iterdir()}
    assert f"7 measurements in {past.data}" in repr(past)
    assert not (past.data / "run").exists() and "server.yml" in files
    changed = max(path.stat().st_mtime for path in past.data.rglob("*") if path.is_file())
    past.find(plan="hbt")[-1].fit()
    assert max(path.stat().st_mtime for path in past.data.rglob("*") if path.is_file()) == changed


def test_samples_are_those_that_the_runs_noted(past):
    assert past.samples["A"]["doping_percent"] == 0.025
    assert past.samples["A"].runs.uids == past.find(sample="A").uids


@pytest.mark.parametrize("what", ["missing", "no journal", "no catalog"])
def test_a_folder_that_is_none_is_refused_with_what_to_give(tmp_path, what):
    folder = tmp_path / "data"
    if what != "missing":
        folder.mkdir()
    if what == "no catalog":
        (folder / "journal").mkdir()
    told = {"missing": "it is not there", "no journal": "it has no journal", "no catalog": "but no catalog of its own"}
    with pytest.raises(PastError, match=told[what]):
        opened(folder)


def test_a_damaged_catalog_is_refused_and_nothing_is_left_running(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "catalog.db").write_bytes(b"no catalog at all" * 100)
    with pytest.raises(PastError, match="cannot be read"):
        opened(tmp_path)


def test_the_command_refuses_in_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path / "none")])
    assert left.value.code == 1 and "is no data folder: it is not there" in capsys.readouterr().err


def test_the_table_of_emitters_has_the_most_precise_numbers_with_their_runs(past):
    table = past.table_of_emitters()
    row = table.set_index("id").loc["single-001"]
    assert (row["tau_ns"], row["tau_err_ns"], row["hbt_uid"], row["campaigns"]) == (17.5, 0.5, "hbt-1", "single-1")
    assert row["g2_zero"] == 0.2 and row["blinking_uid"] == "blink-0" and past.uids["search"] in row["image_uids"]
    assert table.attrs["units"]["tau_err_ns"] == "ns" and table["lifetime_ns"].dtype == float
    assert len(table) == len(past.emitters) and np.isnan(table["tau_ns"].iloc[1])


def test_the_registry_that_was_opened_is_a_copy(past):
    past.emitters.record("x", "single-002", "hbt", {"tau_ns": 1.0})
    with sqlite3.connect(f"file:{past.data / 'emitters.sqlite'}?mode=ro", uri=True) as file:
        assert file.execute("SELECT COUNT(*) FROM runs WHERE uid = 'x'").fetchone() == (0,)
    file.close()
    past.emitters.store.change("DELETE FROM runs WHERE uid = 'x'")


def test_a_table_is_written_with_its_folder_and_its_units(past, tmp_path):
    table = past.table_of_emitters(sample="single", to=tmp_path / "dots.csv")
    text = (tmp_path / "dots.csv").read_text()
    assert str(past.data) in text.splitlines()[0] and "tau_err_ns ns" in text
    again = pd.read_csv(tmp_path / "dots.csv", comment="#")
    np.testing.assert_allclose(again["x_um"], table["x_um"], rtol=1e-15)
    past.table_of_emitters(to=tmp_path / "dots.html")
    page = (tmp_path / "dots.html").read_text()
    assert str(past.data) in page and "single-001" in page and "tau_ns ns" in page


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"sample": "signle"}, "sample='signle': emitters are known on single"),
        ({"campaign": "c"}, "campaign='c': there is none yet"),
        ({"to": "dots.xls"}, "a table is written as .csv or .html"),
    ],
)
def test_a_table_of_what_is_not_known_is_refused(past, asked, told):
    with pytest.raises((LookupError, ValueError), match=told):
        past.table_of_emitters(**asked)


def test_a_lab_without_emitters_has_an_empty_table_with_all_columns():
    table = table_of_emitters(EmitterRegistry(None))
    assert len(table) == 0 and {"id", "tau_ns", "hbt_uid", "uids"} <= set(table.columns)


def executed(path):
    """The text that the cells of a notebook print, once it has run in a kernel of its own."""
    from nbclient import NotebookClient

    book = nbformat.read(path, 4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HOUSE)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = [output for output in outputs if output.output_type in ("execute_result", "display_data")]
    return "".join(output.text for output in outputs if output.output_type == "stream"), shown


def number(told, name):
    return float(next(line.split(" = ")[1] for line in told.splitlines() if line.startswith(f"{name} = ")))


NUMBERS = {
    "hbt": ("tau_ns", lambda result: result.tau_ns),
    "raster": ("qd_counts", lambda result: result.map.qd_counts.sum()),
    "search": ("n_found", lambda result: result.n_found),
    "blinking": ("on_fraction", lambda result: result.on_fraction),
    "pl": ("peak_nm", lambda result: result.fit.peak_nm),
    "irf": ("counts", lambda result: result.response.counts.sum()),
}
CHEAPEST = "irf"
FULL = pytest.mark.skipif(os.environ.get("LUMINESCOPE_TESTS") != "full", reason="a kernel each: LUMINESCOPE_TESTS=full")


@pytest.mark.filterwarnings("ignore")  # of the kernel's client, in other threads
@pytest.mark.parametrize("kind", [kind if kind == CHEAPEST else pytest.param(kind, marks=FULL) for kind in NUMBERS])
def test_a_notebook_runs_without_the_lab_and_holds_the_numbers_of_the_run(past, tmp_path, kind):
    run = past.db[past.uids[kind]]
    path = past.notebook(run.uid, tmp_path)
    told, shown = executed(path)
    name, expected = NUMBERS[kind]
    assert number(told, name) == expected(run.fit())
    assert run.uid in told and any(run.uid[:8] in output.data.get("text/html", "") for output in shown)
    assert any("image/png;base64" in output.data.get("text/html", "") for output in shown)


def test_a_notebook_is_never_written_over_another(past, tmp_path):
    first, second = (past.notebook(past.uids["pl"], tmp_path) for _ in range(2))
    assert (first.name, second.name) == (f"{past.uids['pl'][:8]}-pl.ipynb", f"{past.uids['pl'][:8]}-pl-2.ipynb")
    assert first.read_bytes() == second.read_bytes()
    nbformat.validate(nbformat.read(first, 4))
    code = "".join(cell.source for cell in nbformat.read(first, 4).cells)
    assert repr(str(past.data)) in code and past.uids["pl"] in code
