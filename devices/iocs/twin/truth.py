"""The sealed truth: what an analysis of simulated data can be scored against. Only tests read it.

Layout 1. `<path>` is JSON; arrays are in .npz files beside it, named in the JSON:
    layout, seed, preset (all parameters of the given preset)
    samples: {name: {preset, file}}; the file holds
        emitters (id, x_um, y_um, z_nm, tau_ref_ns, tau_ns, brightness: cps in focus at the reference; and under
            continuous light relative_brightness, cluster and pair (-1: of none), on_fraction (in the long run),
            survival_s (lit in focus at the reference), cw_cps and rise_ns (in focus at the reference, when bright))
        nuclei_um (n, 2), nuclei_dots (n,)
        crystallinity (ny, nx) float32, crystallinity_origin_um (x, y), crystallinity_step_um
    acquisitions: [{acquisition, kind ("line" or "block" of the card, "hbt", "records", "counts" of pixels or
        "bins" of the counters), sample, file, started_s, ended_s, dwell_s, n_lines,
        n_pixels, filters (and "splitter"), mounting_um, mounting_deg (how the sample lies against its first mounting),
        range_code, offset_ns, bin_width_ns, repetition_hz}]; the file holds
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
      under continuous light also, averaged over the dwell, with shape (n_lines, n_pixels),
        any_lit, cw_lit, cw_w_cm2   share under either laser, share under continuous light, its intensity then
        dot                         id of the brightest dot there, NaN if none is near; and of that dot
        dot_distance_um             how far it was from the focus
        dot_cps                     its light while it is lit and bright, before the splitter
        dot_level, dot_bright       mean level (0..1), share of the time at full brightness; 0 once it has bleached
        dot_lit_s, dot_dose_s       its clocks when the dwell began: see `devices.iocs.twin.dots`
        rise_ns, contrast           of coincidences while it is bright: 1/(pump + decay), (1 - biexciton) signal shares
      and with shape (n_lines, n_pixels, n_routes)
        cw_signal_cps               light of all dots
        cw_background_cps           flat; without the dark counts that stand in background_cps
    spectra: {name: {file}}, what the spectrofluorometer sees of a sample; the file holds, over wavelength_nm (n,),
        alpha_d, transmission           absorption coefficient times thickness; what the film lets pass
        s_ref, delta_s                  absorption of bare dots (arbitrary units), relative difference in the film
        s, perovskite_excitation        excitation spectra of dots and perovskite, 1 at 405 nm
        region (r,), ratio (r,)         of the two bands of the perovskite
        perovskite_cps (r, 3, n)        its two bands and its tail, excited at 405 nm, per 1 nm slit
        qd_cps (n,)                     the band of the dots
    Scans of the spectrofluorometer stand among the acquisitions: {acquisition, file, kind (of scan), sample, region,
        ratio, start_nm, stop_nm, step_nm, fixed_nm, excitation_slit_nm, emission_slit_nm, dwell_s,
        excitation_offset_nm, emission_offset_nm, dark_cps, dead_time_ns, started_s, ended_s, n_points}; the file
        holds, for each point, index, t_s (middle of the dwell), lamp_level, the true excitation_nm and emission_nm,
        luminescence_cps, scatter_cps (stray light in it), reference_ua, transmitted_ua: expected, flicker aside
A block is a line of 0.1 s slices. An acquisition cut off by a crash is not in the file.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.cw_truth import cw_arrays
from devices.iocs.twin.preset import Preset
from devices.iocs.twin.sample import Sample
from devices.iocs.twin.spectra import SampleSpectra
from devices.iocs.twin.view import View

LAYOUT = 1
SPECTRA_NM = np.arange(380.0, 800.25, 0.5)
REGIONS = tuple(range(1, 9))
Arrays = dict[str, NDArray]


class TruthFile:
    """Collects truth line by line; written whole and atomically when an acquisition ends."""

    def __init__(self, path: Path, preset: Preset, seed: int) -> None:
        self.path = path
        self._lines: dict[int, dict[int, Arrays]] = {}
        self._points: dict[int, dict[int, dict[str, float]]] = {}
        self._about: dict[int, dict[str, Any]] = {}
        self._index: dict[str, Any] = {
            "layout": LAYOUT,
            "seed": seed,
            "preset": json.loads(json.dumps(asdict(preset))),
            "samples": {},
            "spectra": {},
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

    def spectra(self, name: str, spectra: SampleSpectra) -> None:
        """Write the true spectra of a sample, once."""
        if name in self._index["spectra"]:
            return
        file = f"{self.path.stem}.spectra-{len(self._index['spectra'])}.npz"
        _save(self.path.with_name(file), _spectra(spectra))
        self._index["spectra"][name] = {"file": file}
        self._write_index()

    def point(self, acquisition: int, index: int, about: dict[str, Any], true: dict[str, float]) -> None:
        """Keep the truth about one point of a scan; a repeated index replaces the earlier one."""
        self._about.setdefault(acquisition, about)
        self._points.setdefault(acquisition, {})[index] = true

    def line(self, acquisition: int, index: int, commanded_um: NDArray, view: View, about: dict) -> None:
        """Keep the truth about one line; a repeated index replaces the earlier one."""
        started_s = self._about.get(acquisition, {}).get("started_s", float(view.t_s[0]))
        self._about[acquisition] = {**about, "started_s": started_s, "ended_s": float(view.t_s[-1])}
        self._lines.setdefault(acquisition, {})[index] = _arrays(commanded_um, view)

    def finish(self, acquisition: int) -> None:
        """Write an acquisition; nothing happens if nothing of it is known."""
        lines, points = self._lines.pop(acquisition, None), self._points.pop(acquisition, None)
        if not (lines or points):
            return
        file = f"{self.path.stem}.acquisition-{acquisition}.npz"
        arrays, size = _of_lines(lines) if lines else _of_points(points or {})
        _save(self.path.with_name(file), arrays)
        entry = {"acquisition": acquisition, "file": file, **size, **self._about.pop(acquisition)}
        others = [one for one in self._index["acquisitions"] if one["acquisition"] != acquisition]
        self._index["acquisitions"] = [*others, entry]
        self._write_index()

    def close(self) -> None:
        """Write what has not been written."""
        for acquisition in [*self._lines, *self._points]:
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
            self._index |= earlier

    def _write_index(self) -> None:
        _replace(self.path, json.dumps(self._index, indent=1).encode())


def read(path: Path) -> dict[str, Any]:
    """The truth of a file; arrays stand beside the facts, under `arrays`, of every sample and acquisition."""
    truth = json.loads(path.read_text(encoding="utf-8"))
    for entry in [*truth["samples"].values(), *truth["spectra"].values(), *truth["acquisitions"]]:
        with np.load(path.with_name(entry["file"])) as arrays:
            entry["arrays"] = dict(arrays)
    return truth


def _of_lines(lines: dict[int, Arrays]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of an acquisition of the microscope, and their size."""
    keys = {key: line for line in lines.values() for key in line}
    whole = [{**_nothing(keys, len(line["lit"])), **line} for line in lines.values()]
    arrays = {key: _stacked([line[key] for line in whole]) for key in keys}
    n_lines, n_pixels = arrays["lit"].shape
    return {**arrays, "index": np.array(list(lines))}, {"n_lines": n_lines, "n_pixels": n_pixels}


