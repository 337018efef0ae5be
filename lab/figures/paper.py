"""The figures of the paper: which runs make each, from the results of a demo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from analysis.figures.fields import CONTOUR_COUNTS_PER_MS
from analysis.figures.plates import QD_THRESHOLD_CPS
from lab.figures.drawings import draw
from lab.figures.keep import keep, record_figure
from lab.figures.recipe import Held, Recipe
from lab.flim.results import FlimResult
from lab.spectra.results import AbsorptionResult, PleResult, PlResult, PlSeriesResult

if TYPE_CHECKING:
    from lab.emitters.groups import CohortResult
    from lab.report.paper import Paper, SingleEmitters


@dataclass(frozen=True)
class Composed:
    """A figure of several runs: its recipe, the results in hand to draw it, all runs and analyses behind it."""

    recipe: Recipe
    held: Held
    uids: tuple[str, ...]
    derived: tuple[str, ...]

    def draw(self) -> Figure:
        return draw(self.recipe, self.held)


def keep_composed(
    made: Iterable[Composed], folder: Path, *, data: Path, record: Callable[[str, dict], None]
) -> list[Path]:
    """Draw figures, write each as PNG and PDF, and note it in the catalog of the lab whose data folder is `data`."""
    paths = []
    for one in made:
        figure, about = one.draw(), {"uids": one.uids, "derived": one.derived, "data": data}
        files = [folder / f"{one.recipe.kind}.{suffix}" for suffix in ("png", "pdf")]
        paths += [keep(figure, path, one.recipe, **about) for path in files]
        record_figure(record, one.recipe, figure, files, **about)
    return paths


def composed(recipe: Recipe, results: Sequence[Any], *, groups: Mapping[str, Any] | None = None) -> Composed:
    """A figure, and what stands behind it: the runs of its results, and those that they were compared with."""
    more = [one for given in (groups or {}).values() for one in (given if isinstance(given, list) else [given])]
    compared = [uid for one in results for uid in getattr(one, "analysis_of", ())]
    derived = [one.derived_uid for one in (*more, *results) if one.derived_uid]
    uids = tuple(dict.fromkeys([*recipe.uids, *compared]))
    return Composed(recipe, Held(*results, groups=groups), uids, tuple(dict.fromkeys(derived)))


def of_paper(found: Paper) -> list[Composed]:
    """All figures of a reproduction whose data are there."""
    spectra, images = found.spectra, found.images
    made = of_spectra(spectra.absorption, spectra.pl, spectra.ple, spectra.series, found.names)
    made += of_images(images) if {"A", "B"} <= set(images) else []
    return made + of_emitters(found.emitters)


def of_images(results: Mapping[str, FlimResult]) -> list[Composed]:
    """Figures 4 and 5. results : by role, A and B"""
    films = [results[role] for role in "AB"]
    runs, selection = {role: results[role].uid for role in "AB"}, {"qd_threshold_cps": QD_THRESHOLD_CPS}
    return [composed(Recipe(kind, runs, selection), films) for kind in ("figure4", "figure5")]


def of_spectra(
    absorption: Mapping[str, AbsorptionResult],
    pl: Mapping[str, PlResult],
    ple: Mapping[str, PleResult],
    series: PlSeriesResult | None,
    names: tuple[str, str],
) -> list[Composed]:
    """Figures 1a, 3a and 2, those whose data are there. Results by role: undoped, A to D, bare."""
    made = []
    film, emitted = absorption.get("undoped"), pl.get("undoped")
    if film is not None and film.absorption is not None and emitted is not None:
        made.append(
            composed(Recipe("figure1a", {"absorption": film.uid, "luminescence": emitted.uid}), [film, emitted])
        )
    coupled = {role: ple[role] for role in "AB" if role in ple and ple[role].coupling is not None}
    if len(coupled) < 2:
        return made
    runs, results = {role: result.uid for role, result in coupled.items()}, list(coupled.values())
    made.append(composed(Recipe("figure3a", runs, {"names": list(names), **shown_of(coupled["A"])}), results))
    if series is not None and (bare := pl.get("bare")) is not None:
        selection = {"names": list(names), **shown_of(coupled["A"]), "rescaled_to": series.series.reference}
        recipe = Recipe("figure2", {"series": series.uids, "bare": bare.uid, **runs}, selection)
        made.append(composed(recipe, [bare, *results], groups={"pl_series": series}))
    return made


def shown_of(result: PleResult) -> dict[str, Any]:
    """Where an excitation spectrum is normalised, and its regions, nm."""
    assert result.coupling is not None
    found = result.coupling
    regions = {one.name: [one.low_nm, one.high_nm] for one in found.regions}
    return {"window_nm": [found.window.low_nm, found.window.high_nm], "regions_nm": regions}


def of_emitters(found: SingleEmitters) -> list[Composed]:
    """Figure 6 and the cohort, those whose data are there."""
    made = []
    shown = {"images": found.field, "antibunching": found.example, "blinking": found.bright}
    if (results := [one for one in shown.values() if one is not None]) and len(results) == len(shown):
        runs = {role: one.uid for role, one in shown.items() if one is not None}
        selection = {"contour_counts_per_ms": CONTOUR_COUNTS_PER_MS}
        made.append(composed(Recipe("figure6", runs, selection), results))
    one, films = found.cohort, found.films
    if one is not None and films is not None and one.film is not None and one.glass is not None:
        named = [uid for uid in (one.derived_uid, films.derived_uid) if uid]
        selection = {"rise times": chosen(one), "all films": chosen(films), "named": named}
        recipe = Recipe("single-emitters", {"rise times": one.uids, "all films": films.uids}, selection)
        made.append(composed(recipe, [], groups={"cohort": [one, films]}))
    return made


def chosen(cohort: CohortResult) -> dict[str, Any]:
    """The emitters of a cohort, and what was told of the medium around them."""
    emitters = {group: list(ids) for group, ids in cohort.emitters.items()}
    return {"emitters": emitters, "parameters": dict(cohort.parameters)}
