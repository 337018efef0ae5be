"""Files of queues: good ones are read, wrong ones are refused with the file, the item, the key and what is allowed."""

import math
import os
import time
from datetime import datetime, timedelta

import pytest

from lab.explain import answered
from lab.night.queue import QueueError, load_script, read_queue
from plans.item import Item
from plans.moments import moment
from plans.review import reviewed
from plans.stubs import PlanError

NOW_S = datetime(2026, 11, 22, 22, 0).timestamp()
RASTER = '[[item]]\nplan = "flim_raster"\nsample = "A"\n'
LINES = "\n".join
FORBIDDEN = "there is no such plan; there are absorption"


def written(folder, text: str | bytes, name: str = "tonight.toml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_queue_is_read_with_its_policies_and_conditions(tmp_path):
    text = (
        '[night]\nuntil = "07:00"\n'
        f'{RASTER}retries = 2\non_failure = "stop"\nnot_before = "23:30"\nuntil = 2026-11-23T06:00:00\n'
        '[[item]]\nplan = "hbt"\nat_um = [40, 60]\nmax_time_s = 900\narguments = {max_time_s = 300}\n'
    )
    queue = read_queue(written(tmp_path, text), NOW_S)
    raster, hbt = queue.items
    assert raster == Item(
        "flim_raster",
        {"sample": "A"},
        on_failure="stop",
        retries=2,
        not_before=NOW_S + 5400,
        until=NOW_S + 8 * 3600,
    )
    assert (hbt.arguments, hbt.max_time_s) == ({"max_time_s": 300, "at_um": [40, 60]}, 900.0)
    assert moment(queue.options["until"], NOW_S) == NOW_S + 9 * 3600


@pytest.mark.parametrize("text", [RASTER.replace("\n", "\r\n"), "\ufeff" + RASTER, RASTER + "\n# comment\n"])
def test_line_ends_of_other_systems_and_comments_are_fine(tmp_path, text):
    assert read_queue(written(tmp_path, text)).items == (Item("flim_raster", {"sample": "A"}),)


WRONG = {
    "empty": ("", "no item in it"),
    "no TOML": ("plan: flim_raster", "it is not TOML: Expected '=' after a key.*line 1"),
    "only a night": ('[night]\nuntil = "07:00"', "no item in it"),
    "another table": (RASTER + "[options]\nx = 1", r"options: there is no such table; there are \[night\]"),
    "items is a table": ('[item]\nplan = "irf"', "item: must be tables"),
    "items is text": ('item = "irf"', "item: must be tables"),
    "items are texts": ('item = ["irf"]', "item: must be tables"),
    "night is a number": ("night = 3\n" + RASTER, "night=3: must be a table"),
    "night has another key": ("[night]\nuntill = 1\n" + RASTER, "night: untill: there is no such key; there are name"),
    "night until": ('[night]\nuntil = "late"\n' + RASTER, "night: until='late': must be \"HH:MM\""),
    "night budget": ("[night]\nmax_time_s = nan\n" + RASTER, "night: max_time_s=nan: must be a number"),
    "night name": ('[night]\nname = ""\n' + RASTER, "night: name='': must be 1..80 letters"),
    "night name with a path": ('[night]\nname = "../mine"\n' + RASTER, "night: name='../mine': must be 1..80 letters"),
    "no plan": ('[[item]]\nsample = "A"', "item 1: plan: say which"),
    "unknown plan": ('[[item]]\nplan = "flim_rastr"', "item 1: plan='flim_rastr'.*Did you mean 'flim_raster'"),
    "plan of Python": ('[[item]]\nplan = "__import__"', f"item 1: plan='__import__': {FORBIDDEN}"),
    "code as a plan": ("[[item]]\nplan = \"os.system('id')\"", FORBIDDEN),
    "plan is a number": ("[[item]]\nplan = 5", "item 1: plan=5: there is no such plan"),
    "plan is a list": ('[[item]]\nplan = ["irf"]', r"item 1: plan=\['irf'\]: there is no such plan"),
    "the night itself": ('[[item]]\nplan = "night"', "item 1: plan='night': there is no such plan"),
    "unknown argument": (RASTER + "dwel_ms = 3", "item 1: dwel_ms: flim_raster has no such argument; it has sample"),
    "the second item": (RASTER + '[[item]]\nplan = "irf"\nsample = "A"', "item 2: sample: irf has no such argument"),
    "a device": (RASTER + 'microscope = "microscope"', "item 1: microscope: the devices are those of the lab"),
    "argument that is missing": ('[[item]]\nplan = "import_scan"\npath = "a.txt"', "sample: import_scan needs it"),
    "not a number": (RASTER + "dwell_ms = nan", "item 1: dwell_ms=nan: must be a finite number"),
    "infinite": (RASTER + "centre_um = [inf, 1]", r"item 1: centre_um\[0\]=inf: must be a finite number"),
    "huge": (RASTER + "n_scans = " + "9" * 50, "n_scans=9999.*the number is too large"),
    "a date as an argument": (RASTER + "dwell_ms = 2026-01-01", "dwell_ms=.*must be text, a number"),
    "negative retries": (RASTER + "retries = -1", "item 1: retries=-1: must be a whole number 0..100"),
    "half a retry": (RASTER + "retries = 1.5", "retries=1.5: must be a whole number"),
    "true for a number": (RASTER + "retries = true", "retries=True: must be a whole number"),
    "policy": (
        RASTER + 'on_failure = "retry"',
        "on_failure='retry': there is no such on_failure; there are skip, stop",
    ),
    "policy is a number": (RASTER + "on_failure = 1", "on_failure=1: there is no such on_failure"),
    "until before not_before": (
        RASTER + "not_before = 2026-11-23T05:00:00\nuntil = 2026-11-23T04:00:00",
        "item 1: until is not after not_before",
    ),
    "no time": (RASTER + 'until = "25:99"', "item 1: until='25:99': must be \"HH:MM\""),
    "a duration": (RASTER + "until = 3600", "item 1: until=3600: must be"),
    "true for a time": (RASTER + "not_before = true", "not_before=True: must be"),
    "a day": (RASTER + "until = 2026-11-23", "item 1: until=.*must be"),
    "years ahead": (RASTER + "until = 2031-01-01T00:00:00", r"item 1: until=.*\d+ days from now; 30 are allowed"),
    "budget": (RASTER + "max_time_s = -1", "max_time_s=-1: must be a number"),
    "dose": (RASTER + "max_dose_kj_cm2 = inf", "max_dose_kj_cm2=inf: must be a number"),
    "name": (RASTER + 'name = "a\\u0007b"', "item 1: name=.*must be 1..200 printable letters"),
    "twice": (RASTER + 'arguments = {sample = "B"}', "item 1: sample: it is given twice"),
    "arguments": (RASTER + "arguments = 3", "item 1: arguments=3: must be a table"),
    "md of the night": (RASTER + 'md = {night = "x"}', "md has the key 'night': the night gives it"),
    "nested": ("[[item]]\n" + "a" + ".b" * 2000 + " = 1", "tonight.toml"),
    "zero byte": (b"[[item]]\0", "byte 8 is zero: it is no text"),
    "no UTF-8": (b"# \xff\xfe\n", "byte 2 is no UTF-8"),
    "binary": (os.urandom(4096) + b"\0", "it is no text|no UTF-8"),
    "larger than a queue": ("#" * 1_000_001, r"1\.0 MB; a queue has less than 1 MB"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_its_name_and_what_is_allowed(tmp_path, case):
    text, says = WRONG[case]
    path = written(tmp_path, text)
    with pytest.raises(QueueError, match=says) as refusal:
        read_queue(path, NOW_S)
    assert str(path) in str(refusal.value)


def test_all_problems_of_a_file_are_told_at_once(tmp_path):
    with pytest.raises(QueueError) as refusal:
        read_queue(written(tmp_path, RASTER + "retries = -1\ndwell_ms = nan\n[[item]]\nplan = 3\n[other]\n"))
    told = str(refusal.value).splitlines()[1:]
    assert len(told) == 4


def test_what_is_no_file_is_refused(tmp_path):
    (loop := tmp_path / "loop.toml").symlink_to(loop)
    os.mkfifo(tmp_path / "pipe.toml")
    for path, says in {
        tmp_path: "it is not a file",
        tmp_path / "pipe.toml": "it is not a file",
        tmp_path / "none.toml": "cannot be read: No such file",
        loop: "cannot be read: Too many levels of symbolic links",
        tmp_path / ("x" * 300): "cannot be read: File name too long",
    }.items():
        with pytest.raises(QueueError, match=says):
            read_queue(path)


OF_THE_LAB = {
    "unknown sample": ('sample = "a"', "item 1 .*sample='a': there is no such sample; there are .*Did you mean 'A'"),
    "path as a sample": ('sample = "../../etc"', "there is no such sample"),
    "many pixels": ("n_pixels = 1000000000", "n_pixels=1000000000: must be a whole number 1..2048"),
    "true for a number": ("dwell_ms = true", "dwell_ms=True: must be a number 1..3.6e"),
    "text for a number": ('extent_um = "wide"', "extent_um='wide': must be a number"),
    "out of the travel": ("centre_um = [1, 1]", "leaves the travel"),
    "over the disk": ("n_pixels = 2048\nn_scans = 10000", "may need .* GB, .* GB are free"),
    "over the time": ("max_time_s = 60", "expected to take 11050 s, max_time_s=60"),
    "over the dose": ("max_dose_kj_cm2 = 0.001", "to one place, max_dose_kj_cm2=0.001"),
    "no time left": ("until = {soon}", "even if it came first: it would end at"),
    "over": ("until = 2026-01-01T00:00:00", "its until, 2026-01-01 00:00, is over"),
    "md that no document holds": ('md = {"a.b" = 1}', "md has the key 'a.b'"),
    "md of the engine": ('md = {uid = "mine"}', "md has the key 'uid': the RunEngine gives it"),
    "a response on another axis": ("range_code = 4", "item 1 .*instrument response"),
    "too much light": ("intensity_w_cm2 = 1e9", "intensity_w_cm2=1000000000.0: must be a number"),
}


@pytest.mark.parametrize("case", OF_THE_LAB)
def test_what_only_the_lab_can_know_is_refused_before_anything_moves(session, tmp_path, case):
    line, says = OF_THE_LAB[case]
    soon = (datetime.now() + timedelta(seconds=100)).strftime("%Y-%m-%dT%H:%M:%S")
    text = f'[[item]]\nplan = "flim_raster"\n{line.format(soon=soon) if "{soon}" in line else line}\n'
    items = read_queue(written(tmp_path, text)).items
    told = answered(reviewed(items, session.devices, now_s=time.time())).all_problems
    assert len(told) >= 1
    with pytest.raises(PlanError, match=says):
        session.RE(session.night(items))


def test_the_same_work_twice_is_refused_unless_it_has_a_name(session, tmp_path):
    twice = read_queue(written(tmp_path, '[[item]]\nplan = "irf"\n' * 2)).items
    assert "same work as item 1" in answered(reviewed(twice, session.devices, now_s=time.time())).all_problems[0]
    named = read_queue(written(tmp_path, '[[item]]\nplan = "irf"\n' * 2 + 'name = "once more"\n')).items
    assert answered(reviewed(named, session.devices, now_s=time.time())).all_problems == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("22:30", 1800), ("21:00", 23 * 3600), ("2026-11-23 02:00", 14_400), (NOW_S + 5, 5)],
)
def test_times_are_read_as_people_write_them(value, seconds):
    assert moment(value, NOW_S) == NOW_S + seconds


@pytest.mark.parametrize("value", [True, math.nan, math.inf, -1, 0, "", "24:00", "tomorrow", [], "2026-13-01 10:00"])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ValueError, match="must be"):
        moment(value, NOW_S)


