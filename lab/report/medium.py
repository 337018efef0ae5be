"""What the effective medium predicts for emitters in the film."""

import math
from collections.abc import Mapping
from typing import Any

from analysis.cohorts import Cohort
from analysis.medium import effective_lifetime
from lab.report.rows import Measured

RADIUS_NM = 80.0
LITERATURE_NM = (50.0, 100.0)


def medium(entry: Mapping[str, Any], thickness_nm: float, rise: Mapping[str, Cohort]) -> dict[str, Measured]:
    """EMI-01 to EMI-03: the prediction, from the published lifetime on glass, at all heights in the film.

    entry : the published number, with the indices and the lifetime that it was predicted from
    thickness_nm : of the film, from the record of the sample
    rise : rise times that were measured; those of "glass" lead to a prediction of their own
    """
    rows = {"EMI-02": Measured(RADIUS_NM), "EMI-03": Measured(LITERATURE_NM[0], also=LITERATURE_NM[1])}
    if not thickness_nm > 0:
        return rows
    place = {"thickness_nm": thickness_nm, **{key: entry[key] for key in ("film_index", "substrate_index")}}
    reference_ns = float(entry["tau_ref_ns"])

    def predicted(radius_nm: float) -> float:
        return float(effective_lifetime(reference_ns, radius_nm=radius_nm, **place))

    tau_ns = predicted(RADIUS_NM)
    notes = [f"from {reference_ns:g} ns on glass, in {thickness_nm:g} nm"]
    if "glass" in rise:
        ratio = tau_ns / reference_ns
        notes.append(f"from our glass {rise['glass'].mean * ratio:.1f} +- {rise['glass'].mean_err * ratio:.1f} ns")
    ends = " and ".join(f"{predicted(radius_nm):.1f} ns at {radius_nm:g} nm" for radius_nm in LITERATURE_NM)
    return rows | {
        "EMI-01": Measured(tau_ns, math.nan, note=", ".join(notes)),
        "EMI-03": Measured(LITERATURE_NM[0], also=LITERATURE_NM[1], note=ends),
    }
