"""What pyproject.toml cannot say: the profile travels inside `lab`, with the commit it was built from.

`profile/` is no package: with an `__init__.py`, or at the top of an installation, it would hide the standard library's.
"""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
COMMIT = Path("lab") / "commit.txt"
PROFILE = ("*.py", "*.toml", "startup/*.py", "startup/user_group_permissions.yaml")


def commit() -> str:
    """What git calls this checkout; in an unpacked source distribution, what it was called there."""
    if not (HERE / ".git").exists():
        return (HERE / COMMIT).read_text(encoding="ascii") if (HERE / COMMIT).exists() else ""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=12"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=own)
    return told.stdout.strip()


def copies(target: Path) -> dict[Path, Path]:
    """The files of the profile, and where each goes below a folder of packages."""
    found = [path for pattern in PROFILE for path in sorted((HERE / "profile").glob(pattern))]
    return {path: target / "lab" / path.relative_to(HERE) for path in found}


class Build(build_py):
    """Packages, and the profile inside `lab`; an editable installation reads that of the checkout."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for source, target in copies(Path(self.build_lib)).items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        if told := commit():
            (Path(self.build_lib) / COMMIT).write_text(told, encoding="ascii")

    def get_outputs(self, include_bytecode=1):
        return [*super().get_outputs(include_bytecode), *map(str, copies(Path(self.build_lib)).values())]


class Source(sdist):
    """Sources, with the commit they are of."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        if told := commit():
            (Path(base_dir) / COMMIT).write_text(told, encoding="ascii")


setup(cmdclass={"build_py": Build, "sdist": Source})
