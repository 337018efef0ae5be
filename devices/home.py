"""Where a lab is: its lab.toml, the house its paths start at, the profile that comes with the package.

In a checkout the profile lies beside the packages; an installed package carries a copy, which nothing writes to.
Standard library only.
"""

import os
import sys
from pathlib import Path

VARIABLE = "LUMINESCOPE_CONFIG"
HOUSE = Path(__file__).resolve().parents[1]  # a checkout, or the folder that packages are installed in
IS_CHECKOUT = (HOUSE / "pyproject.toml").is_file() and (HOUSE / "profile" / "lab.toml").is_file()
PROFILE = HOUSE / "profile" if IS_CHECKOUT else HOUSE / "lab" / "profile"


def usual_config() -> Path:
    """The lab.toml of whoever names none: $LUMINESCOPE_CONFIG, else ./profile/lab.toml, else that of the package."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    here = Path.cwd() / "profile" / "lab.toml"
    return here if here.is_file() else PROFILE / "lab.toml"


def is_packaged(file: Path | None) -> bool:
    """Whether a lab.toml is the copy inside an installed package: nothing may be written near it."""
    return file is not None and not IS_CHECKOUT and file.resolve().is_relative_to(PROFILE)


def house_of(file: Path) -> Path:
    """Where the relative paths of a lab.toml start: above its `profile/`; for that of a package, the current folder."""
    return Path.cwd() if is_packaged(file) else file.resolve().parent.parent


def in_profile(file: Path | None, name: str) -> Path:
    """A file or folder of the profile of a lab, such as `overnight.py`; that of the package if the lab has none."""
    own = file.resolve().parent / name if file is not None else PROFILE / name
    return own if own.exists() else PROFILE / name


def called(usual: str) -> str:
    """How a command was called, for its help: `usual`, unless it came through the command `luminescope`."""
    return sys.argv[0] if sys.argv[0].startswith("luminescope ") else usual
