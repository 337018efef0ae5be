"""Files of rows that are read while another process writes them."""

import subprocess
import sys

import numpy as np
import pytest

from analysis.formats.histograms import HistogramRows

WRITER = """
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1], "w", libver="latest", locking=False) as file:
    layout = {"shape": (0, 4096), "maxshape": (None, 4096), "chunks": (1, 4096), "dtype": "u2"}
    dataset = file.create_dataset("histograms", compression="gzip", shuffle=True, **layout)
    file.swmr_mode = True
    print(flush=True)
    for line in sys.stdin:
        index, mean = map(int, line.split())
        dataset.resize(max(index + 1, len(dataset)), axis=0)
        dataset[index] = np.random.default_rng(mean).poisson(mean, 4096)
        dataset.flush()
        print(flush=True)
"""


@pytest.fixture
def written(tmp_path):
    """A reader, and what puts a row of Poisson numbers into the file: (put(index, mean), reader)."""
    path = tmp_path / "rows.h5"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        writer.stdout.readline()

        def put(index: int, mean: int) -> np.ndarray:
            writer.stdin.write(f"{index} {mean}\n")
            writer.stdin.flush()
            writer.stdout.readline()
            return np.random.default_rng(mean).poisson(mean, 4096)

        reader = HistogramRows({"uri": f"file://localhost{path}", "parameters": {"dataset": "histograms"}})
        yield put, reader
        reader.close()
        writer.stdin.close()


def test_a_row_that_is_taken_again_is_read_as_it_is_now(written):
    put, reader = written
    for mean in (3, 300, 1):
        row = put(0, mean)
        np.testing.assert_array_equal(reader.row(0), row)


def test_a_row_is_there_as_soon_as_it_is_written_and_not_before(written):
    put, reader = written
    with pytest.raises(IndexError, match="row 0 of 0"):
        reader.row(0)
    row = put(0, 5)
    np.testing.assert_array_equal(reader.row(0), row)
