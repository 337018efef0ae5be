"""Whether an error says that an instrument was lost: nothing is wrong with what was measured, it can be begun again."""

from devices.signals import CommandError
from plans.stubs import MeasurementError

OF_A_COMMAND = ("restarted", "went away", "hangs", "is not there", "no answer")
OF_THE_LIGHT = ("dead-man", "bench:", "could not close it")  # reasons of darkness that a lost process leaves


def was_lost(error: BaseException) -> bool:
    """Whether the error, or one that it came from, is of a process that died, hung or was restarted."""
    return any(is_loss(one) for one in origins(error))


def is_loss(error: BaseException) -> bool:
    """Whether this very error tells of a loss."""
    words = OF_A_COMMAND if isinstance(error, CommandError) else OF_THE_LIGHT
    known = isinstance(error, (CommandError, MeasurementError)) and any(word in str(error) for word in words)
    return known or isinstance(error, TimeoutError) or "Disconnected" in type(error).__name__


def origins(error: BaseException) -> list[BaseException]:
    """An error and those that it came from."""
    found = [error]
    while (before := found[-1].__cause__ or found[-1].__context__) is not None and before not in found:
        found.append(before)
    return found
