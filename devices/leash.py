"""A leash: a child process ends politely when its parent lets go of it, or is killed.

The parent holds the one end of a pipe, the child listens at the other, its standard input. The system closes the pipe
with the parent, however that ends, so that nobody has to ask who is alive. It works alike on every system.
"""

import contextlib
import os
import secrets
import stat
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices import polite

VARIABLE = "LUMINESCOPE_LEASH"  # the word that comes through the pipe: any other standard input is none
WORD_BYTES = 16


class Held(subprocess.Popen):
    """A process on a leash, out of reach of Ctrl-C; it must `obey`.

    The leash is held as long as this process lives, also by a `Held` that was forgotten.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any):
        word = secrets.token_hex(WORD_BYTES // 2)
        listening, self._held = os.pipe()
        try:
            os.write(self._held, word.encode("ascii"))
            variables = {**(os.environ if env is None else env), VARIABLE: word}
            super().__init__(command, stdin=listening, env=variables, **{**polite.apart(), **options})
        except BaseException:
            self.let_go()
            raise
        finally:
            os.close(listening)

    def let_go(self) -> None:
        """Ask the process to end; harmless if it was asked before."""
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)

    def ask_to_end(self) -> None:
        """Let go, and send the signal where there is one."""
        if self.poll() is None:
            polite.ask_to_end(self.pid, held=True)
        self.let_go()

    def poll(self) -> int | None:
        """The exit code, or None while it runs; a leash without anybody is let go."""
        if (code := super().poll()) is not None:
            self.let_go()
        return code


def obey(end: Callable[[], Any]) -> bool:
    """Call `end`, once, from a thread of its own, when whoever holds this process lets go; whether it may be held.

    Its standard input is empty from now on. Nothing happens in a process that is not on a leash.
    """
    word = os.environ.pop(VARIABLE, "").encode("ascii", "replace")  # not for what this process starts
    if not word or not is_pipe(0):
        return False
    # Windows: whoever touched the pipe while the thread reads from it would hang, so it gets a number of its own.
    listening = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=listen, args=(listening, word, end), name="leash", daemon=True).start()
    return True


def listen(fd: int, word: bytes, end: Callable[[], Any]) -> None:
    """Read the pipe to its end; it is a leash if the word came first."""
    heard = b""
    with contextlib.suppress(OSError):  # Windows: a broken pipe is its end
        while chunk := os.read(fd, 4096):
            heard = (heard + chunk)[: len(word)]
    os.close(fd)
    if heard == word:
        end()


def is_pipe(fd: int) -> bool:
    """Whether an open file is a pipe; False if it is not open."""
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False
