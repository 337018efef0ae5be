"""Documents and names reach no file outside the folder that is meant for them."""

import json

import pytest

from lab.confined import EscapeError, confined
from lab.journal import Journal
from lab.sample_records import SampleError
from lab.samples import Samples
from lab.storage import Ingester

HOSTILE = [
    "../x",
    "..",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "",
    " ",
    "a" * 500,
    "~",
    "$(id)",
    "\u202egnp.exe",
    "x\n[y]",
]


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026" / "a b.h5").touch()
    (tmp_path / "secret").touch()
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    return folder


def test_a_file_of_an_instrument_is_let_through(raw):
    file = raw / "2026" / "a b.h5"
    assert confined(file.as_uri(), raw) == file
    assert confined(file.as_uri().replace("file://", "file://localhost"), raw) == file


@pytest.mark.parametrize(
    "uri",
    [
        "file://localhost{raw}/../secret",
        "file://localhost{raw}/2026/../../secret",
        "file://localhost{raw}/%2e%2e/secret",
        "file://localhost{raw}/link",
        "file://localhost{raw}/out/secret",
        "file://localhost{raw}x/a.h5",
        "file://localhost{raw}/a%00.h5",
        "file://localhost{raw}/2026/a?b",
        "file://elsewhere{raw}/2026/a.h5",
        "file:///etc/passwd",
        "http://localhost{raw}/2026/a.h5",
        "s3://bucket/a.h5",
        "{raw}/2026/a.h5",
        "",
    ],
)
def test_any_other_file_is_refused(raw, uri):
    with pytest.raises(EscapeError, match="storage serves files below"):
        confined(uri.format(raw=raw), raw)


class Nothing(dict):
    """A catalog that must not be written to with such a run."""

    def include_data_sources(self):
        return self

    def create_container(self, *_, **__):
        return self

    create_composite = create_container


def test_a_run_that_names_a_foreign_file_stays_out_of_storage(tmp_path, raw, caplog):
    journal = Journal(tmp_path / "journal")
    resource = {"uid": "r", "run_start": "u" * 36, "data_key": "k", "mimetype": "application/x-hdf5", "parameters": {}}
    journal("start", {"uid": "u" * 36, "time": 1.0})
    journal("stream_resource", resource | {"uri": "file://localhost/etc/passwd"})
    journal("stop", {"uid": "s", "run_start": "u" * 36, "time": 2.0, "exit_status": "success", "num_events": {}})
    journal.close()
    ingester = Ingester(Nothing, tmp_path / "journal", flush_s=0.01, files=raw)
    assert not ingester.flush(10)
    assert ingester.status().refused == ("u" * 36,)
    assert "storage serves files below" in caplog.text
    ingester.close(0.1)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_sample_is_called_like_a_path(tmp_path, name):
    samples = Samples(tmp_path / "samples.toml")
    with pytest.raises(SampleError):
        samples.add(name, doping_percent=0.1, thickness_nm=90)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_run_says_of_itself_its_journal_file_has_a_name_of_its_own(tmp_path, name):
    journal = Journal(tmp_path / "journal")
    start = {
        "uid": "5f0e7d0e-0000-4000-8000-000000000000",
        "time": 1.0,
        "sample_name": name,
        "campaign": name,
        "night": name,
    }
    journal("start", start)
    journal.close()
    (file,) = (path for path in (tmp_path / "journal").rglob("*") if path.is_file())
    assert file.stem == start["uid"]
    assert json.loads(file.read_text().splitlines()[0])[1]["sample_name"] == name
