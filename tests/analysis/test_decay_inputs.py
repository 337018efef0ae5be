"""Every way to hand over photon counts gives the same lifetimes, and none is copied as a whole."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from scipy.stats import norm

from analysis.decay import DecayModel, fit_decays

N_BINS, BIN_NS, PERIOD_NS = 512, 0.3, 153.6
CARD = {"bin_width_ns": BIN_NS, "period_ns": PERIOD_NS}
FIELDS = ("tau_ns", "tau_err_ns", "fraction", "background_fraction_err", "deviance", "n_photons", "tau_interval_ns")


def irf():
    edges_ns = np.arange(N_BINS + 1) * BIN_NS
    return np.round(2e5 * np.diff(norm.cdf(edges_ns, 10, 0.4)))


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(5)
    pixel = np.repeat(np.arange(4 * 90), 350)
    lifetime_ns = np.where(rng.random(pixel.size) < 0.65, 3.0, 15.0)
    arrival_ns = (rng.normal(10.2, 0.4, pixel.size) + rng.exponential(lifetime_ns)) % PERIOD_NS
    channel = pixel * N_BINS + (arrival_ns / BIN_NS).astype(int)
    return np.bincount(channel, minlength=4 * 90 * N_BINS).reshape(4, 90, N_BINS).astype(np.uint16)


@pytest.fixture(scope="module")
def dense(counts):
    return fit_decays(counts, irf(), **CARD, intervals="profile")


def assert_same(fit, dense):
    for name in FIELDS:
        expected = getattr(dense, name)
        assert np.array_equal(getattr(fit, name).reshape(expected.shape), expected, equal_nan=True), name
    assert (fit.t0_ns, fit.t0_err_ns) == (dense.t0_ns, dense.t0_err_ns)


@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "csc_array", "coo_array", "lil_array"])
def test_sparse_matrices_of_scipy(counts, dense, kind):
    rows = getattr(scipy.sparse, kind)(counts.reshape(-1, N_BINS))
    fit = fit_decays(rows, irf(), **CARD, intervals="profile")
    assert fit.tau_ns.shape == (360, 2)
    assert_same(fit, dense)


def test_sparse_arrays_of_any_shape(counts, dense):
    sparse = pytest.importorskip("sparse")
    image = sparse.COO.from_numpy(counts)
    assert_same(fit_decays(image, irf(), **CARD, intervals="profile"), dense)
    one = fit_decays(image[1, 2], irf(), **CARD, t0_ns=dense.t0_ns)
    assert np.array_equal(one.tau_ns, dense.tau_ns[1, 2])


@pytest.mark.parametrize("chunks", [(4, 90, 512), (3, 40, 200), (1, 33, -1)])
def test_dask_arrays_however_they_are_cut(counts, dense, chunks):
    array = pytest.importorskip("dask.array")
    fit = fit_decays(array.from_array(counts, chunks=chunks), irf(), **CARD, intervals="profile")
    assert fit.tau_ns.shape == (4, 90, 2)
    assert_same(fit, dense)


def test_sparse_chunks_of_a_dask_array_and_a_single_decay(counts, dense):
    array, sparse = pytest.importorskip("dask.array"), pytest.importorskip("sparse")
    lazy = array.from_array(counts, chunks=(2, 50, 512))
    assert_same(fit_decays(lazy.map_blocks(sparse.COO), irf(), **CARD, intervals="profile"), dense)
    one = fit_decays(lazy[1, 2], irf(), **CARD, t0_ns=0.2)
    assert np.array_equal(one.tau_ns, fit_decays(counts[1, 2], irf(), **CARD, t0_ns=0.2).tau_ns)


def test_strided_and_empty_counts(counts, dense):
    for same in (np.asfortranarray(counts), np.repeat(counts[:, :, None], 2, axis=2)[:, :, 1]):
        assert_same(fit_decays(same, irf(), **CARD, intervals="profile"), dense)
    assert fit_decays(counts[:, :0], irf(), **CARD).tau_ns.shape == (4, 0, 2)


def long_histograms(counts):
    """The same photons on a card with eight times as many channels, and the IRF on it."""
    more = 7 * N_BINS
    return np.pad(counts, ((0, 0), (0, 0), (0, more))), np.pad(irf(), (0, more))


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_an_image_is_not_copied(counts, kind):
    row, response = long_histograms(counts)
    image = np.tile(row, (6, 1, 1)).astype(kind)
    fit_decays(image[:1], response, **CARD)
    tracemalloc.start()
    fit_decays(image, response, **CARD)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 0.5 * image.nbytes


def test_dask_holds_a_few_chunks_at_a_time(counts):
    array = pytest.importorskip("dask.array")
    row, response = long_histograms(counts)
    chunks = ((1,) * 80, (90,), (8 * N_BINS,))
    lazy = array.map_blocks(lambda: row[:1].astype(np.uint32), chunks=chunks, dtype=np.uint32)
    fit_decays(row[:1], response, **CARD)
    tracemalloc.start()
    fit = fit_decays(lazy, response, **CARD, t0_ns=0.2)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.n_photons.sum() == 80 * row[0].sum()
    assert used < 0.4 * lazy.nbytes


def test_dask_is_not_imported_for_an_array():
    code = (
        "import sys, numpy as np; from analysis.decay import fit_decays; t = np.arange(200);"
        "irf = np.round(1e4 * np.exp(-0.5 * ((t - 30) / 3.0) ** 2));"
        "fit_decays(irf, irf, bin_width_ns=0.3, period_ns=60.0, n_components=1, t0_ns=0.0);"
        "sys.exit('dask' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nonsense_inside_sparse_and_dask_counts_is_refused(counts):
    array, sparse = pytest.importorskip("dask.array"), pytest.importorskip("sparse")
    bad = counts[0].astype(float)
    bad[3, 40] = -2
    rows = scipy.sparse.csr_array(bad)
    for refused in (rows, sparse.COO.from_numpy(bad), array.from_array(bad, chunks=(30, 512))):
        with pytest.raises(ValueError, match="-2"):
            fit_decays(refused, irf(), **CARD, t0_ns=0.0)
    with pytest.raises(ValueError, match="512 bins"):
        fit_decays(rows[:, :500], irf(), **CARD)
    with pytest.raises(ValueError, match="type"):
        fit_decays(array.from_array(counts[0].astype(str), chunks=30), irf(), **CARD)
    with pytest.raises(ValueError, match="intervals is 'minos'"):
        fit_decays(counts, irf(), **CARD, intervals="minos")


def test_too_many_photons_for_a_time_bin_are_refused():
    bright = np.zeros((1, N_BINS), np.uint32)
    bright[0, 480:] = 2**32 - 1
    model = DecayModel.from_irf(irf(), **CARD)
    for counts in (bright, scipy.sparse.csr_array(bright)):
        with pytest.raises(ValueError, match="4294967295 photons"):
            model.compress(counts)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bin_width_ns": np.array([0.1, 0.2])}, "bin_width_ns is .*: give one number"),
        ({"t0_ns": [1.0, 2.0]}, "t0_ns is .*: give one number"),
        ({"n_components": 2.0}, "n_components is 2.0: give 1, 2 or 3"),
        ({"counts": np.full(256, 1e30)}, "counts go up to 1e"),
        ({"counts": np.ma.masked_less(np.arange(256), 9)}, "counts are masked"),
    ],
)
def test_what_one_fit_cannot_mean_is_refused(settings, reason):
    irf = np.round(1e4 * np.exp(-0.5 * ((np.arange(256) - 20) / 3) ** 2))
    given = {"counts": np.ones(256, int), "irf": irf, "bin_width_ns": 0.1, "period_ns": 25.6} | settings
    with pytest.raises(ValueError, match=reason):
        fit_decays(given.pop("counts"), given.pop("irf"), **given)


def test_a_width_for_each_curve_of_a_file_will_do_if_they_agree():
    irf = np.round(1e4 * np.exp(-0.5 * ((np.arange(256) - 20) / 3) ** 2))
    decay = np.round(np.convolve(irf, np.exp(-np.arange(256) / 40))[:256] / 10)
    fits = [fit_decays(decay, irf, bin_width_ns=w, period_ns=50.0, n_components=1) for w in (0.1, np.full(5, 0.1))]
    assert fits[0].tau_ns == fits[1].tau_ns
