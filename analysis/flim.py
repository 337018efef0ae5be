"""From raster lines to a lifetime image: bin, register, sum, fit (paper, section 3.3 and Fig. 4-5).

The same object serves a raster that is being measured and one from storage: it is fed lines, in any order, and
gives the same arrays bit for bit.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from analysis.decay import DecayFit, DecayModel
from analysis.registration import Drift, LineDrift, line_shifts, register, sum_aligned

PEROVSKITE, QD = 0, 1
FULLY_LIT = 0.999
MAX_LINE_ERR_PX = 12**-0.5  # rms of rounding to whole pixels: rows known no better are not put right one by one
MAX_MISFIT = 3.0  # chi-squared per degree of freedom of the path that the rows follow
MAX_LINES = 4000  # the covariance of all rows must fit into memory


@dataclass(frozen=True)
class RasterFacts:
    """What must be known of a raster to analyse it; built from a start document by `raster_facts`."""

    uid: str
    sample: str
    n_scans: int
    ny: int
    nx: int
    pixel_um: float
    origin_um: tuple[float, float]  # centre of pixel (0, 0): x, y
    dwell_s: float
    bin_width_ns: float
    n_bins: int
    period_ns: float

    @property
    def n_lines(self) -> int:
        return self.n_scans * self.ny


def raster_facts(start: dict) -> RasterFacts:
    """Read a start document of `flim_raster`; KeyError or ValueError if it is not one."""
    raster, tcspc = start["raster"], start["tcspc"]
    n, extent_um = int(raster["n_pixels"]), float(raster["extent_um"])
    pixel_um = extent_um / n
    x, y = (centre - (n - 1) / 2 * pixel_um for centre in raster["centre_um"])
    return RasterFacts(
        uid=start["uid"],
        sample=start["sample_name"],
        n_scans=int(raster["n_scans"]),
        ny=n,
        nx=n,
        pixel_um=pixel_um,
        origin_um=(float(x), float(y)),
        dwell_s=raster["dwell_ms"] / 1e3,
        bin_width_ns=float(tcspc["bin_width_ns"]),
        n_bins=int(tcspc["n_bins"]),
        period_ns=float(tcspc["period_ns"]),
    )


@dataclass(frozen=True)
class Response:
    """An instrument response: counts (n_routes, n_bins) on the time axis they were recorded on."""

    uid: str
    counts: np.ndarray
    bin_width_ns: float
    period_ns: float

    def require_axis_of(self, facts: RasterFacts):
        """ValueError unless the raster has the same channels and the same laser period."""
        mine, wanted = (self.bin_width_ns, self.period_ns), (facts.bin_width_ns, facts.period_ns)
        if not np.allclose(mine, wanted, rtol=1e-4):
            raise ValueError(
                f"the instrument response {self.uid[:8]} has channels of {mine[0]:.4g} ns and a period of "
                f"{mine[1]:g} ns, the raster {wanted[0]:.4g} ns and {wanted[1]:g} ns: it needs a response of its own"
            )


@dataclass(frozen=True)
class FlimMap:
    """A lifetime image with everything needed to judge it. Images are (ny, nx), row 0 at the smallest y.

    counts: photons per pixel summed over the aligned scans, route by route; coverage: how many scans saw the pixel.
    A row of a scan goes where its scene was when image 0 was taken, on average: a scene that moved while it was scanned
    covers some rows twice and leaves out others, so compare rates, not counts.
    fit: `DecayFit` of every pixel of the perovskite route (NaN where flagged).
    drift: how far the features moved from scan to scan. line_drift: how far the scene had moved at every row; None if
    that is not known well enough: scans were then moved as a whole. Both have one entry per complete scan.
    scans_used: indices of the scans in the sum; lit: (n_scans, ny) share of each line with light on.
    saturated: (n_scans, ny) lines in which a 16-bit channel of the card was full.
    decay: (n_bins,) all perovskite photons of the lines used, in channels of the card.
    dark_cps: (2,) dark rates if a dark frame was taken, else NaN, and their errors.
    """

    facts: RasterFacts
    perovskite_counts: np.ndarray
    qd_counts: np.ndarray
    coverage: np.ndarray
    fit: DecayFit
    drift: Drift
    line_drift: LineDrift | None
    scans_used: np.ndarray
    lit: np.ndarray
    saturated: np.ndarray
    decay: np.ndarray
    dark_cps: np.ndarray
    dark_cps_err: np.ndarray
    compressed: np.ndarray = field(repr=False)  # (ny, nx, n_time_bins) perovskite counts on the model's time bins
    model: DecayModel = field(repr=False)

    @property
    def time_s(self) -> np.ndarray:
        """Seconds each pixel was exposed, (ny, nx)."""
        return self.coverage * self.facts.dwell_s

    @property
    def trusted_photons(self) -> np.ndarray:
        """Perovskite photons of the pixels whose fit can be believed, else zero: the weights of distributions."""
        return np.where(self.fit.converged & ~self.fit.degenerate, self.perovskite_counts, 0).astype(float)

    @property
    def perovskite_cps(self) -> np.ndarray:
        return rate(self.perovskite_counts, self.time_s)

    @property
    def qd_cps(self) -> np.ndarray:
        return rate(self.qd_counts, self.time_s)


def rate(counts: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Counts per second, NaN where nothing was measured."""
    return np.divide(counts, time_s, out=np.full(counts.shape, np.nan), where=time_s > 0)


