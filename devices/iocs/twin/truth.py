"""The sealed truth: what an analysis of simulated data can be scored against. Only tests read it.

Layout 1. `<path>` is JSON; arrays are in .npz files beside it, named in the JSON:
    layout, seed, preset (all parameters of the given preset)
    samples: {name: {preset, file}}; the file holds
        emitters (id, x_um, y_um, z_nm, tau_ref_ns, tau_ns, brightness: cps in focus at the reference)
        nuclei_um (n, 2), nuclei_dots (n,)
        crystallinity (ny, nx) float32, crystallinity_origin_um (x, y), crystallinity_step_um
    acquisitions: [{acquisition, kind ("line" or "block"), sample, file, started_s, ended_s, dwell_s, n_lines,
        n_pixels, filters, range_code, offset_ns, bin_width_ns, repetition_hz}]; the file holds
        index (n_lines,)            the index each line or block was acquired with
        and, with shape (n_lines, n_pixels) and NaN where nothing was measured,
        t_s                         simulated time at the middle of the dwell
        x_um, y_um                  commanded stage position
        dx_um, dy_um                drift of the scene at that time
        scene_x_um, scene_y_um      the place on the sample that was measured: true stage position minus drift
        lit                         share of the dwell under pulsed light
        tau1_ns, tau2_ns, share1, qd_tau_ns     of the sample there
        and, with shape (n_lines, n_pixels, n_routes), routes ("perovskite", "qd"), averaged over the dwell,
        signal_cps                  own luminescence (or scattered light), before dead times
        crosstalk_cps               luminescence of the other route
        background_cps              flat: dark counts and the share proportional to signal
A block is a line of 0.1 s slices. An acquisition cut off by a crash is not in the file.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.preset import Preset
from devices.iocs.twin.sample import Sample
from devices.iocs.twin.train import View

LAYOUT = 1
Arrays = dict[str, NDArray]


class TruthFile:
    """Collects truth line by line; written whole and atomically when an acquisition ends."""

    def __init__(self, path: Path, preset: Preset, seed: int) -> None:
        self.path = path
        self._lines: dict[int, dict[int, Arrays]] = {}
        self._about: dict[int, dict[str, Any]] = {}
        self._index: dict[str, Any] = {
            "layout": LAYOUT,
            "seed": seed,
            "preset": json.loads(json.dumps(asdict(preset))),
            "samples": {},
            "acquisitions": [],
        }
        self._resume()
        self._write_index()

    def sample(self, name: str, sample: Sample) -> None:
        """Write the truth about a mounted sample, once."""
        if name in self._index["samples"]:
            return
        file = f"{self.path.stem}.sample-{len(self._index['samples'])}.npz"
        field = sample.crystallinity
        arrays: Arrays = {
            "emitters": sample.emitters,
            "nuclei_um": sample.nuclei.xy_um,
            "nuclei_dots": sample.nuclei.n_dots,
            "crystallinity": field.values,
            "crystallinity_origin_um": np.array(field.origin_um),
            "crystallinity_step_um": np.array(field.step_um),
        }
        _save(self.path.with_name(file), arrays)
        self._index["samples"][name] = {"preset": asdict(sample.preset), "file": file}
        self._write_index()

    def line(self, acquisition: int, index: int, commanded_um: NDArray, view: View, about: dict) -> None:
        """Keep the truth about one line; a repeated index replaces the earlier one."""
        started_s = self._about.get(acquisition, {}).get("started_s", float(view.t_s[0]))
        self._about[acquisition] = {**about, "started_s": started_s, "ended_s": float(view.t_s[-1])}
        self._lines.setdefault(acquisition, {})[index] = _arrays(commanded_um, view)

    def finish(self, acquisition: int) -> None:
        """Write an acquisition; nothing happens if none of its lines is known."""
        lines = self._lines.pop(acquisition, None)
        if not lines:
            return
        file = f"{self.path.stem}.acquisition-{acquisition}.npz"
        arrays = {key: _stacked([line[key] for line in lines.values()]) for key in next(iter(lines.values()))}
        arrays["index"] = np.array(list(lines))
        _save(self.path.with_name(file), arrays)
        n_lines, n_pixels = arrays["lit"].shape
        about = self._about.pop(acquisition)
        entry = {"acquisition": acquisition, "file": file, "n_lines": n_lines, "n_pixels": n_pixels, **about}
        others = [one for one in self._index["acquisitions"] if one["acquisition"] != acquisition]
        self._index["acquisitions"] = [*others, entry]
        self._write_index()

    def close(self) -> None:
        """Write what has not been written."""
        for acquisition in list(self._lines):
            self.finish(acquisition)

    def _resume(self) -> None:
        """Carry on with a file of the same preset and seed."""
        if not self.path.is_file():
            return
        try:
            earlier = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{self.path} is there and is no truth file: name another") from error
        if all(earlier.get(key) == self._index[key] for key in ("layout", "seed", "preset")):
            self._index = earlier

    def _write_index(self) -> None:
        _replace(self.path, json.dumps(self._index, indent=1).encode())


def read(path: Path) -> dict[str, Any]:
    """The truth of a file; arrays stand beside the facts, under `arrays`, of every sample and acquisition."""
    truth = json.loads(path.read_text(encoding="utf-8"))
    for entry in [*truth["samples"].values(), *truth["acquisitions"]]:
        with np.load(path.with_name(entry["file"])) as arrays:
            entry["arrays"] = dict(arrays)
    return truth


def _arrays(commanded_um: NDArray, view: View) -> Arrays:
    emission = view.emission
    columns = {
        "x_um": commanded_um[:, 0],
        "y_um": commanded_um[:, 1],
        "dx_um": view.drift_um[:, 0],
        "dy_um": view.drift_um[:, 1],
        "scene_x_um": view.scene_um[:, 0],
        "scene_y_um": view.scene_um[:, 1],
    }
    names = ("tau1_ns", "tau2_ns", "share1", "qd_tau_ns")
    rates = ("signal_cps", "crosstalk_cps", "background_cps")
    return {
        "t_s": view.t_s,
        "lit": view.lit,
        **columns,
        **{name: getattr(emission, name) for name in names},
        **{name: getattr(view, name) for name in rates},
    }


def _stacked(lines: list[NDArray]) -> NDArray:
    """Lines under each other, short ones filled up with NaN."""
    longest = max(map(len, lines))
    total = np.full((len(lines), longest, *lines[0].shape[1:]), np.nan)
    for row, line in zip(total, lines, strict=True):
        row[: len(line)] = line
    return total


def _save(path: Path, arrays: Arrays) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
