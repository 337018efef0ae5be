"""Rows of card, counters and scanner on their way: into Events, through storage, and back as arrays."""

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp

from devices.signals import CommandError
from plans.stubs import lit, shine, staged

SETTINGS = (
    "timeharp.wiring",
    "timeharp.mode",
    "timeharp.integration_time",
    "filters.splitter",
    "filters.perovskite",
    "scanner.counting",
    "scanner.pattern",
)
COMMON = {"counts", "lit", "started", "elapsed", "overflow"}


@pytest.fixture
def microscope(session):
    """Cabled and set back as it was."""
    signals = [getattr(getattr(session.microscope, part), name) for part, name in (s.split(".") for s in SETTINGS)]
    before = [signal.get() for signal in signals]
    session.RE(bps.mv(session.microscope.filters.splitter, "50:50"))
    session.RE(bps.mv(session.microscope.filters.perovskite, "FBH650-40+655/15"))
    yield session.microscope
    for signal, value in zip(signals, before, strict=True):
        session.RE(bps.mv(signal, value))


def taken(session, device, n_rows: int):
    """Run a plan that takes rows under continuous light; the stored stream, and the keys of its descriptors."""
    microscope, keys, uids = session.microscope, {}, []

    def rows():
        for index in range(n_rows):
            yield from shine(microscope)
            yield from bps.abs_set(device, index, wait=True)
            yield from bps.create("primary")
            yield from bps.read(device)
            yield from bps.save()

    @bpp.run_decorator()
    def measure():
        yield from lit(microscope, microscope.cw, 2500.0, lambda: staged(device, rows()))

    def note(name, doc):
        if name == "start":
            uids.append(doc["uid"])
        elif name == "descriptor":
            keys[doc["name"]] = set(doc["data_keys"])

    token = session.RE.subscribe(note)
    session.RE(measure())
    session.RE.unsubscribe(token)
    assert session.ingester.flush(60)
    return {key: session.db.array(uids[0], key) for key in keys["primary"]}, keys


def test_bins_of_the_counters(session, microscope):
    session.RE(bps.mv(microscope.counters.n_bins, 200, microscope.counters.bin_width, 1e-3))
    stream, keys = taken(session, microscope.counters, 3)
    bins = stream["counters_bins"].read()
    assert bins.shape == (3, 200, 2) and bins.dtype == np.uint32
    assert np.array_equal(bins.sum(axis=1), stream["counters_counts"].read())
    assert not any(
        key.startswith(("g2_", "blinking_", "target_")) or key == "timeharp_trace" for key in keys["baseline"]
    )


def test_pairs_of_the_card(session, microscope):
    session.RE(bps.mv(microscope.timeharp.wiring, "hbt", microscope.timeharp.mode, "hbt"))
    session.RE(bps.mv(microscope.timeharp.integration_time, 0.5))
    stream, keys = taken(session, microscope.timeharp, 2)
    own = COMMON | {"coincidences", "trace", "histograms"}
    assert keys["primary"] == {f"timeharp_{name}" for name in own}
    assert np.array_equal(
        stream["timeharp_histograms"].read().sum(axis=1), stream["timeharp_coincidences"].read().ravel()
    )
    trace = stream["timeharp_trace"].read().reshape(2, 100, 2)
    assert np.array_equal(trace.sum(axis=1), stream["timeharp_counts"].read())


def test_records_of_the_card(session, microscope):
    session.RE(bps.mv(microscope.timeharp.wiring, "clock", microscope.timeharp.mode, "records"))
    session.RE(bps.mv(microscope.timeharp.integration_time, 0.5))
    stream, keys = taken(session, microscope.timeharp, 2)
    assert keys["primary"] == {f"timeharp_{name}" for name in COMMON | {"n_records", "overrun", "records"}}
    n = int(np.ravel(stream["timeharp_n_records"].read())[1])
    row = stream["timeharp_records"][1]
    assert row.dtype == np.uint32 and len(row) == microscope.timeharp.max_records.get()
    assert row[:n].all() and not row[n:].any()
    valid = row[:n] >> 30 & 1
    assert valid.sum() == np.sum(stream["timeharp_counts"].read()[1])


def test_a_patch_of_the_counters_has_no_file(session, microscope):
    scanner = microscope.scanner
    session.RE(bps.mv(scanner.counting, "counters", scanner.pattern, "patch", scanner.nx, 4, scanner.ny, 3))
    session.RE(bps.mv(scanner.x_centre, 50, scanner.y_centre, 50))
    session.RE(bps.mv(scanner.x_extent, 0.4, scanner.y_extent, 0.3, scanner.dwell, 5e-3, scanner.n_scans, 2))
    stream, keys = taken(session, scanner, 2)
    assert "scanner_histograms" not in keys["primary"] and not scanner.streaming
    x, y = (stream[f"scanner_{axis}"].read()[1].reshape(3, 4) for axis in "xy")
    assert np.allclose(x, 50 + np.array([-0.15, -0.05, 0.05, 0.15]), atol=0.04)
    assert np.allclose(y, 50 + np.array([[-0.1], [0.0], [0.1]]), atol=0.04)
    with pytest.raises(CommandError, match="patch 2 does not exist"):
        scanner.set(2).wait(10)


def test_the_wiring_decides_what_is_refused(session, microscope):
    session.RE(bps.mv(microscope.timeharp.wiring, "clock", microscope.timeharp.mode, "hbt"))
    with pytest.raises(CommandError, match="'hbt' needs the wiring 'hbt', the card is cabled for 'clock'"):
        microscope.timeharp.stage()
    microscope.timeharp.unstage()
