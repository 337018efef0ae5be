"""From raster lines under continuous light to a field of emitters (paper, section 3.4 and Fig. 6a-b).

The same object serves a raster that is being measured and one from storage: it is fed lines, in any order, and gives
the same arrays bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.emitters import Emitters, find_in_rows

FULLY_LIT = 0.999
SEARCH = ("psf_fwhm_um", "false_alarm", "threshold_counts_per_ms", "largest_fwhm_um", "least_distance_um")


@dataclass(frozen=True)
class FieldFacts:
    """What must be known of a search raster to analyse it; built from a start document by `field_facts`.

    n : pixels along each side; origin_um : (x, y) of the centre of pixel (0, 0)
    search : settings of `analysis.emitters.find`
    """

    uid: str
    sample: str
    n: int
    pixel_um: float
    origin_um: tuple[float, float]
    dwell_s: float
    intensity_w_cm2: float
    search: dict[str, Any]


def field_facts(start: Mapping) -> FieldFacts:
    """Read a start document of `find_emitters`; KeyError or ValueError if it is not one."""
    raster, search = start["raster"], start.get("search", {})
    n, extent_um = int(raster["n_pixels"]), float(raster["extent_um"])
    pixel_um = extent_um / n
    x, y = (float(centre) - (n - 1) / 2 * pixel_um for centre in raster["centre_um"])
    return FieldFacts(
        uid=start["uid"],
        sample=start["sample_name"],
        n=n,
        pixel_um=pixel_um,
        origin_um=(x, y),
        dwell_s=raster["dwell_ms"] / 1e3,
        intensity_w_cm2=float(start["excitation"]["intensity_w_cm2"]),
        search={name: search[name] for name in SEARCH if name in search},
    )


@dataclass(frozen=True, eq=False)
class Field:
    """Both images of a search raster and the emitters in it. Images are (ny, nx), row 0 at the smallest y.

    exposure_s : (ny,) seconds each pixel of a row was lit; 0 where a row is missing or was not lit all the time
    emitters : of the QD image, brightest first
    correlation, correlation_err : Pearson's, of the perovskite and the QD image, and what noise alone would give
    perovskite_dispersion, perovskite_dispersion_err : variance over mean of the perovskite image; 1 for photons alone
    dose_kj_cm2 : that an emitter got which the raster passed over: of the time on the pixels within its width
    """

    facts: FieldFacts
    qd_counts: np.ndarray = field(repr=False)
    perovskite_counts: np.ndarray = field(repr=False)
    exposure_s: np.ndarray = field(repr=False)
    emitters: Emitters
    correlation: float
    correlation_err: float
    perovskite_dispersion: float
    perovskite_dispersion_err: float
    dose_kj_cm2: float
    warnings: tuple[str, ...]

    @property
    def uid(self) -> str:
        return self.facts.uid

    @property
    def sample(self) -> str:
        return self.facts.sample

    @property
    def pixel_um(self) -> float:
        return self.facts.pixel_um

    @property
    def dwell_s(self) -> float:
        return self.facts.dwell_s

    @property
    def extent_um(self) -> float:
        return self.facts.n * self.facts.pixel_um

    @property
    def n_photons(self) -> int:
        return int(self.qd_counts.sum() + self.perovskite_counts.sum())

    def numbers(self) -> dict[str, Any]:
        """For `microscope.field`, under the names of its signals."""
        return {"n_found": len(self.emitters), "n_isolated": int(self.emitters.isolated.sum()), "run_uid": self.uid}


class FieldRun:
    """Lines in, emitters out. A line that comes twice counts once; one that never came is left out."""

    def __init__(self, start: Mapping):
        self.facts = field_facts(start)
        self.images = np.zeros((2, self.facts.n, self.facts.n), np.int64)  # perovskite, QD
        self.lit = np.zeros(self.facts.n)

    def add_line(self, data: Mapping):
        """Take one line as an Event carries it."""
        row = int(data["scanner_line"]) % self.facts.n
        self.images[0, row] = np.asarray(data["scanner_perovskite_counts"])[: self.facts.n]
        self.images[1, row] = np.asarray(data["scanner_qd_counts"])[: self.facts.n]
        self.lit[row] = float(data["scanner_lit"])

    @property
    def usable(self) -> np.ndarray:
        """(ny,) rows that were taken with the light on all the time."""
        return self.lit >= FULLY_LIT

    def result(self) -> Field:
        """The emitters of the rows so far."""
        facts, usable = self.facts, self.usable
        perovskite, qd = self.images[:, usable]
        correlation, correlation_err = correlation_of(perovskite, qd)
        dispersion, dispersion_err = dispersion_of(perovskite)
        return Field(
            facts=facts,
            perovskite_counts=self.images[0],
            qd_counts=self.images[1],
            exposure_s=np.where(usable, facts.dwell_s, 0.0),
            emitters=find_in_rows(
                self.images[1],
                usable,
                pixel_um=facts.pixel_um,
                dwell_s=facts.dwell_s,
                origin_um=facts.origin_um,
                **facts.search,
            ),
            correlation=correlation,
            correlation_err=correlation_err,
            perovskite_dispersion=dispersion,
            perovskite_dispersion_err=dispersion_err,
            dose_kj_cm2=self._dose_kj_cm2(),
            warnings=self._warnings(),
        )

    def _dose_kj_cm2(self) -> float:
        sigma_um = self.facts.search.get("psf_fwhm_um", 0.24) / 2.3548
        pixels = 2 * np.pi * sigma_um**2 / self.facts.pixel_um**2
        return float(pixels * self.facts.dwell_s * self.facts.intensity_w_cm2 / 1e3)

    def _warnings(self) -> tuple[str, ...]:
        missing = int((~self.usable).sum())
        if not missing:
            return ()
        return (f"{missing} of {self.facts.n} rows are missing or were not lit all the time: nothing is known of them",)


def correlation_of(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Pearson's correlation of two images of the same shape, and its standard deviation if they had nothing in common.

    NaN for images without contrast.
    """
    if a.size < 3 or not (np.ptp(a) and np.ptp(b)):
        return float("nan"), float("nan")
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1]), float(1 / np.sqrt(a.size - 1))


def dispersion_of(counts: np.ndarray) -> tuple[float, float]:
    """Variance over mean, and its standard deviation for photons on an even image: 1 for nothing but their noise."""
    if counts.size < 3 or not counts.any():
        return float("nan"), float("nan")
    return float(counts.var(ddof=1) / counts.mean()), float(np.sqrt(2 / (counts.size - 1)))
