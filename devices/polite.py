"""How processes are started, asked to end, and ended, on every system. See `devices.leash` for the question itself.

Windows has no signals between processes: what is asked there by one is asked by a leash, or not at all. What stands
below ``WINDOWS`` was never run there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

WINDOWS = sys.platform == "win32"
LEAVING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
ASKING = (signal.SIGINT, *LEAVING)  # every signal that asks a process to end
CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW = 0x00000200, 0x08000000
CONSOLE_ENDS = (2, 5, 6)  # its window is closed, the user logs off, the computer shuts down
CONSOLE_PATIENCE_S = 4.5  # Windows kills a process 5 s after its window was closed
ROUTINES: list[Any] = []  # Windows calls them as long as this process lives


def apart() -> dict[str, Any]:
    """Options of Popen: Ctrl-C and the closing of this terminal do not reach the process."""
    if WINDOWS:
        return {"creationflags": CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW}
    return {"start_new_session": True}


def command_line(pid: int) -> tuple[str, ...]:
    """The command line of a living process; empty if there is none, or if it is none of ours to know."""
    import psutil

    try:
        return tuple(psutil.Process(pid).cmdline())
    except (psutil.Error, OSError, ValueError):
        return ()


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started, as far as they live."""
    import psutil

    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def ask_to_end(pid: int, *, group: bool = False, held: bool = False) -> None:
    """Ask a process, or the group that it leads, to end.

    Windows knows no such question. There it is ended at once, and what it holds by a leash ends politely; one that is
    `held` by a leash of ours was asked when that was let go.
    """
    with contextlib.suppress(OSError):  # it is gone
        if not WINDOWS:
            (os.killpg if group else os.kill)(pid, signal.SIGTERM)
        elif not held:
            os.kill(pid, signal.SIGTERM)


def kill(pid: int, known: Sequence[psutil.Process] = (), *, group: bool = False, grace_s: float = 0.0) -> None:
    """End a process at once, or the group that it leads.

    known : on Windows, its family, which is given `grace_s` to end by itself
    """
    if WINDOWS:
        end_all(known or family(pid)[:1], max(grace_s, 0.0))
        return
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(pid, signal.SIGKILL)


def end_all(known: Sequence[psutil.Process], grace_s: float = 0.0) -> None:
    """Wait for processes, then end those that are left; one that got the number of a dead one is not touched."""
    import psutil

    for process in psutil.wait_procs(list(known), grace_s)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def ask_myself_to_end() -> None:
    """What SIGTERM means to this process, from any of its threads."""
    if WINDOWS:  # where os.kill ends a process without asking
        import _thread

        _thread.interrupt_main(signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def on_signals(numbers: Sequence[signal.Signals], handler: Callable[..., Any]) -> None:
    """Call `handler` in the main thread, between two of its instructions, when one of the signals arrives."""
    for number in numbers:
        signal.signal(number, handler)


def on_console_end(end: Callable[[], Any], ended: Callable[[float], Any]) -> None:
    """Windows: when the console window is closed, `end`, then `ended(timeout_s)`, which waits for it."""
    if sys.platform != "win32":
        return
    import ctypes

    def handle(event: int) -> bool:
        if event not in CONSOLE_ENDS:
            return False
        end()
        ended(CONSOLE_PATIENCE_S)
        return True

    ROUTINES.append(ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(handle))
    ctypes.windll.kernel32.SetConsoleCtrlHandler(ROUTINES[-1], True)
