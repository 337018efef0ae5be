"""The drawings by name: results of runs in, a figure out. One table serves measuring, redrawing and restyling."""

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from analysis import figures
from lab.figures.overviews import overview_of
from lab.figures.recipe import Recipe, Results

Runs = Mapping[str, Any]
Drawing = Callable[[Results, Runs, Mapping[str, Any]], Figure]


def figure1a(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Absorption and luminescence of a film."""
    film, emitted = results.of(runs["absorption"]), results.of(runs["luminescence"])
    return figures.figure1a(film.absorption, emitted.curve, emitted.fit)


def figure2(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Luminescence of doped films, excitation spectra of two of them."""
    series = results.together("pl_series", runs["series"], selection).series
    bare, a, b = (results.of(runs[role]) for role in ("bare", "A", "B"))
    names = tuple(selection["names"])
    return figures.figure2(series, bare.curve, bare.fit, a.coupling, b.coupling, names=(names[0], names[1]))


def figure3a(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Relative difference of two excitation spectra."""
    a, b = (results.of(runs[role]).coupling for role in "AB")
    names = tuple(selection["names"])
    return figures.figure3a(a, b, names=(names[0], names[1]))


def figure4(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Intensity and lifetime images of two films."""
    a, b = (results.of(runs[role]).map for role in "AB")
    return figures.figure4(a, b, qd_threshold_cps=selection["qd_threshold_cps"])


def figure5(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Decays, distributions of lifetimes, drift of two films."""
    a, b = (results.of(runs[role]).map for role in "AB")
    return figures.figure5(a, b, qd_threshold_cps=selection["qd_threshold_cps"])


def figure6(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Single emitters: images, antibunching, blinking."""
    field, pairs, trace = (results.of(runs[role]) for role in ("images", "antibunching", "blinking"))
    contour = selection["contour_counts_per_ms"]
    return figures.figure6(field.field, pairs.estimate, trace.estimate, contour_counts_per_ms=contour)


def single_emitters(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """Rise times of one film against glass, ON fractions and survival of all films."""
    one, films = (results.together("cohort", runs[role], selection[role]) for role in ("rise times", "all films"))
    more = {"on": films.on, "survival": films.survival, "comparison": films.comparison}
    return figures.cohort_overview(one.film, one.glass, one.prediction, **more, uids=selection["named"])


def overview(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """What one run found."""
    return drawn_or_refused(overview_of(results.of(runs["run"])), runs["run"])


def emitters(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
    """An image with its emitters, named as they were then."""
    found = results.of(runs["run"])
    names = tuple(selection.get("names", found.ids))
    return figures.emitters_overview(found.field, names=names)


def group(kind: str) -> Drawing:
    """What several runs show together."""

    def draw(results: Results, runs: Runs, selection: Mapping[str, Any]) -> Figure:
        found = results.together(kind, tuple(runs["runs"]), selection)
        return drawn_or_refused(overview_of(found), runs["runs"][0])

    return draw


def drawn_or_refused(figure: Figure | None, uid: str) -> Figure:
    if figure is None:
        raise ValueError(f"run {uid[:8]}: nothing in its result can be drawn; its card tells what was found")
    return figure


PLANS = ("flim_raster", "absorption", "blank", "pl", "ple", "calibrate", "find_emitters", "hbt", "blinking")
DRAWINGS: dict[str, Drawing] = {
    "figure1a": figure1a,
    "figure2": figure2,
    "figure3a": figure3a,
    "figure4": figure4,
    "figure5": figure5,
    "figure6": figure6,
    "single-emitters": single_emitters,
    "power_series": group("power_series"),
    "cohort": group("cohort"),
    **dict.fromkeys(PLANS, overview),
    "find_emitters": emitters,
}


def draw(recipe: Recipe, results: Results) -> Figure:
    """The figure of a recipe; ValueError for a drawing that this version does not know."""
    if recipe.kind not in DRAWINGS:
        raise ValueError(f"kind={recipe.kind!r}: there are the drawings {', '.join(DRAWINGS)}")
    return DRAWINGS[recipe.kind](results, recipe.runs, recipe.selection)
