"""Computers on one cable, for one test: network namespaces on a bridge. They are gone when the test is."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.lab.crashes import wait_for

HOSTS = {"session": "10.77.0.1", "light": "10.77.0.2", "bench": "10.77.0.3"}


def require_namespaces():
    """Skip where nobody may make a network namespace."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux and root")
    if not shutil.which("ip") or not shutil.which("nsenter"):
        pytest.skip("network namespaces need ip (iproute2) and nsenter (util-linux)")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this computer refuses network namespaces, as a container without CAP_SYS_ADMIN does")


@contextmanager
def cable():
    """A bridge with one link, eth0, to each of HOSTS; yields the words that run a command on a host."""
    with ExitStack() as stack:
        inside = {name: stack.enter_context(namespace()) for name in ("switch", *HOSTS)}
        at("switch", inside, "ip link add name br0 type bridge")
        at("switch", inside, "ip link set br0 up")
        for name, address in HOSTS.items():
            pid = inside[name][2]
            at("switch", inside, f"ip link add name {name} type veth peer name eth0 netns {pid}")
            at("switch", inside, f"ip link set {name} master br0 up")
            at(name, inside, f"ip address add {address}/24 dev eth0")
            at(name, inside, "ip link set lo up")
            at(name, inside, "ip link set eth0 up")
        yield inside


@contextmanager
def namespace():
    """The words that run a command in a new network namespace, which ends with its only process."""
    here = Path("/proc/self/ns/net").readlink()
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        wait_for(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != here, 10.0)
        yield ["nsenter", "--target", str(holder.pid), "--net"]
    finally:
        holder.kill()
        holder.wait()


def at(name: str, inside: dict[str, list[str]], command: str):
    subprocess.run([*inside[name], *command.split()], check=True, capture_output=True)


@contextmanager
def program(words: list[str], log: Path):
    """A program that is asked to end at the end."""
    with log.open("w") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20.0)
