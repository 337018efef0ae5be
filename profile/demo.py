"""The paper on the twin: instrument response, samples A and B, the marked pixels of Fig. 5a; measured | published.

`make demo` runs this; PRESET, SEED, SPEED and TRUTH reach the twin. Everything it writes lies in demo/.
"""

import argparse
import logging
import math
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from lab.session import HOUSE, Session, start
from lab.config import LabConfig, read

DEMO = HOUSE / "demo"
PAPER = {"extent_um": 50, "n_pixels": 100, "dwell_ms": 100, "n_scans": 10, "dark_frame": True}
PIXELS = {"extent_um": 10, "n_pixels": 24, "dwell_ms": 1000, "n_scans": 1, "dark_frame": True}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", default=["A", "B"], help="samples to measure, names or TOML files")
    parser.add_argument("--seed", type=int, help="root seed of the twin")
    parser.add_argument("--speed", type=float, default=math.inf, help="simulated seconds per second")
    parser.add_argument("--truth", type=Path, help="seal the twin's truth into this file")
    return parser.parse_args()


def own_house(config: LabConfig) -> LabConfig:
    """The configuration of the lab, with free ports and a data folder of its own, emptied."""
    shutil.rmtree(DEMO, ignore_errors=True)
    return replace(
        config,
        folders=replace(config.folders, data=DEMO / "data"),
        channel_access=replace(config.channel_access, light_port=0, bench_port=0),
        storage=replace(config.storage, port=0),
    )


