"""A lab of one's own: a folder with the facts, samples and plans that its owner edits; data will lie beside them."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.home import PROFILE

FILES = ("lab.toml", "samples.toml", "overnight.py")
STARTUP = ("*.py", "user_group_permissions.yaml")
README = """# {name}

A lab of Luminescope. In this folder:

    luminescope lab      the session; it says what to type
    luminescope night    profile/overnight.py, until the morning
    luminescope check    the instruments of profile/lab.toml, without light or motion

`profile/lab.toml` holds the facts of the lab: all instruments are simulated until it names drivers.
`profile/samples.toml` holds the records of the samples, `profile/startup` what a session binds.
What is measured goes to `data/`: keep it.
"""


def new(argv: Sequence[str] | None = None, _: Any = None) -> int:
    """Write a new lab into a folder; 2 if anything would be overwritten."""
    parser = argparse.ArgumentParser(
        prog="luminescope new", description="Write a lab of your own: profile/ and README."
    )
    parser.add_argument("folder", type=Path, help="a new folder, or one that holds no lab yet")
    folder = parser.parse_args(argv).folder
    try:
        made = write_lab(folder)
    except OSError as why:
        told = f"{why.filename}: {why.strerror}; name a folder where you may write" if why.filename else str(why)
        sys.stderr.write(f"{told}\n")
        return 2
    sys.stdout.write(f"{made} is a lab: cd {folder}, then luminescope lab\n")
    return 0


def write_lab(folder: Path) -> Path:
    """The folder, with a lab in it.

    FileExistsError if there is a `profile` or a `README.md`; NotADirectoryError if `folder` is a file.
    """
    for taken in (folder / "profile", folder / "README.md"):
        if taken.exists():
            raise FileExistsError(f"{taken} is there already and stays as it is: name another folder")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name another folder")
    (folder / "profile" / "startup").mkdir(parents=True)
    found = [PROFILE / name for name in FILES]
    found += [path for pattern in STARTUP for path in sorted((PROFILE / "startup").glob(pattern))]
    for path in found:
        shutil.copyfile(path, folder / "profile" / path.relative_to(PROFILE))
    readme = README.format(name=folder.resolve().name)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return folder
