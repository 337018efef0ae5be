"""Live pictures follow the run that goes on, wherever they are shown, and nothing ever waits for them."""

import logging
import threading
from types import SimpleNamespace

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import pytest
from ophyd.sim import SynGauss, motor
from PIL import Image

from lab.display import LivePicture
from lab.live import screens
from lab.live.campaigns import LiveCampaign
from lab.live.painter import Painter
from lab.live.screens import Files, Inline, Nowhere
from lab.live.windows import key_of, plan_of
from tests.simulated_spectra import luminescence


@pytest.fixture
def files(tmp_path):
    told = []
    screen = Files(tmp_path, told.append, redraw_s=0.0)
    screen.sentences = told
    yield screen
    screen.close()


def test_each_protocol_leaves_its_picture_and_the_present_one_is_live(files, pl, ple):
    picture = LivePicture(files.folder, screen=files)
    for live in (pl, ple):
        picture.note(live)
        assert files.painter.finish(60)
    assert {each.name for each in files.folder.iterdir()} == {"live.png", "live-pl.png", "live-ple.png"}
    present, last = (files.folder / name for name in ("live.png", "live-ple.png"))
    assert present.read_bytes() == last.read_bytes() != (files.folder / "live-pl.png").read_bytes()
    with Image.open(present) as image:
        assert image.text["Source"] == ple.start_doc["uid"]
    assert files.sentences == [f"live picture: {present}"]


def test_a_run_that_begins_while_the_last_is_drawn_is_drawn_next(files, pl, ple, monkeypatch):
    draw = files.easel.figure_of

    def interrupted(live):
        figure = draw(live)
        if live is pl:
            files.offer(ple)  # the analysis thread, in between
        return figure

    monkeypatch.setattr(files.easel, "figure_of", interrupted)
    files.offer(pl)
    assert files.painter.finish(60)
    assert files.painter.drawn == 2 and "ple of A" in files.easel.window.text.get_text()


def test_a_window_stays_as_long_as_its_run_and_does_not_jump(files, pl, ple):
    files.draw(pl)
    window = files.easel.window
    places = [ax.get_position().bounds for ax in window.figure.axes]
    pl.curve = luminescence(0.6)
    files.draw(pl)
    assert files.easel.window is window
    assert [ax.get_position().bounds for ax in window.figure.axes] == places
    files.draw(ple)
    assert files.easel.window is not window


class Beaten:
    """A lease that counts its beats."""

    def __init__(self):
        self.beats = 0

    def beat(self):
        self.beats += 1

    def renew(self):
        pass

    def darken(self, **how):
        pass


def test_a_drawing_that_takes_for_ever_holds_up_neither_documents_nor_beats():
    """The first frame is being drawn all the time: events and beats go on, and only the newest frame is drawn after."""
    from lab.engine import LabEngine

    drawing, may_end, drawn, seen = threading.Event(), threading.Event(), [], []

    def slow(frame):
        drawing.set()
        if not may_end.wait(20):  # whoever waits for the drawing is waited for in vain
            may_end.set()
        drawn.append(frame)

    def event(name, doc):
        seen.append(doc["seq_num"])
        painter.offer(doc["seq_num"])

    @bpp.run_decorator()
    def plan():
        yield from bps.trigger_and_read([detector])
        drawing.wait(30)
        while lease.beats < 4:
            yield from bps.sleep(0.01)
            yield from bps.trigger_and_read([detector])

    lease, painter = Beaten(), Painter(slow, redraw_s=0.0)
    detector = SynGauss("det", motor, "motor", center=0, Imax=1, sigma=1)
    RE = LabEngine(lease=lease, present=lambda uids, result: uids)
    RE.subscribe(event, "event")
    RE(plan())
    assert drawing.is_set() and not drawn, "the first frame is still being drawn"
    assert lease.beats >= 4 and len(seen) > 3 and painter.offered == len(seen)
    may_end.set()
    assert painter.finish(30)
    assert drawn == [1, seen[-1]], "what was missed meanwhile is skipped"
    painter.close()
    assert not painter.thread.is_alive()


def test_a_frame_that_fails_is_told_once_and_the_next_is_drawn(caplog):
    drawn = []

    def draw(frame):
        if frame < 3:
            raise ValueError("no such font")
        drawn.append(frame)

    painter = Painter(draw, redraw_s=0.0)
    with caplog.at_level(logging.ERROR):
        for frame in (1, 2, 3):
            painter.offer(frame)
            assert painter.finish(30)
    assert drawn == [3] and [r.message.count("no such font") for r in caplog.records] == [1]
    painter.close()


def test_a_notebook_has_one_output_for_each_run(pl, ple):
    outputs: list[list[bytes]] = []

    def publish(picture):
        outputs.append([picture])
        return outputs[-1].append

    inline = Inline(publish, redraw_s=0.0)
    for live in (pl, pl, ple):
        inline.offer(live)
        assert inline.painter.finish(60)
        inline.tick()
        inline.tick()
    inline.close()
    assert [len(each) for each in outputs] == [2, 1]
    assert all(picture.startswith(b"\x89PNG") for each in outputs for picture in each)


def test_a_notebook_replaces_its_picture(monkeypatch):
    shown, newer = [], []
    handle = SimpleNamespace(update=lambda image: newer.append(image.data))

    def display(image, *, display_id):
        assert display_id
        shown.append(image.data)
        return handle

    monkeypatch.setattr("IPython.display.display", display)
    png = b"\x89PNG\r\n\x1a\n"
    replace = screens.publish_in_notebook(png + b"1")
    replace(png + b"2")
    assert (shown, newer) == ([png + b"1"], [png + b"2"])


def test_a_session_tells_its_display_of_everything_that_grows(tmp_path, ple):
    """Also of runs that only add up histograms, and of a campaign as one."""
    from lab.display import live_display

    rooms = {name: SimpleNamespace() for name in ("flim", "spectra", "emitters", "groups")}
    rooms["emitters"].runs = SimpleNamespace()
    folders = SimpleNamespace(data=tmp_path)
    config = SimpleNamespace(folders=folders, session=SimpleNamespace(display="none"))
    subscribed = []
    engine = SimpleNamespace(subscribe=subscribed.append, during=SimpleNamespace(hooks=[]))
    session = SimpleNamespace(
        config=config, analyses=SimpleNamespace(**rooms), RE=engine, emitters=SimpleNamespace(campaign=None)
    )
    live = live_display(session, bar=False)
    assert isinstance(live.screen, Nowhere) and engine.during.hooks == [live.tick] and len(subscribed) == 1
    hooks = (rooms["flim"].on_line, rooms["spectra"].on_points, rooms["emitters"].runs.on_look)
    seen = []
    live.screen = SimpleNamespace(offer=seen.append, tick=lambda: None, close=lambda: None)
    for hook in hooks:
        hook(ple)
    assert seen == [ple] * 3
    ((looking,), _), nothing = live.of_run("start", {"plan_name": "irf"}), live.of_run("start", {"plan_name": "hbt"})
    assert looking.on_look == live.note and nothing == ([], [])
    ple.start_doc["campaign"] = "single-1"
    live.note(ple)
    assert isinstance(seen[-1], LiveCampaign) and plan_of(seen[-1]) == "qd_campaign"
    assert key_of(seen[-1]) == ("campaign", "single-1")
