"""`python -m bench.fuzz NAME [--seconds 60] [--corpus FOLDER]`: coverage-guided fuzzing of what reads foreign bytes.

A reader may refuse with ValueError, and must not hang, crash, or give a value that is none. Needs atheris
(`pip install -e .[fuzz]`, Linux); what it finds is kept as a file and belongs into the tests.
"""

import argparse
import importlib
import pkgutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HOUSE = Path(__file__).resolve().parents[1]
LONGEST_S = 10


def of_file(suffix: str) -> Callable[[bytes], None]:
    """A target that reads the bytes as a file."""
    from analysis import formats

    for module in pkgutil.iter_modules(formats.__path__):  # all of them, or the fuzzer would not see into them
        importlib.import_module(f"{formats.__name__}.{module.name}")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))

    def target(data: bytes) -> None:
        path = folder / f"a{suffix}"
        path.write_bytes(data)
        try:
            require_sound(formats.read(path))
        except ValueError:
            return

    return target


def require_sound(read: object) -> None:
    """AssertionError if what was read cannot have been measured."""
    for name in ("macrotime", "nanotime", "route", "counts"):
        values = getattr(read, name, None)
        if values is not None and np.asarray(values).dtype.kind in "iu":
            assert not len(values) or np.min(values) >= 0, name
    for name in ("macrotime_unit_s", "nanotime_unit_s", "bin_width_ns"):
        unit = getattr(read, name, None)
        assert unit is None or np.all(np.isfinite(unit) & (np.asarray(unit) >= 0)), name


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "t3r": lambda: of_file(".t3r"),
    "thd": lambda: of_file(".thd"),
    "ptu": lambda: of_file(".ptu"),
    "fluoracle": lambda: of_file(".txt"),
}


def main(argv: list[str] | None = None) -> None:
    """Fuzz one reader; ends with the fuzzer's own exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("name", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=None, help="folder of examples to begin with; grows")
    asked = parser.parse_args(argv)
    atheris: Any = importlib.import_module("atheris")

    with atheris.instrument_imports(include=["analysis", "devices"]):
        target = TARGETS[asked.name]()
    corpus = asked.corpus or Path(tempfile.mkdtemp(prefix=f"fuzz-{asked.name}-"))
    limits = [f"-max_total_time={asked.seconds}", f"-timeout={LONGEST_S}", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
