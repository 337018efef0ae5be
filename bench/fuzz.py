"""`python -m bench.fuzz NAME [--seconds 60] [--corpus FOLDER]`: coverage-guided fuzzing of what reads foreign bytes.

A reader may refuse with ValueError, and must not hang, crash, or give a value that is none. Needs atheris
(`pip install -e .[fuzz]`, Linux); what it finds is kept as a file and belongs into the tests.
"""

import argparse
import importlib
import math
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


def of_replies(*modules: str, **parsers: Callable[..., Any]) -> Callable[[bytes], None]:
    """A target that takes the bytes for replies of an instrument: a parser's number is finite, whatever it heard."""
    parts = [importlib.import_module(f"devices.iocs.drivers.{name}") for name in modules]

    def target(data: bytes) -> None:
        heard = data.decode("latin-1")
        for parse in parsers.values():
            try:
                found = parse(*parts, heard)
            except ValueError:
                continue
            values = found if isinstance(found, tuple | np.ndarray) else (found,)
            assert all(math.isfinite(one) for one in values if isinstance(one, int | float)), (found, heard)

    return target


def gcs() -> Callable[[bytes], None]:
    """Replies of a PI controller."""
    return of_replies(
        "piezo.gcs",
        numbers=lambda gcs, heard: gcs.numbers(heard, ("1", "2")),
        flags=lambda gcs, heard: gcs.flags(heard, ("1", "2")),
        error=lambda gcs, heard: gcs.error_code(heard),
        bits=lambda gcs, heard: gcs.bits(heard),
        ready=lambda gcs, heard: gcs.ready(heard),
        recording=lambda gcs, heard: gcs.recording(heard, n_samples=2, n_tables=1),
    )


def lasers() -> Callable[[bytes], None]:
    """Replies of Cobolt, OBIS and Sapphire."""
    return of_replies(
        "light.cobolt",
        "light.obis",
        "light.sapphire",
        watt=lambda cobolt, obis, sapphire, heard: cobolt.watt(cobolt.line(heard)),
        fault=lambda cobolt, obis, sapphire, heard: cobolt.fault_code(cobolt.line(heard)),
        interlock=lambda cobolt, obis, sapphire, heard: cobolt.interlock_word(cobolt.line(heard)),
        value=lambda cobolt, obis, sapphire, heard: cobolt.watt(obis.value(heard)),
        bits=lambda cobolt, obis, sapphire, heard: obis.bits(obis.value(heard)),
        state=lambda cobolt, obis, sapphire, heard: sapphire.state(sapphire.line(heard, "?sta")),
    )


def thorlabs() -> Callable[[bytes], None]:
    """Replies of a filter wheel and a shutter."""
    return of_replies(
        "wires.thorlabs",
        "light.sc10",
        position=lambda thorlabs, sc10, heard: thorlabs.whole_number(heard, "pos?", 1, 6),
        enabled=lambda thorlabs, sc10, heard: sc10.enabled(heard),
        done=lambda thorlabs, sc10, heard: thorlabs.done(heard, "pos=3"),
    )


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "t3r": lambda: of_file(".t3r"),
    "thd": lambda: of_file(".thd"),
    "ptu": lambda: of_file(".ptu"),
    "fluoracle": lambda: of_file(".txt"),
    "gcs": gcs,
    "lasers": lasers,
    "thorlabs": thorlabs,
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
