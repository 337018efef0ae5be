"""A single plan before it begins, on one screen: one kind of fact in a row."""

import html
import math
from collections.abc import Iterable

from plans.facts import GUESS, KNOWN, Expected, Light, Peak, Used, rounded
from plans.forecast import Forecast, age_of
from plans.moments import clock_of, span_of
from plans.review import Preview, Review

Row = tuple[str, tuple[str, ...]]
WIDTH = 9  # of the first column
RESTS = {KNOWN: "from measured rates", GUESS: "a guess"}
SCALED = ("ns", "cps")  # units of what is compared by ratios
RELATIVE = 5  # of a value over its error, from which on the error is told in percent as well


def rows_of(preview: Preview, review: Review) -> list[Row]:
    """What is to be told, (name, lines) each; what there is nothing to say of is left out."""
    forecast = preview.forecast
    if forecast is None:
        return []
    rows: list[Row] = [
        ("time", (time_told(preview, review),)),
        ("moves", tuple(f"{move.device}: {move.what}" for move in forecast.moves)),
        ("light", tuple(light_told(each) for each in lights_of(forecast))),
        ("dose", (dose_told(forecast),) if forecast.light_s else ()),
        ("photons", photons_told(forecast)),
        ("expects", forecast.expects),
        ("errors", errors_told(forecast.errors)),
        ("peak", (peak_told(forecast.peak),) if forecast.peak else ()),
        ("rests on", forecast.basis),
        ("uses", tuple(used_told(each) for each in forecast.uses)),
        ("disk", (disk_told(forecast, review),)),
        ("limits", forecast.limits),
        ("needs", (needs_told(forecast),)),
        ("beware", forecast.warnings),
    ]
    return [(name, tuple(line for line in lines if line)) for name, lines in rows if any(lines)]


def as_text(title: str, rows: Iterable[Row]) -> list[str]:
    """Aligned lines."""
    lines = [title]
    for name, values in rows:
        lines += [f"  {name if not row else '':{WIDTH}}{value}" for row, value in enumerate(values)]
    return lines


def as_html(title: str, rows: Iterable[Row]) -> str:
    """The same rows as a table."""
    cell = "text-align:left;vertical-align:top;padding:1px 10px 1px 0"
    told = "".join(
        f'<tr><th style="{cell}">{html.escape(name)}</th>'
        f'<td style="{cell}">{"<br>".join(html.escape(value) for value in values)}</td></tr>'
        for name, values in rows
    )
    return f"<b>{html.escape(title)}</b><table>{told}</table>"


def time_told(preview: Preview, review: Review) -> str:
    """Duration, how sure it is, longest duration, and the end."""
    forecast = preview.forecast
    assert forecast is not None
    longest = forecast.longest_s > 1.05 * forecast.duration_s
    most = f", at most {span_of(forecast.longest_s)}" if longest and math.isfinite(forecast.longest_s) else ""
    low_s, high_s = forecast.range_s
    likely = f", probably {span_of(low_s)} to {span_of(high_s)}" if math.isfinite(low_s + high_s) else ""
    begins = "" if preview.begins_s <= review.now_s else f" from {clock_of(preview.begins_s, review.now_s)}"
    end_s = preview.begins_s + forecast.duration_s
    sure = f" ({RESTS[forecast.certainty]})" if forecast.certainty in RESTS else ""
    return f"about {span_of(forecast.duration_s)}{begins}, until {clock_of(end_s, review.now_s)}{likely}{most}{sure}"


def lights_of(forecast: Forecast) -> tuple[Light, ...]:
    """Lights, those of one kind taken together."""
    kinds: dict[tuple, list[Light]] = {}
    for each in forecast.lights:
        kinds.setdefault((each.source, each.wavelength_nm, each.shutter, str(each.intensity_w_cm2)), []).append(each)
    return tuple(
        Light(
            few[0].source, few[0].wavelength_nm, few[0].intensity_w_cm2, sum(one.lit_s for one in few), few[0].shutter
        )
        for few in kinds.values()
    )


def light_told(light: Light) -> str:
    """Laser, colour, intensity, shutter.

    >>> light_told(Light("CW 561", (561.0,), 2500.0, 90.0))
    'CW 561: 561 nm, 2500 W/cm2; microscope.shutter open for 90 s'
    """
    colour = "..".join(f"{nm:g}" for nm in light.wavelength_nm)
    power = f", {light.intensity_w_cm2:g} W/cm2" if math.isfinite(light.intensity_w_cm2) else ""
    return f"{light.source}: {colour} nm{power}; {light.shutter} open for {span_of(light.lit_s)}"


