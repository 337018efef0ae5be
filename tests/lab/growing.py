"""A spectrum that is being measured, for what shows live pictures."""

from itertools import count

from analysis.callbacks import LiveSpectrum

NUMBERS = count(1)


def growing(plan_name, curve):
    """A spectrum that is being measured."""
    live = LiveSpectrum(lambda start_doc, run: None, in_place=True)
    scan = {"kind": "emission", "start_nm": 400.0, "stop_nm": 700.0}
    about = {"plan_name": plan_name, "sample_name": "A", "scan": scan, "regions": [1], "num_points": 300}
    live.start_doc, live.curve, live.bands = {"uid": f"{next(NUMBERS):08d}-9", **about}, curve, None
    return live
