"""No code of the product runs what it reads."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PRODUCT = sorted(
    path for room in ("analysis", "devices", "plans", "lab", "profile") for path in (HOUSE / room).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
CALLS = {"eval", "exec", "__import__"}
ATTRIBUTES = {("yaml", "load"), ("yaml", "unsafe_load"), ("os", "system"), ("os", "popen")}


def dangers(tree: ast.AST):
    """What in a module could run foreign data as code: (line, what)."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, n.name) for n in names if n.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                yield from ((node.lineno, module) for _ in [0] if module.split(".")[0] in MODULES)
                if module.startswith("bluesky.callbacks.zmq"):
                    yield node.lineno, "bluesky's ZMQ publisher, which pickles"
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield node.lineno, name
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in ATTRIBUTES:
                yield node.lineno, f"{module}.{name}"
            case ast.keyword(arg="allow_pickle", value=value) if not is_false(value):
                yield node.value.lineno, "allow_pickle"
            case ast.keyword(arg="shell", value=value) if not is_false(value):
                yield node.value.lineno, "shell=True"


def is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(HOUSE)))
def test_nothing_that_is_read_is_run(path):
    assert list(dangers(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "yaml.load(text)",
        "np.load(path, allow_pickle=True)",
        "os.system('id')",
        "subprocess.run('id', shell=True)",
        "from bluesky.callbacks.zmq import Publisher",
    ],
)
def test_the_search_finds_what_it_is_for(line):
    assert list(dangers(ast.parse(line)))
