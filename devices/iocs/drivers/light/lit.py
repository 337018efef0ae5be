"""Whether light reaches the sample, and for what share of a measurement it did, as the light process tells."""

import threading
import time
from types import TracebackType

import numpy as np

from devices.iocs.backends import Illumination
from devices.iocs.beam import BeamReader, BeamState

LOOK_PERIOD_S = 0.005


class LightPath:
    """The light on the sample now.

    springs_back : a simulated shutter closes when nobody holds it; a real one stays as it was told last, so that
        light which nobody speaks for any more still counts
    """

    def __init__(self, beam: BeamReader, *, springs_back: bool) -> None:
        self.beam, self.springs_back = beam, springs_back

    def state(self) -> BeamState:
        return self.beam.read()

    def is_open(self, state: BeamState) -> bool:
        return state.path_open if self.springs_back else state.shutter_open

    def lit(self) -> bool:
        state = self.state()
        return self.is_open(state) and (state.pulsed_on or state.cw_on)

    def illumination(self) -> Illumination:
        """Whether light reaches the sample, and the intensity of the lasers that are on."""
        state = self.state()
        w_cm2 = state.pulsed_w_cm2 * state.pulsed_on + state.cw_w_cm2 * state.cw_on
        return Illumination(self.is_open(state) and (state.pulsed_on or state.cw_on), w_cm2)


class LitLog:
    """Looks at the light two hundred times a second while in its context; `share` of any time within."""

    def __init__(self, path: LightPath) -> None:
        self.path = path
        self._looks = [(time.monotonic(), float(path.lit()))]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "LitLog":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, why: BaseException | None, where: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def share(self, begin_s: float, end_s: float) -> float:
        """Share of that time (monotonic seconds) with light on the sample."""
        self._look()
        times, lit = np.array(self._looks).T
        so_far = np.append(0.0, np.cumsum(lit[:-1] * np.diff(times)))
        if not end_s > begin_s:
            return float(lit[-1])
        return float(np.clip(np.diff(np.interp([begin_s, end_s], times, so_far))[0] / (end_s - begin_s), 0.0, 1.0))

    def _watch(self) -> None:
        while not self._done.wait(LOOK_PERIOD_S):
            self._look()

    def _look(self) -> None:
        lit = float(self.path.lit())
        self._looks.append((max(time.monotonic(), self._looks[-1][0]), lit))
