"""The light process: both lasers and the shutter, alone, so that light obeys whatever crashes elsewhere."""

from devices.iocs.instrument import InstrumentIOC
from devices.iocs.lasers import CWLaserIOC, PulsedLaserIOC
from devices.iocs.shutter import ShutterIOC


def light_groups(prefix: str, light, *, repetition_hz: float, rates_hz: tuple[float, ...]) -> list[InstrumentIOC]:
    """Build the three IOC groups around one backend (`light`: see `devices.iocs.backends.Light`)."""
    pulsed = PulsedLaserIOC(f"{prefix}pulsed:", light=light, repetition_hz=repetition_hz, rates_hz=rates_hz)
    cw = CWLaserIOC(f"{prefix}cw:", light=light)

    async def standby():
        for laser in (pulsed, cw):
            await laser.standby()

    shutter = ShutterIOC(f"{prefix}shutter:", light=light, standby=standby)
    return [shutter, pulsed, cw]
