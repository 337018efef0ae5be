"""One storage server for all tests of the lab, and a small detector that writes HDF5."""

import os
import signal
import socket
import subprocess
import uuid
from pathlib import Path

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import Status

os.environ.setdefault("TILED_RETRY_TIMEOUT", "5")  # read once, when the client is first imported

from lab import server
from lab.catalog import Catalog
from tests.lab.growing import growing
from tests.simulated_spectra import excitation, luminescence


def free_port():
    """Return a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A storage server that can be killed and started again."""

    def __init__(self, folder: Path):
        self.folder, self.raw, self.port = folder, folder / "raw", free_port()
        self.key, self.url = server.api_key(folder), server.url(self.port)
        self.log = folder / "server.log"

    def start(self):
        config = server.write_config(self.folder, self.raw, port=self.port)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                server.command(config), env=environment | server.environment(self.key), stdout=log, stderr=log
            )
        self.wait()

    def wait(self):
        server.wait_until_healthy(self.url, self.key, is_alive=lambda: self.process.poll() is None, log=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def client(self):
        return server.client(self.url, self.key)


class Camera(Device):
    """Counts in the event, an image per trigger in an HDF5 file, a small decay in the event as well."""

    counts = Cpt(Signal, value=0, kind="hinted")
    rate = Cpt(Signal, value=0.0, kind="hinted")
    decay = Cpt(Signal, value=np.zeros(4, dtype="i4"), kind="normal")

    def __init__(self, *args, folder, **kwargs):
        super().__init__(*args, **kwargs)
        self.folder, self.frame = folder, 0

    def stage(self):
        self.frame, self.assets = 0, []
        self.path = self.folder / f"{uuid.uuid4().hex}.h5"
        with h5py.File(self.path, "w") as file:
            file.create_dataset("image", shape=(0, 3, 5), maxshape=(None, 3, 5), dtype="u2", chunks=(1, 3, 5))
        return super().stage()

    def trigger(self):
        image = np.full((3, 5), self.frame, dtype="u2")
        with h5py.File(self.path, "r+") as file:
            file["image"].resize(self.frame + 1, axis=0)
            file["image"][self.frame] = image
        self.counts.put(int(image.sum()))
        self.rate.put(self.frame if self.frame < 2 else self.frame + 0.5)  # whole at first
        self.decay.put(np.arange(4, dtype="i4") * self.frame)
        self.assets += self._asset_documents()
        self.frame += 1
        done = Status(self)
        done.set_finished()
        return done

    def _asset_documents(self):
        if self.frame == 0:
            self.resource = str(uuid.uuid4())
            yield (
                "stream_resource",
                {
                    "uid": self.resource,
                    "data_key": "camera_image",
                    "mimetype": "application/x-hdf5",
                    "uri": self.path.as_uri().replace("file://", "file://localhost"),
                    "parameters": {"dataset": "image", "chunk_shape": [1, 3, 5]},
                },
            )
        yield (
            "stream_datum",
            {
                "uid": f"{self.resource}/{self.frame}",
                "stream_resource": self.resource,
                "descriptor": "",
                "indices": {"start": self.frame, "stop": self.frame + 1},
                "seq_nums": {"start": 0, "stop": 0},
            },
        )

    def describe(self):
        image = {
            "source": "file",
            "dtype": "array",
            "shape": [3, 5],
            "dtype_numpy": "<u2",
            "external": "STREAM:",
        }
        described = super().describe()
        described["camera_rate"]["dtype"] = "number"
        described["camera_decay"]["dtype_numpy"] = "<i4"
        return {**described, "camera_image": image}

    def collect_asset_docs(self):
        documents, self.assets = self.assets, []
        yield from documents


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("storage"))
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def client(storage):
    client = storage.client()
    yield client
    client.context.http_client.close()


@pytest.fixture
def db(client, tmp_path):
    return Catalog(client, tmp_path / "journal")


@pytest.fixture
def camera(storage):
    return Camera(name="camera", folder=storage.raw)


@pytest.fixture
def RE():  # noqa: N802  (the name it has in every session)
    engine = RunEngine({"purpose": "measurement"}, context_managers=[])
    yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join()
    engine.loop.close()


@pytest.fixture(scope="session")
def past(tmp_path_factory):
    """A data folder with a run of several kinds, moved since it was written, and opened; `uids` names the runs."""
    from lab.past import opened
    from lab.storage import recover
    from tests.lab import past_folder

    data = tmp_path_factory.mktemp("written") / "data"
    uids = past_folder.make(data)
    writing = Server(data / "storage")
    writing.raw = data / "raw"
    writing.start()
    client = writing.client()
    recover(client, data / "journal")
    client.context.http_client.close()
    writing.kill()
    moved = tmp_path_factory.mktemp("moved") / "data"
    data.rename(moved)
    with opened(moved) as past:
        past.uids = uids  # pyright: ignore[reportAttributeAccessIssue]
        yield past


@pytest.fixture
def pl():
    """An emission spectrum that is being measured."""
    return growing("pl", luminescence(0.2))


@pytest.fixture
def ple():
    """An excitation spectrum that is being measured."""
    return growing("ple", excitation(1000))
