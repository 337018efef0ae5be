"""A lab that is described wrongly does not start; the message says what to write instead."""

import math
from pathlib import Path

import pytest

from lab.config import ConfigError, read

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def lab_toml(tmp_path):
    path = tmp_path / "house" / "profile" / "lab.toml"
    path.parent.mkdir(parents=True)

    def write(text):
        path.write_text(text)
        return path

    return write


def test_the_lab_of_the_house_is_a_twin_on_loopback():
    config = read(HOUSE / "profile" / "lab.toml")
    assert config.folders.data == HOUSE / "data"
    assert config.storage.host == config.channel_access.host == "127.0.0.1"
    assert config.instruments.shutter.backend == "twin"
    assert config.twin.speed == math.inf


def test_what_is_not_said_has_the_value_of_the_house(lab_toml, tmp_path):
    config = read(lab_toml("[twin]\nspeed = 2\n[storage]\nport = 0\nexpose = true"))
    assert config.twin.speed == 2.0
    assert config.folders.data == tmp_path / "house" / "data"
    assert config.storage.host == "0.0.0.0"
    assert read(lab_toml('[folders]\ndata = "/far/away"')).folders.raw == Path("/far/away/raw")


def test_a_driver_gets_its_options(lab_toml):
    twins = ["cw_laser", "shutter", "filters", "spads", "timeharp", "sample", "pulsed_laser"]
    lines = [f'{name} = {{backend = "twin"}}' for name in twins]
    text = "\n".join(["[instruments]", 'stage = {backend = "driver", port = "COM3"}', *lines])
    assert read(lab_toml(text)).instruments.stage.options == {"port": "COM3"}
    with pytest.raises(ConfigError, match=r"instruments\.shutter is missing; allowed: backend"):
        read(lab_toml(text.replace('shutter = {backend = "twin"}\n', "")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[twin]\nsped = 2", r"twin\.sped = 2; allowed: one of: preset, seed, speed"),
        ("[twim]", r"twim = {}; allowed: one of: folders"),
        ("twin = 3", r"\[twin\] is 3"),
        ("[twin]\nspeed = nan", r"twin\.speed = nan; allowed: 0\.001 to inf"),
        ("[twin]\nspeed = 0", r"twin\.speed = 0\.0"),
        ("[twin]\nseed = 1.0", r"twin\.seed = 1\.0; allowed: a whole number"),
        ("[twin]\nseed = true", r"twin\.seed = True; allowed: a whole number"),
        ("[storage]\nport = 99999", r"storage\.port = 99999; allowed: 0 to 65535, 0 chooses a free port"),
        ("[storage]\nport = 5364", r"a port other than that of channel_access\.light_port"),
        ("[storage]\nexpose = 1", r"storage\.expose = 1; allowed: true or false"),
        ('[folders]\ndata = ""', r"folders\.data = ''; allowed: the name of a folder"),
        ('[channel_access]\nprefix = "my lab"', r"channel_access\.prefix = 'my lab'"),
        ('[microscope]\nwiring = "both"', r"microscope\.wiring = 'both'; allowed: one of: raster, hbt"),
        ('[instruments]\nstage = "twin"', r"instruments\.stage = 'twin'; allowed: {backend"),
        (
            '[instruments]\nstage = {backend = "tiwn"}',
            r"stage\.backend = 'tiwn'; allowed: one of: twin, driver",
        ),
        ('[instruments]\nstage = {backend = "twin", port = 1}', r"instruments\.stage\.port = 1"),
        ("[twin\nseed = 1", "not complete TOML"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(lab_toml, text, message):
    path = lab_toml(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"name an existing lab\.toml"):
        read(tmp_path / "lab.toml")
