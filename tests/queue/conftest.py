"""One queue server for all tests that need one: real Redis, real manager, real worker on the twin."""

import pytest

pytest.importorskip("bluesky_queueserver", reason="the queue server is not installed: pip install luminescope[queue]")

from tests.queue.operator import Operator


@pytest.fixture(scope="session")
def operator(tmp_path_factory):
    """Somebody who may use the queue."""
    from lab.queue_server.redis import QueueError, program

    try:
        program()
    except QueueError as why:
        pytest.skip(str(why))
    with Operator(tmp_path_factory.mktemp("queue")) as operator:
        yield operator
