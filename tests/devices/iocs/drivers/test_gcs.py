"""Replies in GCS 2.0: read if they are whole, refused otherwise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.iocs.drivers.piezo import gcs
from devices.iocs.drivers.wires.wire import BadReplyError

AXES = ("1", "2", "3")
PARSERS = {
    "numbers": lambda reply: gcs.numbers(reply, AXES),
    "flags": lambda reply: gcs.flags(reply, AXES),
    "error_code": gcs.error_code,
    "bits": gcs.bits,
    "ready": gcs.ready,
    "recording": lambda reply: gcs.recording(reply, n_samples=2, n_tables=2),
}
positions = st.lists(st.floats(-1000, 1000), min_size=3, max_size=3)
text = st.text(st.characters(max_codepoint=255), max_size=60) | st.text("123=.-+eE naif_\n# END_HEADER", max_size=80)


def reply_of(values):
    return " \n".join(f"{axis}={value:.6f}" for axis, value in zip(AXES, values, strict=True))


@given(positions)
def test_a_whole_reply_is_read(values):
    np.testing.assert_allclose(gcs.numbers(reply_of(values), AXES), values, atol=1e-6)


@given(st.sampled_from(sorted(PARSERS)), text)
def test_no_reply_harms_a_parser(name, reply):
    try:
        found = PARSERS[name](reply)
    except BadReplyError:
        return
    assert np.isfinite(np.asarray(found, dtype=float)).all()


@given(positions, st.data())
def test_a_cut_reply_is_not_whole(values, data):
    sent = reply_of(values).encode() + b"\n"
    assert gcs.whole(sent)
    assert not gcs.whole(sent[: data.draw(st.integers(0, len(sent) - 1))])


@given(positions, st.data())
def test_a_reply_that_lost_bytes_inside_a_frame_is_refused(values, data):
    reply = reply_of(values)
    at = data.draw(st.sampled_from([n for n, char in enumerate(reply) if char in "= \n"]))
    with pytest.raises(BadReplyError):
        gcs.numbers(reply[:at] + reply[at + 1 :], AXES)


@pytest.mark.parametrize(
    "reply",
    [
        "1=nan \n2=1 \n3=1",
        "1=inf \n2=1 \n3=1",
        "1=1e999 \n2=1 \n3=1",
        "1=1_0 \n2=1 \n3=1",
        "1=0x10 \n2=1 \n3=1",
        "1=1,5 \n2=1 \n3=1",
        "1=١ \n2=1 \n3=1",  # a digit, but none of theirs
        "1= \n2=1 \n3=1",
        "1=1 \n2=1",
        "1=1 \n2=1 \n4=1",
        "1=1 \n2=1 \n3=1 \n4=1",
        "1=1 \n2=1 \n2=2 \n3=1",
        "1=1\n2=1\n3=1",
        "1=1 \n2=1 \n3=1 ",
        "1=1 2=1 3=1",
        "",
    ],
)
def test_what_is_no_set_of_positions_is_refused(reply):
    with pytest.raises(BadReplyError):
        gcs.numbers(reply, AXES)


@pytest.mark.parametrize("reply", ["1=2 \n2=1 \n3=1", "1=1.0 \n2=1 \n3=1", "1=-1 \n2=1 \n3=1"])
def test_flags_are_0_or_1(reply):
    with pytest.raises(BadReplyError):
        gcs.flags(reply, AXES)


def test_order_of_the_axes_does_not_matter():
    assert gcs.numbers("3=3 \n1=+1.5E0 \n2=-2.", AXES) == (1.5, -2.0, 3.0)


def test_a_value_may_stand_apart():
    assert gcs.numbers("1= 12.5 \n2=  -3", ("1", "2")) == (12.5, -3.0)


def test_busy_bits_are_hexadecimal():
    assert (gcs.bits("0"), gcs.bits("a"), gcs.bits("0x11")) == (0, 10, 17)


def test_the_reply_about_readiness_is_one_byte():
    assert gcs.ready("\xb1")
    assert not gcs.ready("\xb0")
    with pytest.raises(BadReplyError):
        gcs.ready("2")


def test_a_recording_is_read_after_its_header():
    reply = "# DIM = 2 \n# \n# END_HEADER \n1.5 2 \n-3 4e-1"
    np.testing.assert_array_equal(gcs.recording(reply, n_samples=2, n_tables=2), [[1.5, 2], [-3, 0.4]])
    for wrong in ((1, 2), (3, 2), (2, 1)):
        with pytest.raises(BadReplyError):
            gcs.recording(reply, n_samples=wrong[0], n_tables=wrong[1])
    with pytest.raises(BadReplyError):
        gcs.recording(reply.replace("-3", "nan"), n_samples=2, n_tables=2)


def test_only_finite_numbers_and_short_commands_are_sent():
    assert gcs.command("MOV", "1", 12.5, "2", -0.0) == "MOV 1 12.500000 2 0.000000"
    with pytest.raises(ValueError, match="only finite"):
        gcs.command("MOV", "1", math.nan)
    with pytest.raises(ValueError, match="at most 32"):
        gcs.command("WAV", *range(33))
