"""The facts of this lab: the IOCs' own reader of `lab.toml`, so both sides agree."""

from devices.iocs.config import ConfigError, LabConfig, read

__all__ = ["ConfigError", "LabConfig", "read"]
