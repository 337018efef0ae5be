"""`python -m devices.iocs`: serve every instrument of the lab on loopback Channel Access.

Two processes: the light (lasers and shutter) and the bench (everything else), under one supervisor that restarts
what dies. Each can be run alone, on its own PC, with ``--only``.
"""

import argparse
import json
import logging
import math
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from devices.home import called, usual_config
from devices.iocs.backing import check_backends, twin_facts
from devices.iocs.checklist import checked, say
from devices.iocs.config import ConfigError, LabConfig, read
from devices.iocs.making import BEAM, DOTS, MEMORY, WORLD, leave_real, make_bench, make_light
from devices.iocs.mixes import real
from devices.portable import remove


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line of the IOCs; what is not given stands in lab.toml."""
    parser = argparse.ArgumentParser(
        prog=called("python -m devices.iocs"), description="Serve every instrument of the lab on loopback."
    )
    parser.add_argument("--config", type=Path, default=usual_config(), help="facts of the lab")
    parser.add_argument(
        "--preset", help="the twin: a built-in name or a TOML file; further samples after commas (A,mine.toml)"
    )
    parser.add_argument("--seed", type=int, help="root seed of the twin")
    parser.add_argument("--speed", type=float, help="simulated seconds per second; inf: no waiting")
    parser.add_argument("--truth", type=Path, help="seal the twin's truth into this file (for tests only)")
    parser.add_argument("--folder", type=Path, help="where this lab keeps its process files (default: data/run)")
    parser.add_argument("--raw", type=Path, help="where histogram files go (default: raw beside the folder)")
    parser.add_argument("--light-port", type=int, help="Channel Access port of the light process; 0: any free one")
    parser.add_argument("--bench-port", type=int, help="Channel Access port of the bench process; 0: any free one")
    parser.add_argument("--only", choices=("light", "bench"), help="serve one part in this process")
    parser.add_argument("--resume", action="store_true", help="go on in the twin's world as it was left")
    parser.add_argument("--list-pvs", action="store_true", help="print every PV with unit, limits and meaning")
    parser.add_argument("--check", action="store_true", help="check the file and every real instrument, then stop")
    parser.add_argument(
        "--known-delay", type=float, metavar="NS", help="with --check: find which way the card counts, by this delay"
    )
    return parser.parse_args(argv)


def free_port() -> int:
    """A port that is free for UDP and TCP at once."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(("127.0.0.1", tcp.getsockname()[1]))
            except OSError:
                continue
            return tcp.getsockname()[1]


def settle(options: argparse.Namespace, config: LabConfig) -> argparse.Namespace:
    """Fill what the command line left open from the configuration."""
    given = vars(options)
    twin, ports = config.twin, config.channel_access
    defaults = {
        "preset": twin.preset,
        "seed": twin.seed,
        "speed": twin.speed,
        "folder": config.folders.run,
        "light_port": ports.light_port,
        "bench_port": ports.bench_port,
    }
    filled = given | {key: value for key, value in defaults.items() if given[key] is None}
    filled["raw"] = filled["raw"] or config.folders.raw
    for key in ("light_port", "bench_port"):
        filled[key] = filled[key] or free_port()
    check_backends(config)
    if not (filled["seed"] >= 0):
        raise ConfigError(f"--seed {filled['seed']}: must be a whole number from 0 on")
    if not (filled["speed"] > 0 or math.isinf(filled["speed"])):
        raise ConfigError(f"--speed {filled['speed']}: must be positive, 1 is real time, inf does not wait")
    return argparse.Namespace(**filled)


def arguments(options: argparse.Namespace) -> list[str]:
    """The settled options as a command line for a child."""
    pairs = {key: value for key, value in vars(options).items() if value not in (None, False) and key != "resume"}
    return [word for key, value in pairs.items() for word in (f"--{key.replace('_', '-')}", str(value))]


MAKERS = {"light": make_light, "bench": make_bench}


def pv_table(groups) -> str:
    """One line a PV: name, unit, limits, access, meaning."""
    rows = []
    for group in groups:
        for name, pv in group.pvdb.items():
            units = getattr(pv, "units", "") or ""
            low, high = getattr(pv, "lower_ctrl_limit", 0), getattr(pv, "upper_ctrl_limit", 0)
            limits = f"{low:g}..{high:g}" if low != high else ""
            access = "read" if pv.pvspec.read_only else "read/write"
            rows.append(f"{name:32} {units:8} {limits:16} {access:11} {pv.__doc__ or ''}".rstrip())
    return "\n".join(rows)


def look(options: argparse.Namespace, config: LabConfig) -> str:
    """What --list-pvs and --check say, from instruments built aside: a running lab is not touched."""
    with tempfile.TemporaryDirectory() as aside:
        apart = argparse.Namespace(**vars(options) | {"folder": Path(aside), "truth": None})
        groups = [group for part, make in MAKERS.items() for group in make(apart, config)]
        return f"{pv_table(groups)}\n" if options.list_pvs else f"{len(groups)} instruments: ready\n"


def serve_part(options: argparse.Namespace, config: LabConfig):
    from devices.iocs.server import loopback_environment, serve

    port, other = options.light_port, options.bench_port
    if options.only == "bench":
        port, other = other, port
    access, places = config.channel_access, ()
    if access.elsewhere:
        places = (f"{access.light_host}:{options.light_port}", f"{access.bench_host}:{options.bench_port}")
    os.environ.update(loopback_environment(port, [other], host=access.host, elsewhere=places))
    about = {"twin": twin_facts(config, options.preset, options.seed)}
    groups, ready = MAKERS[options.only](options, config), options.folder / f"{options.only}.json"
    try:
        serve(groups, port=port, host=access.host, ready=ready, about=about)
    finally:
        leave_real(groups)


def main(argv: list[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    options = parse(argv)
    try:
        config = read(options.config)
        options = settle(options, config)
        if options.check and real(config):
            return checked(options, config, say)
        if options.list_pvs or options.check:
            sys.stdout.write(look(options, config))
            return 0
        options.folder.mkdir(parents=True, exist_ok=True)
        if options.only:
            serve_part(options, config)
            return 0
    except (ConfigError, ValueError, OSError) as why:
        sys.stderr.write(f"{why}\n")
        return 2
    return supervise(options, config)


def goes_on(folder: Path, world: str) -> bool:
    """Whether the twin left this very world behind."""
    try:
        left = (folder / WORLD).read_text()
    except OSError:
        return False
    if left != world:
        logging.getLogger(__name__).warning("another twin was here (%s): this one (%s) starts anew", left, world)
    return left == world


def forget(folder: Path) -> None:
    """Let the bench start at time zero with fresh dots."""
    for leftover in (BEAM, MEMORY):
        remove(folder / leftover)
    shutil.rmtree(folder / DOTS, ignore_errors=True)


def supervise(options: argparse.Namespace, config: LabConfig) -> int:
    """Both parts, in processes of their own, on a bench that starts anew or, resumed, goes on."""
    from devices.iocs.supervisor import Supervisor, only_one

    with only_one(options.folder):
        world = json.dumps({"preset": options.preset, "seed": options.seed})
        if not (options.resume and goes_on(options.folder, world)):
            forget(options.folder)
            (options.folder / WORLD).write_text(world)
        about = {"twin": twin_facts(config, options.preset, options.seed)}
        return Supervisor(options.folder, arguments(options), about).run()


if __name__ == "__main__":
    # Read by the server when it is imported: see devices.iocs.server.loopback_environment.
    os.environ.setdefault("CAPROTO_SERVER_HIGH_LOAD_TIMEOUT_SEC", "0.001")
    sys.exit(main())
