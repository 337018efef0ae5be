"""What the queue server is started with."""

import json
import stat
from dataclasses import replace

import pytest

pytest.importorskip("bluesky_queueserver", reason="the queue server is not installed: pip install luminescope[queue]")

from lab.config import ConfigError, read
from lab.private import private_folder, write_private
from lab.queue_server import redis
from lab.queue_server.keys import keys
from lab.queue_server.redis import QueueError
from lab.queue_server.start import settings
from tests.conftest import house


@pytest.fixture
def config(tmp_path):
    found = read(house(tmp_path))
    private_folder(found.folders.queue)
    return found


def test_the_labs_own_redis_has_no_port_and_confirms_what_is_on_disk(config):
    lines = redis.settings(config).splitlines()
    assert {"port 0", "unixsocketperm 700", "appendonly yes", "appendfsync always"} <= set(lines)


def test_a_folder_that_is_too_deep_for_a_socket_is_refused(config):
    deep = replace(config, folders=replace(config.folders, data=config.folders.data / ("deep" * 30)))
    with pytest.raises(QueueError, match="choose another data folder"):
        redis.settings(deep)


def test_the_password_of_another_redis_is_in_its_address_but_not_in_the_managers_settings(config):
    config = replace(config, queue=replace(config.queue, redis="redis-host:6379"))
    write_private(config.folders.queue / "redis_password", "s3cret/@:\n")
    assert redis.address(config) == "redis://:s3cret%2F%40%3A@redis-host:6379"
    assert "s3cret" not in json.dumps(settings(config, keys(config.folders.queue), 8369))


@pytest.mark.parametrize("address", [":word@redis-host:6379", "redis://redis-host", "redis host", "h:1;x"])
def test_a_password_or_nonsense_as_redis_is_refused(tmp_path, address):
    file = house(tmp_path)
    file.write_text(file.read_text().replace('redis = ""', f'redis = "{address}"'))
    with pytest.raises(ConfigError, match=r"queue\.redis"):
        read(file)


def test_keys_are_made_once_and_for_their_owner_alone(config):
    pair = keys(config.folders.queue)
    texts = [path.read_text() for path in (pair.private, pair.public)]
    assert [path.read_text() for path in (keys(config.folders.queue).private, pair.public)] == texts
    assert {stat.S_IMODE(path.stat().st_mode) for path in (pair.private, pair.public)} == {0o600}
    pair.private.unlink()
    assert keys(config.folders.queue).public.read_text() != texts[1]


def test_the_manager_listens_on_loopback_and_encrypts(config):
    network = settings(config, keys(config.folders.queue), 8369)["network"]
    assert network["zmq_control_addr"] == "tcp://127.0.0.1:8369"
    assert len(network["zmq_private_key"]) == 40
    assert not network["zmq_publish_console"]