def dose_told(forecast: Forecast) -> str:
    """Light at the place that gets most."""
    dose = f", {forecast.dose_kj_cm2:.3g} kJ/cm2" if forecast.dose_kj_cm2 else ""
    return f"up to {forecast.light_s:.3g} s at one place{dose}"


def photons_told(forecast: Forecast) -> tuple[str, ...]:
    """How many, and in what."""
    return (f"{rounded(forecast.n_photons)} in {forecast.photons_of}",) if math.isfinite(forecast.n_photons) else ()


def errors_told(errors: Iterable[Expected]) -> tuple[str, ...]:
    """One line for each thing that is known.

    >>> errors_told([Expected("tau1", 2.0, 0.2, "ns", "a pixel"), Expected("x, y", math.nan, 3.0, "nm", "the dot")])
    ('a pixel: tau1 2.00 +- 0.20 ns (10 %)', 'the dot: x, y +- 3.0 nm')
    """
    found: dict[str, list[str]] = {}
    for each in errors:
        found.setdefault(each.of, []).append(expected_told(each))
    return tuple(f"{of}: {', '.join(told)}" for of, told in found.items())


def expected_told(each: Expected) -> str:
    """A number with its error, to two digits of it."""
    unit = f" {each.unit}" if each.unit else ""
    if math.isnan(each.err):
        return f"{each.quantity} {rounded(each.value)}{unit}"
    if not math.isfinite(each.err):
        return f"{each.quantity} {each.value:.3g}{unit}, of which it will tell nothing"
    digits = max(0, 1 - math.floor(math.log10(each.err))) if each.err > 0 else 0
    err = f"{each.err:.{digits}f}"
    if not math.isfinite(each.value):
        return f"{each.quantity} +- {err}{unit}"
    relative = each.unit in SCALED and abs(each.value) > RELATIVE * each.err
    percent = f" ({100 * each.err / abs(each.value):.2g} %)" if relative else ""
    return f"{each.quantity} {each.value:.{digits}f} +- {err}{unit}{percent}"


def peak_told(peak: Peak) -> str:
    """The highest rate of a counter, and what that does.

    >>> peak_told(Peak(12_000.0, math.nan, math.nan, 5e-4, 5e6))
    '12 000 cps on a SPAD: dead time takes 0.05 %; the latch trips at 5 000 000 cps'
    """
    bend = f"{peak.photons_per_pulse:.2g} photons a pulse bend tau by {100 * peak.tau_bias:+.2g} %, "
    pulsed = bend if math.isfinite(peak.photons_per_pulse) else ""
    trip = f"; the latch trips at {rounded(peak.trip_cps)} cps" if math.isfinite(peak.trip_cps) else ""
    where = "on a SPAD" if math.isfinite(peak.trip_cps) else "on the photomultiplier"
    return f"{rounded(peak.rate_cps)} cps {where}: {pulsed}dead time takes {100 * peak.dead_loss:.2g} %{trip}"


def used_told(used: Used) -> str:
    """An earlier run, and how old it is."""
    if used.uid == "expected":
        return f"{used.what}: the run of this night"
    return f"{used.what} {used.uid[:8]}, {age_of(used.age_s)}"


def needs_told(forecast: Forecast) -> str:
    """Calibrations, and which of them are there."""
    there = {used.what for used in forecast.uses}
    needed = [f"{each} (there)" if each in there else each for each in forecast.needs]
    better = [f"{each} ({'there' if each in there else 'better with it'})" for each in forecast.prefers]
    return ", ".join([*needed, *better])


def disk_told(forecast: Forecast, review: Review) -> str:
    """What it writes at most, beside what is free."""
    if not forecast.disk_bytes:
        return ""
    return f"up to {bytes_told(forecast.disk_bytes)} of {bytes_told(review.free_bytes)} that are free"


def bytes_told(n_bytes: float) -> str:
    """A size for people.

    >>> bytes_told(3.28e9), bytes_told(2_000)
    ('3.28 GB', '0.002 MB')
    """
    return f"{n_bytes / 1e9:.3g} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.3g} MB"
