"""The lab of emulated instruments, in a process of its own: sessions of one process share one Channel Access client."""

import os
import subprocess
import sys

import pytest

from tests.conftest import HOUSE


@pytest.mark.timeout(600)
def test_plans_run_unchanged_through_wires():
    alone = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-x", "tests/lab/wired_lab.py"]
    told = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HOUSE, env=alone)
    assert told.returncode == 0, told.stdout + told.stderr
