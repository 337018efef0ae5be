"""Runs, photons and quality of fit of all results of a reproduction, by the roles that its numbers name."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from lab.report.evidence import Evidence, together

if TYPE_CHECKING:
    from lab.emitters.results import BlinkingResult
    from lab.flim.results import FlimResult
    from lab.report.paper import Paper, SingleEmitters, Spectra


def evidence_of(paper: Paper) -> dict[str, Evidence]:
    """What stands behind each result that there is, by its role."""
    images = {f"image {role}": of_image(one) for role, one in paper.images.items()}
    responses = dict.fromkeys(str(start["irf_uid"]) for start in paper.starts.values() if start.get("irf_uid"))
    response = {"instrument response": Evidence(tuple(responses))} if responses else {}
    return {**of_spectra(paper.spectra), **images, **response, **of_emitters(paper.emitters)}


def of_spectra(found: Spectra) -> dict[str, Evidence]:
    """Runs with those that they were compared with; photons are those of the run itself."""
    films = {
        f"absorption {role}": Evidence(one.analysis_of, one.curve.n_photons) for role, one in found.absorption.items()
    }
    bands = {
        f"pl {role}": Evidence(one.analysis_of, one.fit.n_photons, one.fit.deviance) for role, one in found.pl.items()
    }
    excited = {f"ple {role}": Evidence(one.analysis_of, one.curve.n_photons) for role, one in found.ple.items()}
    return {**films, **bands, **excited}


def of_image(one: FlimResult) -> Evidence:
    """Both routes together; the median of the fits of the pixels."""
    image = one.map
    photons = float(image.perovskite_counts.sum() + image.qd_counts.sum())
    deviance = np.asarray(image.fit.deviance)
    known = deviance[np.isfinite(deviance)]
    return Evidence((one.uid,), photons, float(np.median(known)) if known.size else None)


def of_emitters(found: SingleEmitters) -> dict[str, Evidence]:
    """Single dots: the search, the example, the bright one; groups by film."""
    backed = {}
    if found.field is not None:
        image = found.field.field
        backed["search image"] = Evidence((found.field.uid,), float(image.qd_counts.sum()))
    if (one := found.example) is not None:
        backed["example"] = Evidence((one.uid,), float(one.estimate.n_photons), one.estimate.fit.deviance)
        if delay := (one.start.get("delay") or {}).get("uid"):
            backed["time zero"] = Evidence((str(delay),))
    if found.power is not None:
        photons = float(sum(run.estimate.n_photons for run in found.power.runs))
        chi2 = math.nan if found.power.zero is None else found.power.zero.chi2
        backed["power"] = Evidence(found.power.uids, photons, chi2)
    if found.bright is not None:
        backed["bright"] = of_traces([found.bright])
    if found.traces:
        backed["traces"] = of_traces(found.traces)
    return {**backed, **rises(found), **on_fractions(found)}


def rises(found: SingleEmitters) -> dict[str, Evidence]:
    """The runs of a campaign that rise times came from: those of the cohort that are no blinking traces."""
    if found.cohort is None:
        return {}
    used = set(found.cohort.uids) - {one.uid for one in found.traces}
    groups = {role: [uid for uid in found.campaigns.get(role, ()) if uid in used] for role in ("film", "glass")}
    return {f"rise {role}": Evidence(tuple(uids)) for role, uids in groups.items() if uids}


def on_fractions(found: SingleEmitters) -> dict[str, Evidence]:
    """The blinking traces of each film."""
    if found.films is None:
        return {}
    used = set(found.films.uids)
    groups = {
        role: [one for one in found.traces if one.uid in used and one.uid in uids]
        for role, uids in found.campaigns.items()
    }
    return {f"on {role}": of_traces(traces) for role, traces in groups.items() if traces}


def of_traces(traces: Iterable[BlinkingResult]) -> Evidence:
    return together(Evidence((one.uid,), float(one.estimate.n_photons)) for one in traces)
