"""`python -m bench.kills [--queue films|dots] [--kills 100] [--speed 10]`: a night whose processes are killed at random
moments, beside the same night that was left alone.

Both nights have one seed and one queue. Whoever is killed, session, keeper, light, bench, their supervisor or storage,
the night goes on. In the end every line of every raster must have been recorded once, and with the same photons, bit
for bit, as in the quiet night; so must every image, and every row of every dot.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.recorded import Recorded, recorded

HOUSE = Path(__file__).resolve().parents[1]
VICTIMS = ("session", "light", "bench", "supervisor", "storage", "keeper")
DARK_WITHIN_S = 2.0

FILMS = """\
[[item]]
plan = "irf"
min_counts = 20000

[[item]]
plan = "flim_raster"
sample = "A"
extent_um = 12
n_pixels = 24
dwell_ms = 20
n_scans = {n_scans}

[[item]]
plan = "find_emitters"
sample = "single"
extent_um = 6
n_pixels = 40

[[item]]
plan = "flim_raster"
sample = "B"
extent_um = 12
n_pixels = 24
dwell_ms = 20
n_scans = {n_scans}
"""

DOTS = """\
[[item]]
plan = "qd_campaign"
sample = "single"
extent_um = 6
search = {{n_pixels = 30}}
max_emitters = {n_scans}
hbt = {{target_err_ns = 2.0, max_time_s = 60}}
blinking = {{duration_s = 20}}
"""

QUEUES = {"films": (FILMS, "raster"), "dots": (DOTS, "hbt")}  # with the wiring that each needs


def main() -> int:
    """Both nights, compared; 0 if they agree."""
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--speed", type=float, default=10.0, help="of the night that is disturbed")
    parser.add_argument("--scans", type=int, default=20, help="of each raster, or dots; more give more to disturb")
    parser.add_argument("--queue", choices=sorted(QUEUES), default="films", help="what the night measures")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and victims")
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="kills-"))
    queue, wiring = QUEUES[asked.queue]
    wished = {"queue": queue.format(n_scans=asked.scans), "wiring": wiring}
    quiet = measured(house(folder / "quiet", **wished, speed="inf"))
    disturbed_house = house(folder / "disturbed", **wished, speed=asked.speed)
    disturber = Disturber(disturbed_house, asked.kills, random.Random(asked.seed))
    disturbed = measured(disturbed_house, disturber)
    problems = [*differences(quiet, disturbed), *disturber.too_bright]
    if not quiet.rows or disturber.n_kills < asked.kills:
        problems.append(f"{disturber.n_kills} of {asked.kills} kills, {len(quiet.rows)} rows: the night was too short")
    print(f"{disturber.n_kills} kills ({disturber.told()}), {len(quiet.rows)} rows in the quiet night")
    print(f"dark {disturber.longest_s:.2f} s after a kill at the latest")
    print(f"{len(disturbed.rows)} rows in the other, {len(disturbed.twice)} measured twice, in {disturbed.n_runs} runs")
    print("\n".join(problems) if problems else "the same photons, bit for bit")
    return 1 if problems else 0


def house(folder: Path, queue: str, *, speed: float | str, wiring: str = "raster") -> Path:
    """A house of its own for a night, with its queue; returns its folder."""
    profile = folder / "profile"
    profile.mkdir(parents=True)
    text = (HOUSE / "profile" / "lab.toml").read_text()
    for port in ("5364", "5366", "8365", "8367"):
        text = text.replace(f"port = {port}", "port = 0")
    text = text.replace("speed = inf ", f"speed = {speed} ").replace('wiring = "raster" ', f'wiring = "{wiring}" ')
    (profile / "lab.toml").write_text(text)
    (profile / "samples.toml").write_text((HOUSE / "profile" / "samples.toml").read_text())
    (folder / "queue.toml").write_text(queue)
    return folder


def start_night(folder: Path) -> subprocess.Popen:
    """`make night` in a house."""
    variables = {**os.environ, "LUMINESCOPE_CONFIG": str(folder / "profile" / "lab.toml")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with (folder / "night.log").open("ab") as log:
        command = [sys.executable, "-m", "lab.night", str(folder / "queue.toml")]
        return subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=HOUSE, start_new_session=True)


def measured(folder: Path, disturber: "Disturber | None" = None) -> Recorded:
    """Let a night end, starting it again whenever its keeper was killed; what it recorded."""
    while True:
        keeper = start_night(folder)
        if disturber is not None:
            disturber.disturb(keeper)
        code = keeper.wait()
        if code != -signal.SIGKILL and (code != 1 or disturber is None):  # 1: its processes died too often
            break
    if code:
        raise SystemExit(f"the night in {folder} ended with {code}; see {folder / 'night.log'}")
    return recorded(folder / "data" / "journal")


class Disturber:
    """Kills a random process at random moments, and looks whether it is dark soon after."""

    def __init__(self, folder: Path, kills: int, moments: random.Random):
        self.folder, self.kills, self.moments = folder, kills, moments
        self.by_victim = dict.fromkeys(VICTIMS, 0)
        self.longest_s = 0.0
        self.too_bright: list[str] = []

    @property
    def n_kills(self) -> int:
        return sum(self.by_victim.values())

    def told(self) -> str:
        return ", ".join(f"{victim} {n}" for victim, n in self.by_victim.items())

    def disturb(self, keeper: subprocess.Popen):
        """In a thread of its own, until the keeper ends or all kills are done."""
        threading.Thread(target=self.work, args=(keeper,), daemon=True).start()

    def work(self, keeper: subprocess.Popen):
        while keeper.poll() is None and self.n_kills < self.kills:
            time.sleep(self.moments.uniform(0.5, 6.0))
            victim = self.moments.choice(VICTIMS)
            pid = keeper.pid if victim == "keeper" else self.pid_of(victim)
            if keeper.poll() is None and pid and self.is_lit():  # then a kill hurts most
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.by_victim[victim] += 1
                    self.expect_dark(victim)

    def is_lit(self) -> bool:
        from devices.iocs.twin.beam import BeamReader

        beam = self.folder / "data" / "run" / "beam.bin"
        return beam.exists() and BeamReader(beam).read().lit

    def expect_dark(self, victim: str):
        """Light may go on where the victim is not needed for it; else it must be dark in time."""
        if victim == "storage":
            return
        began = time.monotonic()
        while self.is_lit() and time.monotonic() - began < 10 * DARK_WITHIN_S:
            time.sleep(0.02)
        lit_s = time.monotonic() - began
        self.longest_s = max(self.longest_s, lit_s)
        if lit_s > DARK_WITHIN_S:
            self.too_bright.append(f"light for {lit_s:.2f} s after the {victim} was killed")

    def pid_of(self, victim: str) -> int:
        run = self.folder / "data" / "run"
        try:
            if victim in ("light", "bench"):
                return json.loads((run / f"{victim}.json").read_text())["pid"]
            if victim == "session":
                return json.loads((self.folder / "data" / "rig.lock").read_text())["pid"]
            return json.loads((run / "lab.json").read_text())["iocs" if victim == "supervisor" else "storage"]["pid"]
        except (OSError, ValueError, KeyError):
            return 0


def differences(quiet: Recorded, disturbed: Recorded) -> Iterator[str]:
    """What is not the same, in sentences."""
    for key in sorted(set(quiet.rows) | set(disturbed.rows)):
        before, after = quiet.rows.get(key), disturbed.rows.get(key)
        if before is None or after is None:
            yield f"{key}: {'not in the quiet night' if before is None else 'lost'}"
        elif before != after:
            yield f"{key}: other photons"
    yield from (f"{key}: recorded twice" for key in disturbed.twice)
    yield from (f"run {uid[:8]}: no stop document" for uid in disturbed.endless)


if __name__ == "__main__":
    sys.exit(main())
