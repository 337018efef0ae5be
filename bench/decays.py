"""Two lifetimes and a background: the paper's two pixels, 256 to 4096 channels, 200 to 10 000 photons.

Ours fits an image of 128 x 128 pixels in one call, tables and all, from its own starts; the peers fit a few dozen of
the same pixels and start from the truth. All know the delay between response and decay. Ours is judged on thousands
of different pixels.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from bench import decay_peers
from bench.measure import Comparison, Measured, on_all_cores_and_one, quality, race
from bench.simulated_decays import PERIOD_NS, PIXEL_1, PIXEL_2, Card, Emission

CARDS = {256: Card(256, 0.28), 1024: Card(1024, 0.1465), 4096: Card(4096, 0.1465 / 4)}
PIXELS = {1: PIXEL_1, 2: PIXEL_2}
SETTINGS = [(1, 256), (1, 1024), (2, 1024), (2, 4096)]
PHOTONS = (200, 1000, 10_000)
IMAGE = 128 * 128
PEERS: dict[str, tuple[Callable[[Card, Emission], decay_peers.Fit], int]] = {
    "iminuit": (decay_peers.iminuit_fit, 200),
    "lmfit": (decay_peers.lmfit_fit, 200),
    "tttrlib": (decay_peers.tttrlib_fit, 24),
    "flimlib": (decay_peers.flimlib_fit, 24),
}


def comparisons(quick: bool) -> list[Comparison]:
    """Every peer on every setting, then what the parts of ours cost."""
    settings = [(pixel, n_bins, n) for pixel, n_bins in SETTINGS for n in PHOTONS]
    if quick:
        settings = [(2, 1024, 1000), (2, 4096, 1000)]
    beside = [_comparison(peer, *setting, quick) for peer in PEERS for setting in settings]
    return [*beside, *_own(quick)]


def _comparison(peer: str, pixel: int, n_bins: int, n_photons: int, quick: bool) -> Comparison:
    card = CARDS[n_bins]
    return Comparison(
        id=f"decay-pixel{pixel}-{n_bins}-{n_photons}-{peer}",
        quantity=f"pixel {pixel}, {n_bins} channels in {card.window_ns:.0f} ns, {n_photons} photons",
        unit="pixels/s per core",
        peer=peer,
        module=peer,
        run=partial(_beside, peer, pixel, n_bins, n_photons, quick),
    )


def _beside(peer: str, pixel: int, n_bins: int, n_photons: int, quick: bool) -> Measured:
    card, emission = CARDS[n_bins], PIXELS[pixel]
    counts = _counts(pixel, n_bins, n_photons, quick)
    image = np.resize(counts, (IMAGE, n_bins))
    make, n_peer = PEERS[peer]
    few = counts[: n_peer // 4 if quick else n_peer if n_bins < 4096 else n_peer // 2]
    fit = make(card, emission)
    ours, theirs = race(partial(_fit, card, image), lambda: fit(few), laps=2)
    bound = card.tau_bound_ns(emission, n_photons)
    found = ours.result
    tau, error = found.tau_ns[: len(counts)], found.tau_err_ns[: len(counts)]
    return Measured(
        ours=IMAGE / ours.seconds,
        theirs=len(few) / theirs.seconds,
        accuracy_ours=_both(tau, error, emission, bound),
        accuracy_theirs=_both(*theirs.result, emission, bound),
        note=f"{found.degenerate.mean():.1%} of ours flagged".replace("%", " %"),
    )


def _fit(card: Card, counts: np.ndarray):
    from analysis.decay import fit_decays

    return fit_decays(counts, card.irf, bin_width_ns=card.bin_width_ns, period_ns=PERIOD_NS, t0_ns=0.0)


def _both(tau: np.ndarray, error: np.ndarray, emission: Emission, bound: np.ndarray) -> str:
    given = None if np.isnan(error).all() else error
    parts = [
        f"τ{k + 1}: " + quality(tau[:, k], None if given is None else given[:, k], emission.tau_ns[k], bound[k])
        for k in range(2)
    ]
    return "; ".join(parts)


@cache
def _counts(pixel: int, n_bins: int, n_photons: int, quick: bool) -> np.ndarray:
    n_pixels = max(1000, min(4000, 2_000_000 // n_photons)) // (4 if quick else 1)
    return CARDS[n_bins].decays(PIXELS[pixel], n_photons, n_pixels)


def _own(quick: bool) -> list[Comparison]:
    """Ours beside ours: what the search for t0 and the summing of channels cost, and what a second core gives."""
    return [
        Comparison(
            f"decay-{n_bins}-whole-call",
            f"pixel 2, {n_bins} channels, 1000 photons: t0 search, channels summed and fitted",
            "pixels/s per core",
            "ours, fit alone",
            partial(_parts, n_bins, quick),
        )
        for n_bins in (1024, 4096)
    ] + [
        Comparison(
            "decay-two-cores",
            "pixel 2, 1024 channels, 1000 photons: two cores, wall time",
            "pixels/s",
            "ours on one core",
            partial(_two_cores, quick),
            cores=2,
        )
    ]


def _parts(n_bins: int, quick: bool) -> Measured:
    from analysis.decay import DecayModel, fit_decays

    card = CARDS[n_bins]
    image = np.resize(_counts(2, n_bins, 1000, quick), (IMAGE, n_bins))
    settings = {"bin_width_ns": card.bin_width_ns, "period_ns": PERIOD_NS}
    model = DecayModel.from_irf(card.irf, **settings).fit_t0(image.sum(axis=0))
    compressed = model.compress(image)
    model.fit(compressed)
    whole, alone = race(lambda: fit_decays(image, card.irf, **settings), lambda: model.fit(compressed))
    same = np.array_equal(whole.result.tau_ns, alone.result.tau_ns, equal_nan=True)
    t0 = f"t0 {1e3 * whole.result.t0_ns:+.1f} ± {1e3 * whole.result.t0_err_ns:.1f} ps (true 0)"
    return Measured(IMAGE / whole.seconds, IMAGE / alone.seconds, t0, "identical" if same else "differs", "neither")


def _two_cores(quick: bool) -> Measured:
    card = CARDS[1024]
    image = np.resize(_counts(2, 1024, 1000, quick), (4 * IMAGE, 1024))
    both, alone = on_all_cores_and_one(partial(_fit, card, image))
    same = np.array_equal(both.result.tau_ns, alone.result.tau_ns, equal_nan=True)
    note = f"results {'identical' if same else 'differ'}"
    return Measured(4 * IMAGE / both.seconds, 4 * IMAGE / alone.seconds, note=note)
