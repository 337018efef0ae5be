"""Many runs analysed again on a Dask cluster."""

import pytest

pytest.importorskip("distributed", reason="Dask is not installed: pip install luminescope[scale]")

from tests.conftest import house
from tests.lab.crashes import in_own_process
from tests.scale.labs import refit_on_a_cluster

pytestmark = pytest.mark.xdist_group("scale")


def test_runs_refitted_on_a_cluster_are_those_of_a_replay(tmp_path):
    found = in_own_process(refit_on_a_cluster, str(house(tmp_path)), 2)
    assert found["workers"] == 2
    assert found["order"]
    assert found["finite"]
    assert found["equal"]
    assert found["derived"]
    assert "is not in the journal" in found["unknown"]
