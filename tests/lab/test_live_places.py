"""Live pictures appear where they fit: windows on a desktop, outputs in a notebook, files anywhere else."""

import subprocess

import pytest

from lab.display import LivePicture
from lab.live import choice
from lab.live.choice import DisplayError, fitting, screen_for, why_no_windows
from lab.live.screens import Files, Nowhere
from tests.lab.growing import growing
from tests.simulated_spectra import luminescence


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    if why_not := why_no_windows():
        pytest.skip(why_not)
    from lab.live.qt import Windows

    screen = Windows(redraw_s=0.0)
    yield screen
    screen.close()


def test_a_desktop_has_one_window_for_each_protocol_and_closing_it_stops_nothing(windows, pl, ple, monkeypatch, caplog):
    def see(live):
        windows.offer(live)
        windows.draw_newest()
        windows.tick()

    see(pl)
    assert windows.open["pl"].isVisible() and windows.open["pl"].windowTitle().startswith("pl 0")
    windows.open["pl"].close()
    with monkeypatch.context() as patch:
        patch.setattr(windows.easel, "figure_of", lambda live: pytest.fail("it is drawn, though nobody looks"))
        see(pl)
    assert not windows.open["pl"].isVisible() and not caplog.text, "closed by the user, it stays closed in this run"
    see(ple)
    again = growing("pl", luminescence(0.2))
    see(again)
    assert list(windows.open) == ["pl", "ple"] and windows.open["pl"].isVisible()
    canvas = windows.open["pl"].centralWidget()
    assert canvas.grab().toImage().width() == canvas.width() > 400
    assert canvas.figure is windows.easel.window.figure


def test_a_window_that_cannot_be_drawn_stops_nothing(windows, pl, ple, caplog):
    pl.start_doc = {"plan_name": "pl", "uid": "broken"}
    pl.curve = "no curve"
    windows.offer(pl)
    windows.draw_newest()
    assert "live picture could not be drawn" in caplog.text
    windows.offer(ple)
    windows.draw_newest()
    assert windows.open["ple"].isVisible()


def test_where_windows_cannot_open_pictures_are_files(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(choice, "say", said.append)
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    screen = screen_for("qt", tmp_path)
    assert isinstance(screen, Files)
    assert len(said) == 1 and str(tmp_path / "live.png") in said[0] and ":" in said[0]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (
            subprocess.CompletedProcess("", 1, "", "ModuleNotFoundError: No module named 'PySide6'"),
            "luminescope[desktop]",
        ),
        (subprocess.CompletedProcess("", -6, "", "qt.qpa.xcb: could not connect to display\n"), "could not connect"),
        (subprocess.TimeoutExpired("", 30), "did not answer"),
        (subprocess.CompletedProcess("", 0, "", ""), None),
    ],
)
def test_it_is_said_why_there_are_no_windows(outcome, told, monkeypatch):
    def run(*command, **options):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(subprocess, "run", run)
    assert why_no_windows() == "" if told is None else told in why_no_windows()


@pytest.mark.parametrize(
    ("shell", "environment", "platform", "display"),
    [
        ("notebook", {"DISPLAY": ":0"}, "linux", "inline"),
        ("terminal", {"DISPLAY": ":0"}, "linux", "qt"),
        ("terminal", {"WAYLAND_DISPLAY": "wayland-0"}, "linux", "qt"),
        ("terminal", {}, "win32", "qt"),
        ("terminal", {}, "linux", "files"),
        ("terminal", {"DISPLAY": ":0", "SSH_CONNECTION": "1"}, "linux", "files"),
        ("", {"DISPLAY": ":0"}, "linux", "files"),
    ],
)
def test_the_display_fits_the_place(shell, environment, platform, display):
    assert fitting(shell, environment, platform) == display


def test_an_unknown_display_is_refused_with_those_there_are(tmp_path):
    picture = LivePicture(tmp_path, screen=Nowhere())
    with pytest.raises(DisplayError, match=r"screen.*auto.*none"):
        picture("screen")
    assert "nowhere" in repr(picture)
    assert "live.png" in repr(picture("files"))
    picture.close()
