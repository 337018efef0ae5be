"""The light process: both lasers and the shutter, alone, so that light obeys whatever crashes elsewhere."""

from collections.abc import Iterable, Mapping

from devices.iocs.instrument import InstrumentIOC
from devices.iocs.lasers import CWLaserIOC, PulsedLaserIOC
from devices.iocs.pairing import USUAL, Pairing
from devices.iocs.permit import Permit
from devices.iocs.shutter import ShutterIOC


def light_groups(
    prefix: str,
    light,
    *,
    repetition_hz: float,
    rates_hz: tuple[float, ...],
    table: Iterable[Pairing] = USUAL,
    key: str = "",
    declared_w_cm2: Mapping[str, float] | None = None,
) -> list[InstrumentIOC]:
    """Build the three IOC groups around one backend (`light`: see `devices.iocs.backends.Light`).

    table : which laser may shine behind which filters
    key : of the link from the bench (`devices.iocs.light_link.link_key`); empty: anybody may tell what the filters are
    declared_w_cm2 : what lasers that are set by hand ("pulsed", "cw") have at the focus
    """
    permit = Permit(table, key)
    shared = {"light": light, "permit": permit}
    have = dict.fromkeys(("pulsed", "cw"), 0.0) | dict(declared_w_cm2 or {})
    rates = {"repetition_hz": repetition_hz, "rates_hz": rates_hz}
    pulsed = PulsedLaserIOC(f"{prefix}pulsed:", declared_w_cm2=have["pulsed"], **rates, **shared)
    cw = CWLaserIOC(f"{prefix}cw:", declared_w_cm2=have["cw"], **shared)

    async def standby():
        for laser in (pulsed, cw):
            await laser.standby()

    shutter = ShutterIOC(f"{prefix}shutter:", standby=standby, **shared)
    return [shutter, pulsed, cw]
