"""`python -m devices.iocs`: options, the table of PVs, and refusals with one clear sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HOUSE, house


def run(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "devices.iocs", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=HOUSE)


def test_every_writable_number_has_limits_or_is_a_command(tmp_path):
    table = run("--list-pvs", "--config", str(house(tmp_path))).stdout.splitlines()
    writable = [line for line in table if "read/write" in line]
    commands = ("Stop", "Reset", "ReadSync", "Acquire", "Trip", "Command", "Owner", "Beat", "Emission", "Snake", "Arm")
    commands += ("Check", "Warm", "Lamp", "Begin", "Rest", "Optics")
    words = ("Wiring", "Mounted", "filters:", "ScanKind", "Counting", "Pattern", "Step")
    unlimited = [line for line in writable if ".." not in line and not any(w in line for w in (*commands, *words))]
    assert len(table) > 80 and unlimited == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "nonsense"], "nonsense"),
        (["--speed", "-1"], "--speed -1"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path, words, message):
    told = run("--check", "--folder", str(tmp_path), *words)
    assert told.returncode == 2 and message in told.stderr and "Traceback" not in told.stderr


def test_half_written_files_are_named(tmp_path):
    config = house(tmp_path)
    text = config.read_text()
    config.write_text(text[: text.index("[storage]") + 12])
    told = run("--check", "--config", str(config))
    assert told.returncode == 2 and str(config) in told.stderr and "Traceback" not in told.stderr
    preset = Path(tmp_path / "half.toml")
    preset.write_text('base = "A"\n[sample.qd\n')
    told = run("--check", "--config", str(house(tmp_path / "b")), "--preset", str(preset))
    assert told.returncode == 2 and "half.toml" in told.stderr and "Traceback" not in told.stderr
