"""Light that is not luminescence: where the lamp, its second order and Raman scattering turn up in a scan.

Wavelengths in nm, slits as bandpass in nm, Raman shifts in 1/cm.
"""

from plans.spectrum import Spectrum

RAMAN_SHIFTS_CM = {"BK7 glass (460 1/cm)": 460.0, "BK7 glass (1100 1/cm)": 1100.0, "C-H": 2900.0, "O-H": 3400.0}
CLEARANCE_SLITS = 3.0


def stokes_nm(excitation_nm: float, shift_cm: float) -> float:
    """Where light of `excitation_nm` comes back, shifted to the red.

    >>> round(stokes_nm(405.0, 3400.0), 1)
    469.7
    """
    return 1e7 / (1e7 / excitation_nm - shift_cm)


def anti_stokes_nm(emission_nm: float, shift_cm: float) -> float:
    """Which excitation comes back at `emission_nm`, shifted to the red.

    >>> round(anti_stokes_nm(stokes_nm(405.0, 3400.0), 3400.0), 6)
    405.0
    """
    return 1e7 / (1e7 / emission_nm + shift_cm)


def warnings_of(scan: Spectrum) -> list[str]:
    """What a spectrum will hold besides luminescence, in sentences; nothing for transmission."""
    found = {"emission": of_emission_scan, "excitation": of_excitation_scan}.get(scan.kind, lambda scan: [])(scan)
    return [sentence for sentence in found if sentence]


def of_emission_scan(scan: Spectrum) -> list[str | None]:
    """The excitation stands still and the detection moves."""
    excitation_nm, second_nm = scan.fixed_nm, 2 * scan.fixed_nm
    raman = {name: stokes_nm(excitation_nm, shift) for name, shift in RAMAN_SHIFTS_CM.items()}
    return [
        near_excitation(scan, scan.start_nm - excitation_nm, f"from {excitation_nm + clearance(scan):g} nm on"),
        f"the second order of the excitation lies in the scan, at {second_nm:g} nm: put in an order-sorting filter, "
        f"or stop before {second_nm - clearance(scan):g} nm"
        if touches(scan, second_nm)
        else None,
        raman_sentence(scan, raman, "Raman scattering of the excitation lies in the scan"),
    ]


def of_excitation_scan(scan: Spectrum) -> list[str | None]:
    """The detection stands still and the excitation moves."""
    emission_nm, half_nm = scan.fixed_nm, scan.fixed_nm / 2
    raman = {name: anti_stokes_nm(emission_nm, shift) for name, shift in RAMAN_SHIFTS_CM.items()}
    return [
        near_excitation(scan, emission_nm - scan.stop_nm, f"up to {emission_nm - clearance(scan):g} nm"),
        f"with the excitation at {half_nm:g} nm its second order is detected at {emission_nm:g} nm: put in an "
        f"order-sorting filter, or start behind {half_nm + clearance(scan):g} nm"
        if touches(scan, half_nm)
        else None,
        raman_sentence(scan, raman, f"Raman scattering is detected at {emission_nm:g} nm with the excitation at"),
    ]


def clearance(scan: Spectrum) -> float:
    """How far from a line its light still passes the slits, nm."""
    return CLEARANCE_SLITS * max(scan.excitation_slit_nm, scan.emission_slit_nm)


def touches(scan: Spectrum, line_nm: float) -> bool:
    """Whether the scan comes so close to a line that it sees it."""
    return scan.start_nm - clearance(scan) <= line_nm <= scan.stop_nm + clearance(scan)


def near_excitation(scan: Spectrum, distance_nm: float, instead: str) -> str | None:
    """The warning that scattered lamp light is detected at the end of the scan."""
    if distance_nm >= clearance(scan):
        return None
    return (
        f"the scan comes within {distance_nm:g} nm of the excitation, less than {CLEARANCE_SLITS:g} slits: scattered "
        f"light of the lamp will be seen; scan {instead}"
    )


def raman_sentence(scan: Spectrum, lines_nm: dict[str, float], what: str) -> str | None:
    """The warning that lists the Raman lines in reach; None if there are none."""
    inside = [f"{nm:.0f} nm ({name})" for name, nm in lines_nm.items() if scan.start_nm <= nm <= scan.stop_nm]
    return f"{what}: {', '.join(inside)}" if inside else None
