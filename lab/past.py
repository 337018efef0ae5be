"""A door to past data, without instruments: last year's folder, a copy on a laptop, the lab that is measuring now.

    past = opened("demo/data")
    past.find(plan="hbt", sample="single")
    past.db[-1].image("qd").plot()
    past.close()

    python -m lab.past demo/data         the same at a prompt

Nothing is written into the folder. Storage is served from a copy of its catalog, on a port of its own, for this process
alone; arrays are read where they lie, also if the folder was moved.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lab import server
from lab.home import called
from lab.processes import Service, free_port, spawn, stop

if TYPE_CHECKING:
    import pandas as pd

    from lab.catalog import Catalog, Comparison, Found
    from lab.emitters.registry import EmitterRegistry
    from lab.samples import Samples

WORDS = """\
  find(plan="hbt", since="last week")      runs, newest first; find? tells all words
  db[-1]; db["9f2c"].fit()                 the newest run; the result of any, as the plan returned it
  db[-1].image("qd").plot()                also .decays(), .g2(), .trace(), .spectrum(), .photons()
  compare("9f2c", "41ab")                  settings, code, results, arrays
  notebook("9f2c")                         a notebook that opens this folder and analyses that run
  export(db[-1], "run.nxs")                .csv .ome.tif .ptu .h5 too, for other programs
  whence("figure.png"); rebuild(...)       where a figure comes from; drawn again from its runs
  table_of_emitters(sample="single")       all that is known of every emitter"""


LINKS = ("blank", "reference")
FRIENDLY = "__import__('lab.prompt').prompt.friendly(get_ipython())"


class PastError(RuntimeError):
    """A data folder cannot be opened; the message says what to do."""


class Past:
    """What was measured, by the names it has in a session: db, find, compare, notebook, emitters, samples.

    data : the folder
    """

    def __init__(self, data: Path, storage: Service, temporary: Path, db: Catalog):
        self.data, self.db = data, db
        self._storage, self._temporary, self._closed = storage, temporary, False

    def find(self, text: str | None = None, **words: Any) -> Found:
        """Find runs: see `Catalog.find`."""
        return self.db.find(text, **words)

    def compare(self, one: Any, other: Any) -> Comparison:
        """What differs between two runs: see `Catalog.compare`."""
        return self.db.compare(one, other)

    def notebook(self, uid: Any, folder: str | Path | None = None) -> Path:
        """Write a notebook that analyses a run: see `Catalog.notebook`."""
        return self.db.notebook(uid, folder)

    @cached_property
    def emitters(self) -> EmitterRegistry:
        """The registry of the emitters as it stands now; what is changed in it changes nothing on disk."""
        from lab.emitters.known import copied_registry

        return copied_registry(self.data)

    def table_of_emitters(self, sample: str = "", campaign: str = "", to: str | Path | None = None) -> pd.DataFrame:
        """All that is known of every emitter: see `lab.emitters.known`."""
        from lab.emitters.known import table_of_emitters

        return table_of_emitters(self.emitters, sample, campaign, to=to, data=self.data)

    @cached_property
    def samples(self) -> Samples:
        """The records of the samples, as the newest runs on them noted them."""
        from lab.samples import Samples

        found = Samples(None, runs_of=lambda name: self.db.find(sample=name))
        for name, record in noted(self.db.find()).items():
            found.note(name, **record)
        return found

    def names(self) -> dict[str, Any]:
        """What is bound at the prompt."""
        from lab.export import export, export_all
        from lab.figures import rebuild, whence

        bound = ("db", "find", "compare", "notebook", "table_of_emitters", "emitters", "samples")
        files = {"whence": whence, "rebuild": rebuild, "export": export, "export_all": export_all}
        return {"past": self, **{name: getattr(self, name) for name in bound}, **files}

    def close(self) -> None:
        """End storage; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self.db.v2.context.http_client.close()
        if "emitters" in self.__dict__:
            self.emitters.close()
        stop([self._storage])
        shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return "\n".join([f"{len(self.db)} measurements in {self.data}; no instrument is connected", WORDS])


