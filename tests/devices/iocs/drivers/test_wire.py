"""One wire: what was asked is what is answered, whatever the noise; its log can be played back."""

import contextlib
import os
import pty
import threading
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.iocs.drivers.wires.wire import BadReplyError, BrokenWireError, Wire, WireError
from devices.iocs.drivers.wires.wire_log import Replay, WireLog
from tests.emulators.wires import Emulator, on_pty, on_tcp

TIMEOUT_S = 0.1


class Parrot(Emulator):
    """Answers "name?" with "name=<how often it was asked>"."""

    def answer(self, command):
        asked = self.heard.count(command)
        return f"{command[:-1]}={asked}\n".encode() if command.endswith("?") else b""


def of(name):
    """A parser of the replies about one name."""

    def parse(reply):
        told, _, number = reply.partition("=")
        if told != name:
            raise BadReplyError(f"{reply!r} is not about {name}")
        return int(number)

    return parse


@contextlib.contextmanager
def wired(parrot=None, serve=on_tcp, **kwargs):
    with serve(parrot or Parrot()) as served:
        wire = Wire(getattr(served, "url", served), timeout_s=TIMEOUT_S, **kwargs)
        try:
            yield wire, served
        finally:
            wire.close()


@pytest.mark.parametrize("serve", [on_tcp, on_pty])
def test_a_question_is_answered(serve):
    with wired(serve=serve) as (wire, _):
        wire.say("set 5")
        assert wire.ask("a?", of("a")) == 1


@pytest.mark.parametrize("serve", [on_tcp, on_pty])
@pytest.mark.parametrize("kind", ["silent", "garbled", "cut"])
def test_a_spoilt_reply_is_asked_for_again(serve, kind):
    parrot = Parrot()
    with wired(parrot, serve=serve) as (wire, _):
        setattr(parrot.mischief, kind, 1)
        assert wire.ask("a?", of("a")) == 2
        assert wire.ask("b?", of("b")) == 1


def test_what_must_not_be_said_twice_is_not():
    parrot = Parrot()
    with wired(parrot) as (wire, _):
        parrot.mischief.silent = 1
        with pytest.raises(WireError, match=r"'a\?.*it is silent"):
            wire.ask("a?", attempts=1)
    assert parrot.heard == ["a?"]


def test_the_message_holds_the_bad_reply():
    with wired() as (wire, _), pytest.raises(WireError, match="'a=2' is not about b"):
        wire.ask("a?", of("b"))


@pytest.mark.parametrize("serve", [on_tcp, on_pty])
def test_a_late_reply_answers_no_other_question(serve):
    parrot = Parrot()
    with wired(parrot, serve=serve) as (wire, _):
        wire.ask("a?", of("a"))
        parrot.mischief.delay_s = 1.6 * TIMEOUT_S
        with contextlib.suppress(WireError):
            wire.ask("a?", of("a"))
        parrot.mischief.delay_s = 0
        assert wire.ask("b?", str).startswith("b=")


def test_a_wire_that_was_hung_up_is_opened_anew_and_set_up_again():
    opened = []
    with wired(opened=opened.append) as (wire, cable):
        assert wire.ask("a?", of("a")) == 1
        wire.port.socket.shutdown(2)
        assert wire.ask("a?", of("a")) == 2
        assert (len(opened), wire.openings) == (2, 2)
        cable.close()
        with pytest.raises(WireError):
            wire.ask("a?", of("a"))


def test_what_the_set_up_raises_is_told_as_it_is():
    def refuse(_):
        raise ValueError("this is another instrument")

    with wired(opened=refuse) as (wire, _):
        for _ in range(2):
            with pytest.raises(ValueError, match="another instrument"):
                wire.ask("a?")
        assert wire.port is None


