"""Dark, now, from the shell: `python -m lab.panic`, whatever became of the session.

It asks the light process itself, at the address the running IOCs have left, to close the shutter, to put both lasers on
standby and to latch. No session, no RunEngine and no lease are needed.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from devices.home import called, usual_config
from devices.iocs.config import ConfigError, LabConfig, read

TIMEOUT_S = 3.0
REASON = "panic: called from the shell"
HELP = "switch the laser off at its key"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Which lab: as a session would choose it."""
    parser = argparse.ArgumentParser(
        prog=called("python -m lab.panic"), description="Shutter closed, lasers on standby."
    )
    parser.add_argument("--config", type=Path, default=usual_config(), help="facts of the lab")
    return parser.parse_args(argv)


def light_port(config: LabConfig) -> int | None:
    """Where the light process listens: as the running IOCs say, or else as lab.toml does; None if neither knows."""
    for name, key in (("light.json", "port"), ("iocs.json", "light_port")):
        try:
            return int(json.loads((config.folders.run / name).read_text())[key])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return config.channel_access.light_port or None


def trip(prefix: str, port: int, host: str) -> str:
    """Trip the shutter and look at it; what it reads back."""
    from devices.iocs.server import loopback_environment

    os.environ.update(loopback_environment(port, elsewhere=[f"{host}:{port}"]))
    from caproto.sync.client import read as look
    from caproto.sync.client import write

    write(f"{prefix}shutter:Trip", REASON, timeout=TIMEOUT_S, notify=True, repeater=False)
    return look(f"{prefix}shutter:State", timeout=TIMEOUT_S, repeater=False).data[0].decode()


def main(argv: list[str] | None = None) -> int:
    """0 if the shutter says that it is closed."""
    try:
        config = read(parse(argv).config)
    except ConfigError as why:
        sys.stderr.write(f"{why}\n{HELP}\n")
        return 2
    port = light_port(config)
    if port is None:
        sys.stderr.write(f"no IOCs have left their address in {config.folders.run}: is the lab running? Or {HELP}\n")
        return 1
    try:
        closed = trip(config.channel_access.prefix, port, config.channel_access.hosts[0]) == "closed"
    except Exception as why:
        sys.stderr.write(f"the light process on port {port} does not answer ({why}): {HELP}\n")
        return 1
    if not closed:
        sys.stderr.write(f"the shutter was told to close and says it is open: {HELP}\n")
        return 1
    sys.stdout.write("dark: shutter closed, lasers on standby, latched; microscope.shutter.reset() when it is safe\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
