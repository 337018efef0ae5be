"""One running lab for all tests of single emitters: dots that are alike, dots that blink, a card wired for pairs."""

import pytest
from bluesky import plan_stubs as bps

from tests.conftest import house


@pytest.fixture(scope="session")
def single_lab(tmp_path_factory):
    """The lab with time zero calibrated, cabled "hbt"; its truth is sealed beside its data (`truth.json`)."""
    from lab.session import start
    from plans import time_zero

    config = house(tmp_path_factory.mktemp("single"), preset="example_qd", seed=5, prefix="one:")
    lab = start(config, truth=config.parent.parent / "truth.json")
    lab.RE(bps.mv(lab.microscope.timeharp.wiring, "hbt"))
    lab.RE(time_zero(lab.microscope))
    yield lab
    lab.close(stop_processes=True)


@pytest.fixture
def seen(single_lab):
    """All documents that the RunEngine emits during the test."""
    documents: list[tuple[str, dict]] = []
    token = single_lab.RE.subscribe(lambda name, doc: documents.append((name, doc)))
    yield documents
    single_lab.RE.unsubscribe(token)
