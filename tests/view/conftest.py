"""One data folder for all tests of the view, and a client that may read it."""

import pytest

from tests.view.folder import make
from tests.view.reading import client_of


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """A small lab that is closed."""
    made = make(tmp_path_factory.mktemp("lab") / "data")
    yield made
    made.journal.close()


@pytest.fixture(scope="package")
def client(folder):
    with client_of(folder.data) as found:
        yield found
