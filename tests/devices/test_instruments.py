"""Faces of the instruments: sets that prove themselves, limits, refusals with a reason."""

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from ophyd.utils import LimitError


def test_a_move_ends_where_it_was_asked_to(session):
    piezo = session.microscope.piezo
    session.RE(bps.mv(piezo.x, 12.5, piezo.y, 80.0))
    assert piezo.x_rbv.get() == pytest.approx(12.5, abs=0.05)
    assert piezo.y_rbv.get() == pytest.approx(80.0, abs=0.05)


@pytest.mark.parametrize("target", [-0.1, 100.1, float("nan")])
def test_nothing_moves_beyond_the_travel(session, target):
    piezo = session.microscope.piezo
    before = piezo.x.get()
    with pytest.raises(LimitError):
        session.RE(bps.mv(piezo.x, target))
    assert piezo.x.get() == before


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("pulsed.repetition", 3e6, "not on the front panel"),
        ("sample.mounted", "Z", "no sample 'Z' in the holder"),
        ("filters.qd", "glass", "no filter 'glass' on the qd wheel"),
        ("filters.splitter", "70:30", "no beamsplitter '70:30'"),
    ],
)
def test_a_refused_set_fails_with_the_reason(session, path, value, reason):
    device, attribute = path.split(".")
    signal = getattr(getattr(session.microscope, device), attribute)
    before = signal.get()
    with pytest.raises(Exception, match=reason):
        session.RE(bps.mv(signal, value))
    assert signal.get() == before


def test_every_quantity_has_a_unit_and_every_setpoint_limits(session):
    microscope = session.microscope
    described = microscope.piezo.describe() | microscope.scanner.describe_configuration()
    described |= microscope.counters.describe_configuration() | microscope.timeharp.describe_configuration()
    units = {key: entry.get("units") for key, entry in described.items()}
    assert units["piezo_x"] == "um" and units["scanner_dwell"] == "s" and units["scanner_x_centre"] == "um"
    assert units["counters_bin_width"] == "s" and units["counters_dead_time"] == units["timeharp_delay"] == "ns"
    assert described["scanner_dwell"]["lower_ctrl_limit"] == 0.001


def test_arrays_declare_their_type(session):
    counts = session.microscope.scanner.perovskite_counts
    entry = counts.describe()["scanner_perovskite_counts"]
    assert np.dtype(entry["dtype_numpy"]) == np.int32 and entry["shape"] == list(counts.get().shape)


def test_the_sync_meter_steps_by_128_hz(session):
    card = session.microscope.timeharp
    emission = session.microscope.pulsed.emission

    def look():
        yield from bps.mv(emission, "on")
        yield from bps.mv(card.read_sync, 1)

    session.RE(look())
    session.RE.wait_for_dark()
    assert emission.get() == "standby"  # every plan leaves it so
    assert card.sync_rate.get() % 128 == 0 and card.sync_rate.get() == pytest.approx(2e6, rel=1e-3)


def test_each_laser_has_a_limit_of_its_own(session):
    microscope = session.microscope
    assert microscope.pulsed.intensity.limits == (0, 1000) and microscope.cw.intensity.limits == (0, 50_000)
    for laser, too_much in ((microscope.pulsed, 2000.0), (microscope.cw, 60_000.0)):
        with pytest.raises(LimitError):
            session.RE(bps.mv(laser.intensity, too_much))


def test_the_mode_of_the_card_is_a_word(session):
    with pytest.raises(Exception, match="must be one of point, hbt, records"):
        session.RE(bps.mv(session.microscope.timeharp.mode, "raster"))
    assert session.microscope.timeharp.mode.get() == "point"
