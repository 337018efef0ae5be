"""One running lab for all tests that need one: the twin behind real IOCs, real storage, a real RunEngine."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # how fast an example runs depends on what else runs
settings.load_profile("patient")

HOUSE = Path(__file__).resolve().parents[1]
LONG = ("test_every_message.py", "test_lost_parts.py", "test_signals.py")  # labs that lose their processes one by one


def house(folder: Path, *, preset: str = "A", seed: int = 1, prefix: str = "lum:") -> Path:
    """A house of its own for a lab: free ports, its own data folder; returns its lab.toml.

    prefix : of its PVs; two labs that one process talks to need different ones
    """
    profile = folder / "profile"
    profile.mkdir(parents=True)
    shutil.copy(HOUSE / "profile" / "samples.toml", profile)
    text = (HOUSE / "profile" / "lab.toml").read_text()
    for port in ("5364", "5366", "8365", "8367", "8369"):
        text = text.replace(f"port = {port}", "port = 0")
    text = text.replace('prefix = "lum:"', f'prefix = "{prefix}"')
    text = text.replace('preset = "A"', f'preset = "{preset}"').replace("seed = 1 ", f"seed = {seed} ")
    (profile / "lab.toml").write_text(text)
    return profile / "lab.toml"


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    """The lab, with an instrument response recorded; its truth is sealed beside its data."""
    from lab.session import start
    from plans import irf

    config = house(tmp_path_factory.mktemp("lab"))
    lab = start(config, truth=config.parent.parent / "truth.json")
    lab.RE(irf(lab.microscope))
    yield lab
    lab.close(stop_processes=True)


@pytest.fixture
def documents(session):
    """All documents that the RunEngine emits during the test."""
    seen: list[tuple[str, dict]] = []
    token = session.RE.subscribe(lambda name, doc: seen.append((name, doc)))
    yield seen
    session.RE.unsubscribe(token)


def is_line(doc: dict) -> bool:
    """Whether an Event is a raster line: the baseline reads the scanner too, with everything else."""
    return "scanner_line" in doc["data"] and "piezo_x" not in doc["data"]


def pytest_collection_modifyitems(items):
    """Skip what takes minutes, unless it is asked for."""
    for item in items:
        if item.path.name in LONG and os.environ.get("LUMINESCOPE_TESTS") != "full":
            item.add_marker(pytest.mark.skip(reason="takes minutes; LUMINESCOPE_TESTS=full runs it"))
