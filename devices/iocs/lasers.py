"""Laser IOCs. The pulsed EPL-450 has no remote control: its rate is declared by the operator and checked against
the sync signal; emission and intensity here are the shutter relay and the attenuator in front of it."""

import math

from caproto.server import pvproperty

from devices.iocs.instrument import InstrumentIOC, Refused, choice, guarded
from devices.iocs.permit import Permit

MAX_W_CM2 = 1e5


class LaserIOC(InstrumentIOC):
    """What the two lasers share: emission on or standby, and the intensity at the focus.

    declared_w_cm2 : the intensity at boot: of a laser that is set by hand, the one that it has
    """

    emission = choice("Emission", ("standby", "on"), doc="standby at boot and whenever the shutter latches")
    intensity = pvproperty(
        value=0.0,
        name="Intensity",
        units="W/cm2",
        precision=2,
        lower_ctrl_limit=0.0,
        upper_ctrl_limit=MAX_W_CM2,
        doc="peak intensity at the focus, I = 2 P / (pi w^2)",
    )

    kind = ""  # as pairings name it

    def __init__(self, *args, light, permit: Permit, declared_w_cm2: float = 0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.light, self.permit, self.declared_w_cm2 = light, permit, declared_w_cm2

    @property
    def highest_w_cm2(self) -> float:
        """What the backend allows at the focus."""
        raise NotImplementedError

    @intensity.startup
    async def intensity(self, instance, async_lib):
        await instance.write_metadata(upper_ctrl_limit=self.highest_w_cm2)
        await instance.write(self.declared_w_cm2, verify_value=False)

    def apply(self, *, on: bool, **changed):
        """Hand the complete state of this laser to the backend."""
        raise NotImplementedError

    @emission.putter
    @guarded
    async def emission(self, instance, value):
        if value == "standby":
            await self.off_the_loop(self.apply, on=False)
            self.permit.shining.pop(self.kind, None)
            return
        async with self.permit.changing(self.kind, self.intensity.value, begins=True):
            await self.off_the_loop(self.apply, on=True)

    @intensity.putter
    @guarded
    async def intensity(self, instance, value):
        if not 0 <= value <= self.highest_w_cm2:
            raise Refused(f"intensity {value:g} W/cm2: must be 0..{self.highest_w_cm2:g}")
        async with self.permit.changing(self.kind, float(value)) as shines:
            await self.off_the_loop(self.apply, on=shines, w_cm2=float(value))

    async def standby(self):
        await self.off_the_loop(self.apply, on=False)
        self.permit.shining.pop(self.kind, None)
        await self.emission.write("standby", verify_value=False)


class PulsedLaserIOC(LaserIOC):
    """EPL-450: 445 nm, ten fixed repetition rates on the front panel."""

    kind = "pulsed"
    wavelength = pvproperty(value=445.0, name="Wavelength", units="nm", precision=1, read_only=True)
    rates = pvproperty(value=[0.0] * 16, name="Rates", units="Hz", read_only=True, doc="rates of the front panel")
    repetition = pvproperty(
        value=2.0e6,
        name="Repetition",
        units="Hz",
        precision=0,
        lower_ctrl_limit=1.0,
        upper_ctrl_limit=1e8,
        doc="the rate the operator declares; the sync meter of the card is the judge",
    )

    def __init__(self, *args, repetition_hz: float, rates_hz: tuple[float, ...], **kwargs):
        super().__init__(*args, **kwargs)
        self.rates_hz, self.boot_rate_hz = tuple(rates_hz), repetition_hz

    @property
    def highest_w_cm2(self) -> float:
        return self.light.max_w_cm2

    @rates.startup
    async def rates(self, instance, async_lib):
        await instance.write(list(self.rates_hz))
        await self.repetition.write(self.boot_rate_hz)

    @repetition.putter
    @guarded
    async def repetition(self, instance, value):
        if not any(math.isclose(value, rate, rel_tol=1e-6) for rate in self.rates_hz):
            allowed = ", ".join(f"{rate:g}" for rate in self.rates_hz)
            raise Refused(f"{value:g} Hz is not on the front panel; it has {allowed} Hz")
        await self.off_the_loop(self.apply, on=self.kind in self.permit.shining, repetition_hz=float(value))

    def apply(self, *, on: bool, w_cm2: float | None = None, repetition_hz: float | None = None):
        self.light.pulsed(
            on=on,
            w_cm2=self.intensity.value if w_cm2 is None else w_cm2,
            repetition_hz=self.repetition.value if repetition_hz is None else repetition_hz,
        )


class CWLaserIOC(LaserIOC):
    """The 561 nm continuous-wave laser for single emitters."""

    kind = "cw"
    wavelength = pvproperty(value=561.0, name="Wavelength", units="nm", precision=1, read_only=True)

    @property
    def highest_w_cm2(self) -> float:
        return self.light.max_cw_w_cm2

    def apply(self, *, on: bool, w_cm2: float | None = None):
        self.light.cw(on=on, w_cm2=self.intensity.value if w_cm2 is None else w_cm2)
