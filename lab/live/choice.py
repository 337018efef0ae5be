"""Which screen shows the live pictures: as asked for, or what fits the place where the session runs."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices.iocs.config import DISPLAYS
from lab.live.screens import Files, Inline, Nowhere, Screen, publish_in_notebook, say

PROBE = "from PySide6.QtWidgets import QApplication; QApplication([])"
PROBE_S = 30.0


class DisplayError(ValueError):
    """No such display; the message names those there are."""


def screen_for(display: str, folder: Path) -> Screen:
    """The screen that is asked for; files, and one sentence, where windows cannot be opened.

    DisplayError for a name that is none of "auto", "files", "inline", "qt", "none".
    """
    if display not in DISPLAYS:
        names = ", ".join(f'"{name}"' for name in DISPLAYS)
        raise DisplayError(f"display={display!r}: choose one of {names}")
    match fitting(shell_of_user(), os.environ, sys.platform) if display == "auto" else display:
        case "none":
            return Nowhere()
        case "inline":
            return Inline(publish_in_notebook)
        case "qt":
            return windows_or_files(folder)
    return Files(folder)


def shell_of_user() -> str:
    """Where commands are typed: "notebook", "terminal", or "" in a script."""
    if "IPython" not in sys.modules:
        return ""
    from IPython import get_ipython  # pyright: ignore[reportPrivateImportUsage]

    shell: Any = get_ipython()
    if shell is None:
        return ""
    return "notebook" if hasattr(shell, "kernel") else "terminal"


def fitting(shell: str, environment: Mapping[str, str], platform: str) -> str:
    """The display that fits: in a notebook inline, at a prompt on a desktop windows, anywhere else files.

    >>> fitting("terminal", {"DISPLAY": ":0"}, "linux"), fitting("terminal", {"SSH_CONNECTION": "..."}, "darwin")
    ('qt', 'files')
    """
    if shell == "notebook":
        return "inline"
    on_desktop = platform in ("win32", "darwin") or "DISPLAY" in environment or "WAYLAND_DISPLAY" in environment
    far = "SSH_CONNECTION" in environment or "SSH_TTY" in environment  # a window would cross the network
    return "qt" if shell == "terminal" and on_desktop and not far else "files"


def windows_or_files(folder: Path) -> Screen:
    """Windows, if Qt can open one; else files."""
    if why_not := why_no_windows():
        say(f"live pictures are files, {folder / 'live.png'}: {why_not}")
        return Files(folder, tell=lambda sentence: None)
    from lab.live.qt import Windows

    return Windows()


def why_no_windows() -> str:
    """Why Qt cannot open windows here, "" if it can; asked of another process: Qt ends the one in which it fails."""
    try:
        command = [sys.executable, "-c", PROBE]
        probe = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PROBE_S)
    except subprocess.TimeoutExpired:
        return f"Qt did not answer within {PROBE_S:g} s"
    if probe.returncode == 0:
        return ""
    if "ModuleNotFoundError" in probe.stderr:
        return "PySide6 is not installed; pip install luminescope[desktop] brings it"
    lines = [line for line in probe.stderr.splitlines() if line.strip()]
    return f"Qt cannot open a window ({lines[0].strip() if lines else f'exit {probe.returncode}'})"
