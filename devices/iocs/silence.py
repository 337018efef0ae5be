"""Detectors that say nothing: a SPAD that is saturated or off counts less than it would in darkness."""

from collections.abc import Mapping

CERTAIN = 25.0  # dark counts that should have come: none at all has a chance of 1e-11


class Silence:
    """How long each SPAD has counted nothing under light.

    dark_cps : dark counts by route, as declared; readout_s : between two readouts
    """

    def __init__(self, dark_cps: Mapping[str, float], readout_s: float):
        self.expected = {route: cps * readout_s for route, cps in dark_cps.items()}
        self.missing = dict.fromkeys(dark_cps, 0.0)

    def after(self, rates: Mapping[str, float], *, lit: bool) -> str:
        """The route that has been silent for too long after this readout, or nothing.

        >>> silence = Silence({"qd": 100.0}, 0.1)
        >>> [silence.after({"qd": cps}, lit=True) for cps in (10.0, 0.0, 0.0, 0.0)]
        ['', '', '', 'qd']
        """
        for route, expected in self.expected.items():
            heard = rates[route] > 0 or not lit
            self.missing[route] = 0.0 if heard else self.missing[route] + expected
        return next((route for route, missing in self.missing.items() if missing >= CERTAIN), "")
