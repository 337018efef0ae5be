"""What the truth says of continuous light: rates, and the brightest dot in each step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.continuous import CwView
from devices.iocs.twin.view import View

Floats = NDArray[np.float64]


def cw_arrays(view: View) -> dict[str, Floats]:
    """Columns for the steps of a view, see `truth`; none where there was no continuous light."""
    cw = view.cw
    if cw is None or cw.is_dark:
        return {}
    row = _brightest(cw)
    columns = _of_dots(view, cw)
    known = np.append(np.column_stack(list(columns.values())), np.full((1, len(columns)), np.nan), axis=0)
    exposure = cw.exposure
    return {
        "any_lit": view.any_lit,
        "cw_lit": exposure.share,
        "cw_w_cm2": exposure.w_cm2,
        "cw_signal_cps": cw.signal_cps,
        "cw_background_cps": cw.flat_cps,
        **dict(zip(columns, known[row].T, strict=True)),
    }


def _of_dots(view: View, cw: CwView) -> dict[str, Floats]:
    """Of each row of `lives`, what is to be told."""
    lives, dots = cw.lives, cw.dots.emitters[cw.lives.dot]
    here_um = cw.exposure.xy_um[lives.step]
    return {
        "dot": dots["id"].astype(float),
        "dot_distance_um": np.hypot(here_um[:, 0] - dots["x_um"], here_um[:, 1] - dots["y_um"]),
        "dot_cps": cw.bright_cps,
        "dot_level": lives.level,
        "dot_bright": lives.bright,
        "dot_lit_s": lives.lit_from_s,
        "dot_dose_s": lives.dose_from_s,
        "rise_ns": 1e9 / (cw.pumped_hz + 1e9 / dots["tau_ns"]),
        "contrast": _contrast(view, cw),
    }


def _contrast(view: View, cw: CwView) -> Floats:
    """Of coincidences between both routes, or within the only one that sees dots, while it is bright."""
    lives, share = cw.lives, cw.exposure.share[cw.lives.step]
    own_cps = (cw.bright_cps * share)[:, None] * cw.share
    others_cps = cw.signal_cps[lives.step] - own_cps * lives.level[:, None]
    flat_cps = cw.flat_cps[lives.step] + view.background_cps[lives.step]
    total_cps = own_cps + others_cps + flat_cps
    rho = np.divide(own_cps, total_cps, out=np.zeros_like(own_cps), where=total_cps > 0)
    seeing = np.flatnonzero(cw.share >= cw.share.max() / 10)
    paired = rho[:, seeing].prod(axis=1) if len(seeing) > 1 else rho[:, seeing[0]] ** 2
    return (1 - cw.preset.cw.biexciton) * paired


def _brightest(cw: CwView) -> NDArray[np.intp]:
    """For each step the row of `lives` with the most light, -1 without one."""
    row = np.full(len(cw.exposure.seconds), -1)
    order = np.argsort(cw.bright_cps, kind="stable")
    row[cw.lives.step[order]] = order
    return row
