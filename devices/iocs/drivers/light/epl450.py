"""Lasers without a remote control: what the operator set by hand is declared, and nothing else is let through.

Emission, rate and attenuator are at the front panel and on the table. The shutter alone gates the light.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.wires.wire_log import WireLog

RATES_HZ = (20e6, 10e6, 5e6, 2e6, 1e6, 500e3, 200e3, 100e3, 50e3, 20e3)
SAME = 0.01  # two intensities, relative


@dataclass(frozen=True)
class ManualOptions:
    """What lab.toml says about a laser that is set by hand.

    w_cm2 : peak intensity at the focus with the attenuator as it stands: measure the power behind the objective, P, and
        the radius of the focus at 1/e2, w; the intensity is 2 P / (pi w2)
    attenuator : what other positions of the attenuator would give, W/cm2 by name; only to tell the operator
    """

    w_cm2: float
    attenuator: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, w_cm2 in {"w_cm2": self.w_cm2, **self.attenuator}.items():
            if not (math.isfinite(w_cm2) and w_cm2 > 0):
                raise ValueError(f"{name} = {w_cm2}: an intensity in W/cm2, above 0")


@dataclass(frozen=True)
class EplOptions(ManualOptions):
    """And what a pulsed one has.

    repetition_hz : the rate on the front panel; the card's sync meter is the judge
    rates_hz : what the front panel offers
    """

    repetition_hz: float = 2e6
    rates_hz: tuple[float, ...] = RATES_HZ

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rates_hz or not all(math.isfinite(rate) and rate > 0 for rate in self.rates_hz):
            raise ValueError(f"rates_hz = {list(self.rates_hz)}: rates in Hz, each above 0")
        rate_on(self.repetition_hz, self.rates_hz)


class ManualLaser:
    """A laser that is set by hand. `emission` is remembered, and switches nothing."""

    tells_interlock = False

    def __init__(self, options: ManualOptions, *, log: WireLog | None = None) -> None:
        self.options, self.log, self.on = options, log, False

    @property
    def max_w_cm2(self) -> float:
        """The highest that is declared; what is not in place is refused later, with the instruction."""
        return max((self.options.w_cm2, *self.options.attenuator.values()))

    def require_w_cm2(self, w_cm2: float, *, on: bool) -> None:
        """ValueError with the instruction, if another intensity is declared; 0 is right while it is off."""
        if math.isclose(w_cm2, self.options.w_cm2, rel_tol=SAME) or (w_cm2 == 0 and not on):
            return
        how = [name for name, other in self.options.attenuator.items() if math.isclose(w_cm2, other, rel_tol=SAME)]
        turn = f"turn the attenuator to {how[0]}" if how else "turn the attenuator and measure the power"
        raise ValueError(
            f"intensity = {w_cm2:g} W/cm2: this laser is set by hand, and {self.options.w_cm2:g} W/cm2 is declared. "
            f"Use that, or {turn}, write the new w_cm2 into lab.toml, and start the IOCs again"
        )

    def emission(self, on: bool) -> None:
        self.on = on

    def is_on(self) -> bool:
        return self.on

    def identity(self) -> str:
        return "set by hand"

    def fault(self) -> str:
        return ""

    def check(self) -> list[Finding]:
        """What is declared, and how to see whether it is so."""
        measure = "measure the power behind the objective and the focus; intensity = 2 P / (pi w2)"
        gate = "it shines whenever its key is on: put it at standby by hand when nobody measures"
        return [
            Finding("intensity", "unverified", f"{self.options.w_cm2:g} W/cm2 as declared", measure),
            Finding("emission", "unverified", "not switched by this PC; the shutter alone gates it", gate),
            Finding("interlock", "unverified", "of hardware", "open the enclosure and see that emission ends"),
        ]

    def close(self) -> None:
        """Nothing to leave."""


class Epl450(ManualLaser):
    """The pulsed EPL-450, a manual device: its rate is declared, too."""

    options: EplOptions

    @property
    def rates_hz(self) -> tuple[float, ...]:
        """What the front panel offers."""
        return self.options.rates_hz

    @property
    def repetition_hz(self) -> float:
        """The rate that is declared in lab.toml."""
        return self.options.repetition_hz

    def require_rate(self, repetition_hz: float) -> None:
        """ValueError for a rate that is not on the front panel."""
        rate_on(repetition_hz, self.options.rates_hz)

    def check(self) -> list[Finding]:
        """What is declared, with the rates."""
        rates = ", ".join(f"{rate:g}" for rate in self.options.rates_hz)
        compare = "compare with the selector; the sync rate of the card must agree within 0.1 %"
        look = "read them off the selector of your laser, and write rates_hz into lab.toml if they differ"
        return [
            Finding("repetition rate", "unverified", f"{self.options.repetition_hz:g} Hz as declared", compare),
            Finding("rates of the selector", "unverified", f"{rates} Hz", look),
            *super().check(),
        ]


def rate_on(rate_hz: float, rates_hz: tuple[float, ...]) -> None:
    """ValueError if a rate is not among those of the front panel."""
    if not any(math.isclose(rate_hz, rate, rel_tol=1e-6) for rate in rates_hz):
        allowed = ", ".join(f"{rate:g}" for rate in rates_hz)
        raise ValueError(f"repetition_hz = {rate_hz:g}: the front panel has {allowed} Hz")


@dataclass(frozen=True)
class ManualCwOptions(ManualOptions):
    """See `ManualOptions`."""


class ManualCw(ManualLaser):
    """A continuous-wave laser without remote control, answering what is asked of those with one.

    Its power is counted in its declared intensity: one mW stands for 1 W/cm2.
    """

    w_cm2_per_mw = 1.0

    @property
    def max_mw(self) -> float:
        return self.max_w_cm2

    def set_power_mw(self, mw: float) -> None:
        self.require_w_cm2(mw, on=True)

    def interlock_closed(self) -> bool | None:
        return None
