"""What is installed is the whole lab: its facts agree, nothing is missing, and it measures from an empty folder."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from devices import home as places
from lab import shell, version
from lab.home import emptied, in_profile, samples_file, twin_alone, usual_config
from lab.lock import RigLock, RigLocked
from lab.shell import COMMANDS
from tests.conftest import HOUSE, house

ROOMS = ("analysis", "devices", "lab", "plans")
TOP = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "Makefile")
PROFILE = ("demo.py", "lab.toml", "overnight.py", "samples.toml", "startup/00-lab.py")
LEFT_BY_USE = shutil.ignore_patterns("__pycache__", "*.sqlite*", "log", "pid", "security", "db")
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]

MEASURE = """
from lab.session import start
from lab.home import IS_CHECKOUT
from lab.version import code_version
from plans import irf
session = start()
try:
    session.RE(irf(session.microscope, min_counts=20_000))
    run = session.db(plan_name="irf")[-1]
    session.samples.add("mine", doping_percent=0.1, thickness_nm=90)
    print("MEASURED", run.uid, IS_CHECKOUT, run.start["code_version"], code_version())
finally:
    session.close(stop_processes=True)
"""


def run(*command: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    """What a program says, without anything of this checkout on its path."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LUMINESCOPE", "EPICS_", "TILED_"))}
    words = [str(word) for word in command]
    return subprocess.run(
        words, check=False, capture_output=True, text=True, cwd=cwd, env=kept | variables, timeout=240
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A source distribution, and the wheel that was built from it."""
    tree, made = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for room in (*ROOMS, "profile", "docs"):
        shutil.copytree(HOUSE / room, tree / room, ignore=LEFT_BY_USE)
    for name in (*TOP, "requirements.lock"):
        shutil.copy(HOUSE / name, tree)
    (tree / "tests").mkdir()
    (tree / "tests" / "test_nothing.py").write_text("")
    told = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", made, tree, cwd=tree)
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]
    return made


@pytest.fixture(scope="module")
def wheel(dist):
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel as an installation has it: its files, and nothing else of this project, on the path."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_version_is_the_same_everywhere():
    newest = re.findall(
        r"^## \[(\d[^\]]*)\] - (\S+)", (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    cited = yaml.safe_load((HOUSE / "CITATION.cff").read_text(encoding="utf-8"))
    assert newest[0] == (PROJECT["version"], cited["date-released"]) and cited["version"] == PROJECT["version"]
    assert version.code_version().split("+")[0] == PROJECT["version"]
    page, readme = HOUSE / "docs" / "how-to" / "install.md", HOUSE / "README.md"
    shown = re.findall(r"(?:luminescope-|Version )(\d+\.\d+\.\d+)", page.read_text("utf-8") + readme.read_text("utf-8"))
    assert len(shown) > 2 and set(shown) == {PROJECT["version"]}


def test_the_citation_holds_what_the_format_asks_for():
    cited = yaml.safe_load((HOUSE / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "abstract", "license"} <= set(cited)
    assert cited["cff-version"] == "1.2.0" and cited["license"] == PROJECT["license"] == "BSD-3-Clause"
    assert cited["authors"] == [{"name": "The Luminescope developers"}] == PROJECT["authors"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", cited["date-released"])
    (paper,) = cited["references"]
    assert {"type", "title", "authors"} <= set(paper) and paper["doi"] == "10.1039/d1nr08473a"
    assert paper["authors"][0]["family-names"] == "Baronnier" and len(paper["authors"]) == 5


def test_the_licence_is_the_three_clauses():
    text = (HOUSE / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("BSD 3-Clause License") and "The Luminescope developers" in text
    assert all(f"\n{n}. " in text for n in (1, 2, 3)) and "AS IS" in text and PROJECT["license-files"] == ["LICENSE"]


def test_the_wheel_holds_every_file_that_the_packages_hold(names):
    there = {
        path.relative_to(HOUSE).as_posix()
        for room in ROOMS
        for path in (HOUSE / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there - names == set()
    assert {f"{room}/py.typed" for room in ROOMS} <= names


def test_the_wheel_holds_the_profile_and_hides_no_module_of_python(names):
    assert {f"lab/profile/{name}" for name in PROFILE} <= names and "lab/profile/__init__.py" not in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {*ROOMS, f"luminescope-{PROJECT['version']}.dist-info"}
    used = [name for name in names if re.search(r"\.sqlite|/(log|pid|security|data)/|__pycache__", name)]
    assert used == [] and f"luminescope-{PROJECT['version']}.dist-info/licenses/LICENSE" in names


def test_the_sources_are_the_sources(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {*TOP, *(f"profile/{name}" for name in PROFILE), "docs/README.md"} <= held
    assert not any(name.startswith(("tests", "demo", "data", "build", ".")) for name in held)


def test_the_help_names_every_command(installed, tmp_path):
    told = run(sys.executable, "-m", "lab", cwd=tmp_path, PYTHONPATH=str(installed))
    assert told.returncode == 0 and all(f"\n  {name} " in told.stdout for name in COMMANDS)
    assert run(sys.executable, "-m", "lab", "--version", cwd=tmp_path, PYTHONPATH=str(installed)).stdout.split() == [
        "luminescope",
        PROJECT["version"],
    ]
    wrong = run(sys.executable, "-m", "lab", "nihgt", cwd=tmp_path, PYTHONPATH=str(installed))
    assert wrong.returncode == 2 and "night" in wrong.stderr and "Traceback" not in wrong.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_command_has_its_module():
    names = re.findall(r'module\("([\w.]+)"', Path(shell.__file__).read_text("utf-8"))
    assert len(names) == 9 and [name for name in names if find_spec(name) is None] == []


def test_a_lab_of_ones_own_is_written_once(installed, tmp_path):
    def luminescope(*words, cwd=tmp_path):
        return run(sys.executable, "-m", "lab", *words, cwd=cwd, PYTHONPATH=str(installed))

    made = luminescope("new", "mine")
    assert made.returncode == 0 and "cd mine" in made.stdout
    assert all((tmp_path / "mine" / "profile" / name).is_file() for name in PROFILE if name != "demo.py")
    (tmp_path / "mine" / "profile" / "lab.toml").write_text("[twin]\nseed = 7\n")
    again = luminescope("new", "mine")
    assert again.returncode == 2 and "name another folder" in again.stderr and "Traceback" not in again.stderr
    assert (tmp_path / "mine" / "profile" / "lab.toml").read_text() == "[twin]\nseed = 7\n"
    there = luminescope("night", "--status", cwd=tmp_path / "mine")
    assert "there was no night yet" in there.stdout and str(tmp_path / "mine" / "data") in there.stderr


def test_the_installed_lab_measures_from_an_empty_folder(installed, tmp_path):
    """Its data, and the samples that are added, go to the folder one stands in; nothing to where it is installed."""
    before = {path for path in installed.rglob("*") if "__pycache__" not in path.parts}
    told = run(sys.executable, "-c", MEASURE, cwd=tmp_path, PYTHONPATH=str(installed))
    assert told.returncode == 0, told.stderr
    uid, is_checkout, recorded, now = told.stdout.partition("MEASURED")[2].split()[:4]
    assert is_checkout == "False" and recorded == now == PROJECT["version"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert list((tmp_path / "data" / "journal").rglob(f"*{uid}*"))
    assert "[mine]" in (tmp_path / "data" / "samples.toml").read_text(encoding="utf-8")
    assert {path for path in installed.rglob("*") if "__pycache__" not in path.parts} == before


def test_the_lab_is_the_named_one_then_that_of_the_folder_then_that_of_the_package(tmp_path, monkeypatch):
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert usual_config() == HOUSE / "profile" / "lab.toml"
    own = house(tmp_path)
    assert usual_config() == own and in_profile(own, "overnight.py") == HOUSE / "profile" / "overnight.py"
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "other.toml"))
    assert usual_config() == tmp_path / "other.toml"


def test_the_instruments_start_from_the_lab_that_is_named(tmp_path):
    config = house(tmp_path)
    config.write_text(config.read_text().replace('preset = "A"', 'preset = "nonsense"'))
    check = [sys.executable, "-m", "devices.iocs", "--check", "--folder", tmp_path / "run"]
    told = run(*check, cwd=HOUSE, LUMINESCOPE_CONFIG=str(config))
    assert told.returncode == 2 and "nonsense" in told.stderr


def test_the_samples_of_a_lab_of_ones_own_stay_beside_it(tmp_path):
    from lab.config import read

    config = read(house(tmp_path))
    assert samples_file(config) == tmp_path / "profile" / "samples.toml"


def test_the_demo_is_refused_where_an_instrument_is_real(tmp_path):
    from lab.config import ConfigError, read

    config = house(tmp_path)
    assert twin_alone(read(config)) == read(config)
    real = config.read_text().replace('stage = {backend = "twin"}', 'stage = {backend = "driver", driver = "pi_gcs"}')
    config.write_text(real)
    with pytest.raises(ConfigError, match=r"instruments\.stage\.backend = 'driver'.*moved nothing"):
        twin_alone(read(config))
    told = run(sys.executable, "-m", "lab", "demo", cwd=HOUSE, LUMINESCOPE_CONFIG=str(config))
    assert told.returncode == 1 and "moved nothing" in told.stderr and "Traceback" not in told.stderr


def test_the_demo_deletes_nothing_but_a_demo(tmp_path):
    from lab.config import ConfigError

    mine = tmp_path / "demo"
    assert emptied(mine) == mine
    (mine / "data").mkdir(parents=True)
    (mine / "data" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is not of a demo"):
        emptied(mine)
    assert (mine / "data" / "thesis.txt").exists()
    with RigLock(mine / "data" / "rig.lock"), pytest.raises(RigLocked):
        emptied(mine)
    assert (mine / "data" / "thesis.txt").exists()
    emptied(mine)
    assert not mine.exists()


def test_a_repository_around_the_code_is_not_taken_for_ours(tmp_path):
    """An environment in somebody's project, or unpacked sources below it, tell no commit rather than a wrong one."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("needs git")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    run(git, "init", "-q", tmp_path, cwd=tmp_path)
    run(git, *author, "commit", "-q", "--allow-empty", "-m", "theirs", cwd=tmp_path)
    inside = tmp_path / "lib" / "site-packages"
    inside.mkdir(parents=True)
    assert version.commit_of(inside) == "" and len(version.commit_of(tmp_path)) == 12


def test_ctrl_c_and_wrong_labs_are_told_in_a_line(tmp_path, monkeypatch, capsys):
    def interrupted(rest, config):
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "night", shell.Command("", interrupted))
    monkeypatch.setattr(sys, "argv", ["luminescope"])
    monkeypatch.setenv(places.VARIABLE, str(house(tmp_path)))
    assert shell.main(["night"]) == 130 and "interrupted" in capsys.readouterr().err
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "none.toml"))
    assert shell.main(["night"]) == 2 and "name an existing lab.toml" in capsys.readouterr().err