def _nothing(lines: dict[str, Arrays], length: int) -> Arrays:
    """NaN for `length` pixels, under each key in the shape that a line has there."""
    return {key: np.full((length, *line[key].shape[1:]), np.nan) for key, line in lines.items()}


def _of_points(points: dict[int, dict[str, float]]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a scan of the spectrofluorometer, their size, and when it was."""
    rows = [points[index] for index in sorted(points)]
    arrays = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    times = {"started_s": rows[0]["t_s"], "ended_s": rows[-1]["t_s"]}
    return {**arrays, "index": np.array(sorted(points))}, {"n_points": len(rows), **times}


def _spectra(spectra: SampleSpectra) -> Arrays:
    return {
        "wavelength_nm": SPECTRA_NM,
        "alpha_d": spectra.alpha_d(SPECTRA_NM),
        "transmission": spectra.transmission(SPECTRA_NM),
        "s_ref": spectra.reference(SPECTRA_NM),
        "delta_s": spectra.delta_s(SPECTRA_NM),
        "s": spectra.qd_excitation(SPECTRA_NM),
        "perovskite_excitation": spectra.perovskite_excitation(SPECTRA_NM),
        "region": np.array(REGIONS),
        "ratio": np.array([spectra.ratio(region) for region in REGIONS]),
        "perovskite_cps": np.stack([spectra.perovskite_bands(SPECTRA_NM, region) for region in REGIONS]),
        "qd_cps": spectra.qd_cps(SPECTRA_NM),
    }


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
        **cw_arrays(view),
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
