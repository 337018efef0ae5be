"""A real browser, headless: what a page looks like and holds once its scripts have run."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-default-browser-check",
]
TIMEOUT_S = 60.0


def browser() -> str:
    """The path of a browser; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or pytest.skip(f"there is no browser here (one of {', '.join(NAMES)})")


def run(
    address: str | Path, folder: Path, *options: str, width: int = 1280, height: int = 900, budget_ms: int = 1500
) -> tuple[str, str]:
    """Open a file or URL; returns what the browser wrote, and what it told on its console.

    budget_ms : how long scripts may run, on their own clock, which jumps over what they wait for
    """
    url = address.resolve().as_uri() if isinstance(address, Path) else address
    command = [browser(), *QUIET, f"--user-data-dir={folder / 'browser'}", f"--window-size={width},{height}"]
    command += ["--enable-logging=stderr", f"--virtual-time-budget={budget_ms}", *options, url]
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if ":CONSOLE" in line)


def dom(address: str | Path, folder: Path, **size: int) -> tuple[str, str]:
    """The document after its scripts have run, and the console."""
    return run(address, folder, "--dump-dom", **size)


def screenshot(address: str | Path, to: Path, *options: str, **size: int) -> Path:
    """A picture of the page."""
    run(address, to.parent, f"--screenshot={to}", *options, **size)
    return to


def widths_needed(pages: Sequence[Path], folder: Path, width: int) -> list[int]:
    """How wide the content of each page is in a window of a given width: more means it must be pushed sideways.

    The pages are put into frames of that width, since a window of a desktop browser cannot be as narrow as a phone.
    """
    wrapper = folder / "frames.html"
    frames = "".join(
        f'<iframe src="{page.resolve().as_uri()}" style="width:{width}px;border:0"></iframe>' for page in pages
    )
    measure = "[...document.querySelectorAll('iframe')].map(f => f.contentDocument.documentElement.scrollWidth)"
    wrapper.write_text(f"{frames}<script>onload = () => {{ document.title = {measure}.join(' '); }}</script>")
    found, _ = run(wrapper, folder, "--allow-file-access-from-files", "--dump-dom")
    return [int(each) for each in found.partition("<title>")[2].partition("</title>")[0].split()]
