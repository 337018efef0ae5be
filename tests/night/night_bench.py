"""A table without hardware for nights: instruments as plain signals, plans that do as they are told."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from ophyd import Component as Cpt
from ophyd import Device

from plans import known
from plans.forecast import Forecast
from tests.plans.single_bench import Card, FakeMicroscope, Holder, Shutter, told


class ObedientShutter(Shutter):
    def set(self, value):
        return self.state.set(value)


class SteppedHolder(Holder):
    step = told("")


class RoomyCard(Card):
    free_bytes, boot_id = told(1e12), told("boot-1")


class Table(FakeMicroscope):
    shutter, sample, timeharp = Cpt(ObedientShutter, ""), Cpt(SteppedHolder, ""), Cpt(RoomyCard, "")
    irf_boot_id, time_zero_boot_id = told("boot-1"), told("boot-1")


class Spectrometer(Device):
    mounted, available, backend = told("single"), told("single"), told("twin")
    lamp_state, warm_up, boot_id = told("on"), told(0.0), told("boot-1")
    calibration_uid, calibration_boot_id = told(""), told("")
    samples = {"single": {}}  # noqa: RUF012

    def find_run(self, *args):
        return ""


class NightBench:
    """Devices, a RunEngine and plans that end as `ends` says: by sample, one ending after the other, else well.

    said : what happened, in order: (plan, arguments, step, state of the shutter)
    """

    def __init__(self, monkeypatch):
        self.microscope, self.fs5 = Table("", name="microscope"), Spectrometer("", name="fs5")
        self.devices = {"microscope": self.microscope, "fs5": self.fs5}
        self.ends: dict[str, list[Any]] = defaultdict(list)
        self.said: list[tuple[str, dict[str, Any], str]] = []
        self.starts: list[dict[str, Any]] = []
        self.restarts: list[Any] = []
        self.forecast = lambda bench, name, given: Forecast(10.0, 20.0, needs=self.needs[name], dose_kj_cm2=1.0)
        self.needs: dict[str, tuple[str, ...]] = defaultdict(tuple)
        self.RE = RunEngine({}, call_returns_result=True)
        self.RE.register_command("recover", self.recover)
        self.RE.subscribe(lambda name, doc: self.starts.append(doc), "start")
        for name in ("flim_raster", "irf", "blinking"):
            monkeypatch.setitem(known.PLANS, name, self.obedient(name))

    async def recover(self, message):
        found = self.restarts.pop(0) if self.restarts else ()
        if isinstance(found, Exception):
            raise found
        return found

    def obedient(self, name: str) -> Callable:
        def measured(microscope, *, sample=None, continues=None, range_code=None, md=None):
            if sample == "refused":
                raise known_problem(sample)
            yield from bps.mv(microscope.pulsed.emission, "on")
            step = microscope.sample.step.get()
            self.said.append((name, {"sample": sample, "continues": continues}, step))
            end = self.ends[sample].pop(0) if self.ends[sample] else None

            @bpp.run_decorator(md=md or {})
            def run():
                yield from bps.mv(microscope.shutter, "open")
                if callable(end) and not isinstance(end, type):
                    end()
                elif end is not None:
                    raise end

            return (yield from run())

        measured.__name__ = name
        return measured

    def steps(self) -> list[str]:
        return [step for _, _, step in self.said]

    def samples(self) -> list[str]:
        return [given["sample"] for _, given, _ in self.said]

    def is_at_rest(self) -> bool:
        lasers = [laser.emission.get() for laser in (self.microscope.pulsed, self.microscope.cw)]
        return self.microscope.shutter.state.get() == "closed" and set(lasers) == {"standby"}


def known_problem(sample: str) -> Exception:
    from plans.stubs import PlanError

    return PlanError(f"nothing has moved, no run was opened:\n  - sample={sample!r}: there is none")
