"""Pages that show a session: what is typed in them is typed, and what they show is what is printed, within errors."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import HOUSE

PROMPT = re.compile(r"In \[\d+\]: ?(.*)")
GOES_ON = re.compile(r"   +\.\.\.: ?(.*)")
BLOCK = re.compile(r"^```([a-z]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
WITH_ERROR = re.compile(rf"({NUMBER.pattern}) \+- ({NUMBER.pattern})")
MASKS = (
    (r"^Out\[\d+\]: ?", "Out: "),
    (r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,40}\b", "UID"),
    (r"\b(?<![\d.,])\d{8}\b(?![.,]\d)", "UID"),  # one uid in forty begins with eight digits
    (r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?", "DATE"),
    (r"\b\d{2}:\d{2}\b", "DATE"),
    (r'(?<![\w"])(?:\.\.\.)?/[\w./-]+', "PATH"),
)
NEWS = "live picture: "  # told once, where live pictures are shown at all
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")  # colours and movements of a terminal
SIGMAS = 5.0
SPREAD = 0.15  # of numbers that are shown without an error

TYPIST = """
import io, json, os, signal, threading
from contextlib import redirect_stderr, redirect_stdout
shell, printed = get_ipython(), []

def interrupt_at_line(number):
    def count(name, doc):
        if name == "event" and doc["seq_num"] == number and "scanner_line" in doc["data"]:
            RE.unsubscribe(token[0])
            threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
    token = [RE.subscribe(count)]

for typed, ctrl_c in json.load(open(os.environ["TYPED"])):
    heard = io.StringIO()
    if ctrl_c:
        interrupt_at_line(20)
    with redirect_stdout(heard), redirect_stderr(heard):
        shell.run_cell(typed, store_history=True)
    printed.append(heard.getvalue())
    json.dump(printed, open(os.environ["PRINTED"], "w"))
"""


@dataclass(frozen=True)
class Cell:
    """What is typed, and the lines that are shown below it."""

    typed: str
    shown: tuple[str, ...]

    @property
    def ctrl_c(self) -> bool:
        """Whether the reader presses Ctrl-C while it runs."""
        return any("^C" in line for line in self.shown)


def cells(page: Path) -> list[Cell]:
    """What is typed on a page, in order: inputs of transcripts with what is shown below, and blocks of Python."""
    found: list[Cell] = []
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        found += [Cell(block, ())] if language == "python" else cells_of(block)
    return found


def numbers_of_prompts(page: Path) -> list[tuple[str, str]]:
    """("In", "1"), ("Out", "1"), ... as they stand on a page."""
    return re.findall(r"^(In|Out) ?\[(\d+)\]:", page.read_text(encoding="utf-8"), re.MULTILINE)


def cells_of(block: str) -> list[Cell]:
    """The inputs of one transcript; lines before the first are a greeting and no input's."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if begun := PROMPT.fullmatch(line):
            found.append(([begun[1]], []))
        elif found and not found[-1][1] and (more := GOES_ON.fullmatch(line)):
            found[-1][0].append(more[1])
        elif found:
            found[-1][1].append(line)
    return [Cell("\n".join(typed), tuple(line for line in shown if line.strip())) for typed, shown in found]


def typed_into(config: Path, typed: list[Cell], folder: Path, timeout_s: float) -> list[str]:
    """Type cells into the session of a house, as the prompt of the lab is started; returns what each printed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "TILED_"))}
    files = {"TYPED": str(folder / "typed.json"), "PRINTED": str(folder / "printed.json")}
    environment = clean | files | {"LUMINESCOPE_CONFIG": str(config), "IPYTHONDIR": str(folder / "ipython")}
    Path(files["TYPED"]).write_text(json.dumps([(cell.typed, cell.ctrl_c) for cell in typed]))
    command = [sys.executable, "-m", "IPython", f"--profile-dir={config.parent}", "--no-banner", "--colors=nocolor"]
    environment["PYTHONPATH"] = str(HOUSE)
    ended = subprocess.run(
        [*command, "-c", TYPIST],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=timeout_s,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(Path(files["PRINTED"]).read_text())


def differences(cell: Cell, printed: str) -> list[str]:
    """What is shown and was not printed, in this order.

    A line `...` stands for any lines, "..." in a line for any text.
    """
    lines = [line for line in CONTROL.sub("", printed).splitlines() if line.strip() and not is_passing(line)]
    missing, at, anywhere = [], 0, False
    for shown in cell.shown:
        if shown.strip() in ("...", "^C") or "%|" in shown:
            anywhere = True
            continue
        if shown.startswith(NEWS):
            continue
        candidates = range(at, len(lines)) if anywhere else range(at, min(at + 1, len(lines)))
        found = next((index for index in candidates if is_alike(shown, lines[index])), None)
        if found is None:
            missing.append(shown)
            anywhere = True
        else:
            at, anywhere = found + 1, False
    if not missing and not anywhere and cell.shown and at < len(lines):
        missing.append(f"nothing is shown of {lines[at]!r}")
    return missing


def is_passing(line: str) -> bool:
    """Whether a line is news that the prompt takes away again, or tells only once."""
    return "%|" in line or line.startswith((NEWS, "Fetching data"))


def is_alike(shown: str, printed: str) -> bool:
    """Whether a line is the same but for uids, dates, paths, and numbers within their errors."""
    one, other = masked(shown), masked(printed)
    if not re.fullmatch(pattern_of(one), NUMBER.sub("#", spaced(other))):
        return False
    return "..." in one or numbers_agree(one, other)


def masked(line: str) -> str:
    """The line without what differs from one lab to the next."""
    for pattern, word in MASKS:
        line = re.sub(pattern, word, line)
    return line


def spaced(line: str) -> str:
    """The line with single blanks: widths of columns follow from numbers."""
    return re.sub(r"\s+", " ", line).strip()


def pattern_of(shown: str) -> str:
    """A regular expression of the words of a line."""
    return ".*".join(re.escape(NUMBER.sub("#", part)) for part in spaced(shown).split("..."))


def numbers_agree(one: str, other: str) -> bool:
    """Whether numbers with errors agree within SIGMAS of both, and the others roughly."""
    for shown, printed in zip(WITH_ERROR.findall(one), WITH_ERROR.findall(other), strict=True):
        value, err, value_now, err_now = map(number, (*shown, *printed))
        if abs(value - value_now) > SIGMAS * (err**2 + err_now**2) ** 0.5 or not 0.5 < err_now / err < 2:
            return False
    left = (map(number, NUMBER.findall(WITH_ERROR.sub("", line))) for line in (one, other))
    return all(abs(a - b) <= max(SPREAD * abs(a), 3.0 if a == int(a) else 0.0) for a, b in zip(*left, strict=True))


def number(text: str) -> float:
    """The number that a text says."""
    return float(text.replace(",", ""))
