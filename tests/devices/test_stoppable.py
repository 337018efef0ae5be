"""A pause ends what an instrument does, without failing it."""

import pytest

from devices.signals import CommandError, Stoppable


class Halt:
    """A signal that ends what is under way."""

    def put(self, value):
        assert value == 1


def stopped(it: Stoppable, *, success: bool):
    """Work that fails because somebody stops it."""

    def work():
        it.stop_by(Halt(), success=success)
        raise CommandError("it was stopped")

    return work


def test_what_a_pause_stopped_has_not_failed():
    it = Stoppable()
    it.unless_paused(stopped(it, success=True))


def test_what_somebody_else_stopped_has_failed():
    it = Stoppable()
    with pytest.raises(CommandError):
        it.unless_paused(stopped(it, success=False))


def test_what_begins_anew_is_not_forgiven_for_the_pause_before_and_the_other_way_round():
    it = Stoppable()

    def work():
        it.stop_by(Halt(), success=True)
        with pytest.raises(CommandError):
            it.unless_paused(stopped(it, success=False))  # the next one, begun before this one has ended
        raise CommandError("it was stopped")

    it.unless_paused(work)
