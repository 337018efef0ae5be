"""A run as NeXus: everything that was measured and everything that was found, with units.

/entry                 who, what, when; the start document as JSON
/entry/instrument      light, detectors, card
/entry/sample          what is known of it
/entry/measured        streams as recorded, histograms and records included
/entry/analysis        arrays of the newest analysis with its parameters and code
/entry/<view>          signal, axes and errors of what people plot, linked to the arrays above
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.formats.nexus import Field, Group, Link, Member, Rows
from lab.encoding import encode
from lab.export.about import facts, when
from lab.export.stored import Derived, Stored, Stream
from lab.export.views import views

AS_NOTE = "application/json"
LIGHT = {"wavelength_nm": "nm", "repetition_hz": "Hz", "intensity_w_cm2": "W/cm2"}
SAMPLE_UNITS = {"doping_percent": "%", "thickness_nm": "nm", "excitation_w_cm2": "W/cm2"}


def entry_of(run: Stored) -> Group:
    """The entry of a run; its default is the view that people want first."""
    told, shown = facts(run), views(run)
    members: dict[str, Member] = {
        "title": Field(title(run)),
        "experiment_identifier": Field(run.uid),
        "entry_identifier": Field(run.uid),
        "experiment_description": Field(run.plan),
        "start_time": Field(told["measured"]),
        **({"end_time": Field(told["ended"])} if "ended" in told else {}),
        **duration(run),
        "program_name": Field("Luminescope", attributes={"version": str(run.start.get("code_version", ""))}),
        **user(run),
        "instrument": instrument(run),
        "sample": sample(run),
        "documents": documents(run),
        "measured": Group("NXcollection", {name: stream_group(one) for name, one in run.streams.items()}),
        **({} if run.derived is None else {"analysis": process(run.derived)}),
        **shown,
    }
    if run.derived is not None and run.derived.start["uid"] == run.uid:
        del members["measured"]
    return Group("NXentry", members, {"default": next(iter(shown))} if shown else {})


def title(run: Stored) -> str:
    parts = (run.plan, f"of {run.start['sample_name']}" if run.start.get("sample_name") else "", run.uid[:8])
    return " ".join(part for part in parts if part)


def duration(run: Stored) -> dict[str, Member]:
    if "time" not in run.stop:
        return {}
    return {"duration": Field(float(run.stop["time"] - run.start["time"]), "s")}


def user(run: Stored) -> dict[str, Member]:
    name = run.start.get("operator")
    return {"user": Group("NXuser", {"name": Field(str(name))})} if name else {}


def sample(run: Stored) -> Group:
    """The record of the sample as it was when it was measured."""
    told: Mapping[str, Any] = run.start.get("sample") or {}
    members: dict[str, Member] = {"name": Field(str(run.start.get("sample_name", "") or "not told"))}
    if told.get("notes"):
        members["description"] = Field(str(told["notes"]))
    for key, value in told.items():
        if isinstance(value, bool | int | float | str) and key not in ("name", "notes"):
            members[key] = Field(value, SAMPLE_UNITS.get(key, ""))
    return Group("NXsample", members)


def instrument(run: Stored) -> Group:
    """Light, detectors, and the axis of the card."""
    members: dict[str, Member] = {"name": Field("Luminescope")}
    told = run.start.get("excitation") or {}
    if told:
        kind = {"type": Field("Optical Laser")} if told.get("laser") else {}
        light: dict[str, Member] = {"name": Field(str(told.get("laser") or told.get("lamp") or "")), **kind}
        light["probe"] = Field("visible light")
        if told.get("repetition_hz"):
            light["frequency"] = Field(float(told["repetition_hz"]), "Hz")
        members["source"] = Group("NXsource", light)
        members["beam"] = Group("NXbeam", beam(told))
    for route, about in (run.start.get("detection") or {}).items():
        if isinstance(about, dict):
            members[f"detector_{route}"] = detector(run, route, about)
    return Group("NXinstrument", members)


def beam(told: Mapping[str, Any]) -> dict[str, Member]:
    found: dict[str, Member] = {}
    if told.get("wavelength_nm") is not None:
        found["incident_wavelength"] = Field(np.asarray(told["wavelength_nm"], float), "nm")
    if told.get("intensity_w_cm2") is not None:
        found["intensity"] = Field(float(told["intensity_w_cm2"]), LIGHT["intensity_w_cm2"])
    return found


def detector(run: Stored, route: str, about: Mapping[str, Any]) -> Group:
    """One route: its filter and its dead time."""
    routes = list(run.start.get("routes", ()))
    found: dict[str, Member] = {
        "description": Field(f"single-photon counter, route {route}"),
        "local_name": Field(route),
        "filter": Field(str(about.get("filter", "not told"))),
    }
    dead = run.start.get("dead_time_ns")
    if isinstance(dead, list | tuple) and route in routes and len(dead) == len(routes):
        found["dead_time"] = Field(float(dead[routes.index(route)]), "ns")
    return Group("NXdetector", found)


def documents(run: Stored) -> Group:
    """The start and stop documents, whole."""
    derived = {} if run.derived is None else {"analysis_start": run.derived.start}
    notes = {"start": run.start, "stop": run.stop, **derived}
    return Group("NXcollection", {name: note(doc) for name, doc in notes.items() if doc})


def note(doc: Mapping[str, Any]) -> Group:
    text = json.dumps(encode(doc, "document"))
    return Group("NXnote", {"type": Field(AS_NOTE), "data": Field(text)})


def stream_group(stream: Stream) -> Group:
    """The columns of a stream, one row for each Event, and what lies in files."""
    members: dict[str, Member] = {"time": Field(stream.time_s, "s", {"start": when(0)})}
    for key, (values, unit) in stream.columns.items():
        members[key] = Field(values, unit)
    for key, filed in stream.filed.items():
        if len(filed):
            members[key] = Rows(filed.rows(), len(filed), filed.unit)
    return Group("NXcollection", members)


def process(derived: Derived) -> Group:
    """The newest analysis: program, version, parameters, and every array it made."""
    start = derived.start
    members: dict[str, Member] = {
        "program": Field("Luminescope"),
        "version": Field(str(start.get("code_version", ""))),
        "date": Field(when(start.get("time"))),
        "identifier": Field(str(start["uid"])),
        "method": Field(str(start.get("plan_name", ""))),
        "parameters": Group("NXparameters", parameters(derived.parameters)),
        "results": Group("NXcollection", {key: Field(value, unit) for key, (value, unit) in derived.arrays.items()}),
    }
    return Group("NXprocess", members)


def parameters(told: Mapping[str, Any]) -> dict[str, Member]:
    """Parameters as numbers and text; what is nested as JSON."""
    found: dict[str, Member] = {}
    for key, value in told.items():
        simple = isinstance(value, bool | int | float | str)
        found[key] = Field(value if simple else json.dumps(encode(value, key)))
    return found


def link(key: str) -> Link:
    """The array of the analysis with that name."""
    return Link(f"/entry/analysis/results/{key}")