def noted(runs: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Records of samples from start documents, the newest of each; those that others are compared with come first."""
    records: dict[str, dict[str, Any]] = {}
    for run in runs:
        record = run.start.get("sample")
        if isinstance(record, Mapping) and (name := record.get("name")):
            records[name] = {key: value for key, value in record.items() if key != "name"}
    for record in records.values():
        for link in LINKS:
            if record.get(link) not in records:
                record.pop(link, None)
    return dict(sorted(records.items(), key=lambda item: sum(link in item[1] for link in LINKS)))


def opened(folder: str | Path) -> Past:
    """Open a data folder to read it; close it, or use it in a `with` statement.

    PastError, with what to do, for a folder that is none, or whose catalog is kept elsewhere.
    """
    from lab.catalog import Catalog

    data = checked(Path(folder).expanduser())
    temporary = Path(tempfile.mkdtemp(prefix="luminescope-"))
    storage: Service | None = None
    try:
        copy_catalog(data / "storage" / "catalog.db", temporary / "catalog.db")
        storage = serving(data, temporary)
        address, key = server.url(storage.ports[0]), server.api_key(temporary)
        log = storage.log
        server.wait_until_healthy(address, key, is_alive=lambda: storage is not None and storage.alive, log=log)
        os.environ.setdefault("TILED_RETRY_TIMEOUT", "5")
        return Past(data, storage, temporary, Catalog(server.client(address, key), data / "journal", from_journal=True))
    except BaseException:
        stop([] if storage is None else [storage])
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def checked(folder: Path) -> Path:
    """The data folder that is meant: this one, or the one in it; PastError if there is none."""
    for data in (folder, folder / "data"):
        if (data / "journal").is_dir():
            if (data / "storage" / "catalog.db").exists():
                return data.resolve()
            raise PastError(
                f"{data} has a journal, but no catalog of its own (storage/catalog.db): it was kept in a database, or "
                "never made. Open it with a session once: set [folders] data in lab.toml, then make lab"
            )
    known = "it is not there" if not folder.exists() else "it has no journal"
    raise PastError(f"{folder} is no data folder: {known}; give the folder that lab.toml calls [folders] data")


def copy_catalog(original: Path, copy: Path) -> None:
    """The catalog as it stands, also while a session adds to it; the original is only read."""
    try:
        with (
            closing(sqlite3.connect(f"{original.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.DatabaseError as why:
        raise PastError(
            f"{original} cannot be read ({why}): copy the whole data folder again, or open it with a session, which "
            "makes a new catalog from the journal"
        ) from why


def serving(data: Path, temporary: Path) -> Service:
    """A storage server over the copy; it reads the arrays of the folder, and ends with this process."""
    port = free_port()
    (temporary / "raw").mkdir()
    file = server.write_config(temporary, temporary / "raw", port=port, also_reads=[data])
    variables = server.environment(server.api_key(temporary))
    return spawn(server.command(file), (port,), temporary / "storage.log", variables, False)


def main(arguments: list[str] | None = None) -> int:
    """Open a prompt with the runs of a folder."""
    parser = argparse.ArgumentParser(
        prog=called("python -m lab.past"), description="A prompt with past data, no instruments."
    )
    parser.add_argument("folder", help="the data folder, e.g. demo/data")
    told = parser.parse_args(arguments)
    try:
        past = opened(told.folder)
    except (PastError, server.StorageError) as why:
        parser.exit(1, f"{why}\n")
    with past:
        prompt(past)
    return 0


def prompt(past: Past) -> None:
    """An IPython shell that explains refusals as the lab's own does."""
    from IPython import start_ipython
    from traitlets.config import Config

    config = Config()
    config.TerminalInteractiveShell.banner1 = f"{past!r}\n"
    config.TerminalInteractiveShell.enable_tip = False
    config.InteractiveShellApp.exec_lines = [FRIENDLY]
    start_ipython(argv=[], user_ns=past.names(), config=config)


if __name__ == "__main__":
    raise SystemExit(main())
