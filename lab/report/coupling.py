"""What the paper says about excitation spectra and coupling, computed from them."""

import math
from collections.abc import Mapping

import numpy as np

from analysis.spectra import Coupling, boost_ratio, ratio_at
from lab.report.rows import Measured

REGION_I_NM = (405.0, 485.0)


def couplings(found: Mapping[str, Coupling]) -> dict[str, Measured]:
    """PLE-05 and PLE-08 to PLE-18 from the couplings of the roles "A" and "B"."""
    rows: dict[str, Measured] = {}
    if "A" in found:
        rows["PLE-11"] = signs(found["A"])
    if "B" in found:
        rows |= {"PLE-12": signs(found["B"]), **gains(found["B"])}
    if "A" in found and "B" in found:
        rows |= together(found["A"], found["B"])
    return rows


def signs(one: Coupling) -> Measured:
    """Mean difference of region I over its error; those of the regions II and III in `also`."""
    first, *others = (region.significance for region in one.regions)
    means = ", ".join(f"{region.name} {region.mean:+.3f} +- {region.mean_err:.3f}" for region in one.regions)
    return Measured(first, math.nan, tuple(others), f"means {means}")


def gains(b: Coupling) -> dict[str, Measured]:
    """Where the difference of B is positive, and how large it gets; infinite where it is not."""
    rising = [one for one in b.crossings if one.rising and one.wavelength_nm < b.maximum_nm]
    falling = [one for one in b.crossings if not one.rising and one.wavelength_nm > b.maximum_nm]
    rise, fall = (rising[-1] if rising else None), (falling[0] if falling else None)
    none = Measured(math.inf, note="the data show no such crossing")
    rows = {
        name: none if one is None else Measured(one.wavelength_nm, one.err_nm)
        for name, one in (("PLE-08", rise), ("PLE-09", fall))
    }
    seen = math.isfinite(b.maximum)
    place = f"at {b.maximum_nm:.1f} +- {b.maximum_err_nm:.1f} nm" if seen else "nowhere positive for sure"
    top = b.maximum if seen else math.inf
    rows["PLE-13"] = Measured(top, b.maximum_err, note=place)
    rows["PLE-14"] = Measured(1 + top, b.maximum_err, note=place)
    rows["PLE-10"] = Measured(float(b.regions[-1].high_nm))
    return rows


def together(a: Coupling, b: Coupling) -> dict[str, Measured]:
    """What both samples show, and their ratios."""
    slope_a, slope_b = slope(a), slope(b)
    return {
        "PLE-05": Measured(a.window.low_nm, also=a.window.high_nm),
        "PLE-15": window(a, b),
        "PLE-16": Measured(*slope_a, slope_b[0], f"B +- {slope_b[1]:.2g}"),
        "PLE-17": Measured(*ratio_at(b, a, 405.0)),
        "PLE-18": Measured(*boost_ratio(b, a, 445.0)),
    }


def slope(one: Coupling) -> tuple[float, float]:
    """How much the difference grows through region I, towards long wavelengths, and its error."""
    (short, short_err), (long, long_err) = (one.at(wavelength_nm) for wavelength_nm in REGION_I_NM)
    return long - short, math.hypot(short_err, long_err)


def window(a: Coupling, b: Coupling) -> Measured:
    """The larger deviation of mean S from mean S_ref where both are normalised; `also` the scatter of Delta S there."""
    rests, scatters = zip(*(in_window(one) for one in (a, b)), strict=True)
    worst = max(rests, key=abs)
    return Measured(worst, math.nan, max(scatters, key=lambda rms: abs(rms - 1)), "the larger of A and B")


def in_window(one: Coupling) -> tuple[float, float]:
    """Mean S over mean S_ref, less one, and the rms of Delta S over its errors, in the normalisation window."""
    inside = np.isfinite(one.s) & np.isfinite(one.reference)
    inside &= (one.wavelength_nm >= one.window.low_nm) & (one.wavelength_nm <= one.window.high_nm)
    rest = float(one.s[inside].mean() / one.reference[inside].mean() - 1)
    return rest, float(np.sqrt(np.nanmean((one.ds[inside] / one.ds_err[inside]) ** 2)))
