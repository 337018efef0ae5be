"""What a run shows: an image, decays, coincidences, a trace, a spectrum; arrays with units, errors, and their origin.

`.plot()` returns a matplotlib figure; a notebook shows it under the card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import looks
from lab.shown import Shown
from lab.wording import count, labelled

Array = np.ndarray
MAPS = {"qd": "inferno", "perovskite": "viridis", "deviance": "magma", "photons": "viridis"}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class View(Shown):
    """Of one run: its uid, and that of the stored analysis, "" if the numbers were computed again just now."""

    uid: str
    about: str
    derived_uid: str = ""

    def plot(self) -> Figure:
        """The figure."""
        raise NotImplementedError

    def picture(self) -> Figure:
        return self.plot()

    def facts(self) -> list[tuple[str, str]]:
        """Label and text of each line."""
        return []

    def title(self) -> str:
        return f"{type(self).__name__.lower()} of {self.about}"

    def __repr__(self) -> str:
        lines = [line for label, text in self.facts() if text for line in labelled(label, [text])]
        analysed = f', db["{self.derived_uid[:8]}"] (analysis)' if self.derived_uid else ""
        lines += labelled("from", [f'db["{self.uid[:8]}"] (run){analysed}'])
        return "\n".join([f"{self.title()}, run {self.uid[:8]}", *lines])


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Image(View):
    """One image (ny, nx), row 0 at the smallest y; NaN where nothing is known.

    values, err : in `unit`; err is None where there is no error; origin_um : (x, y) of the centre of pixel (0, 0)
    """

    name: str
    values: Array
    err: Array | None
    unit: str
    pixel_um: float
    origin_um: tuple[float, float]

    @property
    def array(self) -> Array:
        return self.values

    @property
    def ny(self) -> int:
        return len(self.values)

    @property
    def nx(self) -> int:
        return self.values.shape[1]

    def plot(self) -> Figure:
        cmap = MAPS.get(self.name, "cividis")
        label = f"{self.name} ({self.unit})" if self.unit else self.name
        return looks.image_look(
            self.values, self, title=self.about, label=label, cmap=cmap, log=self.name == "perovskite"
        )

    def title(self) -> str:
        return f"image {self.name} of {self.about}"

    def facts(self) -> list[tuple[str, str]]:
        low, mid, high = np.nanpercentile(self.values, (1, 50, 99)) if np.isfinite(self.values).any() else [np.nan] * 3
        unit = f" {self.unit}" if self.unit else ""
        one = "" if self.err is None else f"median {np.nanmedian(self.err):.3g}{unit}"
        x_um, y_um = self.origin_um
        return [
            ("pixels", f"{self.nx} x {self.ny} of {self.pixel_um:.3g} um, the first at ({x_um:.2f}, {y_um:.2f}) um"),
            ("values", f"median {mid:.4g}{unit}, from {low:.3g} to {high:.3g} (1 to 99 %)"),
            ("error", one or "none known"),
        ]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Decays(View):
    """Histograms of arrival times: counts (ny, nx, n_bins), or (n_bins,) of one place or of all its pixels added.

    irf : (n_bins,) the instrument response on the same axis, None if there is none
    period_ns : from one laser pulse to the next; region : which pixels were added
    """

    counts: Array = field(repr=False)
    bin_width_ns: float
    period_ns: float
    irf: Array | None = field(repr=False)
    route: str = ""
    region: str = ""

    @property
    def time_ns(self) -> Array:
        """(n_bins,) centres of the channels."""
        return (np.arange(self.counts.shape[-1]) + 0.5) * self.bin_width_ns

    @property
    def total(self) -> Array:
        """(n_bins,) all pixels added."""
        return self.counts.reshape(-1, self.counts.shape[-1]).sum(axis=0, dtype=np.int64)

    def plot(self) -> Figure:
        total = self.total
        curves = {f"{total.sum():,} photons": total}
        if self.irf is not None:
            curves["instrument response, scaled"] = self.irf * (total.max() / max(1, self.irf.max()))
        return looks.decay_look(self.time_ns, curves, title=self.about, uid=self.uid)

    def facts(self) -> list[tuple[str, str]]:
        shape = " x ".join(map(str, self.counts.shape))
        return [
            ("counts", f"{shape}; {int(self.counts.sum()):,} photons{f' of {self.route}' * bool(self.route)}"),
            ("channels", f"{self.bin_width_ns:.4g} ns, laser period {self.period_ns:g} ns"),
            ("region", self.region),
            ("response", "none" if self.irf is None else f".irf, {int(self.irf.sum()):,} counts"),
        ]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PairCurve(View):
    """Coincidences (n,) against lag: counts as the card had them, g2 and g2_err over the fitted plateau, the fit."""

    delay_ns: Array = field(repr=False)
    counts: Array = field(repr=False)
    g2: Array = field(repr=False)
    g2_err: Array = field(repr=False)
    model: Array = field(repr=False)
    found: str = ""

    def plot(self) -> Figure:
        return looks.pairs_look(self.delay_ns, self.g2, self.g2_err, self.model, title=self.about, uid=self.uid)

    def title(self) -> str:
        return f"coincidences of {self.about}"

    def facts(self) -> list[tuple[str, str]]:
        step = float(np.median(np.diff(self.delay_ns)))
        span = f"{self.delay_ns[0]:.1f} to {self.delay_ns[-1]:.1f} ns in steps of {step:.3g} ns"
        return [("lags", span), ("pairs", f"{int(self.counts.sum()):,} coincidences"), ("found", self.found)]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Trace(View):
    """Something against time: values (n,), or (n, 2) of both SPADs, at the beginnings time_s of bins of bin_s.

    gaps_s : (n_gaps, 2) from when to when nothing was recorded; threshold : between ON and OFF, NaN if there is none
    """

    time_s: Array = field(repr=False)
    values: Array = field(repr=False)
    unit: str
    bin_s: float
    gaps_s: Array = field(repr=False)
    threshold: float = float("nan")
    found: str = ""

    @property
    def counts(self) -> Array:
        """The values, if they are counts; AttributeError if they are rates."""
        if self.unit != "counts":
            raise AttributeError(f"this trace holds rates in {self.unit}: take .values")
        return self.values

    def plot(self) -> Figure:
        label = f"counts in {self.bin_s * 1e3:.3g} ms" if self.unit == "counts" else f"rate ({self.unit})"
        return looks.trace_look(
            self.time_s, self.values, label=label, title=self.about, uid=self.uid,
            threshold=self.threshold, gaps_s=self.gaps_s,
        )  # fmt: skip

    def facts(self) -> list[tuple[str, str]]:
        bins = f"{len(self.time_s):,} of {self.bin_s * 1e3:.3g} ms, {count(len(self.gaps_s), 'gap')} between segments"
        return [("bins", bins), ("mean", f"{np.mean(self.values):.4g} {self.unit} in a bin"), ("found", self.found)]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Spectrum(View):
    """A spectrum: value and err (n,) in `unit`; counts as measured, None if there are none; model : bands, or None."""

    wavelength_nm: Array = field(repr=False)
    value: Array = field(repr=False)
    err: Array = field(repr=False)
    unit: str
    counts: Array | None = field(default=None, repr=False)
    model: Array | None = field(default=None, repr=False)
    found: str = ""

    def plot(self) -> Figure:
        label = self.unit if self.unit not in ("", "1") else "value"
        return looks.spectrum_look(
            self.wavelength_nm, self.value, self.err, label=label, title=self.about, uid=self.uid, model=self.model
        )

    def facts(self) -> list[tuple[str, str]]:
        axis = f"{self.wavelength_nm[0]:g} to {self.wavelength_nm[-1]:g} nm, {count(len(self.value), 'point')}"
        relative = np.nanmedian(np.abs(self.err / np.where(self.value == 0, np.nan, self.value)))
        return [("axis", axis), ("error", f"{relative:.1%} of the value, median"), ("found", self.found)]


def from_columns(arrays: dict[str, Any], name: str, columns: tuple[str, ...]) -> dict[str, Array]:
    """The columns of a packed array by their names; empty arrays if nothing was stored."""
    packed = np.asarray(arrays[name][0], float) if name in arrays else np.empty((0, len(columns)))
    return dict(zip(columns, packed.T, strict=True))
