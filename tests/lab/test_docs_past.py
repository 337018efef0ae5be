"""The code of the how-to on past runs, as it stands, on a small data folder."""

import matplotlib.figure
import pandas as pd

import lab.past
from tests.test_docs import run


def test_past_runs_are_read_as_the_page_says(past, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(lab.past, "opened", lambda folder: asked.append(folder) or past)
    monkeypatch.setattr(past, "close", lambda: asked.append("closed"))
    names = run("how-to/past-runs.md", {})
    assert asked == ["demo/data", "closed"]
    assert names["run"].uid == past.uids["raster"] and names["result"].uid == past.uids["raster"]
    assert isinstance(names["run"].image("tau2").plot(), matplotlib.figure.Figure)
    assert len(pd.read_csv("emitters.csv", comment="#")) == len(names["table"]) > 0
    assert names["path"].parent.name == "notebooks" and names["path"].exists()
