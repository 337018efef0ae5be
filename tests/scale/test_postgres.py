"""The same lab with PostgreSQL behind its storage."""

from pathlib import Path

import pytest

from lab.config import ConfigError, read
from lab.private import private_folder, write_private
from tests.conftest import house
from tests.lab.crashes import in_own_process
from tests.scale.labs import SMALL, measure
from tests.scale.postgres import PASSWORD, cluster, programs

pytestmark = pytest.mark.xdist_group("scale")


def with_database(folder: Path, database: str, also_reads: str = "[]", **house_: str) -> Path:
    """A lab whose storage is that database; its password stands in its own file."""
    file = house(folder, **house_)
    text = file.read_text().replace("[storage]\n", f'[storage]\ndatabase = "{database}"\n')
    file.write_text(text.replace("also_reads = []", f"also_reads = {also_reads}"))
    write_private(private_folder(folder / "data" / "storage") / "database_password", f"{PASSWORD}\n")
    return file


def test_two_labs_share_one_catalog_in_postgresql(tmp_path):
    programs()
    with cluster() as database:
        first = in_own_process(measure, str(with_database(tmp_path / "first", database)))
        file = with_database(tmp_path / "second", database, f'["{tmp_path}/first/data"]', prefix="second:")
        second = in_own_process(measure, str(file), first["uid"])
    for found in (first, second):
        assert (found["exit_status"], found["refused"]) == ("success", ())
        assert found["in_table"] == found["in_map"] > 0
        assert found["derived"] == [found["uid"]]
    assert {first["uid"], second["uid"]} <= set(second["found"])
    seen = first["in_table"]
    assert second["of_other"] == {"lines": SMALL["n_pixels"] * SMALL["n_scans"], "in_table": seen, "in_file": seen}
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "database_password"]
    assert not [path for path in files if path.name in ("catalog.db", "tables.db")]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('database = "postgresql://lum:secret@db/runs"', r"storage\.database"),
        ('also_reads = ["../second/data"]', r"storage\.also_reads .* a list of whole names of folders"),
        ('also_reads = "/srv/data"', r"storage\.also_reads .* a list of whole names of folders"),
    ],
)
def test_what_is_no_database_or_folder_is_refused(tmp_path, line, complaint):
    file = house(tmp_path)
    text = file.read_text().replace("also_reads = []", "")
    file.write_text(text.replace("[storage]\n", f"[storage]\n{line}\n"))
    with pytest.raises(ConfigError, match=complaint):
        read(file)
