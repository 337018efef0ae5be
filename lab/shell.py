"""The command `luminescope`: one word for each thing one does with a lab from a shell.

Thin: it finds the lab, says which, and hands the rest of the line to the module that does the work.
"""

import argparse
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.config import ConfigError, LabConfig, read
from lab.home import PROFILE, VARIABLE, in_profile, is_packaged, usual_config
from lab.new import new
from lab.version import code_version

INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


@dataclass(frozen=True)
class Command:
    """What a word does: `run` gets the rest of the line and the lab, or None where no lab is needed."""

    about: str
    run: Callable[[list[str], LabConfig | None], int]
    needs_lab: bool = True


def module(name: str, *words: str, data: bool = False) -> Callable[[list[str], LabConfig | None], int]:
    """A command that is `python -m name`; `data`: without arguments it looks at the data folder of the lab."""

    def run(rest: list[str], config: LabConfig | None) -> int:
        usual = [str(config.folders.data)] if data and not rest and config is not None else []
        sys.argv[1:] = [*words, *usual, *rest]
        runpy.run_module(name, run_name="__main__")
        return 0

    return run


def demo(rest: list[str], config: LabConfig | None) -> int:
    """The whole paper on the twin, into ./demo."""
    sys.argv[1:] = rest
    runpy.run_path(str(PROFILE / "demo.py"), run_name="__main__")
    return 0


def prompt(rest: list[str], config: LabConfig | None) -> int:
    """The session in IPython: the profile of the lab if it has one, else that of the package in its data folder."""
    from IPython import start_ipython

    if config is None:
        start_ipython(rest)
        return 0
    startup = in_profile(config.file, "startup")
    profile = startup.parent
    if bare := is_packaged(profile / "lab.toml"):
        profile = config.folders.data / "ipython"
        profile.mkdir(parents=True, exist_ok=True)
    scripts = [str(path) for path in sorted(startup.glob("*.py"))] if bare else []
    start_ipython([f"--profile-dir={profile}", "--no-banner", f"--InteractiveShellApp.exec_files={scripts}", *rest])
    return 0


COMMANDS = {
    "new": Command("write a lab of your own: FOLDER/profile with lab.toml, samples, a night", new, needs_lab=False),
    "demo": Command("measure the whole paper on the twin, into ./demo: seven minutes", demo),
    "lab": Command("open the session: RE, microscope, fs5, db and all plans", prompt),
    "night": Command("measure through the night: QUEUE.toml, QUEUE.py, or what is unfinished", module("lab.night")),
    "panic": Command("dark, now: shutter closed, lasers on standby, latched", module("lab.panic")),
    "check": Command("speak to every instrument, without light or motion", module("devices.iocs", "--check")),
    "view": Command("show runs, images and the queue in a browser, read only", module("lab.view")),
    "past": Command("open recorded data without instruments: FOLDER", module("lab.past", data=True)),
    "figures": Command("draw every figure again from the runs it came from: FOLDER", module("lab.figures", data=True)),
    "export": Command("write a run as a file: FOLDER UID FILE", module("lab.export")),
    "import": Command("make runs of old files: FOLDER --sample NAME", module("lab.imports")),
    "queue": Command("serve a queue for several operators", module("lab.queue_server")),
}
OF_A_FOLDER = ("past", "figures", "export")  # they look into the folder that they are given, whatever lab there is
EPILOG = f"""Each of them finds the lab by itself: ${VARIABLE}, else profile/lab.toml in the current folder, else the
simulated lab that comes with the package, with its data in ./data. `luminescope COMMAND --help` tells the options.

begin with
  luminescope demo                 the figures and numbers of the paper, measured on the twin
  luminescope new mylab && cd mylab && luminescope lab"""


def parser() -> argparse.ArgumentParser:
    """The line of `luminescope`: a word, and what is for that word."""
    told = "\n".join(f"  {name:9} {command.about}" for name, command in COMMANDS.items())
    made = argparse.ArgumentParser(
        prog="luminescope",
        usage="luminescope COMMAND [...]",
        description=f"A photoluminescence lab: measured, analysed, kept.\n\ncommands\n{told}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"luminescope {code_version()}")
    made.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    made.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return made


def which(rest: Sequence[str], *, data: bool = True) -> LabConfig:
    """The lab that is meant, told in a line, with its data folder if `data`; ConfigError if it cannot be read."""
    named = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    named.add_argument("--config", type=Path)
    config = read(named.parse_known_args(rest)[0].config or usual_config())
    place = "the simulated lab of the package" if is_packaged(config.file) else f"the lab of {config.file}"
    sys.stderr.write(f"{place}; data in {config.folders.data}\n" if data else f"{place}\n")
    os.environ.setdefault(VARIABLE, str(config.file))
    return config


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; its own exit code, 2 for a line or a lab that makes no sense, 130 after Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        given = parser().parse_args(words or ["--help"])
        command = COMMANDS[given.command]
        sys.argv[:] = [f"luminescope {given.command}", *given.rest]
        asks = {"-h", "--help"} & set(given.rest)
        named = given.command in OF_A_FOLDER and given.rest and not given.rest[0].startswith("-")
        looks = command.needs_lab and not asks and not named
        config = which(given.rest, data=command.run is not demo) if looks else None
        return command.run(given.rest, config)
    except ConfigError as why:
        sys.stderr.write(f"{why}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
