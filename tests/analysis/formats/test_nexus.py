"""NeXus files as an independent reader sees them."""

import nexusformat.nexus as nx
import numpy as np
import pytest

from analysis.formats.nexus import Field, Group, Link, Rows, read_nexus, write_nexus


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.nxs"


def entry(rows=()):
    results = Group("NXcollection", {"tau": Field(np.linspace(1, 2, 5), "ns"), "err": Field(np.full(5, 0.1), "ns")})
    data = Group(
        "NXdata",
        {"tau": Link("/entry/results/tau"), "tau_errors": Link("/entry/results/err"), "x": Field(np.arange(5.0), "um")},
        {"signal": "tau", "axes": ["x"]},
    )
    members = {"title": Field("τ of a film"), "data": data, "results": results}
    return Group(
        "NXentry", members | ({"cube": Rows(iter(rows), len(rows), "counts")} if rows else {}), {"default": "data"}
    )


def test_the_default_view_has_signal_errors_and_axis(path):
    write_nexus(path, entry())
    root = nx.nxload(path)
    data = root.plottable_data
    np.testing.assert_array_equal(data.nxsignal.nxdata, np.linspace(1, 2, 5))
    np.testing.assert_array_equal(data.nxerrors.nxdata, np.full(5, 0.1))
    assert (data.nxaxes[0].nxname, data.nxaxes[0].attrs["units"], data.nxsignal.attrs["units"]) == ("x", "um", "ns")
    assert root["entry/title"].nxvalue == "τ of a film"


def test_rows_are_chunks_and_come_back(path):
    rng = np.random.default_rng(3)
    rows = [rng.poisson(0.1, (4, 300)).astype("<u2") for _ in range(3)]
    write_nexus(path, entry(rows))
    cube = nx.nxload(path)["entry/cube"]
    assert (cube.chunks, cube.compression, cube.dtype) == ((1, 4, 300), "gzip", np.dtype("<u2"))
    found = read_nexus(path)
    np.testing.assert_array_equal(found["entry/cube"], rows)
    assert found["entry/title"] == "τ of a film"


def test_what_is_no_nexus_is_refused(path):
    path.write_text("no HDF5")
    with pytest.raises(ValueError, match=r"a\.nxs: cannot be read as NeXus"):
        read_nexus(path)
