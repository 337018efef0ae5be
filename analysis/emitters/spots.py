"""Single emitters in a scanned image: where they are, how wide and bright they look, and whether they stand alone."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.emitters.background import background
from analysis.emitters.detect import candidates
from analysis.emitters.gaussians import JOINT, SpotFit, add_spots, fit_spot

Array = NDArray[np.float64]
FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in standard deviations
ROUNDS = 4  # each finds what the spots of the round before had hidden
MOST_TURNS = 10  # of fits, after each of which some spots are left out
LEAST_SATELLITE = 0.15  # of the counts already expected there: less may be the shape of the optics
ELONGATED = 0.2  # log width along over width across
ELONGATED_P = 1e-3
PULL = 0.4  # what is left of two spots after a fit of one lies outside them
FARTHEST_MOVE = 2.5  # of a fit from where the spot was seen, in standard deviations
LEAST_CERTAINTY = 5.0  # peak over its error, of a spot among others that may explain it


@dataclass(frozen=True, eq=False)
class Emitters:
    """Table of spots, brightest first, one row each; `_err` is one standard deviation.

    x_um, y_um : centre; x along the columns, y along the rows
    fwhm_um : of a round Gaussian
    rate_cps : counts per second with the emitter in focus, without background_cps, the background beneath it
    significance : of one spot, in standard deviations; n_by_chance: spots as significant expected in an empty image
    elongation : log of the width along over the width across
    nearest_um : distance to the nearest other spot, inf if there is none
    round : not significantly elongated; whole: at least one width away from the border
    isolated : as narrow as a single emitter, round, whole, and without a near neighbour
    deviance : per degree of freedom of the fit around the spot
    dispersion : variance over mean of the background, if more than that of photons, at the scale of spots; errors,
        significance and deviance allow for it
    n_photons : counts of the spot, background excluded
    """

    x_um: Array
    x_err_um: Array
    y_um: Array
    y_err_um: Array
    fwhm_um: Array
    fwhm_err_um: Array
    rate_cps: Array
    rate_err_cps: Array
    background_cps: Array
    background_err_cps: Array
    significance: Array
    n_by_chance: Array
    elongation: Array
    elongation_err: Array
    nearest_um: Array
    round: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    isolated: NDArray[np.bool_]
    deviance: Array
    dispersion: Array
    n_photons: Array

    def __len__(self) -> int:
        return self.x_um.size

    def __getitem__(self, rows) -> "Emitters":
        """Return some of the rows: emitters[emitters.isolated]."""
        return replace(self, **{f.name: np.atleast_1d(getattr(self, f.name)[rows]) for f in fields(self)})

    def __str__(self) -> str:
        return f"{len(self)} spots, {int(self.isolated.sum())} of them isolated"


def find(
    image: ArrayLike,
    *,
    pixel_um: float,
    dwell_s: float = 0.01,
    psf_fwhm_um: float = 0.24,
    false_alarm: float = 0.01,
    threshold_counts_per_ms: float | None = None,
    largest_fwhm_um: float = 0.32,
    least_distance_um: float = 0.6,
    origin_um: tuple[float, float] = (0.0, 0.0),
) -> Emitters:
    """Return the emitters of an image.

    Parameters
    ----------
    image : (ny, nx) counts per pixel, whole numbers
    pixel_um, dwell_s : size of and time on a pixel, sampled at its centre
    psf_fwhm_um : width in which single emitters appear; the fit leaves it free
    false_alarm : spots expected in an image without emitters, on an even or slowly changing background
    threshold_counts_per_ms : leave out spots whose centre, with its background, is not above; the paper has 18
    largest_fwhm_um, least_distance_um : wider spots and those with a nearer neighbour are not isolated
    origin_um : (x, y) of the centre of pixel (0, 0)

    Notes
    -----
    Matched filter with exact Poisson probabilities above a background that may vary over some 5 widths of a spot,
    then Poisson maximum likelihood of Gaussian spots and a flat background around each; overlapping spots are fitted
    together. Where the background scatters more than photons do, by `dispersion`, that many counts weigh as one.
    ValueError for an image that holds no counts of pixels, and for sizes that are not positive.

    >>> y, x = np.mgrid[:40, :40] * 0.1
    >>> spot = 200 * np.exp(-4 * np.log(2) * ((x - 2.03) ** 2 + (y - 1.21) ** 2) / 0.24**2)
    >>> found = find(np.round(spot + 4), pixel_um=0.1)
    >>> print(found, found.x_um.round(2), found.y_um.round(2))
    1 spots, 1 of them isolated [2.03] [1.21]
    """
    counts = _checked(image)
    _check_positive(pixel_um=pixel_um, dwell_s=dwell_s, psf_fwhm_um=psf_fwhm_um, false_alarm=false_alarm)
    sigma_px = psf_fwhm_um / FWHM / pixel_um
    if psf_fwhm_um > pixel_um * min(counts.shape):
        size_um = pixel_um * min(counts.shape)
        raise ValueError(f"psf_fwhm_um is {psf_fwhm_um}, the image {size_um:.3g} um: give the pixel_um of the scan")
    empty = background(counts, sigma_px)
    unit = empty.dispersion  # so many counts scatter as one photon
    found = _detect(counts / unit, empty.level / unit, sigma_px, false_alarm)
    table = _table(found, counts.shape, unit, pixel_um, dwell_s, origin_um)
    if threshold_counts_per_ms is not None:
        table = table[table.rate_cps + table.background_cps > 1e3 * threshold_counts_per_ms]
    table = table[np.argsort(-table.rate_cps, kind="stable")]
    return judged(table, psf_fwhm_um, largest_fwhm_um, least_distance_um)


def _checked(image: ArrayLike) -> Array:
    counts = np.asarray(image, dtype=float)
    if counts.ndim != 2 or min(counts.shape) < 3:
        raise ValueError(f"the image has shape {counts.shape}: give counts of (ny, nx) pixels, three or more each way")
    if not np.isfinite(counts).all() or counts.min() < 0 or np.any(counts != np.rint(counts)):
        raise ValueError("the image holds negative, fractional or missing counts: give the counts, not rates")
    return counts


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}: give a positive number")


@dataclass(frozen=True, eq=False)
class _Found:
    """Spots (n, 4) as (x, y, peak, log sigma) in pixels, where they were seen first (n, 2), their fits, and what
    chance says of each.
    """

    spots: Array
    place: Array
    fits: list[SpotFit]
    chance: Array
    by_chance: Array

    def keep(self, rows: NDArray[np.bool_]) -> "_Found":
        fits = [fit for fit, kept in zip(self.fits, rows, strict=True) if kept]
        return _Found(self.spots[rows], self.place[rows], fits, self.chance[rows], self.by_chance[rows])


def _detect(counts: Array, level: Array, sigma_px: float, false_alarm: float) -> _Found:
    """Find spots, fit them, and look again at what the fits leave."""
    found = _Found(np.empty((0, 4)), np.empty((0, 2)), [], np.empty(0), np.empty(0))
    for turn in range(ROUNDS):
        model = add_spots(level, found.spots)
        more = candidates(counts, model, sigma_px, sigma_px * (FWHM if turn == 0 else 1.5))
        hidden = model[more.row, more.column] - level[more.row, more.column]
        new = (more.n_by_chance <= false_alarm) & (more.amplitude > LEAST_SATELLITE * hidden)
        if not new.any():
            break
        rows = [more.column[new], more.row[new], more.amplitude[new], np.full(new.sum(), np.log(sigma_px))]
        more_spots = np.stack(rows, axis=1).astype(float)
        near = _near(found.spots, more_spots, sigma_px)
        torn = near.sum(axis=1) > 1  # an excess on either side: this was a fit to two others, which take its place
        for spot, its in zip(found.spots[torn], near[torn], strict=True):
            more_spots[its, 2] += hidden[new][its]
            more_spots[its, :2] += PULL * (spot[:2] - more_spots[its, :2])
        more_spots[:, 2] /= _shared(more_spots, sigma_px)
        found = found.keep(~torn)
        changed = np.arange(len(found.spots) + len(more_spots)) >= len(found.spots)
        found = replace(
            found,
            spots=np.concatenate([found.spots, more_spots]),
            place=np.concatenate([found.place, more_spots[:, :2]]),
            chance=np.append(found.chance, more.chance[new]),
            by_chance=np.append(found.by_chance, more.n_by_chance[new]),
        )
        found = _settled(counts, level, found, changed, sigma_px)
    return found


def _settled(counts: Array, level: Array, found: _Found, changed: NDArray[np.bool_], sigma_px: float) -> _Found:
    """Fit the changed spots and their neighbours until none is left that the others explain."""
    for _ in range(MOST_TURNS):
        touched = _neighbours(found.spots, changed, sigma_px)
        for _ in range(2 if (touched & ~changed).any() else 1):
            found = _fitted(counts, level, found, touched)
        doubtful = _superfluous(found, counts.shape, sigma_px)
        if not doubtful.any():
            return _fitted(counts, level, found, touched)
        changed = _neighbours(found.spots, doubtful, sigma_px)[~doubtful]
        found = found.keep(~doubtful)
    return _fitted(counts, level, found, changed)


def _fitted(counts: Array, level: Array, found: _Found, rows: NDArray[np.bool_]) -> _Found:
    """Fit these rows, the last ones for the first time."""
    fits = {
        i: fit_spot(counts, found.spots, i, _level_at(level, found.spots[i])) for i in np.flatnonzero(rows).tolist()
    }
    spots = found.spots.copy()
    for i, fit in fits.items():
        spots[i] = fit.value[:4]
    return replace(found, spots=spots, fits=[fits[i] if i in fits else found.fits[i] for i in range(len(spots))])


def _neighbours(spots: Array, rows: NDArray[np.bool_], sigma_px: float) -> NDArray[np.bool_]:
    """These rows, and those that overlap them."""
    return rows | _near(spots, spots[rows], sigma_px).any(axis=1)


def _superfluous(found: _Found, shape: tuple[int, ...], sigma_px: float) -> NDArray[np.bool_]:
    """Spots outside the image, without light, far from where they were seen, on top of a brighter one, or least
    certain of several that overlap.
    """
    x, y, peak = found.spots[:, 0], found.spots[:, 1], found.spots[:, 2]
    outside = (np.abs(x - (shape[1] - 1) / 2) > shape[1] / 2 + sigma_px) | (
        np.abs(y - (shape[0] - 1) / 2) > shape[0] / 2 + sigma_px
    )
    moved = np.hypot(*(found.spots[:, :2] - found.place).T) > FARTHEST_MOVE * sigma_px
    certainty = np.array([fit.value[2] / max(fit.error[2], 1e-9) for fit in found.fits])
    doubtful = outside | (moved & (certainty < LEAST_CERTAINTY)) | (certainty < 1)
    for i in np.flatnonzero(~doubtful):
        distance = np.hypot(x - x[i], y - y[i])
        others = (distance < JOINT * sigma_px) & (np.arange(x.size) != i)
        weakest = others.any() and certainty[i] <= certainty[others].min()
        covered = np.any(others & (distance < 0.8 * sigma_px) & (peak > peak[i]))
        doubtful[i] = covered or (weakest and certainty[i] < LEAST_CERTAINTY)
    return doubtful


def _near(spots: Array, others: Array, sigma_px: float) -> NDArray[np.bool_]:
    """Which spots (n, ...) overlap which others (m, ...); (n, m)."""
    return np.hypot(spots[:, None, 0] - others[:, 0], spots[:, None, 1] - others[:, 1]) < JOINT * sigma_px


def _shared(spots: Array, sigma_px: float) -> Array:
    """How much more counts the filter sums at a spot because of its equals nearby; 1 for a lonely one."""
    square = (spots[:, None, 0] - spots[:, 0]) ** 2 + (spots[:, None, 1] - spots[:, 1]) ** 2
    return np.exp(-0.25 * square / sigma_px**2).sum(axis=1)


def _level_at(level: Array, spot: Array) -> float:
    row, column = np.clip(np.rint(spot[1::-1]).astype(int), 0, np.array(level.shape) - 1)
    return float(level[row, column])


def _table(
    found: _Found,
    shape: tuple[int, ...],
    dispersion: float,
    pixel_um: float,
    dwell_s: float,
    origin_um: tuple[float, float],
) -> Emitters:
    fits = found.fits
    n = len(fits)
    counts = np.array([1, 1, dispersion, 1, dispersion])
    value = np.array([fit.value for fit in fits]).reshape(n, 5) * counts
    error = np.array([fit.error for fit in fits]).reshape(n, 5) * counts
    sigma = np.exp(value[:, 3])
    size = FWHM * pixel_um * sigma
    stretch = np.array([fit.elongation for fit in fits]).reshape(n, 2)
    stretch_err = np.array([fit.elongation_err for fit in fits]).reshape(n, 2)
    border = np.minimum(value[:, :2] + 0.5, np.array(shape)[::-1] - 0.5 - value[:, :2]).min(axis=1, initial=np.inf)
    unlikely = stats.chi2.sf([fit.elongation_chi2 for fit in fits], 2) < ELONGATED_P
    long = np.hypot(*stretch.T)
    return Emitters(
        x_um=origin_um[0] + pixel_um * value[:, 0],
        x_err_um=pixel_um * error[:, 0],
        y_um=origin_um[1] + pixel_um * value[:, 1],
        y_err_um=pixel_um * error[:, 1],
        fwhm_um=size,
        fwhm_err_um=size * error[:, 3],
        rate_cps=value[:, 2] / dwell_s,
        rate_err_cps=error[:, 2] / dwell_s,
        background_cps=value[:, 4] / dwell_s,
        background_err_cps=error[:, 4] / dwell_s,
        significance=stats.norm.isf(found.chance),
        n_by_chance=found.by_chance,
        elongation=long,
        elongation_err=stretch_err.mean(axis=1),
        nearest_um=np.full(n, np.inf),
        round=~(unlikely & (long > ELONGATED)),
        whole=border * pixel_um >= size,
        isolated=np.zeros(n, dtype=bool),
        deviance=np.array([fit.deviance for fit in fits]),
        dispersion=np.full(n, dispersion),
        n_photons=2 * np.pi * sigma**2 * value[:, 2],
    )


def judged(table: Emitters, psf_fwhm_um: float, largest_fwhm_um: float, least_distance_um: float) -> Emitters:
    """The table with the distances between its rows, and which of them stand alone."""
    _check_positive(largest_fwhm_um=largest_fwhm_um, least_distance_um=least_distance_um)
    distance = np.hypot(table.x_um[:, None] - table.x_um, table.y_um[:, None] - table.y_um)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1, initial=np.inf)
    alone = (nearest >= least_distance_um) & (table.fwhm_um <= largest_fwhm_um) & table.round & table.whole
    return replace(table, nearest_um=nearest, isolated=alone & (table.fwhm_um > 0.5 * psf_fwhm_um))
