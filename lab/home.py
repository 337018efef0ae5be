"""Where this lab is, as the IOCs find it too; where its samples are written down; what the demo may delete."""

import shutil
from pathlib import Path

from devices.home import HOUSE, IS_CHECKOUT, PROFILE, VARIABLE, called, house_of, in_profile, is_packaged, usual_config
from devices.iocs.config import ConfigError, LabConfig
from devices.iocs.mixes import real
from lab.lock import RigLock

__all__ = [
    "HOUSE",
    "IS_CHECKOUT",
    "PROFILE",
    "VARIABLE",
    "called",
    "emptied",
    "house_of",
    "in_profile",
    "is_packaged",
    "samples_file",
    "twin_alone",
    "usual_config",
]


def samples_file(config: LabConfig) -> Path | None:
    """The records of the samples: beside lab.toml; in the data folder, at first a copy, for the lab of a package."""
    if config.file is None:
        return None
    if not is_packaged(config.file):
        return config.file.parent / "samples.toml"
    own = config.folders.data / "samples.toml"
    if not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes((PROFILE / "samples.toml").read_bytes())
    return own


def twin_alone(config: LabConfig) -> LabConfig:
    """The configuration, if all of it is simulated; ConfigError names the instruments that are not.

    What is made for the twin alone moves without looking, and tells numbers that no bench would give.
    """
    if there := real(config):
        raise ConfigError(
            f"{config.file}: instruments.{there[0]}.backend = 'driver' ({len(there)} real: {', '.join(there)}); the "
            "demo measures on the twin alone and moved nothing. Run it where all of them are 'twin': `luminescope new "
            f"FOLDER` makes such a lab, {VARIABLE} names it"
        )
    return config


def emptied(folder: Path) -> Path:
    """The folder of a demo, without what an earlier one left.

    ConfigError if anything else lies there; RigLocked if a demo is running in it.
    """
    lock = folder / "data" / "rig.lock"
    if lock.exists():
        with RigLock(lock):
            pass
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not of a demo (no data/rig.lock in it): move it away, or start elsewhere")
    shutil.rmtree(folder, ignore_errors=True)
    return folder
