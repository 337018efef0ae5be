"""`python -m lab.night [QUEUE]`: a night of measurements that goes on whatever dies.

QUEUE is a .toml file of items, or a .py file with `def tonight(lab)` that returns them. Without it the night that is
not finished goes on, or profile/overnight.py begins.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import devices  # noqa: F401  (chooses the Channel Access layer, before anything imports ophyd)
from lab.config import ConfigError, read
from lab.home import called, usual_config


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=called("python -m lab.night"), description="A night that survives what dies.")
    parser.add_argument("queue", nargs="?", type=Path, help="a queue file, .toml or .py")
    parser.add_argument("--config", type=Path, default=usual_config(), help="facts of the lab")
    parser.add_argument("--name", help="of the night; without it the date")
    parser.add_argument("--new", action="store_true", help="give up the night that is not finished")
    parser.add_argument("--explain", action="store_true", help="tell what the night would do; nothing moves")
    parser.add_argument("--status", action="store_true", help="tell how the night stands, from what is on disk")
    parser.add_argument("--preset", help="the twin: a built-in name or a TOML file; further samples after commas")
    parser.add_argument("--seed", type=int, help="root seed of the twin")
    parser.add_argument("--speed", type=float, help=f"simulated seconds per second; {math.inf}: no waiting")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--go-on", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    from lab.night.entry import name_problem

    given = parse(argv)
    if given.name and (problem := name_problem(given.name)):
        sys.stderr.write(f"{problem}\n")
        return 2
    if given.child or given.explain:
        from lab.night.child import run

        return run(given)
    try:
        config = read(given.config)
    except ConfigError as why:
        sys.stderr.write(f"{why}\n")
        return 2
    if given.status:
        return told(config)
    return kept(config, list(sys.argv[1:] if argv is None else argv))


def kept(config, words: list[str]) -> int:
    """The night, with this process as its keeper; one keeper at a time."""
    from lab.lock import RigLock, RigLocked
    from lab.night.keeper import Keeper

    try:
        with RigLock(config.folders.night / "keeper.lock"):
            return Keeper(config, [sys.executable, "-m", "lab.night", "--child", *words]).keep()
    except RigLocked as why:
        sys.stderr.write(f"a night goes on already: {why}\n")
        return 2


def told(config) -> int:
    """How the newest night stands."""
    from lab.night.keeper import opened_ledger
    from lab.night.overview import overview

    ledger = opened_ledger(config)
    names = ledger.names() if ledger is not None else []
    sys.stdout.write(overview(ledger.night(names[-1])) if ledger is not None and names else "there was no night yet\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
