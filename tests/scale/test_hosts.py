"""Light, bench and session on three computers, with a cable that is pulled."""

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest

from lab.config import ConfigError, read
from lab.elsewhere import ElsewhereError, iocs
from tests.conftest import house
from tests.scale.network import HOSTS, cable, program, require_namespaces
from tests.scale.on_hosts import LOST_AFTER_LINES, SMALL

pytestmark = pytest.mark.xdist_group("scale")

LIGHT, BENCH = f'light_host = "{HOSTS["light"]}"\n', f'bench_host = "{HOSTS["bench"]}"\n'
PORTS, EXPOSE = "light_port = 5364\nbench_port = 5366\n", "expose = true\n"


def on_hosts(folder, lines: str):
    """A lab whose [channel_access] has these lines."""
    file = house(folder)
    before, _, rest = file.read_text().partition("[channel_access]")
    file.write_text(f'{before}[channel_access]\nprefix = "lum:"\n{lines}\n{rest[rest.index("[storage]") :]}')
    return file


def test_instruments_on_other_computers_and_the_cable_is_pulled(tmp_path):
    require_namespaces()
    file = on_hosts(tmp_path, LIGHT + BENCH + PORTS + EXPOSE)
    with cable() as inside, ExitStack() as stack:
        for part in ("light", "bench"):
            words = [*inside[part], sys.executable, "-m", "devices.iocs", "--config", str(file)]
            words += ["--only", part, "--speed", "20"]
            stack.enter_context(program(words, tmp_path / f"{part}.log"))
        words = [*inside["session"], sys.executable, "-m", "tests.scale.on_hosts", str(file)]
        told = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["started_here"]["iocs"] == 0
    assert found["twin"] == {"preset": "A", "seed": 1}
    assert found["whole"] == found["again"] == ["success", SMALL["n_pixels"]]
    assert len(found["dark_after_s"]) == 1
    assert found["dark_after_s"][0] < 2.0
    assert found["failure"]
    assert found["cut"][0] != "success"
    assert found["cut"][1] >= LOST_AFTER_LINES


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (LIGHT + PORTS + EXPOSE, r"bench_host = ''"),
        (BENCH + PORTS + EXPOSE, r"light_host = ''"),
        (LIGHT + BENCH + PORTS, r"expose = False"),
        (LIGHT + BENCH + EXPOSE + "light_port = 0", r"light_port = 0"),
        (BENCH + PORTS + EXPOSE + 'light_host = "10.77.0.2:5364"', r"light_host = '10\.77\.0\.2:5364'"),
    ],
)
def test_hosts_that_cannot_be_found_are_refused(tmp_path, lines, complaint):
    with pytest.raises(ConfigError, match=rf"channel_access\.{complaint}"):
        read(on_hosts(tmp_path, lines))


def test_options_of_a_twin_elsewhere_are_refused(tmp_path):
    config = read(on_hosts(tmp_path, LIGHT + BENCH + PORTS + EXPOSE))
    with pytest.raises(ElsewhereError, match=r"on 10\.77\.0\.2 and 10\.77\.0\.3, so preset"):
        iocs(config, {"speed": 20.0})
    assert iocs(config, {"speed": None}) is not None
    assert iocs(read(house(tmp_path / "here")), {"speed": 20.0}) is None
