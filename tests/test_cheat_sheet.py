"""The cheat sheet: every call on it binds to the real signature, every name exists, and it prints on two pages."""

import ast
import inspect
import re
import subprocess
import types
import typing
from dataclasses import is_dataclass

import pytest
from bluesky import plan_stubs as bps

import plans
from devices.microscope import Microscope
from devices.spectrofluorometer import Spectrofluorometer
from lab import session as sessions
from lab.catalog import Catalog, Run
from lab.catalog.curves import PairCurve
from lab.catalog.images import Image
from lab.display import LivePicture
from lab.emitters.registry import EmitterRegistry
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult
from lab.engine import LabEngine
from lab.export import export, export_all
from lab.figures import rebuild, whence
from lab.flim.results import FlimResult
from lab.handbook.cheat_sheet import KEYS, SHELL, Part, Row, page, parts
from lab.samples import Samples
from lab.spectra.results import AbsorptionResult, PleResult, PlResult
from plans.item import item
from tests.browser import run
from tests.conftest import HOUSE

ROWS = [row for part in parts() for row in part.rows]
RESULTS = (FlimResult, HbtResult, BlinkingResult, EmittersResult, PlResult, AbsorptionResult, PleResult)
SESSION = sessions.Session
PROMPT = {name: getattr(plans, name) for name in plans.__all__} | {
    "explain": SESSION.explain,
    "night": SESSION.night,
    "panic": SESSION.panic,
    "import_folder": SESSION.import_folder,
    "table_of_emitters": SESSION.table_of_emitters,
    "find": Catalog.find,
    "compare": Catalog.compare,
    "notebook": Catalog.notebook,
    "live": LivePicture.__call__,
    "RE": LabEngine,
    "item": item,
    "whence": whence,
    "rebuild": rebuild,
    "export": export,
    "export_all": export_all,
    "bps": bps,
    "microscope": Microscope,
    "fs5": Spectrofluorometer,
    "samples": Samples,
    "emitters": EmitterRegistry,
    "session": SESSION,
    "db": Catalog,
    "run": Run,
    "lab": None,
    "result": RESULTS,
}
OF_CALLS = {"image": Image, "g2": PairCurve, "decays": None}  # what methods of a run return; None: not followed
ASSIGNED = {"result", "run", "tau_ns", "plan"}


class UnknownNameError(AssertionError):
    """A name on the sheet that does not exist."""


def meant(node):
    """The object or class that a name or an attribute means; None where it is not followed."""
    if isinstance(node, ast.Name):
        if node.id not in PROMPT and node.id not in ASSIGNED:
            raise UnknownNameError(node.id)
        return PROMPT.get(node.id)
    if isinstance(node, ast.Call):
        return OF_CALLS.get(getattr(node.func, "attr", ""))
    if isinstance(node, ast.Subscript):
        return Run if isinstance(node.value, (ast.Name, ast.Call)) and called(node.value) in ("db", "find") else None
    if not isinstance(node, ast.Attribute) or (owner := meant(node.value)) is None:
        return None
    return of_any(owner if isinstance(owner, tuple) else (owner,), node.attr)


def called(node):
    return node.id if isinstance(node, ast.Name) else getattr(node.func, "id", "")


def of_any(owners, name):
    """An attribute of the first class that has it, as the class of its values if that is told."""
    for owner in owners:
        told = typing.get_type_hints(owner).get(name) if is_dataclass(owner) else None
        if told is not None:
            kinds = [kind for kind in typing.get_args(told) or (told,) if isinstance(kind, type)]
            return next((kind for kind in kinds if kind is not types.NoneType), None)
        if hasattr(owner, name):
            found = getattr(owner, name)
            return getattr(found, "cls", found)  # a component of a device tells its class
    raise UnknownNameError(f"{owners} have no {name}")


def check(code):
    """Everything that a row says exists, and takes these arguments."""
    tree = ast.parse(f"def typed():\n    {code}")
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            meant(node)
        elif isinstance(node, ast.Call) and (function := meant(node.func)) is not None:
            bind(function, node)


def bind(function, node):
    """TypeError if a function does not take the arguments of a call."""
    if function is LabEngine:
        function = LabEngine.__call__
    bound_already = inspect.isfunction(function) and "." in function.__qualname__
    given = [None] * (len(node.args) + bound_already)
    if inspect.ismodule(function) or not callable(function):
        raise UnknownNameError(ast.unparse(node.func))
    inspect.signature(function).bind(*given, **{word.arg: None for word in node.keywords})


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_python], ids=lambda row: row.typed[:50])
def test_what_is_typed_at_the_prompt_exists(row):
    check(row.typed)


@pytest.mark.parametrize(
    "code",
    [
        "RE(flim_raster(microscope, samples='A'))",
        "RE(flim_rastr(microscope))",
        "microscope.shutter.resett()",
        "run.image('qd').polt()",
        "result.tau_nss",
        "result.map.fitt",
        "RE.resum()",
        "bps.move(microscope.piezo.x, 1)",
        "samples.add('E', dopng=1)",
        "find('a', 'b')",
    ],
)
def test_a_slip_of_the_pen_is_found(code):
    with pytest.raises((UnknownNameError, TypeError)):
        check(code)


def test_make_knows_what_is_typed_in_a_shell():
    words = {row.typed.split()[2] for row in ROWS if row.typed.startswith(f"{SHELL}make")}
    words |= set(re.findall(r"`make ([a-z]+)`", " ".join(row.about for row in ROWS)))
    assert len(words) > 6
    assert subprocess.run(["make", "-n", *words], cwd=HOUSE, capture_output=True, check=False).returncode == 0


def test_every_plan_and_every_name_of_the_prompt_is_on_it():
    sheet = " ".join(row.typed for row in ROWS)
    startup = (HOUSE / "profile/startup/00-lab.py").read_text()
    bound = set(re.findall(r"^([a-z_, A-Z0-9]+) = ", startup, re.MULTILINE))
    names = {name.strip() for line in bound for name in line.split(",")} | set(plans.__all__)
    assert {"find", "explain", "hbt"} <= names
    assert not [name for name in names if not re.search(rf"\b{name}\b", sheet)]


def test_the_results_that_are_named_are_those_of_the_plan_beside_them():
    of_plan = {"hbt": HbtResult, "blinking": BlinkingResult, "find_emitters": EmittersResult}
    of_plan |= {"pl": PlResult, "absorption": AbsorptionResult, "ple": PleResult}
    named = {row.about.strip("`"): row.typed for row in ROWS if row.typed.startswith("result.")}
    for plan, result in of_plan.items():
        for path in re.findall(r"result\.(\w+)", named[plan]):
            of_any((result,), path)


def test_the_page_is_made_of_the_table():
    assert (HOUSE / "docs/cheat-sheet.html").read_text(encoding="utf-8") == page(HOUSE)
    assert all(part.rows for part in parts()) and isinstance(parts()[0], Part)
    assert [Row(key, "").is_python for key in (*KEYS, "$ make", "lab?", "lab")] == [False] * 4 + [True]


def test_it_prints_on_two_pages_of_a4(tmp_path):
    pdf = tmp_path / "sheet.pdf"
    run(HOUSE / "docs/cheat-sheet.html", tmp_path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    written = pdf.read_bytes()
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", written)) <= 2
    (size,) = set(re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", written))
    width, height = map(float, size)
    assert (width, height) == pytest.approx((842, 595), abs=1)


def test_it_needs_no_other_file():
    assert not re.findall(r"(?:src|href|url)\s*[=(]", (HOUSE / "docs/cheat-sheet.html").read_text())
