"""The numbers of a result under flat names, as one types them: `result.tau_ns`. Units and errors are in the names."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pandas as pd

from analysis.blinks import BlinkEstimate
from analysis.correlation.power import Saturation, ZeroPower
from analysis.dot_lifetime import DotLifetime
from analysis.field import Field
from analysis.hbt import HbtEstimate
from analysis.pair_response import PairResponse
from lab.emitters.told import Told

NAN = float("nan")
SPOT_COLUMNS = (
    "x_um", "x_err_um", "y_um", "y_err_um", "rate_cps", "rate_err_cps", "background_cps", "background_err_cps",
    "fwhm_um", "fwhm_err_um", "nearest_um", "isolated", "significance", "n_photons",
)  # fmt: skip


def at(path: str) -> Any:
    """A property that lies deeper in the result."""
    return property(attrgetter(path), doc=path)


def if_there(path: str) -> Any:
    """A number of something that may be missing as a whole: NaN then."""
    whole, name = path.split(".")
    return property(lambda result: getattr(getattr(result, whole), name, NAN), doc=path)


def of_dip(name: str) -> Any:
    """A number of the dip: NaN if none is identified."""
    return property(lambda result: result.estimate.numbers()[name], doc=f"estimate.fit.{name}, NaN without a dip")


def of_place(name: str, unknown: Any = NAN) -> Any:
    """What the last re-centring said."""
    return property(lambda result: result.told.place.get(name, unknown), doc=f"told.place[{name!r}]")


class OfField:
    """n_found, n_isolated : emitters in the image; table : a row for each, brightest first."""

    field: Field
    ids: tuple[str, ...]

    @property
    def n_found(self) -> int:
        return len(self.field.emitters)

    @property
    def n_isolated(self) -> int:
        return int(self.field.emitters.isolated.sum())

    @property
    def table(self) -> pd.DataFrame:
        """The emitters, brightest first: `id`, place, light, width, each with its error; in stage coordinates."""
        found = self.field.emitters
        ids = [*self.ids, *[""] * (len(found) - len(self.ids))]
        return pd.DataFrame({"id": ids, **{name: getattr(found, name) for name in SPOT_COLUMNS}})


class OfPlace:
    """Where the emitter is: NaN, but for `found` and `attempts`, if it was not seen."""

    told: Told

    x_um, x_err_um = of_place("x_um"), of_place("x_err_um")
    y_um, y_err_um = of_place("y_um"), of_place("y_err_um")
    rate_cps, rate_err_cps = of_place("rate_cps"), of_place("rate_err_cps")
    background_cps, background_err_cps = of_place("background_cps"), of_place("background_err_cps")
    fwhm_um, attempts = of_place("fwhm_um"), of_place("attempts", 0)

    @property
    def found(self) -> bool:
        return bool(self.told.place.get("found", 0))


class OfPairs:
    """Numbers of a dip. single : True, False, or None if it is not decided."""

    estimate: HbtEstimate

    tau_ns, tau_err_ns = of_dip("tau_ns"), of_dip("tau_err_ns")
    contrast, contrast_err = of_dip("contrast"), of_dip("contrast_err")
    g2_zero, g2_zero_err = of_dip("g2_zero"), of_dip("g2_zero_err")
    corrected_contrast, corrected_contrast_err = (
        at("estimate.corrected_contrast"),
        at("estimate.corrected_contrast_err"),
    )
    signal_fraction, signal_fraction_err = at("estimate.signal_fraction"), at("estimate.signal_fraction_err")
    single, significance_sigma = at("estimate.decision.single"), at("estimate.decision.significance_sigma")
    rate_cps, rate_err_cps = at("estimate.rate_cps"), at("estimate.rate_err_cps")
    background_cps, background_err_cps = at("estimate.background_cps"), at("estimate.background_err_cps")
    n_photons, n_coincidences = at("estimate.n_photons"), at("estimate.fit.n_coincidences")
    live_s, dose_kj_cm2 = at("estimate.live_s"), at("estimate.dose_kj_cm2")
    bleached, bleached_at_s = at("estimate.bleached"), at("estimate.bleached_at_s")
    delay_ns, counts = at("estimate.delay_ns"), at("estimate.counts")
    g2, g2_err, g2_model = at("estimate.g2"), at("estimate.g2_err"), at("estimate.g2_model")


class OfTrace:
    """Numbers and arrays of a blinking trace."""

    estimate: BlinkEstimate

    on_fraction, on_fraction_err = at("estimate.on.value"), at("estimate.on.err")
    rate_on_cps, rate_on_err_cps = at("estimate.rate_on_cps"), at("estimate.rate_on_err_cps")
    rate_off_cps, rate_cps, max_rate_cps = (
        at("estimate.rate_off_cps"),
        at("estimate.rate_cps"),
        at("estimate.max_rate_cps"),
    )
    background_cps, background_err_cps = at("estimate.background_cps"), at("estimate.background_err_cps")
    bleached, bleached_at_s, survival_s = (
        at("estimate.bleached"),
        at("estimate.bleached_at_s"),
        at("estimate.survival_s"),
    )
    n_photons, live_s, dose_kj_cm2 = at("estimate.n_photons"), at("estimate.live_s"), at("estimate.dose_kj_cm2")
    time_s, counts, bin_s = at("estimate.time_s"), at("estimate.counts"), at("estimate.bin_s")
    gaps_s, levels = at("estimate.gaps_s"), at("estimate.levels")
    on_times_s, off_times_s = at("estimate.on_times_s"), at("estimate.off_times_s")


class OfZero:
    """Time zero and the width of the response."""

    response: PairResponse

    t0_ns, t0_err_ns = at("response.fit.t0_ns"), at("response.fit.t0_err_ns")
    sigma_ns, sigma_err_ns = at("response.fit.sigma_ns"), at("response.fit.sigma_err_ns")
    n_photons, delay_ns, counts = at("response.fit.n_photons"), at("response.delay_ns"), at("response.counts")


class OfDecay:
    """The lifetime of an emitter; where two describe its decay, the longer."""

    lifetime: DotLifetime

    tau_ns, tau_err_ns = at("lifetime.tau_ns"), at("lifetime.tau_err_ns")
    n_photons, n_components = at("lifetime.n_photons"), at("lifetime.n_components")
    counts, irf, bin_width_ns = at("lifetime.counts"), at("lifetime.irf"), at("lifetime.bin_width_ns")


class OfPower:
    """Without power: tau_ns; where the rates bend: saturation_w_cm2, rate_max_cps. NaN where two powers do not tell."""

    zero: ZeroPower | None
    saturation: Saturation | None

    tau_ns, tau_err_ns = if_there("zero.tau_ns"), if_there("zero.tau_err_ns")
    saturation_w_cm2 = if_there("saturation.saturation_w_cm2")
    saturation_err_w_cm2 = if_there("saturation.saturation_err_w_cm2")
    rate_max_cps, rate_max_err_cps = if_there("saturation.rate_max_cps"), if_there("saturation.rate_max_err_cps")
