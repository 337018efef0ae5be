"""The counters' rate meters: what the SPADs click right now, whether or not the card listens."""

from __future__ import annotations

import threading
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.train import OpticalTrain
from devices.iocs.twin.view import Glimpse

GATE_S = 0.1


class TwinSpads:
    """Rates of all counters at the present spot under the present light; reading costs no simulated time."""

    def __init__(self, train: OpticalTrain, seed: int) -> None:
        self._train = train
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(b"spads"),)))
        self._lock = threading.Lock()

    @property
    def dark_cps(self) -> dict[str, float]:
        """What the counters hear in darkness, by route."""
        return {route: spad.dark_cps for route, spad in zip(ROUTES, self._train.spads, strict=True)}

    def rates(self) -> dict[str, float]:
        """Counts per second of each route in a 0.1 s gate, dead time included."""
        clicks_cps = clicked_cps(self._train)
        with self._lock:
            counts = self._rng.poisson(clicks_cps * GATE_S)
        return dict(zip(ROUTES, (counts / GATE_S).tolist(), strict=True))


def clicked_cps(train: OpticalTrain) -> NDArray[np.float64]:
    """(n_routes,) mean rates of all counters here and now, dead time included."""
    light, spot_um = train.beam.read(), np.array([train.stage.at_um[:2]])
    now = Glimpse(
        train.clock.now_s, GATE_S, float(light.pulsed_lit), light.pulsed_w_cm2, light.repetition_hz, True,
        float(light.cw_lit), light.cw_w_cm2, float(light.lit),
    )  # fmt: skip
    heard_cps = train.see(spot_um, [now], keep=False).heard_cps[0] + light.room_cps
    dead_s = np.array([spad.dead_time_ns for spad in train.spads]) * 1e-9
    return heard_cps / (1 + heard_cps * dead_s)