class FlimRaster:
    """Lines in, lifetime image out.

    Parameters
    ----------
    facts : the raster
    response : the instrument response, on the same time axis as the data
    """

    def __init__(self, facts: RasterFacts, response: Response):
        response.require_axis_of(facts)
        self.facts = facts
        irf = response.counts[PEROVSKITE]
        self.response = DecayModel.from_irf(irf, bin_width_ns=facts.bin_width_ns, period_ns=facts.period_ns)
        self.model: DecayModel | None = None
        shape = (facts.n_scans, facts.ny, facts.nx)
        self.images = np.zeros((2, *shape), np.uint32)
        self.lit = np.full(shape[:2], np.nan)
        self.saturated = np.zeros(shape[:2], bool)
        self.decays = np.zeros((facts.n_scans, facts.ny, facts.n_bins), np.uint32)
        self.compressed = np.zeros((facts.n_scans, facts.ny, facts.nx, 0), np.uint32)  # time bins: with the first line
        self.taken = np.zeros(shape[:2], bool)
        self.dark_cps, self.dark_cps_err = np.full(2, np.nan), np.full(2, np.nan)

    def add_line(self, index: int, histograms: np.ndarray):
        """Take line `index` (scan index // ny, row index % ny): histograms (nx, n_routes, n_bins)."""
        scan, row = divmod(index, self.facts.ny)
        perovskite = histograms[:, PEROVSKITE]
        if self.model is None:  # the first line places the time bins, for good
            self.model = self.response.fit_t0(perovskite.sum(axis=0, dtype=np.int64))
        coarse = self.model.compress(perovskite)
        if not self.compressed.shape[-1]:
            self.compressed = np.zeros((*self.compressed.shape[:2], *coarse.shape), np.uint32)
        self.compressed[scan, row] = coarse
        self.images[:, scan, row] = histograms.sum(axis=2, dtype=np.uint32).T
        self.decays[scan, row] = perovskite.sum(axis=0, dtype=np.uint32)
        self.taken[scan, row] = True

    def add_facts(self, index: int, *, lit: float, saturated: bool):
        """Note how much of line `index` had light (less than all: it is left out), and whether a channel was full."""
        self.lit[divmod(index, self.facts.ny)] = lit
        self.saturated[divmod(index, self.facts.ny)] = saturated

    def add_dark(self, counts: np.ndarray, time_s: float):
        """Note a dark count of both routes."""
        self.dark_cps = np.asarray(counts, float) / time_s
        self.dark_cps_err = np.sqrt(np.maximum(counts, 1)) / time_s

    @property
    def usable(self) -> np.ndarray:
        """(n_scans, ny): the line was taken, and the light was on for all of it."""
        return self.taken & ~(self.lit < FULLY_LIT)

    @property
    def complete_scans(self) -> np.ndarray:
        return np.flatnonzero(self.usable.all(axis=1))

    def total_decay(self) -> np.ndarray:
        """(n_bins,) perovskite photons of all usable lines."""
        return self.decays[self.usable].sum(axis=0, dtype=np.int64)

    def timed(self) -> DecayModel:
        """The model with the time zero of all usable lines and the time bins of the first."""
        if self.model is None:
            raise ValueError("no line was measured: there is nothing to fit")
        found = self.model.fit_t0(self.total_decay())
        return self.model.with_t0(found.t0_ns, found.t0_err_ns)

    def preview(self, rows: list[int]) -> DecayFit:
        """A quick fit of some rows, all their scans summed where they are, with the time zero so far."""
        lit = self.usable[:, rows][..., None, None]
        return self.timed().fit(np.where(lit, self.compressed[:, rows], 0).sum(axis=0, dtype=np.uint32))

    def result(self) -> FlimMap:
        """Register the complete scans on each other, sum them, fit every pixel.

        A run that was interrupted in its first scan gives what there is: one partial scan, unmeasured rows NaN.
        """
        model, scans = self.timed(), self.complete_scans
        if not len(scans):
            scans = np.array([int(np.argmax(self.usable.sum(axis=1)))])
        drift = drift_of(self.images[:, scans])
        lines = line_drift_of(self.images[PEROVSKITE, scans], drift, scans)
        shift_px, kept = places(drift, lines)
        compressed, images, coverage = self.aligned(scans[kept], shift_px[kept])
        return FlimMap(
            facts=self.facts,
            perovskite_counts=images[..., PEROVSKITE].astype(np.int64),
            qd_counts=images[..., QD].astype(np.int64),
            coverage=coverage.astype(np.int64),
            fit=unexposed_flagged(model.fit(compressed), coverage),
            drift=drift,
            line_drift=lines,
            scans_used=scans[kept],
            lit=self.lit,
            saturated=self.saturated,
            decay=self.total_decay(),
            dark_cps=self.dark_cps,
            dark_cps_err=self.dark_cps_err,
            compressed=compressed,
            model=model,
        )

    def aligned(self, scans: np.ndarray, shift_px: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums over scans in the frame of the first: time bins (ny, nx, m), images (ny, nx, 2), coverage (ny, nx).

        shift_px: of each scan, shape (n, 2), or of each of its rows, (n, ny, 2).
        """
        rows = self.usable[scans][..., None]
        images = np.moveaxis(self.images[:, scans], 0, -1)
        exposed = np.broadcast_to(rows, images.shape[:3]).astype(np.uint32)
        usable = [
            (np.where(lit[..., None], scan, 0) for lit, scan in zip(rows, stack, strict=True))
            for stack in (self.compressed[scans], images)
        ]
        compressed, summed, coverage = (sum_aligned(stack, shift_px)[0] for stack in (*usable, exposed))
        return compressed, summed, coverage


def drift_of(images: np.ndarray) -> Drift:
    """How the film moved between scans; images: (2, n, ny, nx).

    Dots are smaller than a pixel and would bend it: they only place what the film cannot.
    """
    film = register(images[PEROVSKITE])
    if film.reliable.all():
        return film
    both, lost = register(images.sum(axis=0)), ~film.reliable
    return Drift(
        shift_px=np.where(lost[:, None], both.shift_px, film.shift_px),
        shift_err_px=np.where(lost[:, None], both.shift_err_px, film.shift_err_px),
        reliable=film.reliable | both.reliable,
    )


def line_drift_of(film: np.ndarray, drift: Drift, scans: np.ndarray) -> LineDrift | None:
    """How the film (n, ny, nx) of the given scans moved row by row, or None if that is not known well enough."""
    at, ny = scans - scans[0], film.shape[1]
    n = int(at[-1]) + 1  # a scan that is left out took its time all the same
    if not drift.reliable[1:].any() or n * ny > MAX_LINES:
        return None

    def spread(values, missing):
        out = np.full((n, *values.shape[1:]), missing)
        out[at] = values
        return out

    known = Drift(spread(drift.shift_px, np.nan), spread(drift.shift_err_px, np.nan), spread(drift.reliable, False))
    try:
        lines = line_shifts(spread(film, 0), known)
    except np.linalg.LinAlgError:  # a film nearly without photons says nothing of its rows
        return None
    worst_px = lines.shift_err_px[lines.reliable].max()
    if not (worst_px <= MAX_LINE_ERR_PX and (lines.misfit <= MAX_MISFIT).all()):
        return None
    return LineDrift(lines.shift_px[at], lines.shift_err_px[at], drift.reliable, lines.misfit, lines.n_photons[at])


def places(drift: Drift, lines: LineDrift | None) -> tuple[np.ndarray, np.ndarray]:
    """Where each scan is, (n, 2) px, or each of its rows, (n, ny, 2), and which to sum: those placed, (n,) bool.

    If none could be placed on the first, the scene has no features: all are summed where they are, blur cannot show.
    """
    if not drift.reliable[1:].any():
        return np.zeros_like(drift.shift_px), np.ones_like(drift.reliable)
    return (drift if lines is None else lines).shift_px, drift.reliable


def unexposed_flagged(fit: DecayFit, coverage: np.ndarray) -> DecayFit:
    """Pixels that no scan saw have not converged, whatever the fit of nothing says."""
    return replace(fit, converged=fit.converged & (coverage > 0))
