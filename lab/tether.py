"""`python -m lab.tether PARENT COMMAND...`: become COMMAND, but end when process PARENT ends (Linux).

The kernel keeps the promise, so a launcher that is killed takes its services along, even those that obey no leash
(`devices.leash`), which is what other systems have.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """The command that is tied to this process where the kernel can do that; elsewhere the command itself."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-m", "lab.tether", str(os.getpid()), *command]


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, tied to its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the tie was made
        raise SystemExit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