def test_a_script_lists_the_items_of_its_lab(tmp_path):
    text = "def tonight(lab):\n    return [lab.first, lab.second]\n"
    lab = type("Lab", (), {"first": 1, "second": 2})
    assert load_script(written(tmp_path, text, "tonight.py"), lab) == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["tonight.py"], "no compiled copy is left beside it"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", r"no function tonight\(lab\)"),
        ("tonight = 3\n", r"no function tonight\(lab\)"),
        ("def tonight(lab)\n    return []\n", "line 1: SyntaxError: expected ':'"),
        ("x = 1\n\ny = x / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("def tonight(lab):\n    return lab.nothing\n", "line 2: AttributeError.*nothing"),
        ("def tonight():\n    return []\n", "TypeError.*positional argument"),
        ("def tonight(lab):\n    pass\n", "returned None: must be a list"),
        (
            "from plans.item import item\ndef tonight(lab):\n    return [item('irf', retries=-1)]\n",
            "line 3: PlanError: retries=-1: must be",
        ),
        (b"x = '\xff'\n", "no UTF-8"),
    ],
)
def test_an_error_in_a_script_is_told_with_its_line(tmp_path, text, says):
    path = written(tmp_path, text, "tonight.py")
    with pytest.raises(QueueError, match=says) as refusal:
        load_script(path, object())
    assert str(path) in str(refusal.value)
