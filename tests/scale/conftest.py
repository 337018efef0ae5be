"""Several labs, servers and hosts at once take minutes: LUMINESCOPE_TESTS=full runs those tests too."""

import os

import pytest

LONG = (
    "test_instruments_on_other_computers_and_the_cable_is_pulled",
    "test_two_labs_share_one_catalog_in_postgresql",
    "test_runs_refitted_on_a_cluster_are_those_of_a_replay",
)


def pytest_collection_modifyitems(items):
    """Skip what takes minutes, unless it is asked for."""
    if os.environ.get("LUMINESCOPE_TESTS") == "full":
        return
    for item in items:
        if item.path.parent.name == "scale" and item.originalname in LONG:
            item.add_marker(pytest.mark.skip(reason="takes minutes; LUMINESCOPE_TESTS=full runs it"))