def test_a_wire_that_breaks_during_set_up_does_not_try_for_ever():
    def hang_up(wire):
        wire.port.socket.shutdown(2)
        wire.ask("a?", of("a"))

    with wired(opened=hang_up) as (wire, _):
        with pytest.raises(WireError):
            wire.ask("a?")
        assert wire.openings <= wire.attempts


def test_a_set_up_that_goes_on_after_a_break_is_stopped():
    def be_stubborn(wire):
        wire.port.socket.shutdown(2)
        with contextlib.suppress(WireError):
            wire.ask("a?", of("a"))
        wire.ask("b?", of("b"))

    with wired(opened=be_stubborn) as (wire, _):
        with pytest.raises(WireError, match="while the instrument was asked who it is"):
            wire.ask("a?")
        assert wire.openings == 1


def test_a_command_goes_out_once_over_a_wire_that_was_hung_up_before():
    parrot = Parrot()
    with wired(parrot) as (wire, _):
        wire.ask("a?", of("a"))
        wire.port.socket.shutdown(2)
        wire.say("set 1")
        assert wire.ask("a?", of("a")) == 2
    assert parrot.heard == ["a?", "set 1", "a?"]


@pytest.mark.parametrize(
    ("url", "why"),
    [("/dev/there/is/no/such", "cannot be opened"), ("socket://127.0.0.1", "<port>"), ("nonsense://x", "opened")],
)
def test_a_port_that_is_not_there_is_named(url, why):
    with pytest.raises(WireError, match=why):
        Wire(url).ask("a?")


def test_a_serial_port_that_is_pulled_out_breaks():
    master, slave = pty.openpty()
    tty.setraw(slave)
    wire = Wire(os.ttyname(slave), timeout_s=TIMEOUT_S)
    wire.say("set 1")
    os.close(slave)
    os.close(master)
    for _ in range(2):
        with pytest.raises(WireError):
            wire.ask("a?")
    assert wire.port is None


def test_endless_babble_ends_at_the_timeout():
    class Babbler(Parrot):
        def answer(self, command):
            return b"x" * 10000

    with wired(Babbler()) as (wire, _), pytest.raises(WireError, match="only"):
        wire.ask("a?", of("a"))


def test_threads_get_their_own_answers():
    with wired() as (wire, _):
        found = {}

        def ask(name):
            found[name] = [wire.ask(f"{name}?", of(name)) for _ in range(20)]

        threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {name: list(range(1, 21)) for name in "abc"}


def test_a_log_can_be_played_back(tmp_path):
    parrot, file = Parrot(), tmp_path / "wire.log"
    log = WireLog(file)

    def converse(wire):
        return [wire.ask("a?", of("a")), wire.ask("b?", of("b")), wire.ask("a?", of("a"))]

    with wired(parrot, log=log) as (wire, _):
        parrot.mischief.garbled = 1
        first = converse(wire)
        wire.port.socket.shutdown(2)
        second = converse(wire)
    log.close()
    again = Wire(f"replay:{file}", timeout_s=TIMEOUT_S)
    assert [converse(again), converse(again)] == [first, second]
    assert again.openings == 2
    with pytest.raises(BrokenWireError, match="goes on with"):
        again.ask("c?")


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
def test_every_byte_survives_the_log(tmp_path_factory, pieces):
    file = tmp_path_factory.mktemp("log") / "wire.log"
    log = WireLog(file)
    log.sent(b"?")
    for piece in pieces:
        log.heard(piece)
    log.close()
    if not file.exists():
        return
    replay = Replay(file)
    replay.write(b"?")
    assert b"".join(replay.read(100) for _ in pieces) == b"".join(pieces)


@pytest.mark.parametrize("content", ["no json", "[1]", '{"time": 1}', "3"])
def test_what_is_no_wire_log_is_not_played(tmp_path, content):
    (tmp_path / "wire.log").write_text(content)
    with pytest.raises(WireError, match="no line of a wire log"):
        Wire(f"replay:{tmp_path / 'wire.log'}").ask("a?")
