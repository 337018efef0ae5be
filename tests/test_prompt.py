"""The session as `make lab` opens it: names are bound, refusals are sentences, a bare plan tells what to type."""

import os
import shutil
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lab.export import export
from lab.figures import whence
from lab.mistakes import refused_here
from lab.prompt import friendly
from lab.samples import Samples
from plans import hbt, irf
from tests.conftest import HOUSE, house

TYPED = """
shell = get_ipython()
print("BOUND", RE.state, len(db), microscope.name, irf.__name__, flim_raster.__name__, park.__name__, bps.__name__)
shell.run_cell('flim_raster(microscope, sample="A")', store_history=True)
shell.run_cell('RE(flim_raster(microscope, sample="a", dwell_ms=-1))')
shell.run_cell('RE(bps.mv(microscope.piezo.x, 300))')
shell.run_cell('RE(irf(microscope, min_counts=20_000))', store_history=True)
shell.run_cell('RE(flim_raster(microscope, sample="A", extent_um=4, n_pixels=4, n_scans=2))', store_history=True)
shell.run_cell('db[-1]', store_history=True)
shell.run_cell('lab', store_history=True)
shell.run_cell('fs5', store_history=True)
shell.run_cell('RE(pl(fs5, sample="A", emission_nm=3))', store_history=True)
shell.run_cell('samples["a"]', store_history=True)
shell.run_cell('RE.resume()', store_history=True)
shell.run_cell('session.pl_series([])', store_history=True)
shell.run_cell('RE([park(microscope)])', store_history=True)
shell.run_cell('RE(irf(fs5))', store_history=True)
shell.run_cell('microscope.pizeo', store_history=True)
shell.run_cell('RE(ple(fs5, sample="A"))', store_history=True)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompt")
    config = house(folder)
    shutil.copytree(HOUSE / "profile" / "startup", config.parent / "startup")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "TILED_"))}
    environment = clean | {"LUMINESCOPE_CONFIG": str(config), "IPYTHONDIR": str(folder / "ipython")}
    command = [sys.executable, "-m", "IPython", f"--profile-dir={config.parent}", "--no-banner", "--colors=nocolor"]
    ended = subprocess.run(
        [*command, "-c", TYPED], check=False, capture_output=True, text=True, env=environment, cwd=HOUSE, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_everything_is_bound_and_the_card_says_what_to_type(told):
    assert "BOUND idle 0 microscope irf flim_raster park bluesky.plan_stubs" in told
    assert told.count("RE(flim_raster(microscope, sample=") >= 2 and "digital twin, preset A, seed 1" in told


def test_a_plan_without_re_tells_what_to_type(told):
    assert 'nothing has moved. To run it, type\n  RE(flim_raster(microscope, sample="A"))' in told


def test_refusals_are_sentences_without_tracebacks(told):
    assert "dwell_ms=-1: must be a number 1.." in told and "Did you mean 'A'?" in told
    assert "piezo_x: value 300 outside of range" in told
    assert "Traceback" not in told


def test_mistakes_in_calls_are_sentences_too(told):
    assert "unexpected keyword argument 'emission_nm'; pl? tells what it takes" in told
    assert "Exception ignored" not in told
    assert "\nthere is no sample 'a'; there are undoped, A" in told
    assert "You can only resume for the paused state" in told
    assert "pl_series takes uids of runs of the plan pl, not none" in told


def test_several_plans_and_the_wrong_instrument_are_refused_with_the_right_one(told):
    assert "several of them: RE(night([...]))" in told
    assert "fs5 has no 'pulsed'" in told and "a plan takes microscope or fs5" in told
    assert "microscope has no 'pizeo', did you mean \"piezo\"?" in told


def test_what_is_missing_is_told_as_commands(told):
    assert 'RE(ple(fs5, sample="bare_qds")) first' in told and 'RE(absorption(fs5, sample="A")) first' in told


@pytest.mark.parametrize(
    ("typed", "kind"), [("1 + 'a'", "TypeError"), ("{}['x']", "KeyError"), ("int('a')", "ValueError")]
)
def test_mistakes_of_the_users_own_are_shown_with_their_traceback(typed, kind, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    friendly(shell)
    shell.run_cell(typed)
    said = capsys.readouterr()
    assert "Traceback" in said.out + said.err and kind in said.out + said.err


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """What a prompt answers to lines that are typed one after the other."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    friendly(shell)
    shell.user_ns.update(whence=whence, export=export, irf=irf, hbt=hbt, samples=Samples())

    def answer(*typed):
        capsys.readouterr()
        for line in typed:
            shell.run_cell(line, store_history=True)
        told = capsys.readouterr()
        return told.out + told.err

    return answer


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("whence('nope.png')", "nope.png: no such file or directory; see that the path is right\n"),
        ("whence('.')", ".: "),
        ("whence(3)", "whence(...) cannot use what it was given: "),
        ("whence()", "whence() missing 1 required positional argument: 'path'; whence? tells what it takes\n"),
        ("export(3, 'a.csv')", "3 is no run: give one of the catalog, such as db[-1]"),
        ("samples.add('E')", "Samples.add() missing 2 required keyword-only arguments"),
        ("raise __import__('lab.night.ledger').night.ledger.LedgerError('the night is over')", "the night is over\n"),
    ],
)
def test_nonsense_given_to_the_lab_is_answered_in_one_sentence(said, typed, answer):
    told = said(typed)
    assert told.startswith(answer) and told.count("\n") == 1 and "Traceback" not in told


def test_the_traceback_behind_a_sentence_is_a_word_away(said):
    assert "Traceback" in said("whence(3)", "%tb")


def test_a_function_of_the_users_own_keeps_its_traceback(said):
    assert "Traceback" in said("def mine():\n    return whence(3)\nmine()")


@pytest.mark.filterwarnings("default::RuntimeWarning")
def test_a_forgotten_plan_is_told_in_a_line_and_not_where_the_call_failed(said):
    told = said("plan = hbt(None, emitter='a')", "del plan")
    assert told == (
        "hbt(...) was made, but never run: RE(hbt(...)) at the prompt, `yield from hbt(...)` in a plan of your own\n"
    )
    assert said("[irf(None), hbt(None, nope=1)]").startswith("hbt() got an unexpected keyword argument 'nope'")
    assert "never run" not in said("[irf(None), hbt(None, nope=1)]")


def test_only_errors_that_were_raised_on_purpose_lose_their_traceback():
    for mistake, on_purpose in ((lambda: Samples()["a"], True), (lambda: {}["a"], False), (lambda: int("a"), False)):
        with pytest.raises((KeyError, ValueError)) as caught:
            mistake()
        assert refused_here(caught.tb) is on_purpose


def test_results_and_runs_are_cards(told):
    assert "instrument response" in told and "lifetime image of A, run" in told
    assert "fs5, spectrofluorometer (twin): sample A, lamp ready, not calibrated" in told
    assert "flim_raster of A" in told and "events: 2 baseline, 8 primary" in told
