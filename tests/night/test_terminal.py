"""The night at a terminal and in a log file: each event once, no control codes in a file."""

import io

import pytest

from lab.night.terminal import Terminal


def told(item_state, *, state="running", **more):
    """A status of a night of one item."""
    item = {"index": 0, "title": "flim_raster A", "state": item_state, "reason": "", "attempts": 1, "interruptions": 0}
    item |= {"began_s": 1000.0, "ended_s": 1605.0 if item_state == "done" else None, "results": [], **more}
    times = {"item_end_s": 4e3, "night_end_s": None}
    return {"name": "tonight", "state": state, "now": "item 1", "progress": 0.5, "items": [item], **times}


COURSE = [
    told("waiting", attempts=0),
    told("running"),
    told("running"),
    told("interrupted", interruptions=1, reason="the session died"),
    told("running", interruptions=1),
    told("done", interruptions=1, state="finished", results=["tau2 9.69 +- 0.03 ns"]),
]


class Screen(io.StringIO):
    def isatty(self):
        return True


class Closed(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is gone")


def test_a_log_has_each_event_once_and_no_control_codes():
    stream = io.StringIO()
    terminal = Terminal(stream)
    for status in COURSE:
        terminal.show(status)
    lines = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()
    assert sum("50 %" in line for line in lines) == 1, "progress only now and then"
    events = [line.partition("flim_raster A: ")[2] for line in lines if "item 1 of 1" in line]
    assert events == [
        "begins",
        "cut off, goes on, cut off 1 times so far, the session died",
        "begins, cut off 1 times so far",
        "done, cut off 1 times so far, after 10 min, tau2 9.69 +- 0.03 ns",
    ]


def test_on_a_screen_progress_stays_in_its_line():
    stream = Screen()
    terminal = Terminal(stream)
    for status in COURSE:
        terminal.show(status)
    assert stream.getvalue().count("\n") == 5
    assert "\r\x1b[Krunning: item 1 50 %" in stream.getvalue()


def test_a_result_that_comes_late_is_told_once():
    stream = io.StringIO()
    terminal = Terminal(stream)
    for results in ([], ["tau2 9.69 +- 0.03 ns"], [], ["tau2 9.69 +- 0.03 ns"]):
        terminal.show(told("done", results=results))
    lines = [line.partition("item 1 of 1, ")[2] for line in stream.getvalue().splitlines() if "item 1 of 1" in line]
    assert lines == ["flim_raster A: done, after 10 min", "flim_raster A: tau2 9.69 +- 0.03 ns"]


@pytest.mark.parametrize("status", COURSE)
def test_a_terminal_that_was_closed_stops_nothing(status):
    Terminal(Closed()).show(status)
