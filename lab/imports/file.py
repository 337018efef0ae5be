"""One file becomes runs: read, kept, recorded in the journal, analysed."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.formats import read
from analysis.formats.photons import Decays, Photons, Spectrum
from lab.imports.decays import decay_drafts, with_irf
from lab.imports.draft import Draft, documents, filed
from lab.imports.house import House
from lab.imports.known import KnownRun, current, known_run
from lab.imports.originals import kept
from lab.imports.photons import photon_drafts
from lab.imports.provenance import Source, format_of, measured_at
from lab.imports.result import ImportedFile, ImportedRun
from lab.imports.scan import Found, checksum
from lab.imports.spectra import spectrum_drafts
from lab.imports.told import Told
from lab.version import code_version

Content = Photons | Decays | Spectrum
NO_IRF = "no instrument response is told: irf=... names a curve, a file or a run"


class NotYetError(Exception):
    """A spectrum is to be compared with a run that may be among the files that come later."""


def import_file(house: House, one: Found, *, force: bool = False, last: bool = True) -> ImportedFile:
    """The runs of one file; NotYetError if it is to wait and is not the `last` that is left."""
    source = source_of(one)
    known = house.done.get(source.sha256, [])
    outdated = known if force else [run for run in known if run.missing and run.told != one.told.facts]
    if known and not outdated and len(known) >= known[-1].n_runs:
        return ImportedFile(one.relative, "known", runs=tuple(as_known(run) for run in known))
    content = read(one.path)
    drafts = drafts_of(house, content, one)
    if not last and any(draft.missing and draft.analysed for draft in drafts):
        raise NotYetError
    place = kept(one.path, source.sha256, house.raw) if house.copy else one.path.absolute()
    common = common_facts(house, one.told, source.facts(content, place) | one.origin)
    common |= {"n_runs": len(drafts)} | ({"replaces": [run.uid for run in outdated]} if outdated else {})
    new = unrecorded(drafts, [run for run in known if run not in outdated])
    runs = tuple(recorded(house, draft, common, content, source) for draft in new)
    return ImportedFile(one.relative, "imported", format_of(content, one.path), runs)


def source_of(one: Found) -> Source:
    """What the disk tells of a file."""
    state = one.path.stat()
    modified_s = one.origin.get("modified_s", state.st_mtime)
    return Source(one.path, one.relative, checksum(one.path), state.st_size, modified_s)


def unrecorded(drafts: list[Draft], known: list[KnownRun]) -> list[Draft]:
    """The drafts of which there is no run yet."""
    runs = {(run.plan_name, run.part): run.uid for run in known}
    there = {draft.uid: runs[key] for draft in drafts if (key := (draft.plan_name, draft.part)) in runs}
    return [referring_to(there, draft) for draft in drafts if draft.uid not in there]


def referring_to(there: Mapping[str, str], draft: Draft) -> Draft:
    """A draft that names runs which were recorded before instead of drafts that are not needed any more."""
    uid = draft.about.get("irf_uid", "")
    return replace(draft, about=draft.about | {"irf_uid": there[uid]}) if uid in there else draft


def drafts_of(house: House, content: Content, one: Found) -> list[Draft]:
    """The runs that a file makes; decays with their instrument response."""
    match content:
        case Photons():
            drafts = photon_drafts(content, one.told)
        case Decays():
            drafts = decay_drafts(content, one.told)
        case _:
            drafts = spectrum_drafts(content, one.told, house.shelf)
    return [answered(house, draft, one) for draft in drafts]


def answered(house: House, draft: Draft, one: Found) -> Draft:
    """A decay with its instrument response, or with the sentence that it has none; other drafts as they are."""
    if draft.plan_name != "lifetime_at" or "irf_uid" in draft.about or draft.missing:
        return draft
    if not one.told.irf or isinstance(one.told.irf, int):
        return replace(draft, missing=NO_IRF, analysed=False)
    uid = irf_uid(house, one, str(one.told.irf))
    return with_irf(draft, one.told, uid, house.analyst.response_of(uid))


def irf_uid(house: House, one: Found, given: str) -> str:
    """The run of an instrument response: that of a file beside this one, imported if need be, or a run by its uid."""
    path = Path(one.origin.get("folder", one.path.parent)) / given
    if not path.is_file():
        uid = house.shelf.find_run.resolve(given)[0]  # type: ignore[attr-defined]
        if not uid:
            raise ValueError(f"irf={given!r}: there is neither such a file beside this one nor such a run")
        return uid
    if path == one.path:
        raise ValueError(f"irf={given!r}: that is the file itself; irf=1 names its first curve")
    known = [run.uid for run in house.done.get(checksum(path), []) if run.plan_name == "irf"]
    if known:
        return known[-1]
    relative = (Path(one.relative).parent / given).as_posix()
    return import_file(house, Found(path, relative, as_response(one.told)), force=True).uids[0]


def as_response(told: Told) -> Told:
    """What is told of an instrument response, from what is told of the decay that it belongs to."""
    return replace(told, kind="irf", irf="", wiring="raster", curves=(), routes=())


def common_facts(house: House, told: Told, source: dict[str, Any]) -> dict[str, Any]:
    """What the runs of a file say alike."""
    about: dict[str, Any] = {
        "purpose": "measurement",
        "protocol_version": 1,
        "code_version": code_version(),
        "twin": False,
        "backend": "file",
        "sample_name": told.sample,
        "sample": {"name": told.sample, **house.samples.get(told.sample, {})},
        "source": source,
        "told": told.facts,
    }
    return about | {key: value for key in ("operator", "notes") if (value := getattr(told, key))}


def recorded(house: House, draft: Draft, common: dict[str, Any], content: Content, source: Source) -> ImportedRun:
    """Record one run, and analyse it if everything is there."""
    modified_s, order = source.modified_s, common["told"].get("date_order", "dmy")
    time_s, said_by = measured_at(content.header, modified_s, order)
    if draft.time_s is not None:
        time_s, said_by = draft.time_s, "TimeOfRecording of the curve"
    about = {**common, **draft.about, "plan_name": draft.plan_name, "time_from": said_by}
    about |= {key: value for key in ("part", "missing") if (value := getattr(draft, key))}
    path = filed(draft, house.raw, {"source": source.sha256, "plan_name": draft.plan_name})
    for name, doc in documents(draft, about, time_s, path):
        house.record(name, doc)
    known = [*house.done.get(source.sha256, []), known_run({**about, "uid": draft.uid})]
    house.done[source.sha256] = current(known)
    derived_uid, problem = house.analyst.analyse(draft.uid) if draft.analysed else ("", "")
    return ImportedRun(draft.uid, draft.plan_name, draft.part, derived_uid, note_of(draft, problem))


def note_of(draft: Draft, problem: str) -> str:
    """What is missing, and how to tell it later."""
    if not draft.missing:
        return problem
    state = "" if draft.analysed else "not analysed: "
    return f'{state}{draft.missing}; tell it and import again, or session.refit(["{draft.uid[:8]}"], ...)'


def as_known(run: KnownRun) -> ImportedRun:
    return ImportedRun(run.uid, run.plan_name, run.part, note=run.missing)
