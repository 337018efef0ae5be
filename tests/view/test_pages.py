"""What the pages tell of a data folder."""

import html
import re
import time

import pytest

from tests.night.examples import HOSTILE
from tests.view.folder import CODE, Folder
from tests.view.reading import client_of


def words(page: str) -> str:
    """What a reader sees, without markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_a_closed_lab_says_that_nothing_runs(client):
    told = words(client.get("/").text)
    assert "Nothing runs" in told
    assert "session not running" in told
    assert "storage not running" in told
    assert "Measuring" not in told
    assert "rise time 12.50 ± 0.40 ns" in told


def test_an_empty_folder_is_told_as_such(tmp_path):
    with client_of(tmp_path / "data") as client:
        assert "holds no runs yet" in words(client.get("/").text)
        for path in ("/runs", "/emitters", "/nights"):
            assert client.get(path).status_code == 200


def test_a_growing_run_is_told_line_by_line(tmp_path):
    made = Folder(tmp_path / "data")
    run, stream = made.growing(25)
    with client_of(made.data) as client:
        told = words(client.get("/").text)
        assert "Measuring flim_raster of A" in told
        assert "25 of 100 lines" in told
        assert "4,000 cps perovskite" in told
        assert "left, about" in told
        made.line(stream, time.time())
        assert "26 of 100 lines" in words(client.get("/").text)
        assert "26 of 100 lines" in words(client.get(f"/runs/{made.uids['growing']}").text)
    made.end(run)
    with client_of(made.data) as client:
        assert "Nothing runs" in words(client.get("/").text)
    made.journal.close()


def test_a_run_that_hangs_is_told_as_such(tmp_path):
    made = Folder(tmp_path / "data")
    run = made.begin("old", 600.0, plan_name="hbt", sample_name="single")
    with client_of(made.data) as client:
        assert re.search(r"Nothing was recorded for \d+ min", words(client.get("/").text))
    made.end(run)
    made.journal.close()


def test_runs_are_listed_newest_first_with_their_results(client, folder):
    page = client.get("/runs").text
    places = [
        page.index(f"/runs/{folder.uids[name]}") for name in ("cut", "failed", "hostile", "pairs", "raster", "irf")
    ]
    assert places == sorted(places)
    assert folder.uids["hbt_analysis"] not in page
    told = words(page)
    assert "rise time 12.50 ± 0.40 ns" in told
    assert "interrupted" in told
    assert "a SPAD was tripped (overload)" in told


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sample=A", {"raster", "irf"}),
        ("plan=flim_raster", {"raster", "cut"}),
        ("status=fail", {"failed"}),
        ("words=TRIPPED spad", {"failed"}),
        ("words=epl-450", {"raster"}),
        ("words=nobody", set()),
        ("kind=analysis&plan=hbt_analysis", {"hbt_analysis"}),
        ("until=2001-01-01", set()),
        ("since=9999-12-31", set()),
        ("sample=single&status=success", {"pairs"}),
    ],
)
def test_a_search_finds_what_fits(client, folder, query, names):
    page = client.get(f"/runs?{query}").text
    assert {name for name, uid in folder.uids.items() if f'href="/runs/{uid}"' in page} == names


def test_a_search_that_cannot_be_understood_is_told(client):
    told = words(client.get("/runs?since=yesterday&kind=odd&page=-3").text)
    assert "since = 'yesterday' is no day; write it as" in told
    assert "kind = 'odd'; allowed: analysis, all" in told
    assert client.get("/runs?page=99999999999999999999&until=9999-12-31").status_code == 200


def test_a_run_tells_its_numbers_with_errors_and_what_to_doubt(client, folder):
    told = words(client.get(f"/runs/{folder.uids['pairs']}").text)
    for each in (
        "12.50 ± 0.40 ns rise time",
        "0.110 ± 0.020 g2(0)",
        "81,234 ± 31 cps light",
        "yes, +9.2 σ single emitter",
        "4,170,505 photons",
        "deviance 1.50 per degree of freedom",
        "the emitter bleached during the run",
        "digital twin, preset A, seed 3",
        CODE,
        f'db["{folder.uids["pairs"]}"]',
        "Antibunching",
    ):
        assert each in told


def test_a_raster_shows_images_with_their_scale_and_its_provenance(client, folder):
    page = client.get(f"/runs/{folder.uids['raster']}").text
    told = words(page)
    assert page.count("<image ") == 4
    assert "1 µm" in told
    assert "9.7" in re.search(r"([\d.]+) ± [\d.]+ ns tau2, median", told)[1]
    assert "6.2% of the pixels could not be fitted" in told
    assert "pile-up: 64 pixels above 1 % photons per pulse" in told
    assert f'href="/runs/{folder.uids["irf"]}"' in page
    assert f'href="/runs/{folder.uids["flim_analysis"]}"' in page
    assert f'href="/runs/{folder.uids["cut"]}"' in page
    assert f"/figures/{folder.uids['raster'][:8]}-overview.png" in page
    assert f'href="/runs/{folder.uids["raster"]}"' in client.get(f"/runs/{folder.uids['irf']}").text


def test_every_run_and_analysis_has_a_page(client, folder):
    for uid in folder.uids.values():
        assert client.get(f"/runs/{uid}").status_code == 200
        assert str(client.get(f"/runs/{uid[:8]}").url).endswith(uid)
    assert client.get("/runs/00000000").status_code == 404


def test_emitters_are_shown_where_they_are_with_their_runs(client, folder):
    page = client.get("/emitters").text
    assert page.count('class="dot single"') == page.count('class="dot several"') == page.count('class="dot open"') == 1
    told = words(client.get("/emitters/single-001").text)
    assert "12.50 ± 0.40 ns rise time" in told
    assert "(50.000, 50.000) ± 0.010 µm" in told
    assert f'href="/runs/{folder.uids["pairs"]}"' in client.get("/emitters/single-001").text
    assert "not in this folder" in client.get("/emitters/single-002").text
    assert client.get("/emitters/nobody").status_code == 404


def test_a_registry_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "emitters.sqlite").write_bytes(b"no database at all, but long enough" * 100)
    with client_of(tmp_path) as client:
        assert "the emitters cannot be read now" in words(client.get("/emitters").text)
        assert client.get("/").status_code == 200


def test_the_night_and_its_reports_are_shown(client):
    told = words(client.get("/nights").text)
    assert "flim_raster A" in told
    assert "2027-01-14" in told
    report = client.get("/nights/2027-01-14.html")
    assert "all done" in report.text
    assert "script-src" not in report.headers["Content-Security-Policy"]


def test_what_users_typed_stays_text(client, folder):
    for path in ("/", "/runs", f"/runs/{folder.uids['hostile']}", "/runs?sample=" + HOSTILE, "/runs?words=" + HOSTILE):
        page = client.get(path, params=None).text
        assert "<script>" not in page
        assert "<img src=x" not in page
        assert page.count("<script ") == 1


def test_a_damaged_file_is_named_and_hides_nothing(tmp_path):
    made = Folder(tmp_path / "data")
    good = made.measured("good", 100.0, plan_name="irf", sample_name="A")
    made.journal.close()
    day = next((made.data / "journal").glob("*/*/*"))
    (day / "bad.jsonl").write_text('["start", {"uid"')
    (day / "odd.jsonl").write_text('["start", 3]\n')
    with client_of(made.data) as client:
        page = client.get("/runs").text
    assert good in page
    assert "2 files of the journal cannot be read: bad.jsonl, odd.jsonl" in words(page)
