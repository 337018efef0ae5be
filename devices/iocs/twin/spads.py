"""The counters' rate meters: what the SPADs click right now, whether or not the card listens."""

from __future__ import annotations

import threading
from zlib import crc32

import numpy as np

from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.train import OpticalTrain

GATE_S = 0.1


class TwinSpads:
    """Rates of all counters at the present spot under the present light; reading costs no simulated time."""

    def __init__(self, train: OpticalTrain, seed: int) -> None:
        self._train = train
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(b"spads"),)))
        self._lock = threading.Lock()

    def rates(self) -> dict[str, float]:
        """Counts per second of each route in a 0.1 s gate, dead time included."""
        train, light = self._train, self._train.beam.read()
        spot = np.array([train.stage.at_um[:2]])
        lit = np.array([float(light.pulsed_lit)])
        view = train.view(spot, np.array([train.clock.now_s]), lit, np.array([light.pulsed_w_cm2]))
        dead_s = np.array([spad.dead_time_ns for spad in train.spads]) * 1e-9
        clicks_cps = view.total_cps[0] / (1 + view.total_cps[0] * dead_s)
        with self._lock:
            counts = self._rng.poisson(clicks_cps * GATE_S)
        return dict(zip(ROUTES, (counts / GATE_S).tolist(), strict=True))
