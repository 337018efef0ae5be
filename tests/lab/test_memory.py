"""What the session remembers survives it."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plans as bp

from lab.memory import Memory

CHILD = """
import os, signal, sys
from lab.memory import Memory
memory = Memory(sys.argv[1])
memory["scan_id"] = 41
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_scan_numbers_go_on_after_a_kill(tmp_path):
    path = tmp_path / "memory.sqlite"
    ended = subprocess.run([sys.executable, "-c", CHILD, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    memory = Memory(path)
    engine = RunEngine(memory, context_managers=[])
    starts = []
    engine.subscribe(lambda name, doc: starts.append(doc), "start")
    engine(bp.count([]))
    assert starts[0]["scan_id"] == memory["scan_id"] == 42
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join()
    engine.loop.close()
    memory.close()


def test_it_is_a_dictionary_of_documents(tmp_path):
    memory = Memory(tmp_path / "memory.sqlite")
    memory.update({"operator": "Ida", "edges_um": (0, np.float64(2.5))})
    memory["operator"] = "Jo"
    assert dict(memory) == {"operator": "Jo", "edges_um": [0, 2.5]}
    del memory["operator"]
    with pytest.raises(KeyError):
        del memory["operator"]
    with pytest.raises(TypeError, match=r"lens\[0\] is object"):
        memory["lens"] = [object()]
    with pytest.raises(TypeError, match="keys are text"):
        memory[1] = 2
    assert list(memory) == ["edges_um"]
    memory.close()
