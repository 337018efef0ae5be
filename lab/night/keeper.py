"""The keeper of a night: begins its session again whenever that dies, tells how it goes, writes the report at the end.

It measures nothing and holds no instrument: it may be killed as well. Its session then ends dark, and the next
`make night` goes on.
"""

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from devices import leash, polite
from lab import tether
from lab.config import LabConfig
from lab.night.entry import Night
from lab.night.headway import headway
from lab.night.ledger import Ledger
from lab.night.terminal import Terminal

log = logging.getLogger(__name__)

DONE, FAILED, REFUSED, STOPPED = 0, 1, 2, 4  # exit codes of a session
LOOK_S = 0.5
MOST_RESTARTS, WINDOW_S = 60, 3600.0  # however far the night comes between them
MOST_FRUITLESS = 6  # in a row, without a line or another point
GRACE_S = 40.0
REPORT_S = 900.0
HANDED_ON = (128 + signal.SIGTERM, 128 + 1)  # exit codes of a session that was told to end


class Keeper:
    """Supervises the session of one night.

    Parameters
    ----------
    command : of the session; restarts add `--go-on`
    """

    def __init__(self, config: LabConfig, command: Sequence[str], terminal: Terminal | None = None):
        self.config, self.command, self.terminal = config, list(command), terminal or Terminal()
        self.folder = config.folders.night
        self.asked = 0  # the signal that asked to end
        self.restarts: list[float] = []
        self.fruitless, self.mark = 0, self.headway()

    def keep(self) -> int:
        """The night, whatever dies; the exit code of the whole."""
        polite.on_signals(polite.ASKING, self.ask)
        page = self.served()
        try:
            code = self.supervised()
        finally:
            if page is not None:
                page.close()
        return code

    def ask(self, number: int, frame: Any):
        self.asked = self.asked or number

    def supervised(self) -> int:
        """One session after the other, until one ends by itself or nothing helps."""
        went_on: list[str] = []
        while True:
            code = self.session(went_on)
            self.terminal.follow(self.folder)
            if self.asked:
                return self.told_to_end(128 + self.asked)
            if code in (DONE, STOPPED):
                return self.over(code)
            if code == REFUSED:
                return self.refused(code)
            if code in HANDED_ON:
                return self.told_to_end(code)
            if (why := self.hopeless()) is not None:
                self.terminal.line(f"the session ended {ended(code)}; {why}: {self.how_to_go_on()}")
                self.rest("stopped", why)
                return 1
            self.terminal.line(f"the session ended {ended(code)} and is started again")
            self.rest("recovering", f"the session ended {ended(code)} and is started again")
            went_on = ["--go-on"]

    def session(self, more: Sequence[str]) -> int:
        """Start a session, follow it, and see it end."""
        child = leash.Held(tether.tied([*self.command, *more]))
        while True:
            try:
                return child.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                self.terminal.follow(self.folder)
            if self.asked:
                return self.end(child)

    def end(self, child: leash.Held) -> int:
        """Dark, aborted with its clean-up, closed; killed if it takes too long: the IOCs go dark by themselves."""
        child.ask_to_end()
        try:
            return child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def hopeless(self) -> str | None:
        """Why the session is not started once more, or None."""
        mark = self.headway()
        self.fruitless = 0 if mark != self.mark else self.fruitless + 1
        self.mark, now_s = mark, time.monotonic()
        self.restarts = [t for t in self.restarts if now_s - t < WINDOW_S]
        if self.fruitless >= MOST_FRUITLESS:
            return f"it died {self.fruitless} times without a line of progress"
        if len(self.restarts) >= MOST_RESTARTS:
            return f"it died {MOST_RESTARTS + 1} times in an hour"
        self.restarts.append(now_s)
        return None

    def headway(self) -> tuple[int, int]:
        """What grows when the night comes forward."""
        night = self.unfinished()
        return harmless(lambda: headway(self.config.folders.journal, night)) or (0, 0) if night is not None else (0, 0)

    def over(self, code: int) -> int:
        """The night came to its end: the report."""
        self.terminal.end()
        ledger = opened_ledger(self.config)
        name = ledger.names()[-1] if ledger is not None and ledger.names() else ""
        if report := self.report(name):
            self.terminal.line(f"night {name} is over; the report: {report}")
        return code

    def report(self, name: str) -> Path | None:
        """The morning report, written by a process of its own; None if that fails, which harms nothing."""
        config = ["--config", str(self.config.file)] if self.config.file else []
        command = [sys.executable, "-m", "lab.night.report", name, *config]
        try:
            subprocess.run(command, check=True, timeout=REPORT_S, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as why:
            log.error("the report was not written (%s); again: python -m lab.night.report %s", why, name)
            return None
        return self.config.folders.nights / f"{name}.html"

    def refused(self, code: int) -> int:
        """The session said why; a night that could have gone on does not."""
        night = self.unfinished()
        if night is not None and shown_name(self.folder) == night.name:
            self.rest("stopped", "it was refused when it was to go on: see the terminal")
        return code

    def told_to_end(self, code: int) -> int:
        self.terminal.end()
        self.terminal.line(f"ended on request, dark; {self.how_to_go_on()}")
        self.rest("stopped", "ended on request")
        return code

    def how_to_go_on(self) -> str:
        night = self.unfinished()
        if night is None:
            return "no night is unfinished"
        return (
            f"{len(night.left)} of {len(night.entries)} items of the night {night.name} are left: make night goes on, "
            "make night NEW=1 gives them up"
        )

    def unfinished(self) -> Night | None:
        ledger = opened_ledger(self.config)
        if ledger is None:
            return None
        try:
            return ledger.unfinished()
        finally:
            ledger.close()

    def rest(self, state: str, now: str):
        """Tell the page what the session cannot tell any more."""
        harmless(lambda: resting(self.folder, state, now))

    def served(self) -> Any:
        """The status page; None if it cannot be served, the night needs it not."""
        status = self.config.status

        def serve() -> Any:
            from lab.night import web

            page = web.serve(self.folder, port=status.port, key=web.key_of(self.folder), expose=status.expose)
            self.terminal.line(f"status page {page.url}, its key in {self.folder / 'key'}")
            return page

        return harmless(serve)


def resting(folder: Path, state: str, now: str):
    """The last status of the session, with another state."""
    from lab.night import page
    from lab.night.status import ItemStatus, NightStatus

    told = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    items = tuple(ItemStatus(**item) for item in told.pop("items"))
    over = {"items": items, "state": state, "now": now, "written_s": time.time(), "progress": None}
    page.write(folder, NightStatus(**{**told, **over}))


def shown_name(folder: Path) -> str | None:
    """Which night the page tells of."""
    try:
        return json.loads((folder / "status.json").read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError):
        return None


def harmless(step: Callable[[], Any]) -> Any:
    """What a step gives; None if it fails, which is logged and never touches the night."""
    try:
        return step()
    except Exception as why:
        log.warning("%s", why)
        return None


def opened_ledger(config: LabConfig) -> Ledger | None:
    """The ledger, if there is one that can be read."""
    path = config.folders.data / "nights.sqlite"
    return harmless(lambda: Ledger(path, config.folders.journal)) if path.exists() else None


def ended(code: int) -> str:
    """How a process ended, for people.

    >>> ended(-9), ended(1)
    ('by SIGKILL', 'with code 1')
    """
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
