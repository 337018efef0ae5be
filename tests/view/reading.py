"""A client of the view without a network."""

import warnings
from pathlib import Path

from lab.view.app import application
from lab.view.guard import Door

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it works with httpx, and says that it will want another one
    from starlette.testclient import TestClient

KEY = "k" * 32
OURS = "http://127.0.0.1:8371"


def client_of(data: Path, *, door: Door | None = None, address: str = OURS, key: str = KEY, **options) -> TestClient:
    """A client of a data folder, with a key; "" : without. options : `names`, `exposed`, `quiet`, `follow`"""
    shown = application(data, door or Door(KEY), exposed=options.get("exposed", False), names=options.get("names", ()))
    how = {"follow_redirects": options.get("follow", True), "raise_server_exceptions": not options.get("quiet")}
    found = TestClient(shown, base_url=address, **how)
    found.auth = ("anybody", key) if key else None
    return found
