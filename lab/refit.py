"""Many stored runs analysed again, on one computer or on a Dask cluster.

    from distributed import Client
    session.refit([run.uid for run in db(plan_name="flim_raster")], client=Client("tcp://127.0.0.1:8786"))

The workers read the journal and the files of the instruments, so they see the data folder under the same name. They
write nothing: what they find comes back and is stored by the session, as derived runs of the same form as a replay's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import journal
from lab.flim.analyses import FlimAnalyses
from lab.flim.results import FlimResult, IrfResult
from lab.spectra.analyses import SpectralAnalyses
from lab.spectra.results import SpectralResult
from lab.stored import whereabouts

Result = FlimResult | IrfResult | SpectralResult
Record = Callable[[str, dict], None]


@dataclass(frozen=True)
class Analysed:
    """What a worker found: the result, and the documents of the derived run that holds it."""

    result: Result
    documents: tuple[tuple[str, dict[str, Any]], ...]


def refit(uids: Iterable[str], *, folder: Path, record: Record, client: Any = None) -> list[Result]:
    """Analyse runs again with this version of the code; their derived runs are recorded in the order of `uids`.

    folder : the journal's
    record : takes the documents of the derived runs
    client : `distributed.Client` of a cluster; None: in this process, one after the other

    LookupError, before anything is analysed, if a run is not in the journal or has no such analysis.
    """
    uids = list(uids)
    for uid in uids:
        check(folder, uid)
    results = []
    for found in analysed(str(folder), uids, client):
        for name, doc in found.documents:
            record(name, doc)
        results.append(found.result)
    return results


def analysed(folder: str, uids: list[str], client: Any) -> Iterator[Analysed]:
    """Each run's analysis, in order, wherever it is done."""
    if client is None:
        yield from (analyse(folder, uid) for uid in uids)
        return
    futures = client.map(analyse, [folder] * len(uids), uids, pure=False)
    yield from (future.result() for future in futures)


def check(folder: Path, uid: str) -> None:
    """Raise LookupError unless the run is there, has ended, and is a raster or a spectrum."""
    path = journal.path_of(folder, uid)
    if path is None:
        raise LookupError(f"run {uid[:8]} is not in the journal {folder}; give whole uids of runs of this lab")
    if journal.state(path) != "complete":
        raise LookupError(f"run {uid[:8]} has not ended; refit it later")
    start = next(doc for name, doc in journal.read(path) if name == "start")
    if not looking(FlimAnalyses(nothing, discard, discard), SpectralAnalyses(nothing, discard), start):
        raise LookupError(f"run {uid[:8]} is a {start.get('plan_name')}: only rasters and spectra are refitted here")


def analyse(folder: str, uid: str) -> Analysed:
    """The analysis of one run, in whatever process; nothing is written."""

    def documents(of: str) -> Iterator[tuple[str, dict]]:
        return whereabouts.documents(Path(folder).parent, of)

    derived: list[tuple[str, dict]] = []
    flim = FlimAnalyses(documents, lambda name, doc: derived.append((name, doc)), discard)
    spectra = SpectralAnalyses(documents, lambda name, doc: derived.append((name, doc)))
    live, exit_status = None, "open"
    for name, doc in documents(uid):
        live = looking(flim, spectra, doc)[0] if name == "start" else live
        exit_status = doc["exit_status"] if name == "stop" else exit_status
        if live is not None:
            live(name, doc)
    result = (flim if uid in flim.live else spectra).result_of(uid, exit_status)
    if result is None:
        raise RuntimeError(f"run {uid[:8]} could not be analysed; the log says why")
    return Analysed(result, tuple(derived))


def looking(flim: FlimAnalyses, spectra: SpectralAnalyses, start: dict[str, Any]) -> list[Callable[[str, dict], Any]]:
    """What looks at a run."""
    spectrum = spectra.of_run(start, in_place=True)
    return [*flim.of_run(start, in_place=True), *([] if spectrum is None else [spectrum])]


def nothing(uid: str) -> Iterator[tuple[str, dict]]:
    """The documents of no run."""
    return iter(())


def discard(*_: Any) -> None:
    """Take what nobody wants."""
