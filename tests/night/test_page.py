"""The status page: right in a browser of any size, with any text, with and without scripts."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lab.night import page
from tests.browser import dom, screenshot, widths_needed
from tests.night.examples import HOSTILE, REVERSED, status

PHONE = 390


def opened(folder, told, **size):
    """The page of a status in a browser: document and console."""
    return dom(page.write(folder, told), folder, **size)


@pytest.mark.parametrize("state", page.WORDS)
def test_every_state_is_a_word_and_a_colour(state):
    text = page.render(status(state=state))
    assert f'<div class="state {state}">{page.WORDS[state]}</div>' in text
    assert f".{state}" in text.partition("</style>")[0]


def test_what_runs_what_is_left_and_what_failed_is_there(tmp_path):
    shown, console = opened(tmp_path, status(written_s=time.time()))
    body = re.sub(r"<[^>]+>", " ", shown.partition("<main")[2].partition("</main>")[0])
    for words in (
        "line 31 of 100",
        "31%",
        "212 GB free",
        "a SPAD was tripped",
        "interrupted once, went on",
        "FWHM 0.62 ns",
    ):
        assert words in body
    assert body.count("flim_raster B") == 2
    assert "cps" in body
    assert "um" in body
    assert 'role="alert" id="stale" hidden' in shown
    assert not console


def test_a_page_that_nobody_writes_says_so(tmp_path):
    old, _ = opened(tmp_path, status(written_s=time.time() - 100))
    assert 'role="alert" id="stale">' in old
    assert "2 min ago" in old


def test_the_page_of_a_finished_night_never_gets_old(tmp_path):
    over, _ = opened(tmp_path, status(written_s=time.time() - 100, state="finished"))
    assert 'role="alert" id="stale" hidden' in over


def test_without_scripts_it_loads_itself_again_until_the_night_is_over():
    again = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
    assert again in page.render(status())
    assert again not in page.render(status(state="stopped"))


def test_texts_of_users_stay_texts(tmp_path):
    told = status(written_s=time.time(), now=HOSTILE, failures=(HOSTILE, REVERSED), services=(HOSTILE,), name=HOSTILE)
    items = tuple(replace(item, title=HOSTILE, reason=HOSTILE, results=(HOSTILE,)) for item in told.items)
    rates = {HOSTILE: told.rates_cps["qd"]}
    shown, console = opened(tmp_path, replace(told, items=items, rates_cps=rates, image=HOSTILE))
    assert shown.count("<script>") == 1
    assert "<title>Running" in shown
    assert "onerror=alert" in shown
    assert not re.search(r"<img(?! src=\"last\.png)", shown)
    assert "\u202e" not in shown
    assert not console


def test_on_a_phone_nothing_is_wider_than_the_phone(tmp_path):
    paths = []
    for n, title in enumerate(("x" * 10_000, REVERSED * 40, "a b " * 2500, "\x00\x07\ud800")):
        told = status(now=title, failures=(title,), services=(title,), name=title)
        items = tuple(replace(item, title=title, reason=title) for item in told.items)
        paths.append(page.write(tmp_path / f"{n}", replace(told, items=items)))
        assert paths[-1].stat().st_size < 100_000
    assert widths_needed(paths, tmp_path, PHONE) == [PHONE] * len(paths)


def test_it_is_dark_where_the_reader_likes_it_dark(tmp_path):
    path = page.write(tmp_path, status())
    picture = screenshot(path, tmp_path / "dark.png", "--blink-settings=preferredColorScheme=0")
    with Image.open(picture) as dark:
        assert sum(dark.convert("RGB").getpixel((3, 3))) < 120


def test_a_status_with_holes_is_shown(tmp_path):
    nan = float("nan")
    told = status(
        progress=nan, item_end_s=nan, night_end_s=None, free_gb=nan, rates_cps={"qd": ((nan, 1.0), (2.0, nan))}
    )
    shown = page.write(tmp_path, replace(told, items=(), drift_um=(), image="../secret.png", state="<odd>")).read_text()
    assert "nan" not in shown.lower()
    assert "secret" not in shown
    assert "<odd>" not in shown
    assert json.loads((tmp_path / page.STATUS).read_text())["progress"] is None


def test_one_point_and_equal_points_make_a_plot():
    for points in (((5.0, 3.0),), ((5.0, 0.0), (6.0, 0.0))):
        assert "<svg" in page.render(status(rates_cps={"qd": points}))


def test_a_reader_never_sees_half_a_page(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    before = page.write(tmp_path, status()).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [page.PAGE, page.STATUS]
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        page.write(tmp_path, status(now="something else"))
    assert (tmp_path / page.PAGE).read_text() == before
    assert "something else" not in (tmp_path / page.STATUS).read_text()
